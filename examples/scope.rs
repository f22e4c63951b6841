//! The context manager: a pool for the time of one block, whose jobs borrow from the caller, and
//! which has ended after it.
//!
//!     cargo run --example scope

use fetchpool::pool::{SubmitError, as_completed, scope};

fn main() -> anyhow::Result<()> {
    let lines = ["the quick brown fox", "jumps over", "the lazy dog"].map(String::from);
    let words = scope(2, |pool| -> anyhow::Result<usize> {
        let mut futures = Vec::new();
        for line in &lines {
            // Borrowed, not moved: the block cannot end before its jobs have.
            let count = pool
                .submit(|| line.split(' ').count())
                .map_err(SubmitError::into_refusal)?;
            futures.push((line, count));
        }
        let mut words = 0;
        for (line, count) in as_completed(futures) {
            let count = count.result()?;
            println!("{line:?} has {count} words");
            words += count;
        }
        Ok(words)
    })??;
    println!("{words} words in {} lines", lines.len());
    Ok(())
}

//! A scope, like Python's context manager: a pool that lives for one block. Its jobs borrow from the caller.
//!
//!     cargo run --example scope

use fetchpool::pool::{SubmitError, as_completed, scope};

fn main() -> anyhow::Result<()> {
    let lines = ["the quick brown fox", "jumps over", "the lazy dog"].map(String::from);
    let words = scope(2, |pool| -> anyhow::Result<usize> {
        let mut futures = Vec::new();
        for line in &lines {
            // Borrowed, not moved: the block ends after its jobs.
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

//! Submits one job, and shows whether it is done and its result.
//!
//!     cargo run --example submit

use std::thread;
use std::time::Duration;

use fetchpool::pool::ThreadPool;

fn task(message: &str) -> &str {
    thread::sleep(Duration::from_millis(200));
    message
}

fn main() -> anyhow::Result<()> {
    let pool = ThreadPool::new(5)?;
    let future = pool.submit(|| task("Completed"))?;
    println!("done: {}", future.done());
    future.wait(None);
    println!("done: {}", future.done());
    println!("result: {}", future.result()?);
    Ok(())
}

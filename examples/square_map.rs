//! `map`: applies a function to many values on three workers. Results come in the order of the values.
//!
//!     cargo run --example square_map

use fetchpool::pool::ThreadPool;

fn square(n: u64) -> u64 {
    n * n
}

fn main() -> anyhow::Result<()> {
    let pool = ThreadPool::new(3)?;
    for result in pool.map([2, 3, 4, 5], square) {
        println!("{}", result?);
    }
    Ok(())
}

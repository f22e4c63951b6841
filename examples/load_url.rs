//! The example of Python's `concurrent.futures`: five workers fetch pages, and each size is printed as it is known.
//!
//!     cargo run --release --example load_url [URL]...

use std::{env, io};

use anyhow::Context;
use fetchpool::fetch::{Client, Options, Url};
use fetchpool::pool::{ThreadPool, as_completed};

fn main() -> anyhow::Result<()> {
    let mut urls: Vec<String> = env::args().skip(1).collect();
    if urls.is_empty() {
        let lines = include_str!("../urls.txt").lines();
        urls.extend(
            lines
                .filter(|line| !line.starts_with('#'))
                .map(String::from),
        );
    }
    let client = Client::new(Options::default())?;
    let pool = ThreadPool::new(5)?;
    let mut futures = Vec::new();
    for url in urls {
        let parsed = Url::parse(&url).with_context(|| format!("{url:?} is no URL"))?;
        let client = client.clone();
        let future = pool.submit(move || client.load_url(&parsed, &mut io::sink()))?;
        futures.push((url, future));
    }
    for (url, future) in as_completed(futures) {
        match future.result()?.result {
            Ok(page) => println!("'{url}' page is {} bytes", page.bytes),
            Err(failure) => println!("'{url}' generated an exception: {failure}"),
        }
    }
    Ok(())
}

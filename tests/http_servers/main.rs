//! Against servers and proxies as they are deployed, each started on the loopback for the test.
//!
//! The test of a program that is not installed is left out by `left_out`, which fails where `CI` is set. All are left
//! out elsewhere than on Unix.

#![cfg(unix)]

#[path = "../support/left_out.rs"]
mod left_out;
#[path = "../support/library.rs"]
mod library;
mod nginx;
mod program;
mod proxies;
mod python;

use std::path::Path;
use std::{fs, io};

use fetchpool::fetch::{Client, Url};

use library::bytes;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn load(client: &Client, text: &str) -> u64 {
    bytes(&client.load_url(&url(text), &mut io::sink()))
}

/// The size of the page, or the failure, as text.
fn size_or_failure(client: &Client, text: &str) -> String {
    match client.load_url(&url(text), &mut io::sink()).result {
        Ok(page) => page.bytes.to_string(),
        Err(failure) => failure.to_string(),
    }
}

/// A page of 1,000 bytes, one of a megabyte that compresses well, and a directory.
fn pages(root: &Path) {
    fs::write(root.join("1k"), "x".repeat(1000)).unwrap();
    fs::write(root.join("1m.txt"), "hello, world\n".repeat(80_000)).unwrap();
    fs::create_dir(root.join("dir")).unwrap();
    fs::write(root.join("dir/index.html"), "index").unwrap();
}

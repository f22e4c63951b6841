//! The minimal work of a thread for each connection, as a lower bound for fetchpool.
//!
//! Each thread sends a prepared request, finds the end of the head, and reads the bytes of a page. It reads no list,
//! parses no URL and prints nothing for a page. Any unexpected reply is an error. The kernel takes nearly all of its
//! time, so no program with a thread for each request can be faster.

use crate::load::PAGE;
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The first argument that makes this program run the threads.
pub(crate) const THREADS: &str = "--bare-threads";

/// Fetches pages and prints their number. `args` follow [`THREADS`]: the number of threads, the number of pages, and
/// the URL of a page.
///
/// # Errors
///
/// A connection that fails, or a reply that is not a whole page.
pub(crate) fn run(mut args: impl Iterator<Item = OsString>) -> Result<()> {
    let mut next = || {
        let arg = args.next().and_then(|arg| arg.into_string().ok());
        arg.context("it takes THREADS PAGES URL")
    };
    let (threads, pages): (usize, usize) = (next()?.parse()?, next()?.parse()?);
    let url = next()?;
    let (host, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .context("the URL is http://HOST:PORT/PATH")?;
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n");
    let taken = AtomicUsize::new(0);
    thread::scope(|scope| -> Result<()> {
        let fetching: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| fetch(host, request.as_bytes(), &taken, pages)))
            .collect();
        for thread in fetching {
            let fetched = thread.join();
            fetched.map_err(|_| anyhow!("a thread panicked"))??;
        }
        Ok(())
    })?;
    println!("{pages} pages");
    Ok(())
}

fn fetch(host: &str, request: &[u8], taken: &AtomicUsize, pages: usize) -> Result<()> {
    let mut connection = TcpStream::connect(host)?;
    connection.set_nodelay(true)?;
    let mut reply = vec![0; 16 * 1024];
    while taken.fetch_add(1, Ordering::Relaxed) < pages {
        connection.write_all(request)?;
        let mut filled = 0;
        while !is_whole(&reply[..filled])? {
            match connection.read(&mut reply[filled..])? {
                0 => bail!("the server hung up"),
                came => filled += came,
            }
        }
    }
    Ok(())
}

fn is_whole(reply: &[u8]) -> Result<bool> {
    let end = reply.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end else {
        return Ok(false);
    };
    ensure!(reply.starts_with(b"HTTP/1.1 200 "), "a reply is no page");
    Ok(reply.len() >= end + 4 + PAGE)
}

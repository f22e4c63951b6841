//! Standard streams that are full, closed before or during the run, or set non-blocking by another program.

use crate::records::{files, one_each, rows};
use crate::support::{Fetchpool, Server, Stdio, anything, containing, fetchpool};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The size of every page here.
const SIZE: u64 = 5000;

fn urls(server: &Server) -> Vec<String> {
    (0..500)
        .map(|n| server.url(&format!("/size/{SIZE}?{n}")))
        .collect()
}

/// A run that saves all of `urls` below `place`.
fn saving(place: &Path, urls: &[String]) -> Fetchpool {
    fetchpool()
        .inside(place)
        .list("urls.txt", urls.join("\n"))
        .args(["-j", "20", "-o", "pages"])
}

/// Every file is whole, and no file holds what belongs elsewhere.
fn assert_only_whole_pages(place: &Path) -> usize {
    let files = files(&place.join("pages"));
    for (name, length) in &files {
        assert_eq!(*length, SIZE, "{}", name.display());
        let bytes = std::fs::read(place.join("pages").join(name)).expect("it is there");
        assert!(bytes.iter().all(|&byte| byte == b'x'), "{}", name.display());
    }
    files.len()
}

#[test]
fn a_full_device_ends_the_run_in_every_format_and_leaves_whole_files() {
    let server = Server::start();
    let urls = urls(&server);
    for format in ["text", "jsonl", "csv", "tsv"] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let full = File::options().write(true).open("/dev/full");
        saving(directory.path(), &urls)
            .args(["-f", format])
            .stdout_to(Stdio::File(full.expect("Linux has /dev/full")))
            .status(2)
            .stderr(containing(["standard output", "o space left on device"]))
            .run();
        assert_only_whole_pages(directory.path());
    }
}

#[test]
fn a_reader_that_closes_at_any_line_ends_the_run_quietly_and_leaves_whole_files() {
    let server = Server::start();
    let urls = urls(&server);
    for read in [0, 1, 2, 7, 50, 300] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut run = saving(directory.path(), &urls).stdout(anything()).start();
        for _ in 0..read {
            run.read_line();
        }
        run.close_stdout();
        run.finish();
        let saved = assert_only_whole_pages(directory.path());
        assert!(saved >= read, "{saved} saved of {read} that were told of");
    }
}

#[test]
fn streams_that_are_closed_from_the_start_are_nowhere_and_no_file_takes_their_place() {
    let server = Server::start();
    let urls = urls(&server);
    for closed in ["exec >&-", "exec 2>&-", "exec <&-", "exec <&- >&- 2>&-"] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let ended = saving(directory.path(), &urls)
            .args(["-f", "jsonl", "--summary", "--progress", "always"])
            .after(closed)
            .stdout(anything())
            .stderr(anything())
            .run();
        if ended.stdout.is_empty() {
            assert!(closed.contains(">&- ") || closed.ends_with("exec >&-"));
        } else {
            one_each(&rows(ended.stdout()), &urls);
        }
        assert_eq!(assert_only_whole_pages(directory.path()), urls.len());
    }
}

#[test]
fn messages_that_nobody_can_read_change_nothing() {
    let server = Server::start();
    let missing = server.url("/status/404");
    let mut urls = urls(&server);
    urls.push(missing.clone());
    let full = File::options().write(true).open("/dev/full");
    let ended = fetchpool()
        .list("urls.txt", urls.join("\n"))
        .args(["-f", "jsonl", "--summary", "--progress", "always", "-vv"])
        .stderr_to(Stdio::File(full.expect("Linux has /dev/full")))
        .status(1)
        .stdout(anything())
        .run();
    one_each(&rows(ended.stdout()), &urls);
}

#[test]
fn a_pipe_that_is_non_blocking_loses_nothing_to_a_slow_reader() {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let server = Server::start();
    let filler = "x".repeat(300);
    let urls: Vec<String> = (0..1000)
        .map(|n| server.url(&format!("/size/1?{n}{filler}")))
        .collect();
    let (mut reader, writer) = std::io::pipe().expect("a pipe can be made");
    let flags = fcntl_getfl(&writer).expect("a pipe has flags");
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).expect("and they can be set");
    let run = fetchpool()
        .list("urls.txt", urls.join("\n"))
        .args(["-f", "jsonl"])
        .stdout_to(Stdio::File(std::os::fd::OwnedFd::from(writer).into()))
        .start();
    // The run fetches about as much as a pipe holds before the test reads a byte.
    server.wait_for_requests(120);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("records are text");
    run.finish();
    one_each(&rows(&text), &urls);
}

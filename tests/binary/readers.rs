//! Readers of standard output and standard error that close it, stall, or are slow.

use crate::support::{
    PATIENCE, Running, Server, Stdio, anything, containing, fetchpool, killed_by, page,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read as _, Write as _};

/// The status when the reader of the pipe closed it and no URL has failed.
const CLOSED_PIPE: i32 = 0;

#[test]
fn a_reader_that_has_seen_enough_ends_the_run_quietly() {
    let server = Server::start();
    let list: Vec<String> = (0..2000)
        .map(|n| server.url(&format!("/size/{n}")))
        .collect();
    let mut run = fetchpool()
        .list("urls.txt", list.join("\n"))
        .args(["-j", "1"])
        .status(CLOSED_PIPE)
        .stdout(page(&list[0], 0) + "\n")
        .start();
    run.read_line();
    run.close_stdout();
    run.finish();
}

#[test]
fn a_reader_that_goes_is_noticed_while_nothing_completes() {
    let server = Server::start();
    let gate = server.gate("never");
    let urls: Vec<String> = (0..9)
        .map(|n| server.url(&format!("/gate/never?{n}")))
        .collect();
    let mut run = fetchpool()
        .list("urls.txt", urls.join("\n"))
        .args(["-j", "2"])
        .status(CLOSED_PIPE)
        .start();
    gate.wait_for_arrivals(2);
    run.close_stdout();
    run.finish();
}

#[test]
fn a_reader_that_goes_is_noticed_while_a_pipe_says_nothing() {
    let server = Server::start();
    let url = server.url("/size/1");
    let mut run = fetchpool()
        .live_stdin()
        .status(CLOSED_PIPE)
        .stdout(page(&url, 1) + "\n")
        .start();
    run.write_line(&url);
    run.read_line();
    run.close_stdout();
    run.finish_with_stdin_open();
}

/// How many URLs such a run has.
const STALLED: usize = 1000;

/// A run whose records are not read, and are more than a pipe holds.
fn stalled(server: &Server, arguments: &[&str], status: i32) -> (Pipe, Running) {
    // Thirty records fill a pipe: soon, on a busy machine too.
    let filler = "x".repeat(2000);
    let urls: Vec<String> = (0..STALLED)
        .map(|n| server.url(&format!("/size/1?{n}{filler}")))
        .collect();
    let (reader, writer) = std::io::pipe().expect("the tests can make a pipe");
    let end = writer.try_clone().expect("descriptors are left");
    let run = fetchpool()
        .list("urls.txt", urls.join("\n"))
        .args(arguments)
        .stdout_to(Stdio::File(std::os::fd::OwnedFd::from(writer).into()))
        .stderr(anything())
        .status(status)
        .start();
    (Pipe { reader, end }, run)
}

struct Pipe {
    reader: PipeReader,
    end: PipeWriter,
}

impl Pipe {
    /// Waits until nothing more goes into the pipe.
    fn wait_until_full(&self) {
        let begun = std::time::Instant::now();
        let mut end = [PollFd::new(&self.end, PollFlags::OUT)];
        while poll(&mut end, Some(&Timespec::default())).expect("a pipe can be asked") > 0 {
            assert!(begun.elapsed() < PATIENCE, "the pipe never filled");
            std::thread::yield_now();
        }
    }

    /// All that is written to it until the run ends.
    fn read(self) -> String {
        let Pipe { mut reader, end } = self;
        drop(end);
        let mut written = String::new();
        reader
            .read_to_string(&mut written)
            .expect("records are text");
        written
    }
}

#[test]
fn a_reader_that_stalls_holds_up_no_deadline() {
    let server = Server::start();
    let (_pipe, run) = stalled(&server, &["--deadline", "1s"], 1);
    run.finish();
}

#[test]
fn a_reader_that_stalls_holds_up_no_signal_and_nothing_starts_after_it() {
    let server = Server::start();
    let (pipe, run) = stalled(&server, &[], killed_by(Signal::TERM));
    pipe.wait_until_full();
    run.signal(Signal::TERM);
    let ended = run.finish();
    let written = pipe.read();
    assert!(written.ends_with('\n'), "a line is torn");
    // Each URL that was begun has a record, or is counted in the message.
    let told = ended.stderr().lines().find_map(|line| {
        let number =
            line.strip_suffix(" records were not written: standard output took nothing more");
        number?.strip_prefix("fetchpool: ")?.parse::<usize>().ok()
    });
    let told = told.unwrap_or_else(|| panic!("nothing is told: {}", ended.stderr()));
    assert!(written.lines().count() + told >= server.paths().len());
}

/// A pipe that is full.
pub(crate) fn full_pipe() -> (PipeReader, File) {
    let (reader, mut end) = std::io::pipe().expect("the tests can make a pipe");
    rustix::io::ioctl_fionbio(&end, true).expect("a pipe need not block");
    while end.write(b"x").is_ok() {}
    rustix::io::ioctl_fionbio(&end, false).expect("a pipe may block");
    (reader, std::os::fd::OwnedFd::from(end).into())
}

#[test]
fn a_reader_of_standard_error_that_stalls_holds_up_neither_records_nor_the_end() {
    let server = Server::start();
    let (first, never) = (server.url("/size/3"), server.url("/gate/never"));
    let (_reader, end) = full_pipe();
    let mut run = fetchpool()
        .list("urls.txt", format!("{first}\n{never}\n"))
        .args(["-v", "--summary"])
        .status(killed_by(Signal::TERM))
        .stdout(containing([
            page(&first, 3).as_str(),
            "cancelled: cut by SIGTERM",
        ]))
        .stderr_to(Stdio::File(end))
        .start();
    assert_eq!(run.read_line(), page(&first, 3));
    server.gate("never").wait_for_arrivals(1);
    run.signal(Signal::TERM);
    run.finish();
}

#[test]
fn a_reader_of_standard_error_that_stalls_holds_up_no_record() {
    let server = Server::start();
    let urls: Vec<String> = (0..2000)
        .map(|n| server.url(&format!("/size/1?{n}")))
        .collect();
    let (mut reader, end) = full_pipe();
    let mut run = fetchpool()
        .list("urls.txt", urls.join("\n"))
        .args(["-vv", "--summary"])
        .stdout(anything())
        .stderr_to(Stdio::File(end))
        .start();
    for _ in &urls {
        run.read_line();
    }
    // All records are written; the messages are not.
    let reading = std::thread::spawn(move || reader.read_to_end(&mut Vec::new()));
    run.finish();
    let read = reading.join().expect("it does not panic");
    read.expect("a pipe can be read");
}

#[test]
fn a_reader_that_is_slow_loses_nothing() {
    let server = Server::start();
    let (pipe, run) = stalled(&server, &[], 0);
    pipe.wait_until_full();
    assert_eq!(pipe.read().lines().count(), STALLED);
    run.finish();
}

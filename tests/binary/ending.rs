//! How a run ends without a signal: exit statuses, the deadline, and outputs that cannot be written.

use crate::support::{
    PATIENCE, Running, Server, Stdio, anything, checked, containing, dead_host, failed, fetchpool,
    killed_by, lines, page,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read as _, Write as _};

#[test]
fn status_0_when_every_url_was_fetched() {
    let server = Server::start();
    let urls = [
        server.url("/size/0"),
        server.url("/size/1"),
        server.url("/redirect/1"),
    ];
    fetchpool()
        .list("urls.txt", urls.join("\n"))
        .stdout(lines([
            page(&urls[0], 0),
            page(&urls[1], 1),
            page(&urls[2], 7),
        ]))
        .run();
}

#[test]
fn status_1_when_one_failed_wherever_it_stood() {
    let server = Server::start();
    let missing = server.url("/status/404");
    for place in [0, 5, 10] {
        let mut urls: Vec<String> = (0..10).map(|n| server.url(&format!("/size/{n}"))).collect();
        let mut wanted: Vec<String> = urls
            .iter()
            .enumerate()
            .map(|(n, url)| page(url, n))
            .collect();
        urls.insert(place, missing.clone());
        wanted.push(failed(&missing, "http_status: 404 Not Found"));
        fetchpool()
            .list("urls.txt", urls.join("\n"))
            .status(1)
            .stdout(lines(wanted))
            .run();
    }
}

#[test]
fn nothing_to_fetch_is_no_failure() {
    for list in ["", "\n\n", "# only this\n", "\u{feff}"] {
        fetchpool().list("urls.txt", list).run();
    }
}

#[test]
fn the_deadline_cuts_what_is_in_flight_and_starts_nothing_more() {
    let server = Server::start();
    let gate = server.gate("never");
    let urls: Vec<String> = (0..50)
        .map(|n| server.url(&format!("/gate/never?{n}")))
        .collect();
    let ended = fetchpool()
        .list("urls.txt", urls.join("\n"))
        .args(["-j", "2", "--deadline", "500ms"])
        .status(1)
        .stdout(checked(|text| {
            match text.lines().find(|line| !line.contains(": cancelled: ")) {
                Some(line) => Err(format!("not cancelled: {line}")),
                None => Ok(()),
            }
        }))
        .stderr(anything())
        .run();
    // On a slow machine the deadline may come before a request has arrived, or even started.
    let rows = ended.stdout().lines().count();
    assert!(
        rows <= 2,
        "a row of what was never started: {}",
        ended.stdout()
    );
    assert!(
        gate.arrivals() <= rows,
        "no row of what was started: {:?}",
        server.paths()
    );
}

/// The deadline may come at any moment, also while the last targets wait for a worker.
#[test]
fn a_run_that_did_not_begin_everything_is_no_success() {
    let server = Server::start();
    let urls: Vec<String> = (0..60).map(|n| server.url(&format!("/size/{n}"))).collect();
    for milliseconds in (1..=120).step_by(2) {
        let ended = fetchpool()
            .list("urls.txt", urls.join("\n"))
            .args(["-j", "1", "--deadline", &format!("{milliseconds}ms")])
            .status_among(&[0, 1])
            .stdout(anything())
            .stderr(anything())
            .run();
        let records = ended.stdout().lines().count();
        let is_whole = records == urls.len() && !ended.stdout().contains("cancelled");
        // The last record may be written at the very moment of the deadline.
        assert!(
            is_whole || ended.status == 1,
            "after {milliseconds} ms: status {}, {records} records",
            ended.status
        );
    }
}

#[test]
fn a_deadline_that_is_not_reached_changes_nothing() {
    let server = Server::start();
    let url = server.url("/size/5");
    fetchpool()
        .arg(&url)
        .args(["--deadline", "1h"])
        .stdout(page(&url, 5) + "\n")
        .run();
}

/// The status of a run whose reader closed the pipe.
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

/// The number of URLs of a [`stalled`] run.
const STALLED: usize = 1000;

/// A run whose records are not read, and are more than a pipe holds.
fn stalled(server: &Server, arguments: &[&str], status: i32) -> (Pipe, Running) {
    // Thirty records fill a pipe, so that it fills soon on a busy machine, too.
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
    /// Waits until the pipe is full.
    fn wait_until_full(&self) {
        let begun = std::time::Instant::now();
        let mut end = [PollFd::new(&self.end, PollFlags::OUT)];
        while poll(&mut end, Some(&Timespec::default())).expect("a pipe can be asked") > 0 {
            assert!(begun.elapsed() < PATIENCE, "the pipe never filled");
            std::thread::yield_now();
        }
    }

    /// Reads the pipe until the run ends.
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
    // Every started URL has a record in the pipe, or is counted in the message.
    let told = ended.stderr().lines().find_map(|line| {
        let number =
            line.strip_suffix(" records were not written: standard output took nothing more");
        number?.strip_prefix("fetchpool: ")?.parse::<usize>().ok()
    });
    let told = told.unwrap_or_else(|| panic!("nothing is told: {}", ended.stderr()));
    assert!(written.lines().count() + told >= server.paths().len());
}

/// A full pipe.
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

/// The same without a deadline or a signal.
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
    // All records are written, but not the messages.
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

/// A device without space; only Linux has one.
#[cfg(target_os = "linux")]
pub(crate) fn full_disk() -> Stdio {
    let full = File::options().write(true).open("/dev/full");
    Stdio::File(full.expect("Linux has /dev/full"))
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_status_2_and_says_so() {
    let server = Server::start();
    let urls: Vec<String> = (0..20).map(|n| server.url(&format!("/size/{n}"))).collect();
    for format in ["text", "jsonl"] {
        fetchpool()
            .list("urls.txt", urls.join("\n"))
            .args(["-f", format])
            .stdout_to(full_disk())
            .status(2)
            .stderr(containing([
                "standard output",
                "no space left on device; make room",
            ]))
            .run();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_full_disk_has_left_undone_is_counted() {
    let server = Server::start();
    let urls: Vec<String> = (0..200)
        .map(|n| server.url(&format!("/size/1?{n}")))
        .collect();
    let ended = fetchpool()
        .list("urls.txt", urls.join("\n"))
        .args(["-j", "4", "--summary"])
        .stdout_to(full_disk())
        .status(2)
        .stderr(containing(["no space left on device"]))
        .run();
    let counts = ended
        .stderr()
        .lines()
        .find_map(|line| line.strip_prefix("URLs"))
        .expect("a summary was asked for");
    // A list that was not read to its end has no count.
    if !counts.contains("the rest of the list") {
        let numbers = counts
            .split_whitespace()
            .filter_map(|word| word.parse::<usize>().ok());
        assert_eq!(numbers.sum::<usize>(), urls.len(), "{counts}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn help_on_a_full_disk_is_no_success() {
    fetchpool()
        .arg("--help")
        .stdout_to(full_disk())
        .status(2)
        .stderr(containing(["standard output"]))
        .run();
}

#[test]
fn an_output_that_takes_everything_is_a_success() {
    let server = Server::start();
    let null = File::options()
        .write(true)
        .open("/dev/null")
        .expect("Unix has /dev/null");
    fetchpool()
        .arg(server.url("/size/5"))
        .stdout_to(Stdio::File(null))
        .run();
}

#[test]
fn a_dead_host_among_many_does_not_hold_up_the_others() {
    let server = Server::start();
    let dead = dead_host();
    let good: Vec<String> = (0..40).map(|n| server.url(&format!("/size/{n}"))).collect();
    let mut list = good.clone();
    list.splice(0..0, (0..10).map(|n| dead.url(&format!("/{n}"))));
    let ended = fetchpool()
        .list("urls.txt", list.join("\n"))
        .status(1)
        .stdout(anything())
        .run();
    let mut pages: Vec<&str> = ended
        .stdout()
        .lines()
        .filter(|line| line.contains("' page is "))
        .collect();
    pages.sort_unstable();
    let mut wanted: Vec<String> = good
        .iter()
        .enumerate()
        .map(|(n, url)| page(url, n))
        .collect();
    wanted.sort();
    assert_eq!(pages, wanted);
    assert_eq!(ended.stdout().lines().count(), list.len());
}

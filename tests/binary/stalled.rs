//! Readers that take nothing at the worst moment, and terminals that are stopped or closed: the run ends as it must, and
//! the status is 0 only if every record was read.

#[cfg(target_os = "linux")]
use crate::full_disk::full_disk;
use crate::readers::full_pipe;
use crate::support::{Server, Stdio, anything, containing, fetchpool, killed_by, pair};
use rustix::process::Signal;
use rustix::termios::{Action, tcflow};

#[test]
fn records_that_nobody_took_are_no_success() {
    let server = Server::start();
    let urls = ["/size/1", "/size/2", "/size/3"].map(|path| server.url(path));
    let (_reader, end) = full_pipe();
    fetchpool()
        .args(urls)
        .args(["--deadline", "2s"])
        .stdout_to(Stdio::File(end))
        .status(1)
        .stderr(containing([
            "not written: standard output took nothing more",
        ]))
        .run();
}

#[test]
fn a_summary_that_nobody_reads_holds_up_no_deadline_that_is_still_to_come() {
    let server = Server::start();
    let (_reader, end) = full_pipe();
    fetchpool()
        .arg(server.url("/size/1"))
        .args(["--summary", "--deadline", "2s"])
        .stdout(anything())
        .stderr_to(Stdio::File(end))
        // On a slow machine the page may come too late.
        .status_0_or_1()
        .run();
}

#[test]
fn a_terminal_that_was_stopped_holds_up_no_signal() {
    let server = Server::start();
    let gate = server.gate("first");
    let urls = ["/gate/first", "/gate/never", "/gate/never?2"].map(|path| server.url(path));
    let (far, near) = pair(24, 80);
    let copy = || near.try_clone().expect("a descriptor to spare");
    let run = fetchpool()
        .list("urls.txt", urls.join("\n"))
        .args(["-j", "2", "--progress", "always"])
        .stdout_to(Stdio::File(copy()))
        .stderr_to(Stdio::File(copy()))
        .status(killed_by(Signal::TERM))
        .start();
    server.wait_for_requests(2);
    // As Ctrl-S does. A record must wait until the terminal takes the bar.
    tcflow(&near, Action::OOff).expect("a terminal can be stopped");
    gate.open();
    server.wait_for_requests(3);
    run.signal(Signal::TERM);
    run.finish();
    drop(far);
}

/// The program learns of it by a signal, by the next write, or by both.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_that_is_closed_is_status_129_whatever_tells_of_it_first() {
    use std::io::Read as _;
    let server = Server::start();
    let urls: Vec<String> = (0..5000)
        .map(|n| server.url(&format!("/size/1?{n}")))
        .collect();
    for _ in 0..10 {
        let (mut far, near) = pair(24, 80);
        let copy = || near.try_clone().expect("a descriptor to spare");
        let run = fetchpool()
            .after(r#"set -- setsid --ctty "$@""#)
            .list("urls.txt", urls.join("\n"))
            .args(["-j", "20"])
            .stdin_from(copy())
            .stdout_to(Stdio::File(copy()))
            .status(killed_by(Signal::HUP))
            .stderr(anything())
            .start();
        drop(near);
        let mut some = [0; 3000];
        far.read_exact(&mut some).expect("records come");
        drop(far);
        run.finish();
    }
}

/// A terminal needs one more descriptor. With too few the run does not begin; with enough no URL fails.
#[test]
fn few_descriptors_are_enough_or_not_with_a_terminal_as_without() {
    let server = Server::start();
    let urls: Vec<String> = (0..3000)
        .map(|n| server.url(&format!("/size/1?{n}")))
        .collect();
    let limits = [
        "ulimit -n 8",
        "ulimit -n 9",
        "ulimit -n 10",
        "ulimit -n 11",
        "ulimit -n 12",
        "ulimit -n 24",
    ];
    let fetched = limits.map(|limit| {
        let (_far, near) = pair(24, 200);
        let ended = fetchpool()
            .after(limit)
            .list("urls.txt", urls.join("\n"))
            .args(["-q", "-j", "5"])
            .stdout(anything())
            .stderr_to(Stdio::File(near))
            .status_among(&[0, 2])
            .run();
        let records = ended.stdout().lines().count();
        assert_eq!(
            records,
            if ended.status == 0 { urls.len() } else { 0 },
            "{limit}"
        );
        records
    });
    assert_eq!((fetched[0], fetched[5]), (0, urls.len()));
}

/// The signal came before the write failed: no second signal may be needed to end the summary.
#[cfg(target_os = "linux")]
#[test]
fn a_summary_that_nobody_reads_holds_up_no_signal_though_the_records_cannot_be_written() {
    let server = Server::start();
    let gate = server.gate("first");
    let (_reader, end) = full_pipe();
    let run = fetchpool()
        .args([server.url("/gate/first"), server.url("/gate/never")])
        .arg("--summary")
        .stdout_to(full_disk())
        .stderr_to(Stdio::File(end))
        .status(2)
        .start();
    gate.wait_for_arrivals(1);
    run.signal(Signal::TERM);
    gate.open();
    run.finish();
}

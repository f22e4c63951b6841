//! SIGHUP, SIGINT and SIGTERM: nothing new starts, requests in flight get 2 s, every record is written, a second signal
//! ends the run at once, and the program ends by the signal.

use crate::support::{Server, anything, checked, containing, fetchpool, killed_by, lines, page};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// The message after a signal: from then on nothing new starts.
const TAKEN: &str = "what is in flight gets 2 s to finish";

/// The time that requests in flight get.
const GRACE: Duration = Duration::from_secs(2);

#[test]
fn what_is_in_flight_finishes_and_nothing_new_starts() {
    for signal in [Signal::HUP, Signal::INT, Signal::TERM] {
        if signal == Signal::HUP && !cfg!(target_os = "linux") {
            // Elsewhere the program does not handle SIGHUP.
            continue;
        }
        let server = Server::start();
        let gate = server.gate("slow");
        let first = server.url("/size/3");
        let slow = [server.url("/gate/slow?1"), server.url("/gate/slow?2")];
        let never: Vec<String> = (0..100)
            .map(|n| server.url(&format!("/size/{n}?never")))
            .collect();
        let mut run = fetchpool()
            .list(
                "urls.txt",
                format!("{first}\n{}\n{}\n", slow.join("\n"), never.join("\n")),
            )
            .args(["-j", "2"])
            .status(killed_by(signal))
            .stdout(lines([
                page(&first, 3),
                page(&slow[0], 4),
                page(&slow[1], 4),
            ]))
            .stderr(containing([TAKEN]))
            .start();
        assert_eq!(run.read_line(), page(&first, 3));
        gate.wait_for_arrivals(2);
        run.signal(signal);
        run.wait_for_stderr(TAKEN);
        gate.open();
        run.finish();
        assert_eq!(
            server.paths().len(),
            3,
            "started after the signal: {:?}",
            server.paths()
        );
    }
}

#[test]
fn what_does_not_finish_is_cut_and_still_has_its_record() {
    let server = Server::start();
    let gate = server.gate("never");
    let run = fetchpool()
        .list(
            "urls.txt",
            format!("{0}?1\n{0}?2\n{0}?3\n", server.url("/gate/never")),
        )
        .args(["-j", "2"])
        .status(killed_by(Signal::INT))
        .stdout(checked(|text| {
            let cut = text
                .lines()
                .filter(|line| line.contains(" generated an exception: cancelled: "));
            match (cut.count(), text.lines().count()) {
                (2, 2) => Ok(()),
                other => Err(format!("wanted two lines, both cancelled: {other:?}")),
            }
        }))
        .stderr(anything())
        .start();
    gate.wait_for_arrivals(2);
    run.signal(Signal::INT);
    run.finish();
    assert_eq!(gate.arrivals(), 2, "the third was started after the signal");
}

#[test]
fn a_second_signal_ends_at_once() {
    // Different signals, because the same one twice within a moment counts as one (`timeout` sends two).
    for (signal, second) in [(Signal::INT, Signal::TERM), (Signal::TERM, Signal::INT)] {
        // A run that ends at once takes less time than the grace. A busy machine may delay one run that much, but not
        // five.
        let fastest = (0..5)
            .map(|_| time_to_end_after_two(signal, second))
            .find(|took| *took < GRACE);
        assert!(
            fastest.is_some(),
            "five runs all waited for the grace of {GRACE:?}"
        );
    }
}

/// Sends two signals to a run whose one URL never ends. Returns the time from the first signal to the end.
fn time_to_end_after_two(signal: Signal, second: Signal) -> Duration {
    let server = Server::start();
    let run = fetchpool()
        .arg(server.url("/gate/never"))
        .status(killed_by(signal))
        // The coordinator wrote this record, so it ended the run, and not the watchdog of the second signal.
        .stdout(containing([" generated an exception: cancelled: "]))
        .stderr(anything())
        .start();
    server.gate("never").wait_for_arrivals(1);
    let begun = Instant::now();
    run.signal(signal);
    run.wait_for_stderr(TAKEN);
    run.signal(second);
    run.finish();
    begun.elapsed()
}

#[test]
fn a_signal_while_waiting_for_a_line_of_a_pipe_ends_the_run() {
    let server = Server::start();
    let url = server.url("/size/9");
    let mut run = fetchpool()
        .live_stdin()
        .status(killed_by(Signal::INT))
        .stdout(page(&url, 9) + "\n")
        .stderr(containing([TAKEN]))
        .start();
    run.write_line(&url);
    assert_eq!(run.read_line(), page(&url, 9));
    // Nothing is in flight and the pipe stays open, so only the signal can end the run.
    run.signal(Signal::INT);
    run.wait_for_stderr(TAKEN);
    run.finish_with_stdin_open();
}

#[test]
fn a_signal_that_was_ignored_from_the_start_stays_ignored() {
    let server = Server::start();
    let [before, after] = [server.url("/size/1"), server.url("/size/2")];
    let mut run = fetchpool()
        .ignoring_interrupt()
        .live_stdin()
        .status(killed_by(Signal::TERM))
        .stdout(format!("{}\n{}\n", page(&before, 1), page(&after, 2)))
        .stderr(containing(["terminated", TAKEN]))
        .start();
    run.write_line(&before);
    run.read_line();
    run.signal(Signal::INT);
    run.write_line(&after);
    assert_eq!(
        run.read_line(),
        page(&after, 2),
        "as if nothing had been sent"
    );
    run.signal(Signal::TERM);
    run.wait_for_stderr(TAKEN);
    run.finish_with_stdin_open();
}

#[test]
fn a_signal_before_the_run_has_begun_ends_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("ca.pem");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.is_ok_and(|status| status.success()), "no FIFO");
    let run = fetchpool()
        .arg("http://127.0.0.1:9/")
        .args(["--cacert", path.to_str().expect("it is UTF-8")])
        .status(killed_by(Signal::TERM))
        .start();
    // Opens when the run opens the pipe to read. The read never ends.
    let end = std::fs::OpenOptions::new().write(true).open(&path);
    run.signal(Signal::TERM);
    run.finish();
    drop(end);
}

/// Runs a shell's `script` in its own process group, and signals the whole group, like a terminal.
#[cfg(target_os = "linux")]
fn signalled_in_a_shell(script: &'static str, signal: Signal, status: i32) -> String {
    let server = Server::start();
    let run = fetchpool()
        .after(script)
        .arg(server.url("/gate/never"))
        .status(status)
        .stdout(containing(["cancelled: cut by SIG"]))
        .stderr(anything())
        .start();
    server.gate("never").wait_for_arrivals(1);
    run.signal_group(signal);
    run.finish().stdout().to_owned()
}

#[cfg(target_os = "linux")]
#[test]
fn a_shell_tells_the_usual_status() {
    for (signal, status) in [(Signal::HUP, 129), (Signal::INT, 130), (Signal::TERM, 143)] {
        let script = r#"set -- setsid sh -c 'trap : HUP INT TERM; "$@"; echo "status $?"' sh "$@""#;
        let shown = signalled_in_a_shell(script, signal, 0);
        let last = shown.lines().last();
        assert_eq!(
            last,
            Some(format!("status {status}").as_str()),
            "{signal:?}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_shell_loop_stops() {
    let script = r#"set -- setsid bash -c 'for n in 1 2; do "$@"; echo "goes on"; done' bash "$@""#;
    let shown = signalled_in_a_shell(script, Signal::INT, killed_by(Signal::INT));
    assert!(!shown.contains("goes on"), "{shown}");
}

//! What a terminal shows: the bar, which result lines never tear, the summary, and colours.

use crate::support::{
    Fetchpool, Pty, Server, Stdio, anything, containing, failed, fetchpool, killed_by, lines, page,
    pair,
};
use rustix::process::Signal;

/// A list of `count` pages and their lines.
fn pages(server: &Server, count: usize) -> (String, Vec<String>) {
    let urls: Vec<String> = (0..count)
        .map(|n| server.url(&format!("/size/{n}")))
        .collect();
    let wanted = urls
        .iter()
        .enumerate()
        .map(|(n, url)| page(url, n))
        .collect();
    (urls.join("\n") + "\n", wanted)
}

#[test]
fn the_bar_is_drawn_on_a_terminal_and_gone_at_the_end() {
    let server = Server::start();
    let gate = server.gate("slow");
    let (list, mut wanted) = pages(&server, 9);
    let slow = server.url("/gate/slow");
    wanted.push(page(&slow, 4));
    let terminal = Pty::open(24, 80);
    let run = fetchpool()
        .list("urls.txt", format!("{slow}\n{list}"))
        .stderr_to(Stdio::File(terminal.stream()))
        .stdout(lines(wanted))
        .start();
    terminal.wait_for("9/10");
    gate.open();
    run.finish();
    let (rows, _) = terminal.finish();
    assert!(
        !rows.iter().any(|row| row.contains("9/10")),
        "the bar is left behind: {rows:#?}"
    );
    assert!(!rows.is_empty(), "the summary is shown on a terminal");
}

#[test]
fn the_bar_fits_a_window_that_is_made_smaller_or_larger() {
    let server = Server::start();
    let (list, mut wanted) = pages(&server, 9);
    let gates = ["first", "second", "third"].map(|name| (name, server.gate(name)));
    let slow = gates
        .each_ref()
        .map(|(name, _)| server.url(&format!("/gate/{name}")));
    wanted.extend(slow.iter().map(|url| page(url, 4)));
    let terminal = Pty::open(24, 100);
    let run = fetchpool()
        .list("urls.txt", format!("{}\n{list}", slow.join("\n")))
        .stderr_to(Stdio::File(terminal.stream()))
        .stdout(lines(wanted))
        .start();
    terminal.wait_for("9/12");
    for (done, columns) in [(10, 44), (11, 120)] {
        terminal.resize(24, columns);
        gates[done - 10].1.open();
        terminal.wait_for(&format!("{done}/12"));
        let screen = terminal.screen();
        assert_eq!(screen.matches("/12").count(), 1, "{screen}");
        assert_eq!(screen.trim().lines().count(), 1, "{screen}");
    }
    gates[2].1.open();
    run.finish();
    let (rows, _) = terminal.finish();
    assert!(!rows.iter().any(|row| row.contains("/12")), "{rows:#?}");
}

#[test]
fn a_bar_over_a_pipe_counts_without_a_total() {
    let server = Server::start();
    let url = server.url("/size/1");
    let terminal = Pty::open(24, 80);
    let mut run = fetchpool()
        .live_stdin()
        .stderr_to(Stdio::File(terminal.stream()))
        .stdout(anything())
        .start();
    for _ in 0..3 {
        run.write_line(&url);
        run.read_line();
    }
    terminal.wait_for("3 ");
    assert!(
        !terminal.screen().contains('%'),
        "no share of an unknown total: {}",
        terminal.screen()
    );
    run.finish();
}

/// Runs ten pages with standard error on a terminal, and returns the bytes that arrived there.
fn drawn(change: impl FnOnce(Fetchpool) -> Fetchpool) -> Vec<u8> {
    let server = Server::start();
    let (list, wanted) = pages(&server, 10);
    let terminal = Pty::open(24, 80);
    let run = fetchpool()
        .list("urls.txt", list)
        .stderr_to(Stdio::File(terminal.stream()))
        .stdout(lines(wanted));
    change(run).run();
    terminal.finish().1
}

#[test]
fn quiet_means_quiet() {
    assert_eq!(String::from_utf8_lossy(&drawn(|run| run.arg("-q"))), "");
}

#[test]
fn a_bar_that_is_not_wanted_or_cannot_be_drawn_is_not() {
    for change in [
        (|run: Fetchpool| run.args(["--progress", "never"])) as fn(Fetchpool) -> Fetchpool,
        |run| run.env("TERM", "dumb"),
    ] {
        let bytes = drawn(change);
        assert!(
            !bytes.contains(&b'\r') || plain(&bytes),
            "{}",
            String::from_utf8_lossy(&bytes)
        );
        assert!(
            !bytes.windows(2).any(|pair| pair == b"\x1b["),
            "{}",
            String::from_utf8_lossy(&bytes)
        );
    }
}

/// Whether every carriage return is before a line feed, where the terminal itself inserts it.
fn plain(bytes: &[u8]) -> bool {
    bytes
        .windows(2)
        .all(|pair| pair[0] != b'\r' || pair[1] == b'\n')
}

#[test]
fn without_a_terminal_there_is_neither_bar_nor_summary() {
    let server = Server::start();
    for arguments in [&[][..], &["--progress", "always"], &["--progress", "auto"]] {
        let (list, wanted) = pages(&server, 10);
        fetchpool()
            .list("urls.txt", list)
            .args(arguments)
            .stdout(lines(wanted))
            .run();
    }
}

#[test]
fn a_summary_can_be_asked_for() {
    let server = Server::start();
    let (list, mut wanted) = pages(&server, 10);
    let missing = server.url("/status/404");
    wanted.push(failed(&missing, "http_status: 404 Not Found"));
    fetchpool()
        .list("urls.txt", list + &missing)
        .arg("--summary")
        .status(1)
        .stdout(lines(wanted))
        .stderr(containing(["10", "1 failed", "http_status"]))
        .run();
}

/// Runs 301 URLs with records and bar on one terminal of `height` rows. The last URL completes after the bar has shown
/// 300. Returns the rows on the screen, all bytes, and the lines of the records.
fn with_bar_below_the_records(height: u16) -> (Vec<String>, Vec<u8>, Vec<String>) {
    let server = Server::start();
    let gate = server.gate("slow");
    let (list, mut wanted) = pages(&server, 300);
    let slow = server.url("/gate/slow");
    wanted.push(page(&slow, 4));
    let terminal = Pty::open(height, 100);
    let run = fetchpool()
        .list("urls.txt", format!("{slow}\n{list}"))
        .args(["--color", "never"])
        .stdout_to(Stdio::File(terminal.stream()))
        .stderr_to(Stdio::File(terminal.stream()))
        .start();
    terminal.wait_for("300/301");
    gate.open();
    run.finish();
    let (rows, bytes) = terminal.finish();
    (rows, bytes, wanted)
}

#[test]
fn result_lines_and_the_bar_share_a_terminal_without_tearing() {
    // Few rows, so that lines scroll off above the bar.
    let (rows, bytes, mut wanted) = with_bar_below_the_records(10);
    let mut shown: Vec<&str> = rows.iter().map(|row| row.trim_end()).collect();
    let last = shown
        .iter()
        .rposition(|row| row.contains("' page is "))
        .expect("lines were shown");
    assert_eq!(
        last + 1,
        wanted.len(),
        "another line stands between the result lines: {shown:#?}"
    );
    shown.truncate(wanted.len());
    shown.sort_unstable();
    wanted.sort();
    assert_eq!(shown, wanted);
    let drawings = String::from_utf8_lossy(&bytes).matches("/301").count();
    assert!(drawings >= 1, "no bar was drawn");
}

/// One write erases the bar and draws it again, so that it is on the screen at any rate of records.
#[test]
fn the_bar_is_never_erased_without_being_drawn_again() {
    let (_, bytes, _) = with_bar_below_the_records(24);
    let text = String::from_utf8(bytes).expect("it is text");
    let mut drawings: Vec<&str> = text.split("\r\x1b[2K").collect();
    // The text before the first bar and after the last.
    drawings.remove(0);
    drawings.pop();
    assert!(!drawings.is_empty(), "no bar was drawn");
    for drawing in drawings {
        let row = drawing.rsplit('\n').next().expect("there is a last one");
        assert!(row.contains(" in flight"), "{drawing:?}");
        // The terminal shows a typed key behind the bar, in the same row.
        assert!(row.len() <= 97, "{row:?}");
    }
}

#[test]
fn what_waits_for_a_retry_is_told_and_no_end_that_is_not_known() {
    let server = Server::start();
    let (list, _) = pages(&server, 5);
    let busy = [server.url("/status/503?1"), server.url("/status/503?2")];
    let terminal = Pty::open(24, 100);
    let run = fetchpool()
        .list("urls.txt", format!("{list}{}\n", busy.join("\n")))
        .args(["--retries", "1", "--retry-delay", "60s"])
        .status(killed_by(Signal::TERM))
        .stdout(anything())
        .stderr_to(Stdio::File(terminal.stream()))
        .start();
    terminal.wait_for("2 waiting, next in ");
    let screen = terminal.screen();
    assert!(!screen.contains("ETA"), "{screen}");
    run.signal(Signal::TERM);
    run.finish();
    terminal.finish();
}

#[test]
fn colours_are_for_terminals_and_for_those_who_ask() {
    let server = Server::start();
    let url = server.url("/status/404");
    type Change = fn(Fetchpool) -> Fetchpool;
    for (what, change, coloured) in [
        ("a terminal", (|run| run) as Change, true),
        ("NO_COLOR", |run| run.env("NO_COLOR", "1"), false),
        ("an empty NO_COLOR", |run| run.env("NO_COLOR", ""), true),
        ("TERM=dumb", |run| run.env("TERM", "dumb"), false),
        ("never", |run| run.args(["--color", "never"]), false),
        (
            "always beats NO_COLOR",
            |run| run.env("NO_COLOR", "1").args(["--color", "always"]),
            true,
        ),
    ] {
        let terminal = Pty::open(24, 100);
        let run = fetchpool()
            .arg(&url)
            .stdout_to(Stdio::File(terminal.stream()))
            .status(1);
        change(run).run();
        let (rows, bytes) = terminal.finish();
        assert_eq!(rows, [failed(&url, "http_status: 404 Not Found")], "{what}");
        assert_eq!(
            bytes.contains(&0x1b),
            coloured,
            "{what}: {}",
            String::from_utf8_lossy(&bytes)
        );
    }
}

#[test]
fn a_terminal_that_was_stopped_holds_up_neither_records_nor_the_end() {
    use rustix::termios::{Action, tcflow};
    let server = Server::start();
    let gate = server.gate("first");
    let (first, never) = (server.url("/gate/first"), server.url("/gate/never"));
    let terminal = Pty::open(24, 80);
    let stream = terminal.stream();
    let mut run = fetchpool()
        .list("urls.txt", format!("{first}\n{never}\n"))
        .status(killed_by(Signal::TERM))
        .stderr_to(Stdio::File(terminal.stream()))
        .stdout(containing([
            page(&first, 4).as_str(),
            "cancelled: cut by SIGTERM",
        ]))
        .start();
    terminal.wait_for("0/2");
    // Like Ctrl-S.
    tcflow(&stream, Action::OOff).expect("a terminal can be stopped");
    gate.open();
    assert_eq!(run.read_line(), page(&first, 4));
    server.gate("never").wait_for_arrivals(1);
    run.signal(Signal::TERM);
    run.finish();
    tcflow(&stream, Action::OOn).expect("a terminal can go on");
    drop(stream);
    terminal.finish();
}

#[test]
fn a_terminal_that_nobody_reads_holds_up_no_deadline() {
    let server = Server::start();
    let filler = "x".repeat(2000);
    let urls: Vec<String> = (0..500)
        .map(|n| server.url(&format!("/size/1?{n}{filler}")))
        .collect();
    let (far, near) = pair(24, 80);
    // The test is that the run ends. If it waited for the reader, the hang guard would kill it.
    let end = near.try_clone().expect("a descriptor to spare");
    fetchpool()
        .list("urls.txt", urls.join("\n"))
        .args(["-vv", "--deadline", "1s"])
        .status(1)
        .stdout_to(Stdio::File(near))
        .stderr_to(Stdio::File(end))
        .run();
    drop(far);
}

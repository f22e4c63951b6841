//! `--per-host`, `--host-delay` and `--rate`: no host gets more than was asked for, and a host that is held back delays no
//! other. Times are lower bounds, from a moment before the first start to the arrival at the server. Gaps between arrivals
//! prove nothing: a delayed request shortens the gap to the next.

use crate::support::{Running, Server, anything, checked, fetchpool, killed_by, lines, page};
use rustix::process::Signal;
use std::time::{Duration, Instant};

fn urls(server: &Server, path: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|n| server.url(&format!("{path}?{n}")))
        .collect()
}

#[test]
fn a_host_has_at_most_so_many_at_once_and_others_are_not_held_up() {
    for cap in [1, 2, 3] {
        let [slow, other] = [Server::start(), Server::start()];
        let gate = slow.gate("all");
        let held = urls(&slow, "/gate/all", 30);
        let free = urls(&other, "/size/4", 10);
        let all: Vec<&String> = held.iter().chain(&free).collect();
        let list: String = all.iter().map(|url| format!("{url}\n")).collect();
        let mut run = fetchpool()
            .list("urls.txt", list)
            .args(["-j", "8", "--per-host", &cap.to_string()])
            .stdout(lines(all.iter().map(|url| page(url, 4))))
            .start();
        // The gate is shut, so these lines come after the thirty.
        for _ in &free {
            let line = run.read_line();
            assert!(free.iter().any(|url| line == page(url, 4)), "{line}");
        }
        gate.wait_for_arrivals(cap);
        assert_eq!(gate.arrivals(), cap);
        gate.open();
        run.finish();
        assert_eq!(slow.most_at_once(), cap, "--per-host {cap}");
        assert!(other.most_at_once() <= cap, "--per-host {cap}");
    }
}

#[test]
fn long_lines_of_one_host_hide_no_other() {
    let [slow, other] = [Server::start(), Server::start()];
    let gate = slow.gate("all");
    // Far more than is taken from a list while all workers are busy.
    let held = urls(&slow, &format!("/gate/all?{}", "x".repeat(1500)), 3000);
    let free = other.url("/size/4");
    let list = held.iter().chain([&free]).map(|url| format!("{url}\n"));
    let mut run = fetchpool()
        .list("urls.txt", list.collect::<String>())
        .args(["-j", "3", "--per-host", "1"])
        .stdout(anything())
        .status(killed_by(Signal::TERM))
        .stderr(anything())
        .start();
    assert_eq!(run.read_line(), page(&free, 4));
    run.signal(Signal::TERM);
    gate.wait_for_arrivals(1);
    gate.open();
    run.finish();
}

#[test]
fn a_host_is_a_name_and_a_port_however_it_is_written() {
    let server = Server::start();
    let port = server.address().port();
    let gate = server.gate("all");
    let written = [
        format!("http://127.0.0.1:{port}/gate/all?1"),
        format!("http://2130706433:{port}/gate/all?2"),
        format!("http://0x7f.1:{port}/gate/all?3"),
        format!("HTTP://user@127.0.0.1:{port}/gate/all?4"),
        format!("http://localhost:{port}/gate/all?5"),
    ];
    let run = fetchpool()
        .list("urls.txt", written.join("\n"))
        .args(["-4", "-j", "5", "--per-host", "1"])
        .stdout(lines(written.iter().map(|url| page(url, 4))))
        .start();
    // The first four are one host, `localhost` is another.
    gate.wait_for_arrivals(2);
    gate.open();
    run.finish();
    assert_eq!(server.most_at_once(), 2);
}

/// When requests came to these servers, as times since `begun` in ascending order.
fn arrivals(servers: &[&Server], begun: Instant) -> Vec<Duration> {
    let seen = servers.iter().flat_map(|server| server.seen());
    let times = seen.filter_map(|seen| seen.at.checked_duration_since(begun));
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times
}

/// Asserts that request number n came at least n times `apart` after the time that `times` count from.
fn assert_apart(times: &[Duration], count: usize, apart: Duration) {
    assert_eq!(times.len(), count, "{times:?}");
    for (number, time) in times.iter().enumerate() {
        let least = apart * u32::try_from(number).unwrap();
        assert!(*time >= least, "number {number} came too early: {times:?}");
    }
}

/// Starts a run that has fetched a page of `warm` and waits for more of its list, so that its start-up is over.
fn warm(warm: &Server, arguments: &[&str], expected: &[String]) -> Running {
    let url = warm.url("/size/2");
    let pages = expected.iter().map(|url| page(url, 1));
    let mut run = fetchpool()
        .live_stdin()
        .args(arguments)
        .stdout(lines(pages.chain([page(&url, 2)])))
        .start();
    run.write_line(&url);
    assert_eq!(run.read_line(), page(&url, 2));
    run
}

#[test]
fn starts_to_one_host_are_the_delay_apart() {
    let [server, other] = [Server::start(), Server::start()];
    let paced = urls(&server, "/size/1", 6);
    let mut run = warm(&other, &["-j", "4", "--host-delay", "200ms"], &paced);
    let begun = Instant::now();
    run.write_line(&paced.join("\n"));
    run.finish();
    let times = arrivals(&[&server], begun);
    assert_apart(&times, 6, Duration::from_millis(200));
}

#[test]
fn a_host_that_is_left_alone_for_a_while_holds_up_no_other() {
    let [server, other] = [Server::start(), Server::start()];
    let list = [urls(&server, "/size/1", 2), urls(&other, "/size/1", 1)].concat();
    let (first, free) = (page(&list[0], 1), page(&list[2], 1));
    let mut run = fetchpool()
        .list("urls.txt", list.join("\n"))
        .args(["-j", "4", "--host-delay", "10m"])
        .status(killed_by(Signal::TERM))
        .stdout(lines([&first, &free]))
        .stderr(anything())
        .start();
    for _ in 0..2 {
        run.read_line();
    }
    run.signal(Signal::TERM);
    run.finish();
}

#[test]
fn a_second_has_no_more_starts_than_the_rate() {
    let [one, two, other] = [Server::start(), Server::start(), Server::start()];
    let list = [urls(&one, "/size/1", 8), urls(&two, "/size/1", 8)].concat();
    let mut run = warm(&other, &["-j", "8", "--rate", "10"], &list);
    let begun = Instant::now();
    run.write_line(&list.join("\n"));
    run.finish();
    // Ten a second: the eleventh starts a second after the first.
    let times = arrivals(&[&one, &two], begun);
    assert_apart(&times, 16, Duration::from_millis(100));
}

#[test]
fn limits_and_retries_go_together() {
    let server = Server::start();
    let list = urls(&server, "/status/503", 6);
    fetchpool()
        .list("urls.txt", list.join("\n"))
        .args([
            "-j",
            "6",
            "--per-host",
            "2",
            "--retries",
            "2",
            "--retry-delay",
            "10ms",
        ])
        .status(1)
        .stdout(lines(list.iter().map(|url| {
            crate::support::failed(url, "http_status: 503 Service Unavailable")
        })))
        .run();
    assert_eq!(server.paths().len(), 18);
    assert!(server.most_at_once() <= 2);
}

#[test]
fn a_host_that_holds_up_the_list_for_long_is_told_of_once() {
    let [slow, other] = [Server::start(), Server::start()];
    // More than the window holds, and another host after them.
    let mut list = urls(&slow, "/size/1", 5000);
    list.push(other.url("/size/2"));
    let run = fetchpool()
        .list("urls.txt", list.join("\n"))
        .args(["--host-delay", "10m"])
        .status(killed_by(Signal::TERM))
        .stdout(page(&list[0], 1) + "\n")
        .stderr(checked(|text| match text.matches("note: ").count() {
            1 => Ok(()),
            _ => Err("one note was wanted".to_owned()),
        }))
        .start();
    run.wait_for_stderr("note: the next 4096 URLs all wait for hosts");
    run.signal(Signal::TERM);
    run.finish();
    assert_eq!(other.paths(), [""; 0]);
}

#[test]
fn a_rate_may_be_less_than_one_a_second() {
    let server = Server::start();
    let list = urls(&server, "/size/1", 3);
    let begun = Instant::now();
    fetchpool()
        .list("urls.txt", list.join("\n"))
        .args(["--rate", "0.5", "--deadline", "1h"])
        .stdout(lines(list.iter().map(|url| page(url, 1))))
        .run();
    assert_apart(&arrivals(&[&server], begun), 3, Duration::from_secs(2));
}

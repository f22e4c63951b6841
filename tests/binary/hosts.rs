//! `--per-host`, `--host-delay` and `--rate`: nobody gets more than was asked for, and who is held back holds back
//! nobody else. Times are compared as lower bounds only, on the server's own clock.

use crate::support::{Server, anything, checked, fetchpool, lines, page};
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
        // The gate is shut: all of these come from behind the thirty.
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
    // Well over what is taken of a list while all workers are busy.
    let held = urls(&slow, &format!("/gate/all?{}", "x".repeat(1500)), 3000);
    let free = other.url("/size/4");
    let list = held.iter().chain([&free]).map(|url| format!("{url}\n"));
    let mut run = fetchpool()
        .list("urls.txt", list.collect::<String>())
        .args(["-j", "3", "--per-host", "1"])
        .stdout(anything())
        .status(143)
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
    // The four are one host, `localhost` is another.
    gate.wait_for_arrivals(2);
    gate.open();
    run.finish();
    assert_eq!(server.most_at_once(), 2);
}

/// The gaps between requests in the order of their coming.
fn arrivals(server: &Server) -> Vec<Instant> {
    let mut times: Vec<Instant> = server.seen().iter().map(|seen| seen.at).collect();
    times.sort();
    times
}

/// A request may be on its way longer than the next one: what is lost of a span at both ends.
const SLACK: Duration = Duration::from_millis(60);

#[test]
fn starts_to_one_host_are_the_delay_apart() {
    let [server, other] = [Server::start(), Server::start()];
    let paced = urls(&server, "/size/1", 6);
    let free = urls(&other, "/size/1", 1);
    let list = [paced.clone(), free.clone()].concat();
    let mut run = fetchpool()
        .list("urls.txt", list.join("\n"))
        .args(["-j", "4", "--host-delay", "200ms"])
        .stdout(lines(list.iter().map(|url| page(url, 1))))
        .start();
    let first = [run.read_line(), run.read_line()];
    assert!(
        first.contains(&page(&free[0], 1)),
        "the other host is not held up: {first:?}"
    );
    run.finish();
    let times = arrivals(&server);
    for n in 1..6 {
        let least = Duration::from_millis(200) * u32::try_from(n).unwrap();
        assert!(
            times[n] - times[0] + SLACK >= least,
            "the request {n} came too early"
        );
    }
}

#[test]
fn a_second_has_no_more_starts_than_the_rate() {
    let [one, two] = [Server::start(), Server::start()];
    let list = [urls(&one, "/size/1", 8), urls(&two, "/size/1", 8)].concat();
    fetchpool()
        .list("urls.txt", list.join("\n"))
        .args(["-j", "8", "--rate", "10"])
        .stdout(lines(list.iter().map(|url| page(url, 1))))
        .run();
    let mut times = [arrivals(&one), arrivals(&two)].concat();
    times.sort();
    // Ten a second: the eleventh is a second behind the first, and so on.
    for pair in times.windows(11) {
        assert!(
            pair[10] - pair[0] + SLACK >= Duration::from_secs(1),
            "eleven within a second"
        );
    }
    assert!(times[15] - times[0] + SLACK >= Duration::from_millis(1500));
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
    // More than are looked at at once, and another host behind them.
    let mut list = urls(&slow, "/size/1", 5000);
    list.push(other.url("/size/2"));
    let run = fetchpool()
        .list("urls.txt", list.join("\n"))
        .args(["--host-delay", "10m"])
        .status(143)
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
    fetchpool()
        .list("urls.txt", list.join("\n"))
        .args(["--rate", "0.5", "--deadline", "1h"])
        .stdout(lines(list.iter().map(|url| page(url, 1))))
        .run();
    let times = arrivals(&server);
    assert!(times[2] - times[0] + SLACK >= Duration::from_secs(4));
}

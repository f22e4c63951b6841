//! Name servers that are slow, silent, broken or wrong. The system's real resolver asks them: each run has its own
//! `/etc/resolv.conf` in a mount namespace, which names the test's server on a loopback address.

mod server;

use crate::records::{kind, one_each, rows};
use crate::support::left_out;
use crate::support::{Fetchpool, Server, anything, fetchpool, killed_by};
use rustix::process::Signal;
use serde_json::Value;
use server::NameServer;
use std::collections::HashMap;

/// A shell script that mounts `resolv.conf` and `nsswitch.conf` of the run's directory over the system's, and then
/// becomes the program. It limits descriptors to `DESCRIPTORS`, if that is set.
const WITH_OWN_NAMES: &str = r#"[ -z "$DESCRIPTORS" ] || ulimit -n "$DESCRIPTORS"; set -- unshare -m sh -c 'mount --bind resolv.conf /etc/resolv.conf && mount --bind nsswitch.conf /etc/nsswitch.conf && exec "$@"' sh "$@""#;

/// A name server, and a web server for its names.
struct Names {
    names: NameServer,
    server: Server,
}

impl Names {
    /// `None` if port 53 or mounts are not allowed, which is reported.
    fn start() -> Option<Names> {
        let names = NameServer::start();
        let names = names.filter(|names| {
            let run = fetchpool_by(names).arg("--version");
            run.status_among(&[1, 32, 126, 127])
                .stdout(anything())
                .stderr(anything())
                .run()
                .status
                == 0
        });
        if names.is_none() {
            left_out::refused("no name server can be put in the system's place; none was wrong");
        }
        Some(Names {
            names: names?,
            server: Server::start(),
        })
    }

    /// The URL of a page of 7 bytes on this host.
    fn url(&self, host: &str) -> String {
        format!("http://{host}:{}/size/7", self.server.address().port())
    }

    /// Runs `urls` and returns the row of each.
    fn run(&self, urls: &[String], arguments: &[&str]) -> Vec<Value> {
        // Longer than any answer takes, also on a busy machine.
        self.run_with_patience(5, urls, arguments)
    }

    /// Like `run`. The resolver waits `seconds` for an answer.
    fn run_with_patience(&self, seconds: u32, urls: &[String], arguments: &[&str]) -> Vec<Value> {
        let ended = fetchpool_by(&self.names)
            .env("RES_OPTIONS", format!("timeout:{seconds} attempts:1"))
            .list("urls.txt", urls.join("\n"))
            .args(["-j", "20", "-f", "jsonl"])
            .args(arguments)
            .status_among(&[1])
            .stdout(anything())
            .run();
        rows(ended.stdout())
    }
}

fn fetchpool_by(names: &NameServer) -> Fetchpool {
    let resolv = format!("nameserver {}\n", names.address());
    fetchpool()
        .after(WITH_OWN_NAMES)
        .file("resolv.conf", resolv)
        .file("nsswitch.conf", "hosts: files dns\n")
}

fn kinds_of(found: &HashMap<&str, &Value>, urls: &[String]) -> Vec<String> {
    urls.iter().map(|url| kind(found[url.as_str()])).collect()
}

#[test]
fn every_answer_comes_to_what_it_has_to() {
    let Some(names) = Names::start() else { return };
    let table = [
        ("good.test", "ok"),
        // Two questions, and both answers are late.
        ("slow.test", "ok"),
        ("crowd.test", "ok"),
        ("alias.test", "ok"),
        ("missing.test", "dns"),
        ("empty.test", "dns"),
        ("failing.test", "dns"),
        ("refused.test", "dns"),
        ("silent.test", "dns"),
        ("garbage.test", "dns"),
        ("stranger.test", "dns"),
        ("liar.test", "dns"),
        ("cut.test", "ok"),
        ("loop.test", "dns"),
    ];
    let urls: Vec<String> = table.iter().map(|(host, _)| names.url(host)).collect();
    let wanted: Vec<&str> = table.iter().map(|(_, kind)| *kind).collect();
    let rows = names.run(&urls, &[]);
    let found = one_each(&rows, &urls);
    assert_eq!(kinds_of(&found, &urls), wanted, "{rows:#?}");
}

#[test]
fn one_family_is_asked_for_alone_and_every_address_of_both_is_met() {
    let Some(names) = Names::start() else { return };
    // The first name gets no answer about IPv6. The second has twenty IPv6 addresses, at which nothing listens.
    for (host, option) in [
        ("half.test", "-4"),
        ("twins.test", "-4"),
        ("twins.test", "-q"),
    ] {
        let url = names.url(host);
        let rows = names.run_with_patience(30, &[url], &[option, "-t", "10s"]);
        assert_eq!(kind(&rows[0]), "ok", "{}", rows[0]);
    }
    assert_eq!(names.names.asked("half.test"), [1, 0]);
    let rows = names.run(&[names.url("good.test")], &["-6"]);
    assert_eq!(rows[0]["error"]["message"], "no IPv6 address for good.test");
    assert_eq!(names.names.asked("good.test"), [0, 1]);
}

#[test]
fn a_retry_asks_for_a_name_again_and_others_do_not() {
    let Some(names) = Names::start() else { return };
    let retries = ["-j", "1", "--retries", "3", "--retry-delay", "1ms"];
    let rows = names.run(&[names.url("later.test")], &retries);
    assert_eq!(kind(&rows[0]), "ok", "{}", rows[0]);
    assert_eq!(rows[0]["attempts"], 2, "{}", rows[0]);
    let many =
        |host| -> Vec<String> { (0..9).map(|n| names.url(host) + &format!("?{n}")).collect() };
    let rows = names.run(&many("missing.test"), &["-j", "1"]);
    assert!(rows.iter().all(|row| kind(row) == "dns"), "{rows:#?}");
    assert_eq!(names.names.asked("missing.test"), [1, 1]);
}

#[test]
fn a_failure_of_the_name_server_is_told_as_what_it_may_be() {
    let Some(names) = Names::start() else { return };
    for (host, words) in [
        ("missing.test", "no address for missing.test"),
        ("failing.test", "failed (SERVFAIL), refused"),
        ("refused.test", "refused to answer"),
    ] {
        let rows = names.run(&[names.url(host)], &[]);
        let message = rows[0]["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(words), "{host}: {message}");
    }
}

#[test]
fn a_silent_name_server_is_a_timeout_where_that_comes_first() {
    let Some(names) = Names::start() else { return };
    let urls: Vec<String> = (0..5)
        .map(|n| names.url(&format!("n{n}.silent.test")))
        .collect();
    for limit in ["-t", "--connect-timeout"] {
        let rows = names.run_with_patience(30, &urls, &[limit, "500ms"]);
        let found = one_each(&rows, &urls);
        assert_eq!(kinds_of(&found, &urls), ["timeout dns"; 5], "{rows:#?}");
    }
}

#[test]
fn names_that_nobody_answers_for_hold_up_no_others() {
    let Some(names) = Names::start() else { return };
    let mut urls = Vec::new();
    for n in 0..80 {
        urls.push(names.url(&format!("n{n}.silent.test")));
        urls.push(names.url(&format!("n{n}.good.example")));
        urls.push(names.server.url(&format!("/size/7?{n}")));
    }
    // A look-up of a silent name would take two and a half minutes, longer than a test may.
    let mut run = fetchpool_by(&names.names)
        .env("RES_OPTIONS", "timeout:30 attempts:5")
        .list("urls.txt", urls.join("\n"))
        .args(["-j", "100", "-f", "jsonl", "-t", "0"])
        .args(["--connect-timeout", "0", "--stall-timeout", "0"])
        .status(killed_by(Signal::INT))
        .stdout(anything())
        .stderr(anything())
        .start();
    let good = 2 * urls.len() / 3;
    for _ in 0..good {
        run.read_line();
    }
    run.signal(Signal::INT);
    let rows = rows(run.finish().stdout());
    let early: Vec<String> = rows[..good].iter().map(kind).collect();
    assert!(early.iter().all(|kind| kind == "ok"), "{early:?}");
    let found = one_each(&rows, &urls);
    for (number, url) in urls.iter().enumerate() {
        let wanted = if number % 3 == 0 { "cancelled" } else { "ok" };
        assert_eq!(kind(found[url.as_str()]), wanted, "{}", found[url.as_str()]);
    }
}

/// Without a free descriptor, a look-up fails as if the name did not exist, or with another error.
#[test]
fn names_by_the_hundred_are_found_with_few_descriptors_and_those_that_are_missing_are_missed_for_that()
 {
    let Some(names) = Names::start() else { return };
    let urls: Vec<String> = (0..400)
        .map(|n| {
            let known = if n % 4 == 0 { "missing" } else { "good" };
            names.url(&format!("n{n}.{known}.test"))
        })
        .collect();
    for (descriptors, jobs) in [("14", "50"), ("16", "50"), ("24", "50"), ("40", "200")] {
        let ended = fetchpool_by(&names.names)
            .env("DESCRIPTORS", descriptors)
            .list("urls.txt", urls.join("\n"))
            .args(["-j", jobs, "-f", "jsonl"])
            .status(1)
            .stdout(anything())
            .run();
        let rows = rows(ended.stdout());
        let found = one_each(&rows, &urls);
        for (n, url) in urls.iter().enumerate() {
            let row = found[url.as_str()];
            let wanted = if n % 4 == 0 { "dns" } else { "ok" };
            assert_eq!(kind(row), wanted, "{descriptors} descriptors: {row}");
            if n % 4 == 0 {
                let message = row["error"]["message"].as_str().unwrap_or_default();
                assert!(message.starts_with("no address for"), "{message}");
            }
        }
    }
}

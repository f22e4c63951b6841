//! Name servers that are slow, silent, broken or wrong. The real resolver of the system asks them: the run has a
//! `/etc/resolv.conf` of its own, in a mount namespace, that names a server of this test on an address of loopback.

mod server;

use crate::records::{kind, one_each, rows};
use crate::support::left_out;
use crate::support::{Fetchpool, Server, anything, fetchpool, killed_by};
use rustix::process::Signal;
use serde_json::Value;
use server::NameServer;
use std::collections::HashMap;

/// Becomes the program where `resolv.conf` and `nsswitch.conf` of the run's directory are those of the system, with
/// `DESCRIPTORS` if there is such a variable.
const WITH_OWN_NAMES: &str = r#"[ -z "$DESCRIPTORS" ] || ulimit -n "$DESCRIPTORS"; set -- unshare -m sh -c 'mount --bind resolv.conf /etc/resolv.conf && mount --bind nsswitch.conf /etc/nsswitch.conf && exec "$@"' sh "$@""#;

/// A name server, and a web server that its names lead to.
struct Names {
    names: NameServer,
    server: Server,
}

impl Names {
    /// Nothing, and a word about it, where no server may be on port 53 or nothing may be mounted.
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

    /// A page of 7 bytes on a host of that name.
    fn url(&self, host: &str) -> String {
        format!("http://{host}:{}/size/7", self.server.address().port())
    }

    /// Runs `urls` and gives the row of each.
    fn run(&self, urls: &[String], arguments: &[&str]) -> Vec<Value> {
        // Longer than any answer takes that comes at all, on a busy machine too.
        self.run_with_patience(5, urls, arguments)
    }

    /// As `run`, by a resolver that waits so many seconds for an answer.
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
        // Two questions, two answers, each a while later.
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
    // Nobody answers for IPv6 at the first; the server listens at none of the twenty addresses of IPv6 of the second.
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
    // Who asks for a silent name waits for two minutes and a half, which is longer than a test may take.
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

/// A look-up that finds no descriptor left ends as one of a name that is not there, or with another error.
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

//! The exit status, and the deadline.

use crate::support::{Server, anything, checked, dead_host, failed, fetchpool, lines, page};

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
    // On a slow machine the deadline may come before a request is sent or even started.
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

/// Whenever the deadline comes, also while the last lines of the list wait for a worker.
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
        // The last record may come just as the deadline does.
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

//! Standard output on a device without space, and on one that takes everything.

#[cfg(target_os = "linux")]
use crate::support::containing;
use crate::support::{Server, Stdio, fetchpool};
use std::fs::File;

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
    // The summary has no number for a list that was not read to its end.
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

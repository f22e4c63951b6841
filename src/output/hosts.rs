//! Which hosts fail most, in bounded memory however many hosts there are.
//!
//! The algorithm is that of Misra and Gries, "Finding repeated elements" (1982): [`ROOM`] counters; a host that finds
//! no free one takes one from every counter instead of getting its own. A count that is shown is thus never too high,
//! and too low by at most the number of failures divided by [`ROOM`]; up to [`ROOM`] hosts it is exact.

use std::collections::HashMap;

use url::Url;

use super::record::{Record, RecordError};

/// Enough that on any list whose failures cluster at all, the worst five are right.
const ROOM: usize = 1024;
/// The longest host name that DNS knows; a longer one is cut, so that a hostile list cannot fill the memory.
const LONGEST: usize = 253;

/// Failures by `host` or `host:port`.
#[derive(Default)]
pub(super) struct WorstHosts {
    counters: HashMap<Box<str>, u64>,
    crowded: bool,
}

impl WorstHosts {
    /// Counts one failure at the host that `record` was meant for; nothing if there was none.
    pub(super) fn add(&mut self, record: &Record, error: &RecordError) {
        // Text that is no URL is counted by kind; what might be read out of it as a host was never asked.
        if matches!(error.kind, "invalid_url" | "unsupported_scheme") {
            return;
        }
        if let Some(host) = host(record) {
            self.count(&host);
        }
    }

    fn count(&mut self, host: &str) {
        if let Some(count) = self.counters.get_mut(host) {
            *count += 1;
        } else if self.counters.len() < ROOM {
            self.counters.insert(host.into(), 1);
        } else {
            // This takes away as many failures as it visits counters, so all of it together costs no more than
            // counting the failures did.
            self.crowded = true;
            self.counters.retain(|_, count| {
                *count -= 1;
                *count > 0
            });
        }
    }

    /// The `most` worst hosts and their failures, the worst first, those with as many by name. Empty if it would say
    /// nothing: every host failed once, and there are more.
    pub(super) fn worst(&self, most: usize) -> Vec<(&str, u64)> {
        let mut hosts: Vec<_> = self
            .counters
            .iter()
            .map(|(host, count)| (&**host, *count))
            .collect();
        hosts.sort_unstable_by(|(a, most), (b, least)| least.cmp(most).then(a.cmp(b)));
        if hosts.len() > most && hosts[0].1 == 1 {
            hosts.clear();
        }
        hosts.truncate(most);
        hosts
    }

    /// Whether the counts may be too low, because there were more hosts than counters.
    pub(super) fn is_crowded(&self) -> bool {
        self.crowded
    }
}

/// The host, and its port where that is not the scheme's own, of the URL as written; one without a scheme is read as
/// if it had one.
fn host(record: &Record) -> Option<String> {
    let assumed = |written: &str| web_url(&format!("http://{written}"));
    let url = web_url(&record.url)
        .or_else(|| assumed(&record.url).filter(|_| !record.url.contains("://")))?;
    let mut host = url.host_str()?.to_owned();
    host.truncate(LONGEST);
    if let Some(port) = url.port() {
        host.push_str(&format!(":{port}"));
    }
    Some(host)
}

fn web_url(text: &str) -> Option<Url> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(hosts: &mut WorstHosts, url: &str, kind: &'static str) {
        let record = Record::failure(url, kind, "");
        hosts.add(&record, record.error.as_ref().unwrap());
    }

    #[test]
    fn the_host_is_that_of_the_url() {
        for (url, kind, expected) in [
            ("https://Example.COM/x", "dns", Some("example.com")),
            ("http://user:secret@h:8080/", "connect", Some("h:8080")),
            ("http://h:80/", "connect", Some("h")),
            ("https://h:80/", "connect", Some("h:80")),
            ("http://[::1]:99/", "connect", Some("[::1]:99")),
            (
                "https://b\u{fc}cher.example/",
                "dns",
                Some("xn--bcher-kva.example"),
            ),
            ("example.com/x", "dns", Some("example.com")),
            ("localhost:8080/x", "connect", Some("localhost:8080")),
            ("hello", "invalid_url", None),
            ("ftp://h/", "unsupported_scheme", None),
            ("http://", "internal", None),
        ] {
            let mut hosts = WorstHosts::default();
            fail(&mut hosts, url, kind);
            let expected: Vec<_> = expected.into_iter().map(|host| (host, 1)).collect();
            assert_eq!(hosts.worst(5), expected, "{url}");
        }
    }

    #[test]
    fn the_worst_come_first_then_by_name() {
        let mut hosts = WorstHosts::default();
        for url in [
            "http://b/",
            "http://c/",
            "http://a/",
            "http://c/",
            "http://d/",
            "http://d/",
            "http://d/",
        ] {
            fail(&mut hosts, url, "dns");
        }
        assert_eq!(hosts.worst(3), [("d", 3), ("c", 2), ("a", 1)]);
        assert!(!hosts.is_crowded());
    }

    #[test]
    fn many_hosts_with_one_failure_each_say_nothing() {
        let mut hosts = WorstHosts::default();
        for n in 0..6 {
            fail(&mut hosts, &format!("http://h{n}/"), "dns");
        }
        assert!(hosts.worst(5).is_empty());
        assert_eq!(hosts.worst(6).len(), 6);
    }

    #[test]
    fn memory_is_bounded_and_the_worst_is_still_found() {
        let mut hosts = WorstHosts::default();
        let all: u64 = 100_000;
        for n in 0..all {
            let host = if n % 10 == 0 {
                "worst".into()
            } else {
                format!("h{n}")
            };
            hosts.count(&host);
            assert!(hosts.counters.len() <= ROOM);
        }
        assert!(hosts.is_crowded());
        let (host, count) = hosts.worst(1)[0];
        assert_eq!(host, "worst");
        assert!(
            count <= all / 10 && count >= all / 10 - all / ROOM as u64,
            "{count}"
        );
        fail(
            &mut hosts,
            &format!("http://{}/", "x".repeat(60_000)),
            "dns",
        );
        assert!(hosts.counters.keys().all(|host| host.len() <= LONGEST));
    }
}

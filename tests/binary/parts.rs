//! The order and the parts of a list: `--ordered`, `--shard` and `--unique`.

use crate::jsonl::rows;
use crate::support::{Server, anything, checked, fetchpool, killed_by, lines, page};
use rustix::process::Signal;

#[test]
fn ordered_prints_in_the_order_of_the_list_and_a_gated_first_page_holds_the_rest_back() {
    let server = Server::start();
    let gate = server.gate("first");
    let first = server.url("/gate/first");
    let rest: Vec<String> = (0..40).map(|n| server.url(&format!("/size/{n}"))).collect();
    let wanted: String = std::iter::once(page(&first, 4))
        .chain(rest.iter().enumerate().map(|(n, url)| page(url, n)))
        .map(|line| line + "\n")
        .collect();
    let (mut reader, writer) = std::io::pipe().expect("the tests can make a pipe");
    let run = fetchpool()
        .list(
            "urls.txt",
            format!("{first}\n{}\nno url\n", rest.join("\n")),
        )
        .args(["--ordered", "-j", "3"])
        .status(1)
        .stdout_to(crate::support::Stdio::File(
            std::os::fd::OwnedFd::from(writer).into(),
        ))
        .start();
    // All others are fetched while the first waits, and nothing is written.
    server.wait_for_requests(41);
    assert_eq!(
        rustix::io::ioctl_fionread(&reader).expect("a pipe can be asked"),
        0
    );
    gate.open();
    run.finish();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut reader, &mut text).expect("records are text");
    let rest = text.strip_prefix(&wanted).expect("the order of the list");
    assert!(
        rest.starts_with("'no url' generated an exception: invalid_url: "),
        "{rest}"
    );
}

#[test]
fn ordered_looks_ahead_only_so_far() {
    // 1024 targets, with the first.
    look_ahead(3000, 0, 1024);
    // 4 MiB of records, and the same amount in the hands of the workers.
    look_ahead(1000, 60_000, 2 * (4 << 20) / 60_000 + 4);
}

/// Runs a list whose first URL never ends and whose others have `filler` bytes each. At most `most` URLs may be
/// requested.
fn look_ahead(urls: usize, filler: usize, most: usize) {
    let server = Server::start();
    let first = server.url("/gate/never");
    let filler = "x".repeat(filler);
    let rest: Vec<String> = (0..urls)
        .map(|n| server.url(&format!("/size/1?{n}{filler}")))
        .collect();
    let list = format!("{first}\n{}\n", rest.join("\n"));
    let run = fetchpool()
        .list("urls.txt", list)
        .args(["--ordered", "-j", "4"])
        .status(killed_by(Signal::TERM))
        .stdout(anything())
        .stderr(anything())
        .start();
    wait_for_standstill(&server);
    run.signal(Signal::TERM);
    let ended = run.finish();
    let asked = server.paths().len();
    assert!(asked <= most, "{asked} were asked for");
    let lines: Vec<&str> = ended.stdout().lines().collect();
    let cut = lines
        .first()
        .is_some_and(|line| line.contains(": cancelled: "));
    assert!(
        cut && lines.len() == asked,
        "{} records of {asked}",
        lines.len()
    );
    for (line, url) in lines[1..].iter().zip(&rest) {
        assert_eq!(*line, page(url, 1), "the order of the list");
    }
}

/// Returns when `server` has got its first request, and then no further one during a whole run of 500 pages.
fn wait_for_standstill(server: &Server) {
    let yardstick = Server::start();
    let urls: Vec<String> = (0..500)
        .map(|n| yardstick.url(&format!("/size/1?{n}")))
        .collect();
    server.wait_for_requests(1);
    loop {
        let before = server.paths().len();
        fetchpool()
            .list("urls.txt", urls.join("\n"))
            .stdout(lines(urls.iter().map(|url| page(url, 1))))
            .run();
        if server.paths().len() == before {
            return;
        }
    }
}

#[test]
fn shards_are_a_partition_of_the_list_by_host() {
    let server = Server::start();
    let port = server.address().port();
    // Names that all have the address of the one server, with three pages each.
    let hosts: Vec<String> = (0..60).map(|n| format!("host{n}.example")).collect();
    let urls: Vec<String> = (0..180)
        .map(|n| format!("http://{}:{port}/size/1?{n}", hosts[n % 60]))
        .collect();
    for parts in [1, 2, 5] {
        let mut all = Vec::new();
        let mut shard_of = std::collections::HashMap::new();
        for part in 1..=parts {
            let ended = fetchpool()
                .list("urls.txt", urls.join("\n"))
                .args(["-f", "jsonl", "--shard", &format!("{part}/{parts}")])
                .args(["--resolve", &format!("*:{port}:127.0.0.1")])
                .stdout(anything())
                .run();
            for row in rows(ended.stdout()) {
                let url = row["url"].as_str().expect("a string").to_owned();
                let host = url.split(':').nth(1).expect("a host").to_owned();
                assert_eq!(
                    *shard_of.entry(host).or_insert(part),
                    part,
                    "a host in two shards"
                );
                all.push(url);
            }
        }
        all.sort();
        let mut wanted = urls.clone();
        wanted.sort();
        assert_eq!(all, wanted, "{parts} shards are not the list");
        let used: std::collections::HashSet<i32> = shard_of.into_values().collect();
        assert_eq!(
            used.len(),
            usize::try_from(parts).expect("a few"),
            "an empty shard of 60 hosts"
        );
    }
}

#[test]
fn the_shard_of_a_host_never_changes() {
    // The expected shards are fixed: a release that changes them breaks runs on several machines.
    let hosts: Vec<String> = (0..8).map(|n| format!("http://host{n}.example/")).collect();
    let mut shards = [0; 8];
    for part in 1..=4 {
        // The address is refused, so nothing connects. Each host with a row is in this shard.
        let ended = fetchpool()
            .list("urls.txt", hosts.join("\n"))
            .args([
                "--shard",
                &format!("{part}/4"),
                "--resolve",
                "*:80:127.0.0.1",
            ])
            .args(["--deny-private", "-f", "jsonl", "--ordered"])
            .status(1)
            .stdout(anything())
            .run();
        for row in rows(ended.stdout()) {
            shards[row["line"].as_u64().expect("a number") as usize - 1] = part;
        }
    }
    assert_eq!(shards, SHARDS);
}

/// The shards of host0.example to host7.example in four.
const SHARDS: [u32; 8] = [4, 3, 4, 2, 4, 1, 2, 1];

#[test]
fn unique_skips_what_the_lists_had_before() {
    let server = Server::start();
    let address = server.address();
    let [one, two] = [server.url("/size/1"), server.url("/size/2")];
    let list = format!(
        "{one}\n{one}\nHTTP://{address}/./size/1\n{one}#part\n{two}\n{one}?\nno url\nno url\n"
    );
    fetchpool()
        .list("a.txt", &list)
        .list("b.txt", &list)
        .args(["--unique", "-j", "1"])
        .status(1)
        .stdout(checked({
            let wanted = [page(&one, 1), page(&two, 2), page(&format!("{one}?"), 1)];
            move |text| {
                let pages: Vec<&str> = text
                    .lines()
                    .filter(|line| line.contains("' page is "))
                    .collect();
                let same = pages == wanted.iter().map(String::as_str).collect::<Vec<_>>();
                same.then_some(())
                    .ok_or_else(|| format!("wanted {wanted:?}"))
            }
        }))
        .run();
    fetchpool()
        .list("a.txt", format!("{one}\n{one}\n"))
        .stdout(lines([page(&one, 1), page(&one, 1)]))
        .run();
}

//! More jobs than descriptors: some wait, and none fails.

#[path = "support/left_out.rs"]
mod left_out;
#[path = "support/library.rs"]
mod library;

use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Output};
use std::sync::mpsc;
use std::time::Duration;

use library::{Server, page, without_proxies};

/// Runs the binary with at most so many descriptors.
fn run(descriptors: u32, args: &[&str], urls: &[String]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("list");
    std::fs::write(&list, urls.join("\n")).unwrap();
    without_proxies(&mut Command::new("sh"))
        .args(["-c", "ulimit -n \"$0\" && exec \"$@\""])
        .arg(descriptors.to_string())
        .arg(env!("CARGO_BIN_EXE_fetchpool"))
        .args(args)
        .arg(&list)
        .output()
        .unwrap()
}

fn assert_all_fetched(output: &Output, urls: usize) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        stdout.matches("page is 2 bytes\n").count(),
        urls,
        "{stdout}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn urls(server: &Server, count: usize) -> Vec<String> {
    (0..count)
        .map(|i| server.url(&format!("/{i}")).to_string())
        .collect()
}

/// A name that the system looks up without a name server, and its address. `localhost` is not looked up.
fn name_of_the_hosts_file() -> Option<(String, IpAddr)> {
    let hosts = std::fs::read_to_string("/etc/hosts").ok()?;
    hosts.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let address = words.next()?.parse().ok().filter(IpAddr::is_ipv4)?;
        let name = words.find(|name| !name.starts_with("localhost"))?;
        Some((name.to_owned(), address))
    })
}

/// Answers every request with a page, `delay` later.
fn slow(delay: Duration) -> Server {
    slow_at(Ipv4Addr::LOCALHOST.into(), delay)
}

fn slow_at(address: IpAddr, delay: Duration) -> Server {
    Server::start_at(address, move |mut conn| {
        let (_never, clock) = mpsc::channel::<()>();
        while conn.request().is_some() {
            let _ = clock.recv_timeout(delay);
            conn.send(page("ok"));
        }
    })
}

/// A listener whose queue is full, and the connections in it: another one is neither accepted nor refused.
#[cfg(target_os = "linux")]
fn silent_at(address: std::net::SocketAddr) -> (socket2::Socket, Vec<socket2::Socket>) {
    use socket2::{Domain, Socket, Type};

    let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let full = socket();
    full.bind(&address.into()).unwrap();
    full.listen(0).unwrap();
    let mut fill = Vec::new();
    loop {
        let next = socket();
        let connected = next.connect_timeout(&address.into(), Duration::from_millis(200));
        if connected.is_err() {
            return (full, fill);
        }
        fill.push(next);
    }
}

// Other systems have only one address of loopback.
#[cfg(target_os = "linux")]
#[test]
fn a_first_address_that_does_not_answer_keeps_no_descriptor_from_the_second() {
    let server = Server::always(page("ok"));
    let port = server.addr.port();
    let _silent = silent_at(([127, 0, 0, 2], port).into());
    // Each URL has its own name, and so its own connection.
    let list: Vec<String> = (0..150)
        .map(|i| format!("http://h{i}.test:{port}/"))
        .collect();
    let rule = format!("*:{port}:127.0.0.2,127.0.0.1");
    // If each worker kept the descriptor of its first address, none would be free for a second address.
    for (descriptors, jobs) in [(30, "60"), (15, "3"), (14, "1")] {
        let list = &list[..list.len().min(descriptors as usize * 5 - 40)];
        let args = ["-j", jobs, "--timeout", "10", "--resolve", &rule];
        assert_all_fetched(&run(descriptors, &args, list), list.len());
    }
}

#[test]
fn one_descriptor_for_three_jobs_is_handed_round() {
    let server = Server::always(page("ok"));
    // The program itself takes all but one, and one of them only while it reads the list. Chance decides which job gets that.
    for _ in 0..40 {
        let output = run(14, &["-j", "3"], &urls(&server, 3));
        assert_all_fetched(&output, 3);
    }
}

#[test]
fn the_wait_for_a_descriptor_counts_for_no_time_limit() {
    let server = slow(Duration::from_secs(2));
    // About twenty run at a time. The last twenty wait for 4 s and end after 6 s, later than both limits; but each job
    // connects at once, and takes little more than 2 s.
    let args = ["-j", "60", "--connect-timeout", "3.5", "--timeout", "5.5"];
    let output = run(30, &args, &urls(&server, 60));
    assert_all_fetched(&output, 60);
}

#[test]
fn a_name_that_could_not_be_asked_for_is_not_taken_for_unknown() {
    let Some((name, address)) = name_of_the_hosts_file() else {
        left_out::refused("/etc/hosts has no name but localhost");
        return;
    };
    let server = slow_at(address, Duration::from_millis(20));
    let port = server.addr.port();
    // The URLs before the name keep all descriptors in use when it is looked up.
    let mut list = urls(&server, 60);
    for i in 0..10 {
        list.insert(30, format!("http://{name}:{port}/name/{i}"));
    }
    let output = run(17, &["-j", "40"], &list);
    assert_all_fetched(&output, 70);
}

#[test]
fn with_too_few_descriptors_nothing_is_started_and_with_enough_nothing_fails() {
    let server = Server::always(page("ok"));
    let dir = tempfile::tempdir().unwrap();
    let saved = dir.path().join("saved");
    let saved = saved.to_str().unwrap();
    for args in [
        &["-j", "1"][..],
        &["-j", "3"],
        &["-j", "8"],
        &["-j", "1", "-o", saved],
        &["-j", "8", "-o", saved],
    ] {
        let mut is_enough = false;
        // With fewer than five the system cannot load the program.
        for descriptors in (5..=15).chain([16, 20, 26]) {
            let output = run(descriptors, args, &urls(&server, 30));
            let stderr = String::from_utf8_lossy(&output.stderr);
            is_enough |= output.status.success();
            if is_enough {
                assert_all_fetched(&output, 30);
            } else {
                assert_eq!(output.status.code(), Some(2), "{descriptors}: {output:?}");
                assert!(output.stdout.is_empty(), "{descriptors}: {output:?}");
                assert!(stderr.contains("ulimit -n"), "{descriptors}: {stderr}");
            }
        }
        assert!(is_enough, "{args:?}");
    }
}

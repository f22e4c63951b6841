//! Which address a run connects to: given addresses, one family, and refused private addresses.

use crate::jsonl::rows;
use crate::routes::row_of;
use crate::support::{
    Fetchpool, RawServer, Server, Talk, anything, containing, dead_host, fetchpool, page,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};

/// Answers each question for an address of IPv4 with 127.0.0.1, and any other with none.
fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((amount, client)) = socket.recv_from(&mut packet) {
            let is_ipv4 = packet[..amount].ends_with(&[0, 1, 0, 1]);
            let mut reply = packet[..amount].to_vec();
            // It is an answer, with so many records.
            reply[2] |= 0x80;
            reply[7] = u8::from(is_ipv4);
            if is_ipv4 {
                reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
            }
            socket.send_to(&reply, client).unwrap();
        }
    });
    address
}

#[test]
fn name_servers_can_be_given() {
    let server = Server::start();
    let port = server.address().port();
    let url = format!("http://nowhere.test:{port}/size/6");
    fetchpool()
        .args(["--dns-servers", &name_server().to_string(), &url])
        .stdout(page(&url, 6) + "\n")
        .run();
}

#[test]
fn addresses_can_be_given_for_names() {
    let server = Server::start();
    let port = server.address().port();
    for (rule, host) in [
        (
            format!("nowhere.invalid:{port}:127.0.0.1"),
            "nowhere.invalid",
        ),
        (
            format!("NOWHERE.invalid:{port}:127.0.0.1"),
            "nowhere.invalid",
        ),
        (format!("*:{port}:127.0.0.1"), "anything.invalid"),
        (
            format!("nowhere.invalid:{port}:[::1],127.0.0.1"),
            "nowhere.invalid",
        ),
    ] {
        let url = format!("http://{host}:{port}/size/6");
        fetchpool()
            .args(["--resolve", &rule, &url])
            .stdout(page(&url, 6) + "\n")
            .run();
    }
    let seen = server.seen();
    assert_eq!(
        seen[0].header("host"),
        Some(format!("nowhere.invalid:{port}").as_str())
    );
    let other = format!("nowhere.invalid:{}:127.0.0.1", port ^ 1);
    let row = row_of(
        fetchpool().args(["--resolve", &other]),
        &format!("http://nowhere.invalid:{port}/"),
    );
    assert_eq!(row["error"]["kind"], "dns", "a rule is for its port only");
}

#[test]
fn one_family_of_addresses_can_be_asked_for() {
    let server = Server::start();
    let port = server.address().port();
    let rule = format!("both.invalid:{port}:127.0.0.1,[::1]");
    let url = format!("http://both.invalid:{port}/size/6");
    for option in ["-4", "--ipv4"] {
        fetchpool()
            .args([option, "--resolve", &rule, &url])
            .stdout(page(&url, 6) + "\n")
            .run();
    }
    // Nothing listens at ::1.
    for (option, rule) in [
        ("-6", &rule),
        ("--ipv6", &format!("both.invalid:{port}:127.0.0.1")),
    ] {
        let row = row_of(fetchpool().args([option, "--resolve", rule]), &url);
        assert_eq!(row["ok"], false, "{row}");
    }
    assert_eq!(server.paths().len(), 2);
}

#[test]
fn an_address_that_is_given_often_leaves_no_other_out() {
    let server = Server::start();
    let port = server.address().port();
    // Nothing listens at 127.0.0.2.
    let rule = format!("many.invalid:{port}:{}127.0.0.1", "127.0.0.2,".repeat(20));
    let url = format!("http://many.invalid:{port}/size/6");
    fetchpool()
        .args(["--resolve", &rule, &url])
        .stdout(page(&url, 6) + "\n")
        .run();
}

#[test]
fn localhost_and_all_under_it_is_this_machine_without_being_asked_for() {
    let server = Server::start();
    let port = server.address().port();
    // No name server knows `a.b.localhost`.
    for host in ["localhost", "a.b.localhost", "LOCALHOST."] {
        let url = format!("http://{host}:{port}/size/6");
        for options in [&[][..], &["-4"]] {
            fetchpool()
                .args(options)
                .arg(&url)
                .stdout(page(&url, 6) + "\n")
                .run();
        }
        // Nothing listens at ::1.
        let row = row_of(fetchpool().arg("-6"), &url);
        assert_eq!(row["error"]["kind"], "connect", "{row}");
        let message = row["error"]["message"].as_str().unwrap();
        assert!(
            message.contains(&format!("[::1]:{port}: ")) && !message.contains("127.0.0.1"),
            "{message}"
        );
    }
    // A rule of --resolve overrides a special name.
    let rule = format!("a.localhost:{port}:[::1]");
    let url = format!("http://a.localhost:{port}/");
    let row = row_of(fetchpool().args(["--resolve", &rule]), &url);
    let message = row["error"]["message"].as_str().unwrap();
    assert!(!message.contains("127.0.0.1"), "{message}");
}

#[test]
fn private_addresses_are_refused_in_every_spelling() {
    let server = Server::start();
    let port = server.address().port();
    let hosts = [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "224.0.0.1",
        "[ff02::1]",
        "255.255.255.255",
        "１２７.0.0.1",
        "user@127.0.0.1",
    ];
    let urls: Vec<String> = hosts
        .iter()
        .map(|host| format!("http://{host}:{port}/size/1"))
        .collect();
    let ended = fetchpool()
        .list("urls.txt", urls.join("\n"))
        .args(["--deny-private", "-f", "jsonl", "-t", "5"])
        .status(1)
        .stdout(anything())
        .run();
    let rows = rows(ended.stdout());
    assert_eq!(rows.len(), hosts.len());
    for row in &rows {
        assert_eq!(row["error"]["kind"], "blocked_address", "{row}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn private_addresses_are_refused_behind_a_name_and_behind_a_redirect() {
    let server = Server::start();
    let port = server.address().port();
    // A name whose address is private.
    let row = row_of(
        fetchpool().args([
            "--deny-private",
            "--resolve",
            &format!("nice.example:{port}:127.0.0.1"),
        ]),
        &format!("http://nice.example:{port}/size/1"),
    );
    assert_eq!(row["error"]["kind"], "blocked_address", "{row}");
    assert_eq!(server.connections(), 0);
}

#[test]
fn private_addresses_are_refused_behind_a_redirect_too() {
    let server = Server::start();
    let inside = server.url("/size/1");
    // A loopback server can only stand for a public address as its proxy.
    let away = RawServer::start(move |mut talk| {
        talk.reply("302 Found", &[&format!("Location: {inside}")], b"");
    });
    let target = away.address().to_string();
    let proxy = RawServer::on_connection(move |mut stream| {
        // RFC 1928: a greeting, and a request for 1.1.1.1 port 80.
        let mut request = [0; 10];
        if stream.read_exact(&mut request[..3]).is_err() {
            return;
        }
        let _ = stream.write_all(&[5, 0]);
        let _ = stream.read_exact(&mut request);
        assert_eq!(request, [5, 1, 0, 1, 1, 1, 1, 1, 0, 80]);
        let _ = stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        Talk::over(stream).join(&target);
    });
    let proxy = proxy.url("").replace("http:", "socks5:");
    let row = row_of(
        fetchpool().args(["--deny-private", "--proxy", &proxy]),
        "http://1.1.1.1/",
    );
    assert_eq!(row["error"]["kind"], "blocked_address", "{row}");
    assert_eq!(row["redirects"], 1, "{row}");
    assert_eq!(server.connections(), 0);
}

#[test]
fn addresses_are_not_refused_by_halves() {
    // The program cannot know what such a proxy connects to, so it fetches nothing.
    let refused = |run: Fetchpool, source: &str| {
        run.args(["--deny-private", "http://1.1.1.1/"])
            .status(2)
            .stderr(containing(["--deny-private", source, "socks5://"]))
            .run();
    };
    let proxy = dead_host().url("");
    refused(fetchpool().args(["--proxy", &proxy]), "--proxy");
    refused(fetchpool().env("http_proxy", &proxy), "http_proxy");
    refused(fetchpool().env("HTTPS_PROXY", &proxy), "HTTPS_PROXY");
}

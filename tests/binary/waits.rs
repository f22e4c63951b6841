//! Unusual ways that work: a body that trickles, IPv6, proxies with SOCKS4 or TLS.

use crate::support::{Authority, RawServer, Server, Talk, containing, fetchpool, page};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

/// The time between two bytes of the body, and the number of bytes.
const GAP: Duration = Duration::from_millis(300);
const DROPS: usize = 15;

#[test]
fn a_body_that_trickles_is_no_stall_however_long_it_takes() {
    let server = RawServer::start(|mut talk| {
        talk.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {DROPS}\r\n\r\n").as_bytes());
        // No message ever comes: the timeouts are the clock of the trickle.
        let (_never, clock) = std::sync::mpsc::channel::<()>();
        for _ in 0..DROPS {
            let _ = clock.recv_timeout(GAP);
            talk.send(b"x");
        }
    });
    let url = server.url("/");
    // Shorter than the whole body takes, and far longer than a gap in it.
    fetchpool()
        .args([&url, "--stall-timeout", "4s"])
        .stdout(page(&url, DROPS) + "\n")
        .run();
}

#[test]
fn an_address_of_ipv6_is_taken_if_it_is_asked_for() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        crate::support::left_out::refused("there is no IPv6 here; nothing was fetched over it");
        return;
    };
    let port = listener.local_addr().expect("it is bound").port();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client comes");
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour");
    });
    let rule = format!("both.invalid:{port}:127.0.0.1,[::1]");
    let url = format!("http://both.invalid:{port}/");
    fetchpool()
        .args(["-4", "--resolve", &rule, &url])
        .status(1)
        .stdout(containing(["connect: 127.0.0.1"]))
        .run();
    fetchpool()
        .args(["-6", "--resolve", &rule, &url])
        .stdout(page(&url, 4) + "\n")
        .run();
    serving.join().expect("it served one request");
}

#[test]
fn socks4_is_told_an_address() {
    let server = Server::start();
    let target = server.address();
    let proxy = RawServer::on_connection(move |mut stream| {
        // The request: version, CONNECT, port, address, and an empty user that ends in a zero.
        let mut request = [0; 9];
        let _ = stream.read_exact(&mut request);
        let port = target.port().to_be_bytes();
        assert_eq!(request, [4, 1, port[0], port[1], 127, 0, 0, 1, 0]);
        let _ = stream.write_all(&[0, 90, 0, 0, 0, 0, 0, 0]);
        Talk::over(stream).join(&target.to_string());
    });
    let url = server.url("/size/78");
    let option = proxy.url("").replace("http:", "socks4:");
    fetchpool()
        .args(["--proxy", &option, &url])
        .stdout(page(&url, 78) + "\n")
        .run();
}

#[test]
fn a_proxy_may_be_spoken_to_over_tls() {
    let authority = Authority::new();
    let proxy = authority.serve(false);
    let option = format!("https://localhost:{}", proxy.address().port());
    let url = "http://nowhere.invalid/";
    fetchpool()
        .file("ca.pem", authority.pem())
        .args(["--cacert", "ca.pem", "--proxy", &option, url])
        .stdout(page(url, 6) + "\n")
        .run();
}

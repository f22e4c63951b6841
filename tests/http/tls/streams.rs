//! Replies over TLS, whole and broken, and proxies.

use super::*;

#[test]
fn sessions_are_resumed_by_other_workers() {
    let files = Files::new();
    let own = files.self_signed("own.pem", &params(&["localhost"]));
    let (kind, kinds) = mpsc::channel();
    let server = serve(own.server_config(), move |mut stream, how| {
        kind.send(how).unwrap();
        let reply = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
        stream.write_all(reply.as_bytes()).unwrap();
    });
    let client = client(trusting(&own.file));
    for expected in [
        HandshakeKind::Full,
        HandshakeKind::Resumed,
        HandshakeKind::Resumed,
    ] {
        let (client, url) = (client.clone(), url(&server, "localhost"));
        let worker =
            std::thread::spawn(move || bytes(&client.load_url(&url, &mut std::io::sink())));
        assert_eq!(worker.join().unwrap(), 2);
        assert_eq!(kinds.recv_timeout(HANG).unwrap(), expected);
    }
}

#[test]
fn connections_are_kept_and_large_bodies_arrive_whole() {
    let files = Files::new();
    let own = files.self_signed("own.pem", &params(&["localhost"]));
    let content: Vec<u8> = (0..2_000_000).map(|i| (i * 31 % 253) as u8).collect();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
        content.len()
    );
    let reply = [head.as_bytes(), &content].concat();
    let (count, counted) = mpsc::channel();
    let server = serve(own.server_config(), move |mut stream, _| {
        count.send(()).unwrap();
        loop {
            stream.write_all(&reply).unwrap();
            if !matches!(stream.read(&mut [0; 1024]), Ok(1..)) {
                return;
            }
        }
    });
    let client = client(trusting(&own.file));
    for _ in 0..3 {
        let mut body = Vec::new();
        assert_eq!(
            bytes(&client.load_url(&url(&server, "localhost"), &mut body)),
            2_000_000
        );
        assert!(body == content);
    }
    assert_eq!(counted.try_iter().count(), 1);
}

#[test]
fn an_end_without_notice_is_an_interruption() {
    let files = Files::new();
    let own = files.self_signed("own.pem", &params(&["localhost"]));
    let server = serve(own.server_config(), |mut stream, _| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
            .unwrap();
        stream.sock.shutdown(Shutdown::Write).unwrap();
        let _ = stream.sock.read(&mut [0]);
    });
    let (outcome, _) = fetch(trusting(&own.file), &url(&server, "localhost"));
    let expected = "body: the connection was cut without TLS saying so after 10 bytes, before the end of the body";
    assert_eq!(failure(&outcome), expected);

    let server = serve(own.server_config(), |mut stream, _| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\n\r\nall of it")
            .unwrap();
        stream.conn.send_close_notify();
        let _ = stream.flush();
    });
    assert_eq!(
        bytes(&fetch(trusting(&own.file), &url(&server, "localhost")).0),
        9
    );
}

#[test]
fn what_is_no_tls_is_told() {
    let files = Files::new();
    let own = files.self_signed("own.pem", &params(&["localhost"]));
    let plain = Server::start(|mut conn| {
        conn.send("HTTP/1.1 400 Bad Request\r\n\r\n");
        conn.wait_for_hangup();
    });
    let closing = Server::start(|mut conn| drop(conn.stream.read(&mut [0; 5])));
    let orderly = Server::start(|mut conn| {
        let _ = conn.stream.read(&mut [0; 4096]);
    });
    let (outcome, _) = fetch(trusting(&own.file), &url(&plain, "localhost"));
    assert_eq!(
        failure(&outcome),
        "tls: what the server sent is not TLS; if it speaks plain http on this port, the URL must begin \
         with http://"
    );
    for server in [&closing, &orderly] {
        let (outcome, _) = fetch(trusting(&own.file), &url(server, "localhost"));
        assert_eq!(failure(&outcome), CLOSED);
    }
}

const CLOSED: &str = "connect: the server closed the connection during the TLS handshake";

#[test]
fn a_server_that_hangs_up_at_once_is_not_reached() {
    let files = Files::new();
    let own = files.self_signed("own.pem", &params(&["localhost"]));
    let client = client(trusting(&own.file));
    // By chance, the client sees the end or the reset before the handshake or in it.
    for ending in [drop, Conn::reset] {
        let server = Server::start(ending);
        for _ in 0..100 {
            let outcome = client.load_url(&url(&server, "127.0.0.1"), &mut std::io::sink());
            assert_eq!(outcome.result.unwrap_err().kind(), FailureKind::Connect);
        }
    }
}

#[test]
fn a_failed_handshake_closes_the_connection_at_once() {
    let files = Files::new();
    let own = files.self_signed("own.pem", &params(&["localhost"]));
    let (closed, was_closed) = mpsc::channel();
    let server = Server::start(move |mut conn| {
        conn.send("HTTP/1.1 400 Bad Request\r\n\r\n");
        conn.wait_for_hangup();
        closed.send(()).unwrap();
    });
    // The client lives on: the failed handshake closes the connection, not its drop.
    let client = client(trusting(&own.file));
    let outcome = client.load_url(&url(&server, "localhost"), &mut std::io::sink());
    assert_eq!(outcome.result.unwrap_err().kind(), FailureKind::Tls);
    was_closed.recv_timeout(HANG).unwrap();
}

#[test]
fn tls_through_a_tunnel_and_through_a_proxy_that_speaks_tls_itself() {
    let files = Files::new();
    let issuer = files.self_signed("ca.pem", &issuers_params(&[]));
    let identity = files.issued(
        "server.pem",
        &params(&["localhost"]),
        &issuer,
        issuers_params(&[]),
    );
    let origin = answering(&identity);
    let addr = origin.addr;
    let plain = Server::start(move |mut conn| {
        conn.request().unwrap();
        conn.send("HTTP/1.1 200 Connection established\r\n\r\n");
        let mut there = std::net::TcpStream::connect(addr).unwrap();
        let (mut from, mut to) = (conn.stream.try_clone().unwrap(), there.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        let _ = std::io::copy(&mut there, &mut conn.stream);
    });
    let proxies = |text: String| Proxies::new(Some(&text), &|_| None).unwrap();
    let through = Options {
        proxies: proxies(format!("http://{}", plain.addr)),
        ..trusting(&issuer.file)
    };
    assert_eq!(bytes(&fetch(through, &url(&origin, "localhost")).0), 4);

    // The proxy's own TLS ends here. It forwards the content of the tunnel, one message at a time.
    let secure = serve(identity.server_config(), move |mut stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let mut there = std::net::TcpStream::connect(addr).unwrap();
        let mut buf = vec![0; 65_536];
        stream.sock.set_nonblocking(true).unwrap();
        there.set_nonblocking(true).unwrap();
        loop {
            let up = match stream.read(&mut buf) {
                Ok(amount) => there.write_all(&buf[..amount]).map(|()| amount),
                Err(error) => Err(error),
            };
            let down = match there.read(&mut buf) {
                Ok(amount) => stream.write_all(&buf[..amount]).map(|()| amount),
                Err(error) => Err(error),
            };
            let is_over = |way: &std::io::Result<usize>| match way {
                Ok(amount) => *amount == 0,
                Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
            };
            if is_over(&up) || is_over(&down) {
                return;
            }
            std::thread::yield_now();
        }
    });
    let proxy = proxies(format!("https://localhost:{}", secure.addr.port()));
    let through = Options {
        proxies: proxy,
        ..trusting(&issuer.file)
    };
    assert_eq!(bytes(&fetch(through, &url(&origin, "localhost")).0), 4);
}

#[test]
fn what_came_behind_a_reply_answers_no_other_request() {
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL";
    // A record holds 16,384 bytes: with that size, the surplus comes in a record of its own. `late` bytes of the last
    // record come after the reply.
    for (size, late) in [(16_383, 0), (16_384, 0), (16_385, 0), (16_384, 10)] {
        let files = Files::new();
        let own = files.self_signed("own.pem", &params(&["localhost"]));
        let server = serve(own.server_config(), move |mut stream, _| {
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 16000\r\nX: ";
            let filler = size - 16_000 - head.len() - 4;
            let mut reply = format!("{head}{}\r\n\r\n", "x".repeat(filler)).into_bytes();
            reply.resize(size, b'.');
            reply.extend_from_slice(evil.as_bytes());
            // One write, so that all of it has come when the client reads.
            let mut records = Vec::new();
            stream.conn.writer().write_all(&reply).unwrap();
            while stream.conn.wants_write() {
                stream.conn.write_tls(&mut records).unwrap();
            }
            let now = records.len() - late;
            stream.sock.write_all(&records[..now]).unwrap();
            if stream.sock.read(&mut [0; 1024]).is_ok_and(|n| n > 0) {
                let _ = stream.sock.write_all(&records[now..]);
            }
        });
        let client = client(trusting(&own.file));
        for _ in 0..2 {
            let outcome = client.load_url(&url(&server, "localhost"), &mut std::io::sink());
            assert_eq!(bytes(&outcome), 16_000, "{size} bytes, {late} late");
        }
    }
}

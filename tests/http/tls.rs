//! TLS against a real server in process: who is trusted, who is not, and what an end of the stream
//! is worth.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use fetchpool::fetch::{FailureKind, Options, Proxies, Tls, Url};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::library::head::read_head;
use crate::library::{
    Conn, HANG, Server, bytes, client, failure, fetch, options, page, without_proxies,
};

type Stream = StreamOwned<ServerConnection, std::net::TcpStream>;

/// A certificate and its key, and the file that holds it for the client.
struct Identity {
    cert: rcgen::Certificate,
    key: KeyPair,
    file: PathBuf,
}

fn params(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn issuers_params(names: &[&str]) -> CertificateParams {
    let mut params = params(names);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// Files of the tests, gone when they are dropped.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn self_signed(&self, name: &str, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let cert = params.self_signed(&key).unwrap();
        let file = self.write(name, &cert.pem());
        Identity { cert, key, file }
    }

    fn issued(
        &self,
        name: &str,
        params: &CertificateParams,
        by: &Identity,
        as_issuer: CertificateParams,
    ) -> Identity {
        let key = KeyPair::generate().unwrap();
        let cert = params
            .signed_by(&key, &Issuer::new(as_issuer, &by.key))
            .unwrap();
        let file = self.write(name, &cert.pem());
        Identity { cert, key, file }
    }
}

impl Identity {
    fn private(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    fn server_config(&self) -> Arc<ServerConfig> {
        let builder =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth();
        Arc::new(
            builder
                .with_single_cert(vec![self.cert.der().clone()], self.private())
                .unwrap(),
        )
    }
}

/// A server that makes the handshake, reads a request and runs the script.
fn serve(
    config: Arc<ServerConfig>,
    script: impl Fn(Stream, HandshakeKind) + Send + Sync + 'static,
) -> Server {
    Server::start(move |conn: Conn| {
        let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = StreamOwned::new(tls, conn.stream);
        if read_head(&mut stream).is_none() {
            return;
        }
        let kind = stream.conn.handshake_kind().unwrap();
        script(stream, kind);
    })
}

/// Answers one request and ends the connection in an orderly way.
fn answering(identity: &Identity) -> Server {
    serve(identity.server_config(), |mut stream, _| {
        stream.write_all(page("tls!").as_bytes()).unwrap();
        stream.conn.send_close_notify();
        let _ = stream.flush();
    })
}

fn url(server: &Server, host: &str) -> Url {
    Url::parse(&format!("https://{host}:{}/", server.addr.port())).unwrap()
}

fn trusting(file: &Path) -> Options {
    Options {
        tls: Tls {
            cacert: Some(file.to_owned()),
            ..Tls::default()
        },
        ..options()
    }
}

#[test]
fn a_server_is_trusted_by_its_issuer_and_for_its_name() {
    let files = Files::new();
    let issuer = files.self_signed("ca.pem", &issuers_params(&[]));
    let server = answering(&files.issued(
        "server.pem",
        &params(&["localhost"]),
        &issuer,
        issuers_params(&[]),
    ));
    assert_eq!(
        bytes(&fetch(trusting(&issuer.file), &url(&server, "localhost")).0),
        4
    );
    let (outcome, _) = fetch(trusting(&issuer.file), &url(&server, "127.0.0.1"));
    assert_eq!(
        failure(&outcome),
        "tls: the certificate is not trusted: it is for another name"
    );
    let other = files.self_signed("other.pem", &issuers_params(&[]));
    let (outcome, _) = fetch(trusting(&other.file), &url(&server, "localhost"));
    assert_eq!(outcome.result.unwrap_err().kind(), FailureKind::Tls);
    let insecure = Options {
        tls: Tls {
            insecure: true,
            ..Tls::default()
        },
        ..options()
    };
    assert_eq!(bytes(&fetch(insecure, &url(&server, "127.0.0.1")).0), 4);

    let mut old = params(&["localhost"]);
    old.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let expired = answering(&files.issued("old.pem", &old, &issuer, issuers_params(&[])));
    let (outcome, _) = fetch(trusting(&issuer.file), &url(&expired, "localhost"));
    assert_eq!(
        failure(&outcome),
        "tls: the certificate is not trusted: it has expired"
    );
}

#[test]
fn a_certificate_that_was_handed_over_is_taken_for_its_names_and_dates() {
    let files = Files::new();
    // What `openssl req -x509` makes is marked as an issuer's, a plain one is not: both are to be
    // taken.
    for (name, params) in [
        ("ca.pem", issuers_params(&["localhost"])),
        ("plain.pem", params(&["localhost"])),
    ] {
        let own = files.self_signed(name, &params);
        let server = answering(&own);
        assert_eq!(
            bytes(&fetch(trusting(&own.file), &url(&server, "localhost")).0),
            4,
            "{name}"
        );
        let (outcome, _) = fetch(trusting(&own.file), &url(&server, "127.0.0.1"));
        assert_eq!(
            failure(&outcome),
            "tls: the certificate is not trusted: it is for another name",
            "{name}"
        );
        let other = files.self_signed("other.pem", &issuers_params(&["localhost"]));
        let (outcome, _) = fetch(trusting(&other.file), &url(&server, "localhost"));
        let why = match name {
            "ca.pem" => "it is self-signed, and not itself one of those",
            _ => "its signature is not that of the issuer whose name it has",
        };
        let text = failure(&outcome);
        assert!(text.contains(why), "{name}: {text}");
    }
    let mut old = issuers_params(&["localhost"]);
    old.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let old = files.self_signed("old.pem", &old);
    let (outcome, _) = fetch(trusting(&old.file), &url(&answering(&old), "localhost"));
    assert_eq!(
        failure(&outcome),
        "tls: the certificate is not trusted: it has expired"
    );
}

#[test]
fn a_certificate_without_alternative_names_is_for_none_and_that_is_said() {
    let files = Files::new();
    for mut params in [issuers_params(&[]), params(&[])] {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "localhost");
        let own = files.self_signed("cn.pem", &params);
        let server = answering(&own);
        for host in ["localhost", "127.0.0.1"] {
            let (outcome, _) = fetch(trusting(&own.file), &url(&server, host));
            assert_eq!(
                failure(&outcome),
                "tls: the certificate is not trusted: it has no subjectAltName, and the CN is no \
                 longer looked at for a name (RFC 9110, 4.3.4)",
                "{host}"
            );
        }
    }
}

#[test]
fn the_binary_trusts_what_the_environment_names() {
    let files = Files::new();
    let run = |server: &Server, host: &str, variable: &str, path: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_fetchpool"))
            .arg(url(server, host).as_str())
            .env_clear()
            .env(variable, path)
            .output()
            .unwrap();
        let (stdout, stderr) = (output.stdout, output.stderr);
        String::from_utf8([stdout, stderr].concat()).unwrap()
    };
    // What `openssl req -x509` makes is marked as an issuer's, a plain one is not.
    for (name, params) in [
        ("ca", issuers_params(&["localhost"])),
        ("plain", params(&["localhost"])),
    ] {
        let own = files.self_signed(&format!("{name}.pem"), &params);
        let server = answering(&own);
        let dir = files.0.path().join(name);
        fs::create_dir(&dir).unwrap();
        fs::copy(&own.file, dir.join("any.name")).unwrap();
        for (variable, path) in [("SSL_CERT_FILE", &own.file), ("SSL_CERT_DIR", &dir)] {
            let text = run(&server, "localhost", variable, path);
            assert!(text.ends_with("page is 4 bytes\n"), "{name}: {text}");
            let text = run(&server, "127.0.0.1", variable, path);
            let why = "tls: the certificate is not trusted: it is for another name";
            assert!(text.contains(why), "{name}: {text}");
        }
        let other = files.self_signed("other.pem", &params);
        let text = run(&server, "localhost", "SSL_CERT_FILE", &other.file);
        assert!(text.contains("exception: tls: "), "{name}: {text}");
    }
}

#[test]
fn a_trust_store_that_cannot_be_opened_for_a_while_is_read_later() {
    let files = Files::new();
    let own = files.self_signed("own.pem", &params(&["localhost"]));
    let secure = answering(&own);
    let (_never, clock) = mpsc::channel::<()>();
    let clock = std::sync::Mutex::new(clock);
    // They hold all descriptors when the first https URL comes.
    let slow = Server::start(move |mut conn| {
        while conn.request().is_some() {
            let _ = clock
                .lock()
                .unwrap()
                .recv_timeout(Duration::from_millis(20));
            conn.send(page("slow"));
        }
    });
    let mut list: Vec<String> = (0..45)
        .map(|i| slow.url(&format!("/{i}")).to_string())
        .collect();
    list.extend((0..6).map(|_| url(&secure, "localhost").to_string()));
    let list = files.write("list", &list.join("\n"));
    let output = without_proxies(&mut Command::new("sh"))
        .args(["-c", "ulimit -n 24 && exec \"$@\"", "sh"])
        .args([env!("CARGO_BIN_EXE_fetchpool"), "-j", "51"])
        .arg(list)
        .env("SSL_CERT_FILE", &own.file)
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        stdout.matches("page is 4 bytes\n").count(),
        51,
        "{stdout}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_client_shows_its_own_certificate_when_it_is_asked_to() {
    let files = Files::new();
    let issuer = files.self_signed("ca.pem", &issuers_params(&["localhost"]));
    let mut roots = RootCertStore::empty();
    roots.add(issuer.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![issuer.cert.der().clone()], issuer.private())
        .unwrap();
    let server = serve(Arc::new(config), |mut stream, _| {
        stream.write_all(page("tls!").as_bytes()).unwrap();
    });

    let me = files.issued(
        "me.pem",
        &params(&["me"]),
        &issuer,
        issuers_params(&["localhost"]),
    );
    let key = files.write("me.key", &me.key.serialize_pem());
    let both = files.write(
        "both.pem",
        &format!("{}{}", me.cert.pem(), me.key.serialize_pem()),
    );
    for (cert, key) in [(&me.file, Some(key.clone())), (&both, None)] {
        let mut options = trusting(&issuer.file);
        options.tls.cert = Some(cert.clone());
        options.tls.key = key;
        assert_eq!(bytes(&fetch(options, &url(&server, "localhost")).0), 4);
    }
    let (outcome, _) = fetch(trusting(&issuer.file), &url(&server, "localhost"));
    assert_eq!(outcome.result.unwrap_err().kind(), FailureKind::Tls);

    let stranger = files.write(
        "stranger.key",
        &KeyPair::generate().unwrap().serialize_pem(),
    );
    let mut options = trusting(&issuer.file);
    options.tls.cert = Some(me.file);
    options.tls.key = Some(stranger);
    let error = fetchpool::fetch::Client::new(options)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("does not go with the certificate"),
        "{error}"
    );
}

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
    // When its end or its reset is seen is a matter of chance: before the handshake or in it.
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
    // It lives on, and makes no other attempt.
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

    // The proxy's own TLS ends here; what is in the tunnel is handed on, one message at a time.
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
    // As much as one record holds, so that what is behind it comes in one of its own, and one byte around that;
    // and how much of the last record comes too late for the reply.
    for (size, late) in [(16_383, 0), (16_384, 0), (16_385, 0), (16_384, 10)] {
        let files = Files::new();
        let own = files.self_signed("own.pem", &params(&["localhost"]));
        let server = serve(own.server_config(), move |mut stream, _| {
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 16000\r\nX: ";
            let filler = size - 16_000 - head.len() - 4;
            let mut reply = format!("{head}{}\r\n\r\n", "x".repeat(filler)).into_bytes();
            reply.resize(size, b'.');
            reply.extend_from_slice(evil.as_bytes());
            // One write, for all of it to be there when the client reads.
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

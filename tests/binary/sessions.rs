//! TLS sessions that break: earlier bytes are read first, and the kind of the failure says where the session broke.

use crate::jsonl::{Row, rows};
use crate::support::{Authority, RawServer, Talk, anything, fetchpool};
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole";
const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n";
const HALF: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nwhole";
pub(crate) const BOTH: [&SupportedProtocolVersion; 2] =
    [&rustls::version::TLS12, &rustls::version::TLS13];

/// How a session breaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// A fatal alert, encrypted in the session.
    Alert,
    /// A record that cannot be decrypted.
    Noise,
    /// A reply in plain text.
    Plain,
    /// A fatal alert in plain text.
    PlainAlert,
    End,
    Reset,
}

/// Faults that cannot arrive before earlier bytes.
const FAULTS: [Fault; 5] = [
    Fault::Alert,
    Fault::Noise,
    Fault::Plain,
    Fault::PlainAlert,
    Fault::End,
];
const NOISE: &[u8] = b"\x17\x03\x03\x00\x20abcdefghijklmnopqrstuvwxyzabcdef";

/// The server's end of a session.
pub(crate) struct Session {
    pub(crate) tls: ServerConnection,
    stream: TcpStream,
}

impl Session {
    fn read(&mut self) -> bool {
        let came = self.tls.read_tls(&mut self.stream).unwrap_or(0);
        came > 0 && self.tls.process_new_packets().is_ok()
    }

    fn written(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut records).expect("a Vec takes all");
        }
        records
    }

    /// Makes the handshake, but leaves the server's last records unwritten.
    pub(crate) fn shake_hands(&mut self) -> bool {
        while self.tls.is_handshaking() {
            let records = self.written();
            if self.stream.write_all(&records).is_err() || !self.read() {
                return false;
            }
        }
        true
    }

    pub(crate) fn read_request(&mut self) -> bool {
        let mut head = Vec::new();
        let records = self.written();
        let mut goes_on = self.stream.write_all(&records).is_ok();
        while goes_on && !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match self.tls.reader().read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => goes_on = self.read(),
            }
        }
        goes_on
    }

    /// The records of `reply`.
    pub(crate) fn records(&mut self, reply: &[u8]) -> Vec<u8> {
        self.tls.writer().write_all(reply).expect("a short reply");
        self.written()
    }

    /// Writes `before` and breaks the session, in one write.
    pub(crate) fn breaks(mut self, mut before: Vec<u8>, fault: Fault) {
        match fault {
            Fault::Alert => {
                // An invalid record makes the server's own side send an alert.
                let _ = self.tls.read_tls(&mut &NOISE[..]);
                assert!(self.tls.process_new_packets().is_err());
                before.extend(self.written());
            }
            Fault::Noise => before.extend(NOISE),
            Fault::Plain => before.extend(WHOLE),
            Fault::PlainAlert => before.extend([21, 3, 3, 0, 2, 2, 80]),
            Fault::End | Fault::Reset => {}
        }
        let _ = self.stream.write_all(&before);
        let talk = Talk::over(self.stream);
        match fault {
            Fault::Reset => talk.reset(),
            Fault::End => drop(talk),
            _ => talk.hold(),
        }
    }
}

/// A server whose connections, numbered from 0, each run `script`.
pub(crate) fn serve(
    config: ServerConfig,
    script: impl Fn(Session, usize) + Send + Sync + 'static,
) -> RawServer {
    let (config, count) = (Arc::new(config), AtomicUsize::new(0));
    RawServer::on_connection(move |stream| {
        let tls = ServerConnection::new(Arc::clone(&config)).expect("a server's config");
        let session = Session { tls, stream };
        script(session, count.fetch_add(1, Ordering::SeqCst));
    })
}

/// The rows of `count` URLs of the server. The run does not check its certificate.
fn fetch(server: &RawServer, count: usize) -> Vec<Row> {
    let urls: Vec<String> = (0..count)
        .map(|n| server.url(&format!("/{n}")).replace("http:", "https:"))
        .collect();
    let ended = fetchpool()
        .list("urls.txt", urls.join("\n"))
        .args(["-k", "-f", "jsonl", "-j", "4"])
        .args(["--retries", "1", "--retry-delay", "1ms"])
        .status_among(&[1])
        .stdout(anything())
        .run();
    let rows = rows(ended.stdout());
    assert_eq!(rows.len(), count);
    rows
}

fn message(row: &Row) -> &str {
    row["error"]["message"].as_str().expect("a failure has one")
}

#[test]
fn a_whole_reply_is_a_page_whatever_follows_it() {
    let authority = Authority::new();
    for version in BOTH {
        for fault in FAULTS {
            for reply in [WHOLE, CHUNKED] {
                let config = authority.config(false, &[version]);
                let server = serve(config, move |mut session, _| {
                    if session.shake_hands() && session.read_request() {
                        let records = session.records(reply);
                        session.breaks(records, fault);
                    }
                });
                for row in fetch(&server, 4) {
                    let page = (&row["bytes"], &row["attempts"]);
                    assert_eq!(page, (&5.into(), &1.into()), "{fault:?}: {row}");
                }
            }
        }
    }
}

#[test]
fn a_reply_that_comes_with_the_end_of_the_handshake_is_read_whole() {
    let mut config = Authority::new().config(false, &[&rustls::version::TLS13]);
    config.send_half_rtt_data = true;
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 12000\r\n\r\n";
    let reply = format!("{head}{}", "x".repeat(12_000));
    let server = serve(config, move |mut session, _| {
        if session.read() {
            let records = session.records(reply.as_bytes());
            let _ = session.stream.write_all(&records);
            session.read_request();
        }
    });
    for row in fetch(&server, 4) {
        assert_eq!(row["bytes"], 12_000, "{row}");
    }
}

#[test]
fn a_session_that_breaks_in_a_body_is_kind_body_and_tried_again() {
    let authority = Authority::new();
    for version in BOTH {
        for fault in FAULTS {
            let config = authority.config(false, &[version]);
            let server = serve(config, move |mut session, number| {
                if session.shake_hands() && session.read_request() {
                    let records = session.records(if number == 2 { WHOLE } else { HALF });
                    session.breaks(records, fault);
                }
            });
            let row = &fetch(&server, 1)[0];
            assert_eq!(row["error"]["kind"], "body", "{fault:?}: {row}");
            assert_eq!(row["attempts"], 2, "{fault:?}: {row}");
            let text = message(row);
            assert!(text.ends_with(" after 5 of 10 bytes"), "{fault:?}: {row}");
            assert_eq!(fetch(&server, 1)[0]["bytes"], 5);
        }
    }
}

#[test]
fn a_session_that_breaks_before_the_reply_is_one_kind_and_tried_again() {
    let authority = Authority::new();
    // In the middle of the handshake, after it, after the request, and in the head of the reply.
    for (at, version) in (0..4).flat_map(|at| BOTH.map(|version| (at, version))) {
        for fault in [Fault::Alert, Fault::Noise, Fault::End, Fault::Reset] {
            // In a handshake, alerts and invalid records have other results.
            if at == 0 && !matches!(fault, Fault::End | Fault::Reset) {
                continue;
            }
            let config = authority.config(false, &[version]);
            let server = serve(config, move |mut session, _| {
                let goes_on = match at {
                    0 => session.read(),
                    1 => session.shake_hands(),
                    _ => session.shake_hands() && session.read_request(),
                };
                if goes_on {
                    let mut records = session.written();
                    if at == 3 {
                        records.extend(session.records(&HALF[..20]));
                    }
                    session.breaks(records, fault);
                }
            });
            for row in fetch(&server, 4) {
                let got = (&row["error"]["kind"], &row["attempts"]);
                let wanted = (&"connect".into(), &2.into());
                assert_eq!(got, wanted, "{fault:?} at {at}: {row}");
            }
        }
    }
}

#[test]
fn a_refused_handshake_is_tls_and_final_and_one_that_is_given_up_is_not() {
    let table = [
        (40, "tls", "it wants other ciphers"),
        (70, "tls", "neither TLS 1.2 nor 1.3"),
        (112, "tls", "does not know this name"),
        (
            0,
            "connect",
            "closed the connection during the TLS handshake",
        ),
        (20, "connect", "broke the TLS session off (alert 20)"),
        (80, "connect", "broke the TLS session off (alert 80)"),
    ];
    for (alert, kind, text) in table {
        let server = RawServer::on_connection(move |mut stream| {
            let _ = stream.read(&mut [0; 4096]);
            let level = if alert == 0 { 1 } else { 2 };
            let _ = stream.write_all(&[21, 3, 3, 0, 2, level, alert]);
        });
        for row in fetch(&server, 4) {
            assert_eq!(row["error"]["kind"], kind, "alert {alert}: {row}");
            let attempts = if kind == "tls" { 1 } else { 2 };
            assert_eq!(row["attempts"], attempts, "alert {alert}: {row}");
            assert!(message(&row).contains(text), "alert {alert}: {row}");
        }
    }
    // In TLS 1.3 the client finishes the handshake and sends its request before the refusal arrives.
    for version in BOTH {
        let config = Authority::new().config(true, &[version]);
        let server = serve(config, |mut session, _| {
            let is_refused = !session.shake_hands();
            assert!(is_refused, "a client without a certificate was let in");
            let alert = session.written();
            let _ = session.stream.write_all(&alert);
        });
        for row in fetch(&server, 8) {
            assert_eq!(row["error"]["kind"], "tls", "{version:?}: {row}");
            assert!(message(&row).contains("client certificate"), "{row}");
        }
    }
}

#[test]
fn tls_where_http_is_spoken_and_the_other_way_round_is_named_with_its_cure() {
    let nginx = "<html><center>The plain HTTP request was sent to HTTPS port</center></html>";
    let with_length = |body: &str| {
        let length = body.len();
        format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let table = [
        (
            "https:",
            "HTTP/1.1 400 Bad Request\r\n\r\n".into(),
            "tls",
            "http://",
        ),
        (
            "http:",
            "\x15\x03\x01\x00\x02\x02\x46".into(),
            "protocol",
            "https://",
        ),
        (
            "http:",
            "\x16\x03\x03\x00\x7a".into(),
            "protocol",
            "https://",
        ),
        ("http:", with_length(nginx), "http_status", "https://"),
        (
            "http:",
            with_length("Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />"),
            "http_status",
            "https://",
        ),
        (
            "http:",
            "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
                .into(),
            "http_status",
            "https://",
        ),
    ];
    for (scheme, reply, kind, cure) in table {
        let said = reply.clone();
        let server = RawServer::on_connection(move |mut stream| {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(said.as_bytes());
        });
        let url = server.url("/").replace("http:", scheme);
        let ended = fetchpool()
            .args([&url, "-k", "-f", "jsonl"])
            .status(1)
            .stdout(anything())
            .run();
        let row = &rows(ended.stdout())[0];
        assert_eq!(row["error"]["kind"], kind, "{reply}: {row}");
        assert!(message(row).contains(cure), "{reply}: {row}");
    }
    // Any other 400 is not taken for it.
    let server = RawServer::saying(with_length("no"));
    let url = server.url("/");
    fetchpool()
        .arg(&url)
        .status(1)
        .stdout(crate::support::failed(
            &url,
            "http_status: 400 Bad Request\n",
        ))
        .run();
}

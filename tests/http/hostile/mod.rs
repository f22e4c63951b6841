//! Replies that servers must not send: one table of bytes and expected outcomes.
//!
//! No case may hang: an attempt that waits for more times out, and that fails the test unless a timeout is expected.

mod framing;
mod heads;

use std::thread;
use std::time::Duration;

use fetchpool::fetch::{Options, Outcome};

use crate::library::{HANG, Server, client, fetch, options};

/// What the server does after its last byte.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Closes,
    Resets,
    Holds,
}

use Then::{Closes, Holds, Resets};

/// Name, reply, what the server does then, and the size of the page or the beginning of the failure.
type Case = (&'static str, Vec<u8>, Then, &'static str);

const OK: &str = "HTTP/1.1 200 OK\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

fn case(name: &'static str, reply: impl AsRef<[u8]>, then: Then, expected: &'static str) -> Case {
    (name, reply.as_ref().to_vec(), then, expected)
}

fn run(reply: Vec<u8>, then: Then, timeout: Duration) -> String {
    let server = Server::start(move |mut conn| {
        if conn.request().is_none() {
            return;
        }
        conn.send(&reply);
        match then {
            Closes => {
                let _ = conn.stream.shutdown(std::net::Shutdown::Write);
                conn.wait_for_hangup();
            }
            Resets => conn.reset(),
            Holds => conn.wait_for_hangup(),
        }
    });
    let options = Options {
        timeout: Some(timeout),
        ..options()
    };
    let told = |outcome: Outcome| match outcome.result {
        Ok(page) => page.bytes.to_string(),
        Err(failure) => failure.to_string(),
    };
    let (outcome, _) = fetch(options.clone(), &server.url("/"));
    let fetched = told(outcome);
    // Counted bytes take another path.
    let mut came = 0;
    let counted = told(client(options).load_size(&server.url("/"), &mut |amount| came += amount));
    assert_eq!(counted, fetched);
    if let Ok(bytes) = fetched.parse::<usize>() {
        assert_eq!(came, bytes);
    }
    fetched
}

/// What is wrong with the outcome of a case.
fn complaint((name, reply, then, expected): Case, timeout: Duration) -> Option<String> {
    let got = run(reply, then, timeout);
    // A size has to be equal, a failure may go on.
    let is_right = if expected.parse::<u64>().is_ok() {
        got == expected
    } else {
        got.starts_with(expected)
    };
    (!is_right).then(|| format!("{name}: expected {expected:?}, got {got:?}"))
}

/// For cases that time out: long enough for every step before that on a busy machine. Nothing is measured.
const LIMIT: Duration = Duration::from_secs(2);

#[test]
fn every_reply_comes_to_what_it_has_to() {
    let tables = [
        heads::no_reply_at_all(),
        heads::not_http(),
        framing::lengths(),
        framing::chunks(),
        heads::repaired_heads(),
        framing::statuses(),
    ];
    let cases: Vec<Case> = tables.into_iter().flatten().collect();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let (waits, ends): (Vec<Case>, Vec<Case>) = cases
        .into_iter()
        .partition(|(_, _, _, expected)| expected.starts_with("timeout"));
    let mut wrong: Vec<String> = ends
        .into_iter()
        .filter_map(|case| complaint(case, HANG))
        .collect();
    // These wait for the timeout, so run them at once.
    thread::scope(|scope| {
        let waits: Vec<_> = waits
            .into_iter()
            .map(|case| scope.spawn(|| complaint(case, LIMIT)))
            .collect();
        wrong.extend(waits.into_iter().filter_map(|wait| wait.join().unwrap()));
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_head_that_drips_is_taken_and_one_that_drips_for_ever_is_cut() {
    let drip = |mut conn: crate::library::Conn, bytes: &mut dyn Iterator<Item = u8>| {
        conn.request();
        for byte in bytes {
            if std::io::Write::write_all(&mut conn.stream, &[byte]).is_err() {
                return;
            }
        }
        conn.wait_for_hangup();
    };
    let whole = format!("{OK}X: {}\r\nContent-Length: 2\r\n\r\nok", "y".repeat(5000));
    let server = Server::start(move |conn| drip(conn, &mut whole.bytes()));
    assert_eq!(
        fetch(options(), &server.url("/")).0.result.map(|p| p.bytes),
        Ok(2)
    );
    let server =
        Server::start(move |conn| drip(conn, &mut OK.bytes().chain(std::iter::repeat(b'a'))));
    let failure = fetch(options(), &server.url("/")).0.result.unwrap_err();
    assert!(
        failure.message().contains("larger than 256 KiB"),
        "{failure}"
    );
}

/// Replies with bytes changed, dropped, doubled and cut by random numbers that are the same in every run.
fn mutated(reply: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |below: usize| {
        // xorshift64 (Marsaglia, 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    let mut bytes = reply.to_vec();
    for _ in 0..=next(4) {
        if bytes.is_empty() {
            break;
        }
        let at = next(bytes.len());
        match next(5) {
            0 => bytes[at] = next(256) as u8,
            1 => bytes[at] = b"\r\n :;,0f\0\xff"[next(10)],
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, bytes[at]),
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

#[test]
fn no_reply_makes_an_attempt_panic_or_hang() {
    let tables = [
        framing::lengths(),
        framing::chunks(),
        heads::repaired_heads(),
        framing::statuses(),
    ];
    let replies: Vec<Vec<u8>> = tables
        .into_iter()
        .flatten()
        .map(|(_, reply, ..)| reply)
        .collect();
    let replies: Vec<Vec<u8>> = replies.into_iter().filter(|r| r.len() < 2000).collect();
    let count = 3000;
    let server = Server::start(move |mut conn| {
        if conn.request().is_some() {
            conn.send(mutated(
                &replies[conn.number % replies.len()],
                conn.number as u64,
            ));
        }
    });
    let options = Options {
        compressed: true,
        max_redirects: 2,
        ..options()
    };
    let client = client(options);
    for _ in 0..count {
        let outcome = client.load_url(&server.url("/"), &mut std::io::sink());
        if let Err(failure) = outcome.result {
            assert_ne!(failure.kind().name(), "internal", "{failure}");
            assert_ne!(failure.kind().name(), "timeout", "{failure}");
        }
    }
}

//! A name server in this process, for rows whose hosts have names.
//!
//! The first label of a name tells what becomes of a question: `silent-N` gets no answer, and all others get 127.0.0.1
//! after the wait of the server, and no IPv6 address.

use anyhow::Result;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of a question's head (RFC 1035, 4.1.1).
const HEAD: usize = 12;

/// Type A and class IN, as they end a question.
const TYPE_A: [u8; 4] = [0, 1, 0, 1];

/// An answer, and when and where it is sent.
type Answer = (Reverse<Instant>, Vec<u8>, SocketAddr);

#[derive(Default)]
struct Waiting {
    answers: Mutex<BinaryHeap<Answer>>,
    changed: Condvar,
}

/// Starts a name server on a free port of loopback that answers after `wait`. It ends with the process.
pub(crate) fn start(wait: Duration) -> Result<SocketAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = socket.local_addr()?;
    let waiting = Arc::new(Waiting::default());
    let (sender, queue) = (socket.try_clone()?, Arc::clone(&waiting));
    thread::spawn(move || send(&sender, &queue));
    thread::spawn(move || receive(&socket, &waiting, wait));
    Ok(address)
}

fn receive(socket: &UdpSocket, waiting: &Waiting, wait: Duration) {
    let mut buffer = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        let Some(answer) = answer(&buffer[..length]) else {
            continue;
        };
        let due = Reverse(Instant::now() + wait);
        let mut answers = waiting
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        answers.push((due, answer, from));
        waiting.changed.notify_one();
    }
}

fn send(socket: &UdpSocket, waiting: &Waiting) {
    let mut answers = waiting
        .answers
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    loop {
        let now = Instant::now();
        let due = answers.peek().map(|(Reverse(due), ..)| *due);
        if due.is_some_and(|due| due <= now) {
            if let Some((_, answer, to)) = answers.pop() {
                // A client that has gone needs no answer.
                let _ = socket.send_to(&answer, to);
            }
            continue;
        }
        let rest = due.map_or(Duration::from_secs(3600), |due| due - now);
        let waited = waiting.changed.wait_timeout(answers, rest);
        answers = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// The answer to `question`, if there is one.
fn answer(question: &[u8]) -> Option<Vec<u8>> {
    let name = question.get(HEAD..)?;
    if name.get(1..)?.starts_with(b"silent-") {
        return None;
    }
    // The name ends with an empty label; type and class follow. Additional records are left out.
    let end = HEAD + name.iter().position(|byte| *byte == 0)? + 5;
    let mut answer = question.get(..end)?.to_vec();
    let is_ipv4 = answer.ends_with(&TYPE_A);
    // A response, recursion desired and available, no error.
    answer[2..4].copy_from_slice(&[0x81, 0x80]);
    // One question, one answer or none.
    answer[4..HEAD].copy_from_slice(&[0, 1, 0, u8::from(is_ipv4), 0, 0, 0, 0]);
    if is_ipv4 {
        // The name of the question, type A, class IN, an hour, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}

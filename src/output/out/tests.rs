//! What becomes of pipes whose readers are slow.

use std::io::{self, PipeReader, Read as _};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Instant;

use super::*;

fn pipe() -> (PipeReader, Outgoing) {
    let (reader, end) = io::pipe().unwrap();
    let end = std::fs::File::from(OwnedFd::from(end));
    (reader, Outgoing::new(Box::new(Patient::new(end))))
}

#[test]
fn a_stream_left_non_blocking_is_waited_for() {
    let (mut reader, end) = io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&end, true).unwrap();
    let end = std::fs::File::from(OwnedFd::from(end));
    let mut outgoing = Outgoing::new(Box::new(Patient::new(end)));
    let lines = "a line\n".repeat(50_000);
    outgoing.buffer().unwrap().extend(lines.bytes());
    let writing = thread::spawn(move || outgoing.flush_by(None).unwrap());
    let mut got = String::new();
    reader.read_to_string(&mut got).unwrap();
    assert!(writing.join().unwrap());
    assert!(got == lines);
}

#[test]
fn what_a_reader_has_taken_from_a_pipe_is_known() {
    let (mut reader, mut outgoing) = pipe();
    let all = 3 * BUFFER;
    outgoing
        .buffer()
        .unwrap()
        .extend("line\n".bytes().cycle().take(all));
    assert_eq!(outgoing.unread(), all);
    // The pipe is filled, which nobody has read from.
    assert!(!outgoing.flush_by(Some(Instant::now())).unwrap());
    assert_eq!(outgoing.unread(), all);
    reader.read_exact(&mut [0; 100]).unwrap();
    assert_eq!(outgoing.unread(), all - 100);
    assert!(!outgoing.flush_by(Some(Instant::now())).unwrap());
    assert_eq!(outgoing.unread(), all - 100);
    reader.read_exact(&mut vec![0; BUFFER / 2]).unwrap();
    assert!(!outgoing.flush_by(Some(Instant::now())).unwrap());
    assert_eq!(outgoing.unread(), all - 100 - BUFFER / 2);
}

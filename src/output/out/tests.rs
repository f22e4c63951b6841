//! Pipes and terminals with slow readers.

use std::io::{self, PipeReader, Read as _};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use indicatif::{InMemoryTerm, TermLike};

use super::*;
use crate::output::streams::Nonblocking;

fn pipe() -> (PipeReader, Outgoing) {
    let (reader, end) = io::pipe().unwrap();
    let end = std::fs::File::from(OwnedFd::from(end));
    (reader, Outgoing::new(Box::new(Nonblocking::new(end))))
}

fn record(outgoing: &mut Outgoing, lines: &[u8]) {
    let push = |buffer: &mut Vec<u8>| buffer.extend_from_slice(lines);
    outgoing.record(push).unwrap();
}

#[test]
fn a_stream_left_non_blocking_is_waited_for() {
    let (mut reader, end) = io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&end, true).unwrap();
    let end = std::fs::File::from(OwnedFd::from(end));
    let mut outgoing = Outgoing::new(Box::new(Nonblocking::new(end)));
    let lines = "a line\n".repeat(50_000);
    record(&mut outgoing, lines.as_bytes());
    let writing = thread::spawn(move || outgoing.flush_by(None).unwrap());
    let mut got = String::new();
    reader.read_to_string(&mut got).unwrap();
    assert!(writing.join().unwrap());
    assert!(got == lines);
}

#[test]
fn what_a_reader_has_taken_from_a_pipe_is_known() {
    let (mut reader, mut outgoing) = pipe();
    record(&mut outgoing, &b"line\n".repeat(3 * BUFFER / 5));
    assert_eq!(outgoing.taken(), 0);
    // The pipe is filled, and its reader has read nothing.
    assert!(!outgoing.flush_by(Some(Instant::now())).unwrap());
    assert_eq!(outgoing.taken(), 0);
    reader.read_exact(&mut [0; 100]).unwrap();
    assert_eq!(outgoing.taken(), 100);
    assert!(!outgoing.flush_by(Some(Instant::now())).unwrap());
    assert_eq!(outgoing.taken(), 100);
    reader.read_exact(&mut vec![0; BUFFER / 2]).unwrap();
    assert!(!outgoing.flush_by(Some(Instant::now())).unwrap());
    assert_eq!(outgoing.taken(), 100 + BUFFER as i128 / 2);
}

/// A terminal that records each write, and takes `room` more bytes.
#[derive(Clone)]
struct Screen {
    terminal: InMemoryTerm,
    writes: Arc<Mutex<Vec<Vec<u8>>>>,
    room: Arc<Mutex<usize>>,
}

impl Out for Screen {
    fn write_by(&mut self, bytes: &[u8], _until: Option<Instant>) -> io::Result<usize> {
        let mut room = self.room.lock().unwrap();
        let bytes = &bytes[..bytes.len().min(*room)];
        *room -= bytes.len();
        if !bytes.is_empty() {
            self.writes.lock().unwrap().push(bytes.to_vec());
        }
        // A terminal's driver adds the carriage return.
        let text = String::from_utf8_lossy(bytes).replace('\n', "\r\n");
        self.terminal.write_str(&text)?;
        Ok(bytes.len())
    }
}

impl Screen {
    fn new() -> (Self, Outgoing) {
        let screen = Self {
            terminal: InMemoryTerm::new(10, 40),
            writes: Arc::default(),
            room: Arc::new(Mutex::new(usize::MAX)),
        };
        let outgoing = Outgoing::new(Box::new(screen.clone()));
        (screen, outgoing)
    }

    fn takes(&self, room: usize) {
        *self.room.lock().unwrap() = room;
    }

    fn contents(&self) -> String {
        self.terminal.contents()
    }

    fn take_writes(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.writes.lock().unwrap())
    }
}

fn flush(outgoing: &mut Outgoing) -> bool {
    outgoing.flush_by(Some(Instant::now())).unwrap()
}

#[test]
fn lines_leave_in_one_write_with_the_bar_behind_them() {
    let (screen, mut outgoing) = Screen::new();
    outgoing.line(b"zero\n");
    flush(&mut outgoing);
    assert_eq!(screen.contents(), "zero", "there is no bar yet");
    outgoing.draw("the bar".to_owned());
    screen.take_writes();
    for lines in ["one\n", "two\nthree\n"] {
        record(&mut outgoing, lines.as_bytes());
        assert!(flush(&mut outgoing));
        let wanted = format!("\r\x1b[2K{lines}the bar");
        assert_eq!(screen.take_writes(), [wanted.into_bytes()]);
    }
    assert_eq!(screen.contents(), "zero\none\ntwo\nthree\nthe bar");
    outgoing.remove_bar();
    flush(&mut outgoing);
    assert_eq!(screen.contents(), "zero\none\ntwo\nthree");
}

#[test]
fn a_terminal_that_was_stopped_is_left_alone_and_waited_for_only_for_records() {
    let (screen, mut outgoing) = Screen::new();
    screen.takes(0);
    outgoing.draw("1".to_owned());
    outgoing.draw("2".to_owned());
    outgoing.line(b"told\n");
    assert!(flush(&mut outgoing), "there is no record to wait for");
    record(&mut outgoing, b"record\n");
    assert!(!flush(&mut outgoing));
    assert_eq!(screen.contents(), "");
    screen.takes(usize::MAX);
    assert!(flush(&mut outgoing));
    assert_eq!(screen.contents(), "told\nrecord\n2");
    outgoing.draw("3".to_owned());
    assert_eq!(screen.contents(), "told\nrecord\n3");
}

#[test]
fn no_line_and_no_bar_tears_another_on_a_slow_terminal() {
    for room in 1..60 {
        let (screen, mut outgoing) = Screen::new();
        for round in ["1", "2", "3"] {
            screen.takes(room);
            outgoing.draw(format!("bar {round}"));
            record(&mut outgoing, b"a record\n");
            flush(&mut outgoing);
            outgoing.line(b"a message\n");
            screen.takes(room);
            flush(&mut outgoing);
        }
        outgoing.remove_bar();
        screen.takes(usize::MAX);
        assert!(flush(&mut outgoing));
        let shown = screen.contents();
        assert_eq!(shown, ["a record\na message"; 3].join("\n"), "{room}");
    }
}

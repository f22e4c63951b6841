//! When lines are written, in how many writes, and what happens after an error.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::super::streams::Blocking;
use super::*;

/// Records each write; fails after `room` bytes.
#[derive(Clone)]
struct RecordedWrites {
    writes: Arc<Mutex<Vec<Vec<u8>>>>,
    room: usize,
}

impl RecordedWrites {
    fn new(room: usize) -> Self {
        Self {
            writes: Arc::default(),
            room,
        }
    }

    fn writes(&self) -> Vec<Vec<u8>> {
        self.writes.lock().unwrap().clone()
    }
}

impl io::Write for RecordedWrites {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room);
        if taken == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.room -= taken;
        self.writes.lock().unwrap().push(bytes[..taken].to_vec());
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn text_to(stream: &RecordedWrites) -> Writer {
    let out = Box::new(Blocking(stream.clone()));
    Writer::new(out, Format::Text, false, Fields::all(Format::Text))
}

#[test]
fn lines_leave_when_told_and_in_one_write() {
    let stream = RecordedWrites::new(usize::MAX);
    let mut writer = text_to(&stream);
    writer.write(&Record::page("http://a/", 1)).unwrap();
    writer.write(&Record::page("http://b/", 2)).unwrap();
    assert!(stream.writes().is_empty() && !writer.out.is_empty());
    writer.out.flush_by(None).unwrap();
    writer.out.flush_by(None).unwrap();
    assert!(writer.out.is_empty());
    assert_eq!(
        stream.writes(),
        [b"'http://a/' page is 1 bytes\n'http://b/' page is 2 bytes\n"]
    );
}

#[test]
fn a_table_has_its_header_even_if_it_is_empty() {
    for (format, start) in [
        (Format::Csv, "url,source,"),
        (Format::Tsv, "url\tsource\t"),
        (Format::Jsonl, ""),
    ] {
        let stream = RecordedWrites::new(usize::MAX);
        let out = Box::new(Blocking(stream.clone()));
        let mut writer = Writer::new(out, format, true, Fields::all(format));
        writer.out.flush_by(None).unwrap();
        let written = String::from_utf8(stream.writes().concat()).unwrap();
        assert!(written.starts_with(start), "{written}");
        assert_eq!(written.lines().count(), usize::from(!start.is_empty()));
        writer.write(&Record::page("http://a/", 1)).unwrap();
        writer.out.flush_by(None).unwrap();
        let written = stream.writes().concat();
        assert_eq!(
            written.iter().filter(|byte| **byte == b'\n').count(),
            1 + usize::from(!start.is_empty())
        );
    }
}

#[test]
fn a_full_buffer_leaves_in_whole_lines() {
    let stream = RecordedWrites::new(usize::MAX);
    let mut writer = text_to(&stream);
    let long = "x".repeat(10 * BUFFER);
    let short = "http://example.com/";
    for url in std::iter::repeat_n(short, 5000).chain([long.as_str()]) {
        writer.write(&Record::page(url, 7)).unwrap();
        if writer.is_full() {
            writer.out.flush_by(None).unwrap();
        }
    }
    assert!(writer.out.is_empty());
    let writes = stream.writes();
    assert!((3..=5).contains(&writes.len()), "{} writes", writes.len());
    assert!(
        writes
            .iter()
            .all(|lines| lines.len() >= BUFFER && lines.ends_with(b"\n"))
    );
    assert_eq!(
        writes
            .concat()
            .iter()
            .filter(|byte| **byte == b'\n')
            .count(),
        5001
    );
}

#[test]
fn what_no_reader_takes_is_counted() {
    /// Takes that many bytes and no more.
    struct Stalling(usize);
    impl Out for Stalling {
        fn write_by(&mut self, bytes: &[u8], _until: Option<Instant>) -> io::Result<usize> {
            let amount = bytes.len().min(self.0);
            self.0 -= amount;
            Ok(amount)
        }
    }
    let line = "'http://a/' page is 1 bytes\n".len();
    for (format, room, left) in [
        (Format::Text, 0, 3),
        (Format::Text, line - 1, 3),
        (Format::Text, line, 2),
        (Format::Text, 2 * line + 1, 1),
        (Format::Text, 3 * line, 0),
        (Format::Csv, 10, 3),
    ] {
        let out = Box::new(Stalling(room));
        let mut writer = Writer::new(out, format, false, Fields::all(format));
        for _ in 0..3 {
            writer.write(&Record::page("http://a/", 1)).unwrap();
        }
        let is_flushed = writer.out.flush_by(Some(Instant::now())).unwrap();
        assert_eq!(is_flushed, left == 0);
        assert_eq!(writer.out.give_up_records(), left, "{format:?} {room}");
    }
}

#[test]
fn dropping_writes_nothing() {
    let stream = RecordedWrites::new(usize::MAX);
    text_to(&stream)
        .write(&Record::page("http://a/", 1))
        .unwrap();
    assert!(stream.writes().is_empty());
}

#[test]
fn after_an_error_nothing_is_ever_written() {
    let mut stream = RecordedWrites::new(10);
    let mut writer = text_to(&stream);
    writer.write(&Record::page("http://a/", 1)).unwrap();
    assert_eq!(
        writer.out.flush_by(None).unwrap_err().kind(),
        io::ErrorKind::BrokenPipe
    );
    stream.room = usize::MAX;
    assert!(writer.out.is_empty());
    for _ in 0..2 {
        let again = writer.write(&Record::page("http://b/", 2));
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(
            writer.out.flush_by(None).unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
    }
    drop(writer);
    assert_eq!(stream.writes(), [b"'http://a/"]);
}

//! The order of records and messages on a terminal and elsewhere, and the count of dropped messages.

use std::io;
use std::sync::{Arc, Mutex};

use super::*;
use crate::output::{Fields, Format, Out};

/// A reader that takes a given number of bytes.
#[derive(Clone, Default)]
struct Slow(Arc<Mutex<(usize, Vec<u8>)>>);

impl Slow {
    fn takes(&self, room: usize) {
        self.0.lock().unwrap().0 = room;
    }

    fn shown(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().1.clone()).unwrap()
    }
}

impl Out for Slow {
    fn write_by(&mut self, bytes: &[u8], _until: Option<Instant>) -> io::Result<usize> {
        let (room, shown) = &mut *self.0.lock().unwrap();
        let taken = bytes.len().min(*room);
        *room -= taken;
        shown.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }
}

/// A report whose messages go to `stderr`, or to the terminal of the records.
fn report(stdout: &Slow, stderr: Option<&Slow>) -> Report<'static> {
    Report::new(
        Writer::new(
            Box::new(stdout.clone()),
            Format::Text,
            false,
            Fields::all(Format::Text),
        ),
        stderr.map(|stderr| Outgoing::new(Box::new(stderr.clone()))),
        None,
        None,
        None,
    )
}

fn record(report: &mut Report<'_>, url: &str) {
    report.record(Record::page(url, 1), None);
}

fn flush(report: &mut Report<'_>) -> bool {
    report.flush_by(Instant::now()).unwrap() && report.messages().is_empty()
}

#[test]
fn neither_stream_tears_a_line_of_the_other_on_a_slow_terminal() {
    for room in 1..40 {
        let terminal = Slow::default();
        let mut report = report(&terminal, None);
        for round in 0..4 {
            record(&mut report, "http://a/");
            terminal.takes(room);
            flush(&mut report);
            report.tell(format_args!("told {round}"));
            terminal.takes(room);
            flush(&mut report);
        }
        while !flush(&mut report) {
            terminal.takes(room);
        }
        let shown = terminal.shown();
        let (records, told): (Vec<_>, Vec<_>) = shown.lines().partition(|l| l.starts_with('\''));
        assert_eq!(records, ["'http://a/' page is 1 bytes"; 4], "{room}");
        let wanted = [0, 1, 2, 3].map(|round| format!("fetchpool: told {round}"));
        assert_eq!(told, wanted, "{room}");
    }
}

#[test]
fn what_is_told_does_not_wait_for_a_reader_of_records_elsewhere() {
    let (stdout, stderr) = (Slow::default(), Slow::default());
    let mut report = report(&stdout, Some(&stderr));
    record(&mut report, "http://a/");
    stdout.takes(3);
    stderr.takes(usize::MAX);
    assert!(!flush(&mut report));
    report.tell("told");
    assert_eq!(stderr.shown(), "fetchpool: told\n");
}

#[test]
fn a_record_that_is_given_up_in_its_middle_keeps_what_is_told_off_its_line() {
    let terminal = Slow::default();
    let mut report = report(&terminal, None);
    record(&mut report, "http://a/");
    terminal.takes(5);
    assert!(!flush(&mut report));
    report.tell("terminated");
    record(&mut report, "http://b/");
    assert_eq!(report.writer.out.give_up_records(), 2);
    terminal.takes(usize::MAX);
    report.tell("2 records were not written");
    let wanted = "'http\nfetchpool: terminated\nfetchpool: 2 records were not written\n";
    assert_eq!(terminal.shown(), wanted);
}

#[test]
fn what_there_was_no_room_for_is_told_of_before_all_is_said_to_be_out() {
    let stderr = Slow::default();
    let mut report = report(&Slow::default(), Some(&stderr));
    let long = "x".repeat(MESSAGE_BYTES);
    for message in [&*long, "lost", "lost"] {
        report.tell(message);
    }
    let note = "fetchpool: (2 lines left out)\n";
    stderr.takes(long.len() + note.len());
    assert!(!flush(&mut report));
    stderr.takes(note.len());
    assert!(flush(&mut report));
    assert!(stderr.shown().ends_with(&format!("x\n{note}")));
}

#[test]
fn a_reader_that_reads_is_told_all_however_long_it_is_behind() {
    let stderr = Slow::default();
    let mut report = report(&Slow::default(), Some(&stderr));
    let line = "x".repeat(9_980);
    for _ in 0..300 {
        stderr.takes(9_990);
        report.tell(&line);
        assert!(!report.messages().is_empty());
    }
    stderr.takes(usize::MAX);
    assert!(flush(&mut report));
    assert_eq!(stderr.shown().lines().count(), 300);
}

#[test]
fn a_slow_terminal_shows_records_and_messages_in_their_order_and_is_seen_to_read() {
    let terminal = Slow::default();
    let mut report = report(&terminal, None);
    terminal.takes(5);
    for message in ["line"; 3] {
        report.tell(message);
    }
    record(&mut report, "http://a/");
    report.tell("behind");
    let before = report.writer.out.taken();
    terminal.takes(60);
    assert!(!flush(&mut report));
    assert_eq!(report.writer.out.taken(), before + 60);
    terminal.takes(usize::MAX);
    assert!(flush(&mut report));
    let lines = "fetchpool: line\n".repeat(3);
    let wanted = format!("{lines}'http://a/' page is 1 bytes\nfetchpool: behind\n");
    assert_eq!(terminal.shown(), wanted);
}

#[test]
fn what_is_left_out_at_the_end_are_whole_lines_and_the_oldest() {
    let stderr = Slow::default();
    let mut report = report(&Slow::default(), Some(&stderr));
    stderr.takes(5);
    for message in ["one", "two", "three", "four"] {
        report.tell(message);
    }
    assert_eq!(report.messages().leave_out(1000), 0);
    let most = "fetchpool: four\n".len() + 3;
    assert_eq!(report.messages().leave_out(most), 2);
    stderr.takes(usize::MAX);
    assert!(flush(&mut report));
    assert_eq!(stderr.shown(), "fetchpool: one\nfetchpool: four\n");
}

//! Who may write when, on a terminal and elsewhere, and what is told of what was left out.

use std::io;
use std::sync::{Arc, Mutex};

use super::*;
use crate::output::{Format, Out};

/// A reader that takes so many bytes more.
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

fn report(stdout: &Slow, stderr: &Slow, shares_terminal: bool) -> Report<'static> {
    Report {
        writer: Writer::new(Box::new(stdout.clone()), Format::Text, false),
        notices: Outgoing::new(Box::new(stderr.clone())),
        unsaid: 0,
        progress: Progress::new(false, shares_terminal),
        summary: None,
        counts: Counts::default(),
        ordered: None,
        parked: 0,
    }
}

fn record(report: &mut Report<'_>, url: &str) {
    report.record(Record::page(url, 1), None).unwrap();
}

fn flush(report: &mut Report<'_>) -> bool {
    let now = Instant::now();
    report.flush_by(now).unwrap() && report.flush_notices_by(now)
}

#[test]
fn neither_stream_tears_a_line_of_the_other_on_a_slow_terminal() {
    for room in 1..40 {
        let terminal = Slow::default();
        let mut report = report(&terminal, &terminal, true);
        for round in 0..4 {
            record(&mut report, "http://a/");
            terminal.takes(room);
            flush(&mut report);
            report.tell(&format_args!("told {round}"));
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
    let mut report = report(&stdout, &stderr, false);
    record(&mut report, "http://a/");
    stdout.takes(3);
    stderr.takes(usize::MAX);
    assert!(!flush(&mut report));
    report.tell(&"told");
    assert_eq!(stderr.shown(), "fetchpool: told\n");
}

#[test]
fn a_record_that_is_given_up_in_its_middle_keeps_what_is_told_off_its_line() {
    let terminal = Slow::default();
    let mut report = report(&terminal, &terminal, true);
    record(&mut report, "http://a/");
    terminal.takes(5);
    assert!(!flush(&mut report));
    report.tell(&"terminated");
    assert_eq!(report.give_up_records(), 1);
    terminal.takes(usize::MAX);
    report.tell(&"1 record was not written");
    let wanted = "'http\nfetchpool: terminated\nfetchpool: 1 record was not written\n";
    assert_eq!(terminal.shown(), wanted);
}

#[test]
fn what_there_was_no_room_for_is_told_of_before_all_is_said_to_be_out() {
    let stderr = Slow::default();
    let mut report = report(&Slow::default(), &stderr, false);
    let long = "x".repeat(MOST_NOTICES);
    report.tell_all(&[&long, "lost", "lost"]);
    let note = "fetchpool: (2 lines left out)\n";
    stderr.takes(long.len() + note.len());
    assert!(!report.flush_notices_by(Instant::now()));
    stderr.takes(note.len());
    assert!(report.flush_notices_by(Instant::now()));
    assert!(stderr.shown().ends_with(&format!("x\n{note}")));
}

#[test]
fn a_reader_that_reads_is_told_all_however_long_it_is_behind() {
    let stderr = Slow::default();
    let mut report = report(&Slow::default(), &stderr, false);
    let line = "x".repeat(9_980);
    for _ in 0..300 {
        stderr.takes(9_990);
        report.tell(&line);
        assert!(!report.notices.is_flushed());
    }
    stderr.takes(usize::MAX);
    assert!(report.flush_notices_by(Instant::now()));
    assert_eq!(stderr.shown().lines().count(), 300);
}

#[test]
fn records_wait_for_no_more_than_the_line_that_was_begun() {
    let terminal = Slow::default();
    let mut report = report(&terminal, &terminal, true);
    terminal.takes(5);
    let lines = ["line"; 1000];
    report.tell_all(&lines);
    record(&mut report, "http://a/");
    let before = report.unread();
    terminal.takes(60);
    assert!(report.flush_by(Instant::now()).unwrap());
    assert!(report.unread() < before);
    let shown = terminal.shown();
    assert!(
        shown.starts_with("fetchpool: line\n'http://a/' page is 1 bytes\n"),
        "{shown}"
    );
}

#[test]
fn what_is_left_out_at_the_end_are_whole_lines_and_the_oldest() {
    let stderr = Slow::default();
    let mut report = report(&Slow::default(), &stderr, false);
    stderr.takes(5);
    report.tell_all(&["one", "two", "three", "four"]);
    assert_eq!(report.notices.leave_out(1000), 0);
    assert_eq!(report.notices.leave_out("fetchpool: four\n".len() + 3), 2);
    stderr.takes(usize::MAX);
    assert!(report.flush_notices_by(Instant::now()));
    assert_eq!(stderr.shown(), "fetchpool: one\nfetchpool: four\n");
}

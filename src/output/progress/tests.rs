//! The bar as a terminal shows it, with the clock in hand.

use std::io;
use std::sync::{Arc, Mutex};

use indicatif::{InMemoryTerm, TermLike};

use super::*;

/// A terminal that counts the writes to it, and takes nothing while it is stopped.
#[derive(Clone)]
struct Screen {
    terminal: InMemoryTerm,
    writes: Arc<Mutex<Vec<Vec<u8>>>>,
    is_stopped: Arc<Mutex<bool>>,
}

impl Out for Screen {
    fn write_by(&mut self, bytes: &[u8], _until: Option<Instant>) -> io::Result<usize> {
        if *self.is_stopped.lock().unwrap() {
            return Ok(0);
        }
        self.writes.lock().unwrap().push(bytes.to_vec());
        // As a terminal's driver does.
        let text = String::from_utf8_lossy(bytes).replace('\n', "\r\n");
        self.terminal.write_str(&text)?;
        Ok(bytes.len())
    }
}

impl Screen {
    fn contents(&self) -> String {
        self.terminal.contents()
    }

    fn take_writes(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.writes.lock().unwrap())
    }
}

/// A bar on a terminal of `columns`.
fn bar(columns: u16) -> (Progress, Screen) {
    let screen = Screen {
        terminal: InMemoryTerm::new(10, columns),
        writes: Arc::default(),
        is_stopped: Arc::default(),
    };
    let stopped = Arc::clone(&screen.is_stopped);
    let takes_by = move |_| !*stopped.lock().unwrap();
    let bar = Bar::new(Box::new(screen.clone()), move || columns.into(), takes_by);
    let progress = Progress {
        bar: Some(bar),
        shares_terminal: true,
    };
    (progress, screen)
}

fn counts(done: u64) -> Counts {
    Counts {
        done,
        in_flight: 5,
        ..Counts::default()
    }
}

impl Progress {
    fn update_at(&mut self, counts: &Counts, now: Instant) {
        self.bar.as_mut().unwrap().update(counts, true, now);
    }
}

/// Writes `lines` to the terminal of the bar, as the report does.
fn say(progress: &mut Progress, screen: &Screen, lines: &str) {
    let now = Instant::now();
    let mut out = Outgoing::new(Box::new(screen.clone()));
    out.buffer().unwrap().extend_from_slice(lines.as_bytes());
    let (erase, bar) = progress.around(now).unwrap();
    assert!(out.flush_between(erase, &bar, now).unwrap());
}

#[test]
fn a_list_that_grew_shows_what_was_done() {
    let (mut progress, screen) = bar(80);
    progress.set_total(3);
    progress.update_at(&counts(5), Instant::now());
    assert!(
        screen.contents().starts_with("5/5 [==="),
        "{}",
        screen.contents()
    );
}

#[test]
fn it_is_drawn_on_one_row_and_cleared() {
    let (mut progress, screen) = bar(80);
    progress.set_total(10);
    progress.update_at(&counts(0), Instant::now());
    let shown = screen.contents();
    assert!(shown.starts_with("0/10 [>        "), "{shown}");
    assert!(shown.ends_with("]  0%  5 in flight"), "{shown}");
    // `^C` finds room behind it.
    assert_eq!((shown.lines().count(), shown.len()), (1, 77));
    progress.finish();
    assert_eq!(screen.contents(), "");
    progress.update(&counts(9), true);
    progress.finish();
    assert_eq!(screen.contents(), "");
    assert_eq!(progress.due(), None);
}

#[test]
fn every_width_keeps_to_one_row_and_leaves_room_for_a_key() {
    for columns in 1..=120 {
        let (mut progress, screen) = bar(columns);
        progress.set_total(1_234_567);
        let counts = Counts {
            done: 123_456,
            failed: 78,
            in_flight: 500,
            bytes: u64::MAX,
            waiting: Some((12_345, Instant::now() + Duration::from_secs(59))),
        };
        progress.update_at(&counts, Instant::now());
        let shown = screen.contents();
        assert!(shown.lines().count() <= 1, "{columns}: {shown}");
        assert!(
            shown.len() <= usize::from(columns).saturating_sub(3),
            "{shown}"
        );
        progress.finish();
        assert_eq!(screen.contents(), "");
    }
}

#[test]
fn it_is_drawn_ten_times_a_second_however_often_it_is_told() {
    let (mut progress, screen) = bar(80);
    let start = Instant::now();
    for n in 0..100_000 {
        progress.update_at(&counts(n), start + Duration::from_micros(10 * n));
    }
    assert_eq!(screen.take_writes().len(), 10);
}

#[test]
fn lines_leave_in_one_write_with_the_bar_behind_them() {
    let (mut progress, screen) = bar(40);
    say(&mut progress, &screen, "zero\n");
    assert_eq!(screen.contents(), "zero", "there is no bar yet");
    progress.update_at(&counts(0), Instant::now());
    screen.take_writes();
    for lines in ["one\n", "two\nthree\n"] {
        say(&mut progress, &screen, lines);
        let wanted = format!("\r\x1b[2K{lines}0 done  5 in flight");
        assert_eq!(screen.take_writes(), [wanted.into_bytes()]);
    }
    assert_eq!(
        screen.contents(),
        "zero\none\ntwo\nthree\n0 done  5 in flight"
    );
    progress.finish();
    assert_eq!(screen.contents(), "zero\none\ntwo\nthree");
}

#[test]
fn a_bar_that_was_erased_is_drawn_again_when_that_is_due() {
    let (mut progress, screen) = bar(40);
    let start = Instant::now();
    progress.update_at(&counts(1), start);
    progress.erased();
    assert_eq!(progress.around(start).unwrap(), (&b""[..], Vec::new()));
    progress.update_at(&counts(2), start + BETWEEN_DRAWS);
    assert!(screen.contents().starts_with('2'), "{}", screen.contents());
}

#[test]
fn what_is_not_drawn_costs_nothing_and_makes_no_room() {
    let mut progress = Progress::new(false, true);
    progress.set_total(3);
    progress.update(&counts(1), true);
    assert_eq!(progress.due(), None);
    assert_eq!(
        progress.around(Instant::now()).unwrap(),
        (&b""[..], Vec::new())
    );
    progress.finish();
}

#[test]
fn dropping_it_clears_it() {
    let (mut progress, screen) = bar(40);
    progress.update_at(&counts(1), Instant::now());
    drop(progress);
    assert_eq!(screen.contents(), "");
}

#[test]
fn a_terminal_that_was_stopped_is_left_alone() {
    let (mut progress, screen) = bar(80);
    let start = Instant::now();
    *screen.is_stopped.lock().unwrap() = true;
    progress.update_at(&counts(1), start);
    assert_eq!(screen.contents(), "");
    *screen.is_stopped.lock().unwrap() = false;
    progress.update_at(&counts(2), start + BETWEEN_DRAWS);
    let shown = screen.contents();
    assert!(shown.starts_with('2'), "{shown}");
    *screen.is_stopped.lock().unwrap() = true;
    // Or what is written would stand behind the bar, on its row.
    assert!(progress.around(start).is_none());
    progress.finish();
    assert_eq!(screen.contents(), shown);
}

#[test]
fn it_is_not_drawn_into_a_line_that_has_no_end_yet() {
    let (mut progress, screen) = bar(40);
    let start = Instant::now();
    let bar = progress.bar.as_mut().unwrap();
    bar.update(&counts(1), false, start);
    assert_eq!(screen.contents(), "");
    assert!(
        progress.due() > Some(start),
        "it would be asked for all the time"
    );
    progress.update_at(&counts(1), start + BETWEEN_DRAWS);
    assert!(screen.contents().starts_with('1'));
}

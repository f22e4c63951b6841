//! The bar as a terminal shows it, with the clock in hand.

use indicatif::{InMemoryTerm, TermLike};

use super::*;

/// A bar on a terminal of `columns`.
fn bar(columns: u16) -> (Progress, InMemoryTerm) {
    let terminal = InMemoryTerm::new(10, columns);
    let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
    let bar = Bar::new(target, move || columns.into(), |_| true);
    (
        Progress {
            bar: Some(bar),
            shares_terminal: true,
        },
        terminal,
    )
}

fn counts(done: u64) -> Counts {
    Counts {
        done,
        failed: 0,
        in_flight: 5,
        bytes: 0,
    }
}

impl Progress {
    fn update_at(&mut self, counts: &Counts, now: Instant) {
        self.bar.as_mut().unwrap().update(counts, true, now);
    }

    /// Writes, as what follows in a run is an update.
    fn write_at(&mut self, counts: &Counts, now: Instant, write: impl FnOnce()) {
        assert_eq!(self.suspend_stderr(now, write), Some(()));
        self.update_at(counts, now);
    }
}

#[test]
fn a_list_that_grew_shows_what_was_done() {
    let (mut progress, terminal) = bar(80);
    progress.set_total(3);
    progress.update_at(&counts(5), Instant::now());
    assert!(
        terminal.contents().starts_with("5/5 [==="),
        "{}",
        terminal.contents()
    );
}

#[test]
fn it_is_drawn_on_one_row_and_cleared() {
    let (mut progress, terminal) = bar(80);
    progress.set_total(10);
    progress.update_at(&counts(0), Instant::now());
    let shown = terminal.contents();
    assert!(shown.starts_with("0/10 [        "), "{shown}");
    assert!(shown.ends_with("]  0%  5 in flight"), "{shown}");
    assert_eq!((shown.lines().count(), shown.len()), (1, 80));
    progress.finish();
    assert_eq!(terminal.contents(), "");
    progress.update(&counts(9), true);
    progress.finish();
    assert_eq!(terminal.contents(), "");
    assert_eq!(progress.due(), None);
}

#[test]
fn every_width_keeps_to_one_row() {
    for columns in 1..=120 {
        let (mut progress, terminal) = bar(columns);
        progress.set_total(1_234_567);
        let counts = Counts {
            done: 123_456,
            failed: 78,
            in_flight: 500,
            bytes: u64::MAX,
        };
        progress.update_at(&counts, Instant::now());
        assert_eq!(
            terminal.contents().lines().count(),
            1,
            "{columns}: {}",
            terminal.contents()
        );
        progress.finish();
        assert_eq!(terminal.contents(), "");
    }
}

#[test]
fn it_is_drawn_ten_times_a_second_however_often_it_is_told() {
    let (mut progress, terminal) = bar(80);
    let start = Instant::now();
    let mut draws = 0;
    for n in 0..100_000 {
        progress.update_at(&counts(n), start + Duration::from_micros(10 * n));
        draws += terminal.moves_since_last_check().matches("Flush").count();
    }
    assert_eq!(draws, 10);
}

#[test]
fn result_lines_are_never_torn() {
    let (mut progress, terminal) = bar(40);
    let start = Instant::now();
    let say = |text: &str| terminal.write_line(text).unwrap();
    progress.update_at(&counts(0), start);
    assert_eq!(terminal.contents(), "0 done  5 in flight");
    progress.write_at(&counts(0), start + Duration::from_millis(50), || say("one"));
    assert_eq!(terminal.contents(), "one\n0 done  5 in flight");
    // The next line comes too soon for the bar to be drawn again.
    progress.write_at(&counts(0), start + Duration::from_millis(60), || say("two"));
    assert_eq!(terminal.contents(), "one\ntwo");
    progress.update_at(&counts(2), start + Duration::from_millis(82));
    assert_eq!(terminal.contents(), "one\ntwo");
    progress.update_at(&counts(2), start + Duration::from_millis(83));
    assert!(
        terminal.contents().starts_with("one\ntwo\n2 done"),
        "{}",
        terminal.contents()
    );
    progress.finish();
    assert_eq!(terminal.contents(), "one\ntwo");
}

#[test]
fn a_flood_of_lines_costs_a_bounded_number_of_draws() {
    let (mut progress, terminal) = bar(40);
    let start = Instant::now();
    let mut flushes = 0;
    for n in 0..10_000 {
        let now = start + Duration::from_micros(100 * n);
        progress.write_at(&counts(n), now, || ());
        flushes += terminal.moves_since_last_check().matches("Flush").count();
    }
    // Thirty draws in this second at most, and as many clearings.
    assert!((40..=62).contains(&flushes), "{flushes}");
}

#[test]
fn lines_for_another_place_leave_the_bar_alone() {
    let (mut progress, terminal) = bar(40);
    progress.shares_terminal = false;
    progress.update_at(&counts(1), Instant::now());
    terminal.moves_since_last_check();
    assert_eq!(progress.suspend(Instant::now(), || 7), Some(7));
    assert_eq!(terminal.moves_since_last_check(), "");
    assert_eq!(
        progress
            .suspend_stderr(Instant::now(), || terminal.contents())
            .unwrap(),
        ""
    );
}

#[test]
fn what_is_not_drawn_costs_nothing_and_still_runs() {
    let mut progress = Progress::new(false, true);
    progress.set_total(3);
    progress.update(&counts(1), true);
    assert_eq!(progress.due(), None);
    assert_eq!(
        progress
            .suspend(Instant::now(), || 7)
            .zip(progress.suspend_stderr(Instant::now(), || 1)),
        Some((7, 1))
    );
    progress.finish();
}

#[test]
fn dropping_it_clears_it() {
    let (mut progress, terminal) = bar(40);
    progress.update_at(&counts(1), Instant::now());
    drop(progress);
    assert_eq!(terminal.contents(), "");
}

#[test]
fn a_terminal_that_was_stopped_is_left_alone() {
    let terminal = InMemoryTerm::new(10, 80);
    let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
    let takes = Arc::new(Mutex::new(false));
    let asked = Arc::clone(&takes);
    let bar = Bar::new(target, || 80, move |_| *asked.lock().unwrap());
    let mut progress = Progress {
        bar: Some(bar),
        shares_terminal: false,
    };
    let start = Instant::now();
    progress.update_at(&counts(1), start);
    assert_eq!(terminal.contents(), "");
    *takes.lock().unwrap() = true;
    progress.update_at(&counts(2), start + BETWEEN_DRAWS);
    let shown = terminal.contents();
    assert!(shown.starts_with('2'), "{shown}");
    *takes.lock().unwrap() = false;
    // Or what is written would stand behind the bar, on its row.
    assert_eq!(progress.suspend_stderr(start, || 1), None);
    progress.finish();
    assert_eq!(terminal.contents(), shown);
}

#[test]
fn it_is_not_drawn_into_a_line_that_has_no_end_yet() {
    let (mut progress, terminal) = bar(40);
    let start = Instant::now();
    let bar = progress.bar.as_mut().unwrap();
    bar.update(&counts(1), false, start);
    assert_eq!(terminal.contents(), "");
    assert!(
        progress.due() > Some(start),
        "it would be asked for all the time"
    );
    progress.update_at(&counts(1), start + BETWEEN_DRAWS);
    assert!(terminal.contents().starts_with('1'));
}

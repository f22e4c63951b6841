//! The text of the bar, at times that the test chooses.

use super::*;

/// A bar for a terminal of `columns`.
fn bar(columns: usize) -> Progress {
    Progress::new(move || columns)
}

fn counts(done: u64) -> Counts {
    Counts {
        done,
        in_flight: 5,
        ..Counts::default()
    }
}

fn shown(bar: &mut Progress, counts: &Counts) -> String {
    let due = bar.due();
    bar.row(counts, None, due).expect("it is due")
}

#[test]
fn a_list_that_grew_shows_what_was_done() {
    let mut bar = bar(80);
    bar.set_total(3);
    let shown = shown(&mut bar, &counts(5));
    assert!(shown.starts_with("5/5 [==="), "{shown}");
}

#[test]
fn it_fills_one_row_but_for_a_key() {
    let mut bar = bar(80);
    bar.set_total(10);
    let shown = shown(&mut bar, &counts(0));
    assert!(shown.starts_with("0/10 [>        "), "{shown}");
    assert!(shown.ends_with("]  0%  5 in flight"), "{shown}");
    // Three columns stay free for `^C`.
    assert_eq!((shown.lines().count(), shown.len()), (1, 77));
}

#[test]
fn every_width_keeps_to_one_row_and_leaves_room_for_a_key() {
    for columns in 1..=120 {
        let mut bar = bar(columns);
        bar.set_total(1_234_567);
        let counts = Counts {
            done: 123_456,
            failed: 78,
            in_flight: 500,
            reaching: 0,
            bytes: u64::MAX,
            waiting: Some((12_345, Instant::now() + Duration::from_secs(59))),
        };
        let shown = shown(&mut bar, &counts);
        assert!(shown.lines().count() <= 1, "{columns}: {shown}");
        assert!(shown.len() <= columns.saturating_sub(3), "{shown}");
    }
}

#[test]
fn it_is_drawn_ten_times_a_second_however_often_it_is_told() {
    let mut bar = bar(80);
    let start = bar.due();
    let drawn = (0..100_000).filter(|n| {
        let now = start + Duration::from_micros(10 * n);
        bar.row(&counts(*n), None, now).is_some()
    });
    assert_eq!(drawn.count(), 10);
}

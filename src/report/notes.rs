//! What the page says of its file in sentences: what is counted, and what is not shown.

use indicatif::HumanCount;

use super::charts::decimal;
use super::collect::{Collected, URLS, WORKERS};
use super::top::Top;
use crate::output::counted;

/// What a reader must know of the file.
pub(super) fn notes(collected: &Collected) -> Vec<String> {
    let planned = collected.planned;
    let attempted = collected.fetched + collected.failed;
    let has_times = collected.times.count() > 0;
    let notes = [
        (collected.rows == 0).then(|| "The file has no rows: nothing was fetched.".to_owned()),
        (collected.repeated > 0).then(|| repeated(collected)),
        (planned > 0).then(|| {
            let rows = counted(planned, "row");
            format!(
                "{rows} {} of a dry run, in which nothing is fetched.",
                are(planned)
            )
        }),
        (attempted > 0 && !has_times)
            .then(|| "No row has elapsed_ms: there are no times.".to_owned()),
        (has_times && collected.began.is_none())
            .then(|| "No row has started_at: nothing can be drawn over time.".to_owned()),
    ];
    notes.into_iter().flatten().collect()
}

fn repeated(collected: &Collected) -> String {
    let [repeated, rows] = [collected.repeated, collected.rows].map(HumanCount);
    let urls = match collected.repeated {
        1 => "is of a URL",
        _ => "are of URLs",
    };
    let text = format!(
        "{repeated} of the {rows} rows {urls} that an earlier row has, too. Every row is counted."
    );
    match collected.distinct < URLS {
        true => text,
        false => format!(
            "At least {text} Only the first {} URLs were compared.",
            HumanCount(URLS)
        ),
    }
}

fn are(count: u64) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// Which requests are drawn, and of how many.
pub(super) fn lanes_text(collected: &Collected) -> String {
    let (fetched, failed) = (&collected.drawn, &collected.drawn_failures);
    let offered = fetched.offered() + failed.offered();
    let has_others = collected.workers > WORKERS;
    let of_workers = match has_others {
        true => format!(" of workers 0 to {}", WORKERS - 1),
        false => String::new(),
    };
    let mut text = if fetched.is_whole() && failed.is_whole() {
        let requests = counted(offered, "request");
        format!(
            "All {requests}{of_workers} with a time {} drawn.",
            are(offered)
        )
    } else {
        let parts = [(fetched, "that were fetched"), (failed, "that failed")];
        let parts = parts.into_iter().filter(|(top, _)| top.offered() > 0);
        let part = |(top, what): (&Top<_>, _)| {
            let [kept, offered] = [top.len() as u64, top.offered()].map(HumanCount);
            format!("{kept} of the {offered}{of_workers} {what}")
        };
        let parts: Vec<_> = parts.map(part).collect();
        let share = (fetched.len() + failed.len()) as f64 / collected.timed as f64 * 100.0;
        format!(
            "Only the longest requests are drawn, {}% of all with a time: {}. Where there is no bar, the worker need not \
             have been idle.",
            decimal(share),
            parts.join(" and "),
        )
    };
    if has_others {
        text += &format!(
            " Workers from number {WORKERS} on are not drawn; they made {}.",
            counted(collected.timed - offered, "request")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of `count` requests, each of the next of `workers`.
    fn text(count: u64, workers: u64, ok: impl Fn(u64) -> bool) -> String {
        let mut collected = Collected::new();
        for n in 0..count {
            let row = format!(
                r#"{{"url":"http://h/{n}","ok":{},"elapsed_ms":{n},"worker":{},"started_at":"2026-01-31T10:00:00Z"}}"#,
                ok(n),
                n % workers
            );
            collected.add(&serde_json::from_str(&row).expect("it is a row"));
        }
        lanes_text(&collected)
    }

    #[test]
    fn what_is_not_drawn_is_said() {
        let idle = "Where there is no bar, the worker need not have been idle.";
        for (shown, expected) in [
            (text(1, 1, |_| true), "All 1 request with a time is drawn.".to_owned()),
            (text(90, 40, |n| n > 9), "All 90 requests with a time are drawn.".to_owned()),
            (
                text(1000, 50, |n| n % 5 > 0),
                "All 800 requests of workers 0 to 39 with a time are drawn. Workers from number 40 on are not drawn; \
                 they made 200 requests.".to_owned(),
            ),
            (
                text(2000, 8, |_| true),
                format!("Only the longest requests are drawn, 45% of all with a time: 900 of the 2,000 that were fetched. {idle}"),
            ),
            (
                text(3000, 50, |n| n % 2 > 0),
                format!("Only the longest requests are drawn, 40% of all with a time: \
                    900 of the 1,200 of workers 0 to 39 that were fetched and \
                    300 of the 1,200 of workers 0 to 39 that failed. {idle} \
                    Workers from number 40 on are not drawn; they made 600 requests."),
            ),
        ] {
            assert_eq!(shown, expected);
        }
    }
}

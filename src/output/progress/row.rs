//! The layout of the bar: the parts of one row, as many as fit.

use std::time::Duration;

use crate::span::Span;

/// The highest rank of a part.
const LAST: u8 = 7;
/// A shorter bar shows nothing.
const LEAST_BAR: usize = 8;
/// A longer remaining time is not shown.
pub(super) const FAR: Duration = Duration::from_secs(100 * 24 * 3600);

/// How much is done, and of how much.
#[derive(Clone, Copy)]
pub(super) struct Share(pub(super) u64, pub(super) u64);

pub(super) struct Row {
    pub(super) head: String,
    /// The bar's; `None` without one.
    pub(super) share: Option<Share>,
    pub(super) bar_rank: u8,
    /// The parts behind the bar, in ASCII, each with its rank. `None` is no part.
    pub(super) parts: Vec<(u8, Option<String>)>,
}

impl Row {
    /// The row in at most `width` columns. What does not fit is left out, the highest rank first.
    pub(super) fn fit(mut self, width: usize) -> String {
        for detail in (0..=LAST).rev() {
            let (head, tail) = (&self.head, self.tail(detail));
            let Some(left) = width.checked_sub(head.len() + tail.len()) else {
                continue;
            };
            let Some(share) = self.share.filter(|_| detail >= self.bar_rank) else {
                return format!("{head}{tail}");
            };
            if let Some(columns @ LEAST_BAR..) = left.checked_sub(" []".len()) {
                return format!("{head} [{}]{tail}", share.bar(columns));
            }
        }
        self.head.truncate(width);
        self.head
    }

    fn tail(&self, detail: u8) -> String {
        let shown = self.parts.iter().filter(|(rank, _)| *rank <= detail);
        let texts = shown.filter_map(|(_, text)| text.as_deref());
        texts.flat_map(|text| ["  ", text]).collect()
    }
}

impl Share {
    pub(super) fn percent(self) -> String {
        format!("{}%", self.of(100))
    }

    fn bar(self, columns: usize) -> String {
        match usize::try_from(self.of(columns as u64)) {
            Ok(filled) if filled < columns => format!("{:columns$}", "=".repeat(filled) + ">"),
            _ => "=".repeat(columns),
        }
    }

    /// How much of `whole` is done.
    fn of(self, whole: u64) -> u64 {
        let share = u128::from(self.0) * u128::from(whole) / u128::from(self.1.max(1));
        u64::try_from(share).map_or(whole, |share| share.min(whole))
    }
}

/// In whole seconds, rounded up, so that the last one is not "0".
pub(super) fn in_seconds(span: Duration) -> Span {
    let up = u64::from(span.subsec_nanos() > 0);
    Span(Duration::from_secs(span.as_secs() + up))
}

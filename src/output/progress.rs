//! The progress bar, one row of the terminal. The caller draws it at most ten times a second.

mod counts;
mod downloads;
mod row;
mod speed;

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};

pub(crate) use self::counts::Counts;
use self::counts::View;
pub(crate) use self::downloads::Downloads;
use self::speed::Speed;

/// Slow enough to read the numbers.
const BETWEEN_DRAWS: Duration = Duration::from_millis(100);
/// Columns kept free for a `^C` that the terminal echoes: it must not begin a new row.
const TYPED: usize = 3;

pub(crate) struct Progress {
    /// Estimates the rate and the end; it draws nothing.
    estimate: ProgressBar,
    speed: Speed,
    width: Box<dyn Fn() -> usize + Send>,
    total: Option<u64>,
    due: Instant,
}

impl Progress {
    /// A bar on standard error, if that is a terminal that can show one.
    pub(crate) fn on_stderr() -> Option<Self> {
        let terminal = console::Term::buffered_stderr();
        if ProgressDrawTarget::term(terminal.clone(), 1).is_hidden() {
            return None;
        }
        // On Windows this enables escape sequences.
        if cfg!(windows) && !terminal.features().colors_supported() {
            return None;
        }
        Some(Self::new(move || terminal.size().1.into()))
    }

    fn new(width: impl Fn() -> usize + Send + 'static) -> Self {
        Self {
            estimate: ProgressBar::hidden(),
            speed: Speed::default(),
            width: Box::new(width),
            total: None,
            due: Instant::now(),
        }
    }

    pub(crate) fn set_total(&mut self, total: u64) {
        self.total = Some(total);
    }

    /// When [`row`](Self::row) should be called again.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// The row to draw at `now`, if that is due: of `downloads` if there are any.
    pub(crate) fn row(
        &mut self,
        counts: &Counts,
        downloads: Option<&Downloads>,
        now: Instant,
    ) -> Option<String> {
        if now < self.due {
            return None;
        }
        self.due = now + BETWEEN_DRAWS;
        let total = self.total.map(|total| total.max(counts.done));
        self.estimate.update(|state| {
            state.set_pos(counts.done);
            if let Some(total) = total {
                state.set_len(total);
            }
        });
        let width = (self.width)().saturating_sub(TYPED);
        if let Some(downloads) = downloads {
            let (head, rate) = (counts.head(total), self.speed.at(downloads, now));
            return Some(downloads.row(head, rate, counts.failed).fit(width));
        }
        let view = View {
            counts: *counts,
            total,
            per_second: self.estimate.per_sec(),
            left: self.estimate.eta(),
            now,
        };
        Some(view.row().fit(width))
    }
}

#[cfg(test)]
mod tests;

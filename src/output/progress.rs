//! The bar on standard error: how far the run is, and how fast.
//!
//! The caller draws it; no thread ticks. However often [`Progress::update`] is called it draws ten times
//! a second at most and otherwise costs a look at the clock. Lines for its terminal leave in one write with what erases it
//! and what draws it again ([`Progress::around`]). It keeps to one row of the terminal, leaving out what
//! matters least when that is narrow, and it is gone when the run is over. Errors of the terminal are ignored: a bar
//! is no reason to stop.

mod row;

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};

use self::row::View;
use super::out::{self, Out, Outgoing};

/// Fast enough to look alive, slow enough to read the numbers.
const BETWEEN_DRAWS: Duration = Duration::from_millis(100);
/// Erases the row of the cursor (ECMA-48) and puts the cursor at its begin.
const ERASE: &[u8] = b"\r\x1b[2K";
/// Columns that are left free for what the terminal shows of a key: `^C` behind the bar must not begin another row.
const TYPED: usize = 3;

/// Where the run stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Targets that are finished, failed ones included.
    pub(crate) done: u64,
    /// Targets that failed.
    pub(crate) failed: u64,
    /// Attempts under way.
    pub(crate) in_flight: usize,
    /// Bytes of all bodies so far.
    pub(crate) bytes: u64,
    /// How many wait for another attempt, and when the first of them is due.
    pub(crate) waiting: Option<(usize, Instant)>,
}

/// The bar, or nothing where none is to be drawn. Dropping it clears it.
pub(crate) struct Progress {
    bar: Option<Bar>,
    shares_terminal: bool,
}

impl Progress {
    /// A bar on standard error if `draw`, unless that is no terminal that can show one. `shares_terminal` says that
    /// records go to the same terminal.
    pub(crate) fn new(draw: bool, shares_terminal: bool) -> Self {
        if !draw {
            return Self {
                bar: None,
                shares_terminal,
            };
        }
        Self {
            bar: Bar::on_stderr(),
            shares_terminal,
        }
    }

    /// Sets how many targets there are, once that is known.
    pub(crate) fn set_total(&mut self, total: u64) {
        if let Some(bar) = &mut self.bar {
            bar.total = Some(total);
        }
    }

    /// Takes the newest counts, and draws them if that is due and `is_free`: nobody is in the middle of a line there.
    pub(crate) fn update(&mut self, counts: &Counts, is_free: bool) {
        if let Some(bar) = &mut self.bar {
            bar.update(counts, is_free, Instant::now());
        }
    }

    /// Whether records go to the same terminal as the bar, and as what is said.
    pub(crate) fn shares_terminal(&self) -> bool {
        self.shares_terminal
    }

    /// When [`update`](Self::update) should be called again for the bar to look alive; `None` if nothing is drawn.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.bar
            .as_ref()
            .map(|bar| bar.due.unwrap_or_else(Instant::now))
    }

    /// What erases the bar and what draws it, for lines that go to its terminal in between; both are empty if it is not
    /// there. `None` if the terminal takes nothing before `until`.
    pub(crate) fn around(&mut self, until: Instant) -> Option<(&'static [u8], Vec<u8>)> {
        let Some(bar) = &mut self.bar else {
            return Some((b"", Vec::new()));
        };
        if !bar.takes_by(until) {
            return None;
        }
        let shown = bar.shown.as_ref().map(|row| row.clone().into_bytes());
        Some(shown.map_or((b"", Vec::new()), |row| (ERASE, row)))
    }

    /// Takes note that the bar was erased and not drawn again.
    pub(crate) fn erased(&mut self) {
        if let Some(bar) = &mut self.bar {
            bar.shown = None;
        }
    }

    /// Clears the bar; nothing is drawn any more.
    pub(crate) fn finish(&mut self) {
        self.bar = None;
    }
}

struct Bar {
    /// Where it is drawn. What the terminal does not take of one drawing goes before the next.
    out: Outgoing,
    /// Estimates the rate and the end; it draws nothing.
    estimate: ProgressBar,
    width: Box<dyn Fn() -> usize + Send>,
    /// Waits until the terminal takes something, at most until then, and says whether it does: one that was stopped (with
    /// Ctrl-S) must hold up nobody.
    takes_by: Box<dyn Fn(Instant) -> bool + Send>,
    total: Option<u64>,
    counts: Counts,
    /// When it may be drawn next; `None` before the first time.
    due: Option<Instant>,
    /// What is on the terminal, if the bar is.
    shown: Option<String>,
}

impl Bar {
    /// A bar on standard error, if that can show one.
    fn on_stderr() -> Option<Self> {
        let terminal = console::Term::buffered_stderr();
        if ProgressDrawTarget::term(terminal.clone(), 1).is_hidden() {
            return None;
        }
        // On Windows this makes the terminal take escape sequences.
        if cfg!(windows) && !terminal.features().colors_supported() {
            return None;
        }
        let width = move || terminal.size().1.into();
        #[cfg(unix)]
        let takes_by = out::stderr_takes_by;
        #[cfg(not(unix))]
        let takes_by = |_| true;
        Some(Self::new(out::stderr(), width, takes_by))
    }

    fn new(
        out: Box<dyn Out>,
        width: impl Fn() -> usize + Send + 'static,
        takes_by: impl Fn(Instant) -> bool + Send + 'static,
    ) -> Self {
        Self {
            out: Outgoing::new(out),
            estimate: ProgressBar::hidden(),
            width: Box::new(width),
            takes_by: Box::new(takes_by),
            total: None,
            counts: Counts::default(),
            due: None,
            shown: None,
        }
    }

    fn update(&mut self, counts: &Counts, is_free: bool, now: Instant) {
        self.counts = *counts;
        if self.due.is_some_and(|due| now < due) {
            return;
        }
        self.due = Some(now + BETWEEN_DRAWS);
        if is_free && self.takes_by(now) {
            self.draw(now);
        }
    }

    /// Whether all that was drawn is out before `until` and more is taken; true where that cannot be found out.
    fn takes_by(&mut self, until: Instant) -> bool {
        self.out.flush_by(Some(until)).unwrap_or(true) && (self.takes_by)(until)
    }

    fn draw(&mut self, now: Instant) {
        let total = self.total.map(|total| total.max(self.counts.done));
        self.estimate.update(|state| {
            state.set_pos(self.counts.done);
            if let Some(total) = total {
                state.set_len(total);
            }
        });
        let view = View {
            counts: self.counts,
            total,
            per_second: self.estimate.per_sec(),
            left: self.estimate.eta(),
            now,
        };
        let row = view.row((self.width)().saturating_sub(TYPED)).text();
        self.write(&[ERASE, row.as_bytes()].concat());
        self.shown = Some(row);
    }

    fn write(&mut self, text: &[u8]) {
        if let Ok(buffer) = self.out.buffer() {
            buffer.extend_from_slice(text);
            // An error of the terminal is no reason to stop.
            let _ = self.out.flush_by(Some(Instant::now()));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.shown.is_some() && self.takes_by(Instant::now()) {
            self.write(ERASE);
        }
    }
}

#[cfg(test)]
mod tests;

//! The bar on standard error: how far the run is, and how fast.
//!
//! It is drawn by whoever calls it, no thread ticks. However often [`Progress::update`] is called it draws ten times
//! a second at most and otherwise costs a look at the clock. It keeps to one row of the terminal, leaving out what
//! matters least when that is narrow, and it is gone when the run is over. Errors of the terminal are ignored: a bar
//! is no reason to stop.

mod row;
#[cfg(unix)]
mod screen;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::style::ProgressTracker;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use self::row::{Row, View};
/// Fast enough to look alive, slow enough to read the numbers.
const BETWEEN_DRAWS: Duration = Duration::from_millis(100);
/// After result lines took its row the bar comes back sooner: at ten times a second it would blink.
const BETWEEN_REDRAWS: Duration = Duration::from_millis(33);
/// indicatif's own limit, well above ours so that it never swallows a draw of ours.
const INDICATIF_HZ: u8 = 60;

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

    /// Runs `write`, which writes to standard output. If that is the bar's terminal, the bar makes room until the next
    /// update; `None` if it could not before `until`.
    pub(crate) fn suspend<R>(&mut self, until: Instant, write: impl FnOnce() -> R) -> Option<R> {
        match self.shares_terminal {
            true => self.suspend_stderr(until, write),
            false => Some(write()),
        }
    }

    /// Runs `write`, which writes to standard error: a drawn bar always makes room until the next update. `None` if it could
    /// not before `until`.
    pub(crate) fn suspend_stderr<R>(
        &mut self,
        until: Instant,
        write: impl FnOnce() -> R,
    ) -> Option<R> {
        let Some(bar) = &mut self.bar else {
            return Some(write());
        };
        bar.hide_by(until).then(write)
    }

    /// Clears the bar; nothing is drawn any more.
    pub(crate) fn finish(&mut self) {
        self.bar = None;
    }
}

struct Bar {
    bar: ProgressBar,
    styles: Styles,
    /// The texts at both ends of the bar, which the styles show.
    row: Arc<Mutex<Row>>,
    width: Box<dyn Fn() -> usize + Send>,
    /// Waits until the terminal takes something, at most until then, and says whether it does: one that was stopped (with
    /// Ctrl-S) must hold up nobody.
    takes_by: Box<dyn Fn(Instant) -> bool + Send>,
    total: Option<u64>,
    counts: Counts,
    /// When it may be drawn next; `None` before the first time.
    due: Option<Instant>,
    drawn: Option<Instant>,
    visible: bool,
}

impl Bar {
    /// A bar on standard error, if that can show one.
    fn on_stderr() -> Option<Self> {
        let terminal = console::Term::buffered_stderr();
        let target = ProgressDrawTarget::term(terminal.clone(), INDICATIF_HZ);
        if target.is_hidden() {
            return None;
        }
        let width = move || terminal.size().1.into();
        #[cfg(unix)]
        {
            let screen = screen::Screen::stderr();
            let drawn = Box::new(screen.clone());
            let target = ProgressDrawTarget::term_like_with_hz(drawn, INDICATIF_HZ);
            let takes_by = move |until| screen.takes_by(until);
            Some(Self::new(target, width, takes_by))
        }
        #[cfg(not(unix))]
        Some(Self::new(target, width, |_| true))
    }

    fn new(
        target: ProgressDrawTarget,
        width: impl Fn() -> usize + Send + 'static,
        takes_by: impl Fn(Instant) -> bool + Send + 'static,
    ) -> Self {
        let row = Arc::default();
        let styles = Styles::new(&row);
        let bar = ProgressBar::with_draw_target(None, target).with_style(styles.hidden.clone());
        let (width, takes_by) = (Box::new(width), Box::new(takes_by));
        Self {
            bar,
            styles,
            row,
            width,
            takes_by,
            total: None,
            counts: Counts::default(),
            due: None,
            drawn: None,
            visible: false,
        }
    }

    fn update(&mut self, counts: &Counts, is_free: bool, now: Instant) {
        self.counts = *counts;
        if self.due.is_some_and(|due| now < due) {
            return;
        }
        self.due = Some(now + BETWEEN_DRAWS);
        if is_free && (self.takes_by)(now) {
            self.draw(now);
        }
    }

    fn draw(&mut self, now: Instant) {
        let view = View {
            counts: self.counts,
            total: self.total.map(|total| total.max(self.counts.done)),
            per_second: self.bar.per_sec(),
            left: self.bar.eta(),
        };
        let row = view.row((self.width)());
        self.bar.set_style(if row.bar {
            self.styles.bar.clone()
        } else {
            self.styles.text.clone()
        });
        *self.row.lock().unwrap_or_else(PoisonError::into_inner) = row;
        self.bar.update(|state| {
            state.set_pos(view.counts.done);
            if let Some(total) = view.total {
                state.set_len(total);
            }
        });
        self.visible = true;
        self.drawn = Some(now);
    }

    /// Clears the bar; false if the terminal did not take that before `until`, or not to its end: what follows would stand
    /// in its midst.
    fn hide_by(&mut self, until: Instant) -> bool {
        if !(self.takes_by)(until) {
            return false;
        }
        if self.visible {
            self.bar.set_style(self.styles.hidden.clone());
            self.bar.force_draw();
            self.visible = false;
            self.due = self.drawn.map(|drawn| drawn + BETWEEN_REDRAWS);
            return (self.takes_by)(until);
        }
        true
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if !(self.takes_by)(Instant::now()) {
            self.bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        self.bar.finish_and_clear();
    }
}

/// The three looks of the bar. One template could not do: what does not fit is left out, the bar itself included.
struct Styles {
    hidden: ProgressStyle,
    text: ProgressStyle,
    bar: ProgressStyle,
}

impl Styles {
    fn new(row: &Arc<Mutex<Row>>) -> Self {
        let style = |template: &str| {
            ProgressStyle::with_template(template)
                .expect("the templates are constants, and each is drawn in the tests")
                .progress_chars("=> ")
                .with_key("head", text_of(row, |row| &row.head))
                .with_key("tail", text_of(row, |row| &row.tail))
        };
        // An empty template draws no row at all, which is how indicatif is made to clear the last one.
        Self {
            hidden: style(""),
            text: style("{head}{tail}"),
            bar: style("{head} [{wide_bar}]{tail}"),
        }
    }
}

/// Shows one text of `row`, as it is when the bar is drawn.
fn text_of(row: &Arc<Mutex<Row>>, text: fn(&Row) -> &str) -> impl ProgressTracker + 'static {
    let row = Arc::clone(row);
    move |_: &ProgressState, out: &mut dyn fmt::Write| {
        // Writes to a String, which cannot fail.
        let _ = out.write_str(text(&row.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

#[cfg(test)]
mod tests;

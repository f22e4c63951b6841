//! The terminal that the bar is drawn on. A write to it never waits: a terminal may be stopped (with Ctrl-S) between the
//! moment in which it says that it takes something and the write. What it does not take of a drawing goes before the next.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use console::Term;
use indicatif::TermLike;

use super::super::out::{self, Outgoing};

/// Standard error as a terminal. Clones draw on the same one.
#[derive(Clone)]
pub(super) struct Screen {
    terminal: Term,
    outgoing: Arc<Mutex<Outgoing>>,
}

impl Screen {
    pub(super) fn stderr() -> Self {
        Self {
            terminal: Term::stderr(),
            outgoing: Arc::new(Mutex::new(Outgoing::new(out::stderr()))),
        }
    }

    /// Waits until all that was drawn is out and more is taken, but no longer than until `until`, and says whether it is so;
    /// true where that cannot be found out.
    pub(super) fn takes_by(&self, until: Instant) -> bool {
        let is_out = self.outgoing().flush_by(Some(until));
        is_out.unwrap_or(true) && out::stderr_takes_by(until)
    }

    fn push(&self, text: &str) -> io::Result<()> {
        self.outgoing().buffer()?.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// The sequence of ECMA-48 that moves the cursor `n` times: A up, B down, C right, D left.
    fn move_cursor(&self, n: usize, how: char) -> io::Result<()> {
        match n {
            0 => Ok(()),
            _ => self.push(&format!("\x1b[{n}{how}")),
        }
    }

    fn outgoing(&self) -> MutexGuard<'_, Outgoing> {
        // Plain operations on a buffer: a panic leaves nothing half done.
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.terminal.size().1
    }

    fn height(&self) -> u16 {
        self.terminal.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.push(text)?;
        self.push("\n")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.push(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.push("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        self.outgoing().flush_by(Some(Instant::now())).map(drop)
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").finish_non_exhaustive()
    }
}

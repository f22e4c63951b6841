//! Which streams are terminals, and what may be sent to them.

use super::args::When;
use super::help::Screen;
use std::ffi::OsString;

/// Which of the standard streams are terminals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terminals {
    pub(crate) stdin: bool,
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
}

/// What terminals and environment say about colours and cursor movements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    terminals: Terminals,
    /// The terminal can do no more than a teletype.
    dumb: bool,
    /// `NO_COLOR` is set to something (no-color.org).
    plain: bool,
}

impl Look {
    pub(super) fn new(terminals: Terminals, env: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let dumb = env("TERM").is_some_and(|term| term == "dumb");
        let plain = env("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            terminals,
            dumb,
            plain,
        }
    }

    /// Which streams are terminals.
    pub(super) fn terminals(self) -> Terminals {
        self.terminals
    }

    /// Whether the terminal can do no more than a teletype.
    pub(super) fn is_dumb(self) -> bool {
        self.dumb
    }

    /// How messages are laid out that go to stdout.
    pub(super) fn stdout(self) -> Screen {
        self.screen(self.terminals.stdout)
    }

    /// How messages are laid out that go to stderr.
    pub(super) fn stderr(self) -> Screen {
        self.screen(self.terminals.stderr)
    }

    fn screen(self, terminal: bool) -> Screen {
        Screen {
            terminal,
            color: self.color(When::Auto, terminal),
        }
    }

    /// Whether to colour what goes to a stream that is a `terminal` or not.
    pub(super) fn color(self, when: When, terminal: bool) -> bool {
        decided(when, terminal && !self.dumb && !self.plain)
    }
}

/// What `when` comes to, if `auto` is the answer that is left to us.
pub(super) fn decided(when: When, auto: bool) -> bool {
    match when {
        When::Auto => auto,
        When::Always => true,
        When::Never => false,
    }
}

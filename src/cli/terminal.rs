//! Which standard streams are terminals, and whether they get colours.

use super::args::When;
use super::help::TextStyle;
use std::ffi::OsString;

/// Which of the standard streams are terminals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terminals {
    pub(crate) stdin: bool,
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
}

/// What the terminals and the environment allow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Capabilities {
    terminals: Terminals,
    /// `TERM` is `dumb`: no colours, no cursor movement.
    dumb: bool,
    /// `NO_COLOR` is not empty (no-color.org).
    plain: bool,
}

impl Capabilities {
    pub(super) fn new(terminals: Terminals, env: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let dumb = env("TERM").is_some_and(|term| term == "dumb");
        let plain = env("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            terminals,
            dumb,
            plain,
        }
    }

    pub(super) fn terminals(self) -> Terminals {
        self.terminals
    }

    pub(super) fn is_dumb(self) -> bool {
        self.dumb
    }

    pub(super) fn stdout(self) -> TextStyle {
        self.style(self.terminals.stdout)
    }

    pub(super) fn stderr(self) -> TextStyle {
        self.style(self.terminals.stderr)
    }

    fn style(self, terminal: bool) -> TextStyle {
        TextStyle {
            terminal,
            color: self.color(When::Auto, terminal),
        }
    }

    /// Whether to colour a stream, which may be a `terminal`.
    pub(super) fn color(self, when: When, terminal: bool) -> bool {
        decided(when, terminal && !self.dumb && !self.plain)
    }
}

/// `when` as a decision; `auto` is what [`When::Auto`] means.
pub(super) fn decided(when: When, auto: bool) -> bool {
    match when {
        When::Auto => auto,
        When::Always => true,
        When::Never => false,
    }
}

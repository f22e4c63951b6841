//! Which standard streams are terminals, and how texts are laid out for them.

use std::ffi::OsString;

/// Which of the standard streams are terminals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terminals {
    pub(crate) stdin: bool,
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
}

/// How a text is laid out for its stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextStyle {
    /// Fit the text to the terminal's width.
    pub(super) terminal: bool,
    /// Use colours.
    pub(super) color: bool,
}

/// What the terminals and the environment allow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Streams {
    pub(super) stdin_is_terminal: bool,
    pub(super) stdout: TextStyle,
    pub(super) stderr: TextStyle,
    /// `TERM` is `dumb`: no colours, no cursor movement.
    pub(super) is_dumb: bool,
}

impl Streams {
    pub(super) fn new(terminals: Terminals, env: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let is_dumb = env("TERM").is_some_and(|term| term == "dumb");
        // See no-color.org.
        let is_plain = env("NO_COLOR").is_some_and(|value| !value.is_empty());
        let style = |terminal| TextStyle {
            terminal,
            color: terminal && !is_dumb && !is_plain,
        };
        Self {
            stdin_is_terminal: terminals.stdin,
            stdout: style(terminals.stdout),
            stderr: style(terminals.stderr),
            is_dumb,
        }
    }
}

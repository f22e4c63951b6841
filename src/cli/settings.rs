//! What was meant: the options resolved into what each part of the program is told.
//!
//! Everything that depends on the terminals and the environment is settled here, and both are
//! parameters. No file is opened.

use super::args::{FormatArg, RequestArgs, SchemeArg, TimeoutArgs, Typed, When};
use super::help::Screen;
use crate::fetch::{self, Method};
use crate::input::{self, List, Scheme};
use crate::output::Format;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

/// The whole run, resolved: each part of the program takes its own.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Worker threads, 1 to 10000.
    pub(crate) jobs: usize,
    /// Which lists to read, and how.
    pub(crate) input: input::Options,
    /// How each attempt is made.
    pub(crate) fetch: fetch::Options,
    /// What a record looks like.
    pub(crate) format: Format,
    /// Colour the records.
    pub(crate) color: bool,
    /// Colour the summary.
    pub(crate) summary_color: bool,
    /// Print the summary at the end.
    pub(crate) summary: bool,
    /// Draw the bar.
    pub(crate) progress: bool,
    /// Stdout and stderr are both terminals: records and bar must not tear one another.
    pub(crate) shares_terminal: bool,
    /// How long the whole run may take.
    pub(crate) deadline: Option<Duration>,
}

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
    fn color(self, when: When, terminal: bool) -> bool {
        decided(when, terminal && !self.dumb && !self.plain)
    }
}

/// Resolves what was typed.
///
/// # Errors
///
/// What cannot be meant, and what would be right.
pub(super) fn resolve(typed: Typed, look: Look) -> Result<Settings, String> {
    let Terminals {
        stdin,
        stdout,
        stderr,
    } = look.terminals;
    let Typed {
        lists,
        pool,
        timeouts,
        request,
        output,
        general: _,
    } = typed;
    // What is left to us is quiet under -q; what was asked for by name is not.
    let unless_quiet = |when| {
        if output.quiet && when == When::Auto {
            When::Never
        } else {
            when
        }
    };
    let lists = lists_from(lists, stdin)?;
    let default_scheme = request.default_scheme.map(Scheme::from);
    Ok(Settings {
        jobs: pool.jobs as usize,
        input: input::Options {
            lists,
            default_scheme,
        },
        deadline: unless_zero(timeouts.deadline),
        format: output.format.into(),
        color: look.color(output.color, stdout),
        summary_color: look.color(output.color, stderr),
        summary: decided(unless_quiet(output.summary), stderr),
        progress: stderr && decided(unless_quiet(output.progress), !look.dumb),
        shares_terminal: stdout && stderr,
        fetch: fetch_options(timeouts, request)?,
    })
}

fn fetch_options(timeouts: TimeoutArgs, request: RequestArgs) -> Result<fetch::Options, String> {
    let hosts = request
        .header
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("host"));
    if hosts.count() > 1 {
        return Err("the header Host is given twice: a request has one".to_owned());
    }
    let mut options = fetch::Options {
        method: if request.head {
            Method::HEAD
        } else {
            request.method.unwrap_or(Method::GET)
        },
        headers: request.header,
        timeout: unless_zero(Some(timeouts.timeout)),
        connect_timeout: unless_zero(timeouts.connect_timeout),
        stall_timeout: unless_zero(timeouts.stall_timeout),
        max_redirects: request.max_redirects,
        max_size: request.max_size.filter(|bytes| *bytes > 0),
        ..fetch::Options::default()
    };
    if let Some(user_agent) = request.user_agent {
        options.user_agent = user_agent;
    }
    Ok(options)
}

/// Tells the LIST arguments apart; without any, standard input is the list.
fn lists_from(typed: Vec<OsString>, stdin_is_terminal: bool) -> Result<Vec<List>, String> {
    if !typed.is_empty() {
        return typed.into_iter().map(list).collect();
    }
    if stdin_is_terminal {
        return Err("no LIST: give a file with one URL a line, a URL like https://example.com/, or - to type URLs in".to_owned());
    }
    Ok(vec![List::Stdin])
}

fn list(typed: OsString) -> Result<List, String> {
    if typed == "-" {
        return Ok(List::Stdin);
    }
    if !is_url(&typed) {
        return Ok(List::File(typed.into()));
    }
    typed.into_string().map(List::Url).map_err(|typed| {
        let shown = typed.to_string_lossy();
        // What is before an @ may be a password.
        let shown = shown.rsplit_once('@').map_or(&*shown, |(_, host)| host);
        format!(
            "the URL '{}' is not UTF-8: write other bytes as %XX",
            shown.escape_debug()
        )
    })
}

fn is_url(typed: &OsStr) -> bool {
    typed
        .as_encoded_bytes()
        .windows(3)
        .any(|bytes| bytes == b"://")
}

impl From<SchemeArg> for Scheme {
    fn from(typed: SchemeArg) -> Self {
        match typed {
            SchemeArg::Http => Self::Http,
            SchemeArg::Https => Self::Https,
        }
    }
}

impl From<FormatArg> for Format {
    fn from(typed: FormatArg) -> Self {
        match typed {
            FormatArg::Text => Self::Text,
            FormatArg::Jsonl => Self::Jsonl,
        }
    }
}

fn decided(when: When, auto: bool) -> bool {
    match when {
        When::Auto => auto,
        When::Always => true,
        When::Never => false,
    }
}

fn unless_zero(duration: Option<Duration>) -> Option<Duration> {
    duration.filter(|duration| !duration.is_zero())
}

//! What was meant: the options resolved into what each part of the program is told.
//!
//! Everything that depends on the terminals and the environment is settled here, and both are
//! parameters (see `look`). No file is opened.

use super::args::{
    FormatArg, InputArgs, PoolArgs, RequestArgs, RetryArgs, SchemeArg, TimeoutArgs, Typed, When,
};
use super::net::{self, NetSettings};
use super::terminal::{Look, Terminals, decided};
use crate::escape::shown;
use crate::fetch::{self, Method};
use crate::input::{self, List, Scheme};
use crate::output::Format;
use crate::schedule::PerSecond;
use log::LevelFilter;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The whole run, resolved: each part of the program takes its own.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Worker threads, 1 to 10000.
    pub(crate) jobs: usize,
    /// Which lists to read, and how.
    pub(crate) input: input::Options,
    /// When targets may start, and which are tried again.
    pub(crate) schedule: ScheduleSettings,
    /// How each attempt is made.
    pub(crate) fetch: fetch::Options,
    /// How connections are made, and as whom.
    pub(crate) net: NetSettings,
    /// What a record looks like.
    pub(crate) format: Format,
    /// Save bodies under this directory, which may not be there yet.
    pub(crate) output_dir: Option<PathBuf>,
    /// How much of what the client does is told on stderr: nothing, `Debug` or `Trace`.
    pub(crate) verbosity: LevelFilter,
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

/// When targets may start, and which are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScheduleSettings {
    /// The most requests at once to one host:port, at least 1.
    pub(crate) per_host: Option<usize>,
    /// The least time between two starts to one host:port.
    pub(crate) host_delay: Duration,
    /// The most starts a second in all.
    pub(crate) rate: Option<PerSecond>,
    /// Further attempts after a passing failure.
    pub(crate) retries: u32,
    /// The wait before the first of them, at most a minute.
    pub(crate) retry_delay: Duration,
    /// Give records in the order of the lists.
    pub(crate) ordered: bool,
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
    } = look.terminals();
    let Typed {
        lists,
        pool,
        timeouts,
        mut request,
        retries,
        input,
        output,
        safety,
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
    Ok(Settings {
        jobs: pool.jobs as usize,
        schedule: schedule(&pool, &retries, output.ordered),
        input: input_options(lists_from(lists, stdin)?, input)?,
        deadline: unless_zero(timeouts.deadline),
        format: output.format.into(),
        output_dir: output.output_dir,
        verbosity: match output.verbose {
            0 => LevelFilter::Off,
            1 => LevelFilter::Debug,
            _ => LevelFilter::Trace,
        },
        color: look.color(output.color, stdout),
        summary_color: look.color(output.color, stderr),
        summary: decided(unless_quiet(output.summary), stderr),
        progress: stderr && decided(unless_quiet(output.progress), !look.is_dumb()),
        shares_terminal: stdout && stderr,
        net: net::settings(&mut request, safety)?,
        fetch: fetch_options(timeouts, request)?,
    })
}

fn schedule(pool: &PoolArgs, retries: &RetryArgs, ordered: bool) -> ScheduleSettings {
    ScheduleSettings {
        per_host: pool.per_host.map(|most| most as usize),
        host_delay: pool.host_delay.unwrap_or_default(),
        rate: pool.rate,
        retries: retries.retries,
        retry_delay: retries.retry_delay,
        ordered,
    }
}

fn input_options(lists: Vec<List>, input: InputArgs) -> Result<input::Options, String> {
    if input.resume.as_deref() == Some(Path::new("-")) {
        return Err(
            "--resume -: give the file that an earlier run has written, standard input is for lists"
                .to_owned(),
        );
    }
    Ok(input::Options {
        lists,
        default_scheme: input.default_scheme.map(Scheme::from),
        shard: input.shard,
        unique: input.unique,
        resume: input.resume,
    })
}

fn fetch_options(timeouts: TimeoutArgs, request: RequestArgs) -> Result<fetch::Options, String> {
    let (mut headers, mut omitted_headers) = (Vec::new(), Vec::new());
    for (name, value) in request.header {
        match value {
            Some(value) => headers.push((name, value)),
            None => omitted_headers.push(name),
        }
    }
    let hosts = headers
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
        headers,
        omitted_headers,
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
        let shown = shown(&typed.to_string_lossy());
        format!("the URL '{shown}' is not UTF-8: write other bytes as %XX")
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
            FormatArg::Csv => Self::Csv,
            FormatArg::Tsv => Self::Tsv,
        }
    }
}

fn unless_zero(duration: Option<Duration>) -> Option<Duration> {
    duration.filter(|duration| !duration.is_zero())
}

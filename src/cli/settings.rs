//! The options as each part of the program takes them.
//!
//! Everything that depends on the terminals and the environment is decided here. No file is opened.

use super::args::{
    ALL_HEADERS, HeaderSource, InputArgs, OutputArgs, PoolArgs, RequestArgs, RetryArgs, SafetyArgs,
    SummaryArg, TimeoutArgs, Typed, When,
};
use super::max_fail::MaxFail;
use super::terminal::Streams;
use crate::escape::{printable, shown};
use crate::fetch::{self, Family, Method, Proxies, RecordHeaders, Tls};
use crate::input::{self, List};
use crate::output::{Fields, Format};
use crate::schedule;
use crate::schedule::retry::Retries;
use http::HeaderName;
use log::LevelFilter;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The largest body with `--body`, unless `--max-size` is given.
const LARGEST_IN_RECORD: u64 = 10 << 20;

/// The settings of a whole run.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Worker threads, 1 to 10000.
    pub(crate) jobs: usize,
    pub(crate) input: input::Options,
    /// When targets may start, and how often they are retried. The engine sets the window.
    pub(crate) schedule: schedule::Options,
    /// Without what is read from files: headers, netrc and cookies.
    pub(crate) fetch: fetch::Options,
    /// The headers of requests, and files of them.
    pub(crate) headers: Vec<HeaderSource>,
    /// The file of users and passwords by host.
    pub(crate) netrc: Option<PathBuf>,
    /// The Netscape file of cookies.
    pub(crate) cookies: Option<PathBuf>,
    pub(crate) format: Format,
    pub(crate) fields: Fields,
    /// Records hold the bodies.
    pub(crate) keeps_bodies: bool,
    /// Print records in the order of the lists.
    pub(crate) ordered: bool,
    /// Save bodies under this directory, which may not exist yet.
    pub(crate) output_dir: Option<PathBuf>,
    /// Parts of bodies that were cut are kept for the next run.
    pub(crate) continues: bool,
    /// Saved files have the time of `Last-Modified`.
    pub(crate) remote_time: bool,
    /// The jsonl of an earlier run: fetch only what has changed since.
    pub(crate) update: Option<PathBuf>,
    /// The archive to append to.
    pub(crate) warc: Option<PathBuf>,
    /// How much the client logs on stderr: `Off`, `Debug` or `Trace`.
    pub(crate) verbosity: LevelFilter,
    pub(crate) color: bool,
    pub(crate) summary_color: bool,
    /// `None` for no summary.
    pub(crate) summary: Option<SummaryForm>,
    pub(crate) progress: bool,
    /// Standard output and standard error are both terminals.
    pub(crate) shares_terminal: bool,
    pub(crate) deadline: Option<Duration>,
    /// How many failures leave the exit status at 0.
    pub(crate) max_fail: MaxFail,
}

/// How the summary is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SummaryForm {
    Text,
    /// One line of JSON.
    Json,
}

/// Resolves what was typed.
///
/// # Errors
///
/// Options that cannot be combined, or a proxy that cannot be used; the message says what would be right.
pub(super) fn resolve(
    typed: Typed,
    streams: Streams,
    env: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Settings, String> {
    let (stdout, stderr) = (streams.stdout, streams.stderr);
    let lists = lists(typed.lists, streams.stdin_is_terminal)?;
    let schedule = schedule_options(&typed.pool, &typed.retries);
    let headers = typed.request.header.clone();
    let netrc = typed.request.netrc.clone();
    let netrc = netrc.map(|file| netrc_file(file, env)).transpose()?;
    let netrc = not_stdin("--netrc", netrc, NETRC)?;
    let cookies = not_stdin("--cookies", typed.request.cookies.clone(), COOKIES)?;
    let deadline = unless_zero(typed.timeouts.deadline);
    let fields = fields(&typed.output, typed.input.dry_run)?;
    check_combinations(&typed.output)?;
    let update = not_stdin("--update", typed.input.update.clone(), JOURNAL)?;
    let limit_rate = typed.pool.limit_rate.filter(|bytes| *bytes > 0);
    let mut fetch = fetch_options(
        typed.timeouts,
        typed.request,
        typed.safety,
        &typed.output,
        env,
    )?;
    fetch.limit_rate = limit_rate;
    let output = typed.output;
    // `-q` turns `auto` into `never`; an explicit `always` wins.
    let unless_quiet = |when| match when {
        When::Auto if output.quiet => When::Never,
        when => when,
    };
    Ok(Settings {
        jobs: typed.pool.jobs as usize,
        schedule,
        input: input::Options {
            saves: output.output_dir.is_some(),
            name: output.name.clone(),
            ..input_options(lists, typed.input)?
        },
        deadline,
        fetch,
        headers,
        netrc,
        cookies,
        format: output.format,
        fields,
        keeps_bodies: output.body,
        continues: output.continues,
        remote_time: output.remote_time,
        update,
        warc: output.warc,
        ordered: output.ordered,
        verbosity: match output.verbose {
            0 => LevelFilter::Off,
            1 => LevelFilter::Debug,
            _ => LevelFilter::Trace,
        },
        color: output.color.or_auto(stdout.color),
        summary_color: output.color.or_auto(stderr.color),
        summary: summary_form(output.summary, stderr.terminal && !output.quiet),
        progress: stderr.terminal && unless_quiet(output.progress).or_auto(!streams.is_dumb),
        shares_terminal: stdout.terminal && stderr.terminal,
        max_fail: output.max_fail,
        output_dir: output.output_dir,
    })
}

/// The fields of the records, after checks of the options that they depend on.
fn fields(output: &OutputArgs, dry_run: bool) -> Result<Fields, String> {
    if output.body && output.format != Format::Jsonl {
        return Err(
            "--body: only records in JSON hold bodies: add -f jsonl, or save them with -o DIR"
                .to_owned(),
        );
    }
    let names = output.fields.as_deref();
    Fields::new(names, output.format, output.body, dry_run).map_err(|wrong| {
        let names = shown(names.unwrap_or_default());
        format!(
            "invalid value '{names}' for '--fields <LIST>': {}",
            printable(&wrong)
        )
    })
}

/// Checks the options that need others, or exclude them.
fn check_combinations(output: &OutputArgs) -> Result<(), String> {
    let without_dir = [
        (
            output.name.is_some(),
            "--name is given without -o: it names the files that -o DIR saves below DIR",
        ),
        (
            output.continues,
            "--continue is given without -o: only bodies that -o DIR saves can be continued",
        ),
        (
            output.remote_time,
            "--remote-time is given without -o: it sets the time of the files that -o DIR saves",
        ),
    ];
    let wrong = without_dir.into_iter().find(|(is_given, _)| *is_given);
    if let Some((_, wrong)) = wrong
        && output.output_dir.is_none()
    {
        return Err(wrong.to_owned());
    }
    if output.warc.as_deref() == Some(Path::new("-")) {
        return Err("--warc -: give a file, standard output is for records".to_owned());
    }
    let whole = match output {
        OutputArgs { warc: Some(_), .. } => "--warc: an archive holds whole replies",
        OutputArgs { body: true, .. } => "--body: a record holds a whole body",
        _ => return Ok(()),
    };
    if output.continues {
        return Err(format!("--continue cannot be used with {whole}"));
    }
    Ok(())
}

/// `file`, unless it is standard input, which is for lists.
fn not_stdin(option: &str, file: Option<PathBuf>, wanted: &str) -> Result<Option<PathBuf>, String> {
    if file.as_deref() == Some(Path::new("-")) {
        return Err(format!(
            "{option} -: give {wanted}, standard input is for lists"
        ));
    }
    Ok(file)
}

const JOURNAL: &str = "the file that an earlier run has written";
const NETRC: &str = "a netrc file";
const COOKIES: &str = "a Netscape cookie file";

/// `file`, or the user's own. A shell leaves the `~` of `--netrc=~/FILE` as it is.
fn netrc_file(
    file: Option<PathBuf>,
    env: &dyn Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, String> {
    let file = file.unwrap_or_else(|| "~/.netrc".into());
    let Ok(name) = file.strip_prefix("~") else {
        return Ok(file);
    };
    let home =
        env(if cfg!(windows) { "USERPROFILE" } else { "HOME" }).filter(|home| !home.is_empty());
    let home = home.ok_or("--netrc: no home directory is set: write --netrc=FILE")?;
    Ok(PathBuf::from(home).join(name))
}

fn summary_form(asked: SummaryArg, auto: bool) -> Option<SummaryForm> {
    match asked {
        SummaryArg::Json => Some(SummaryForm::Json),
        SummaryArg::Always => Some(SummaryForm::Text),
        SummaryArg::Auto => auto.then_some(SummaryForm::Text),
        SummaryArg::Never => None,
    }
}

fn schedule_options(pool: &PoolArgs, retries: &RetryArgs) -> schedule::Options {
    schedule::Options {
        per_host: pool.per_host.map(|most| most as usize),
        host_delay: pool.host_delay.unwrap_or_default(),
        rate: pool.rate,
        retries: Retries {
            most: retries.retries,
            first_delay: retries.retry_delay,
        },
        host_failures: pool.host_failures,
        window: 0,
        ahead: 0,
    }
}

fn input_options(lists: Vec<List>, input: InputArgs) -> Result<input::Options, String> {
    Ok(input::Options {
        lists,
        default_scheme: input.default_scheme,
        shard: input.shard,
        unique: input.unique,
        resume: not_stdin("--resume", input.resume, JOURNAL)?,
        format: input.input,
        saves: false,
        name: None,
        dry_run: input.dry_run,
    })
}

fn fetch_options(
    timeouts: TimeoutArgs,
    request: RequestArgs,
    safety: SafetyArgs,
    output: &OutputArgs,
    env: &dyn Fn(&str) -> Option<OsString>,
) -> Result<fetch::Options, String> {
    check_identity(&safety)?;
    // Keep a proxy that is not UTF-8: it is an error.
    let env = |name: &str| env(name).map(|value| value.to_string_lossy().into_owned());
    let proxies = Proxies::new(request.proxy.as_deref(), &env);
    let defaults = fetch::Options::default();
    let method = request.method.unwrap_or(defaults.method);
    Ok(fetch::Options {
        method: if request.head { Method::HEAD } else { method },
        // The program reads these from files.
        headers: Vec::new(),
        netrc: None,
        cookies: None,
        user_agent: request.user_agent.unwrap_or(defaults.user_agent),
        timeout: unless_zero(Some(timeouts.timeout)),
        connect_timeout: unless_zero(timeouts.connect_timeout),
        stall_timeout: unless_zero(timeouts.stall_timeout),
        max_redirects: request.max_redirects,
        accept: request.accept.unwrap_or_default(),
        check: request.check,
        sha256: output.sha256,
        record_headers: record_headers(&output.record_header),
        max_size: match request.max_size {
            None if output.body => Some(LARGEST_IN_RECORD),
            size => size.filter(|bytes| *bytes > 0),
        },
        credentials: request.user,
        compressed: request.compressed,
        family: match (request.ipv4, request.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        },
        resolve: request.resolve,
        dns_servers: request
            .dns_servers
            .map_or_else(Vec::new, |servers| servers.0),
        deny_private: safety.deny_private,
        proxies: proxies.map_err(|error| error.to_string())?,
        tls: Tls {
            insecure: safety.insecure,
            cacert: safety.cacert,
            cert: safety.cert,
            key: safety.key,
        },
        idle_connections: defaults.idle_connections,
        descriptors: defaults.descriptors,
        limit_rate: None,
        workers: defaults.workers,
    })
}

fn record_headers(names: &[HeaderName]) -> RecordHeaders {
    if names.iter().any(|name| name == ALL_HEADERS) {
        return RecordHeaders::All;
    }
    RecordHeaders::Named(names.to_vec())
}

fn check_identity(safety: &SafetyArgs) -> Result<(), String> {
    let (given, missing) = match (&safety.cert, &safety.key) {
        (Some(_), None) => ("--cert", "--key"),
        (None, Some(_)) => ("--key", "--cert"),
        _ => return Ok(()),
    };
    Err(format!(
        "{given} is given without {missing}: a file that holds both is named twice, --cert FILE --key FILE"
    ))
}

/// The lists to read; without arguments, standard input.
fn lists(typed: Vec<OsString>, stdin_is_terminal: bool) -> Result<Vec<List>, String> {
    if typed.is_empty() && stdin_is_terminal {
        return Err(
            "no LIST: give a file with one URL a line, a URL like https://example.com/, or - to type URLs in"
                .to_owned(),
        );
    }
    if typed.is_empty() {
        return Ok(vec![List::Stdin]);
    }
    typed.into_iter().map(list).collect()
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
    let mut parts = typed.as_encoded_bytes().windows(3);
    parts.any(|bytes| bytes == b"://")
}

fn unless_zero(duration: Option<Duration>) -> Option<Duration> {
    duration.filter(|duration| !duration.is_zero())
}

//! What was typed: one field an option, and what `--help` says about it.
//!
//! Values are read here, each by itself, so that an error names its option; what they mean together is
//! settled in `settings`. Of an option that is given twice the last one counts, as with curl, and an
//! option that takes a value takes the next argument, whatever it begins with.

use super::request::{self, Header};
use super::units::{duration, size, whole};
use crate::fetch::Method;
use clap::builder::TypedValueParser;
use clap::{Arg, ArgAction, Args, Command, Parser, ValueEnum};
use std::ffi::{OsStr, OsString};
use std::time::Duration;

/// The command line.
///
/// A doc comment is what `-h` says of an option, on one line; `long_help` is what `--help` says instead.
#[derive(Debug, Parser)]
#[command(name = "fetchpool", version, args_override_self = true)]
#[command(about = "Fetch a list of URLs with a pool of threads, print each page's size or error")]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub(super) struct Typed {
    /// A file with one URL a line, - for stdin, or a URL
    #[arg(
        value_name = "LIST",
        long_help = "A file with one URL a line, - for standard input, or a URL: what has :// in it"
    )]
    pub(super) lists: Vec<OsString>,
    #[command(flatten)]
    pub(super) pool: PoolArgs,
    #[command(flatten)]
    pub(super) timeouts: TimeoutArgs,
    #[command(flatten)]
    pub(super) request: RequestArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) general: GeneralArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Pool")]
pub(super) struct PoolArgs {
    /// Worker threads, 1 to 10000
    #[arg(short, long, value_name = "N", default_value = "5", aliases = ["workers", "max-workers"])]
    #[arg(long_help = "Worker threads, 1 to 10000; also --workers and --max-workers")]
    #[arg(value_parser = Value(whole::<1, 10_000>))]
    pub(super) jobs: u32,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Timeouts (0 = none)")]
pub(super) struct TimeoutArgs {
    /// One whole attempt; 0 = none
    #[arg(short, long, value_name = "D", default_value = "60s", value_parser = Value(duration))]
    #[arg(
        long_help = "One whole attempt: DNS, connect, TLS, redirects and body; the clock starts when a worker \
        takes the job"
    )]
    pub(super) timeout: Duration,
    /// DNS, connect and TLS, within the above
    #[arg(long, value_name = "D", value_parser = Value(duration), hide_short_help = true)]
    pub(super) connect_timeout: Option<Duration>,
    /// Longest silence while waiting for bytes
    #[arg(long, value_name = "D", value_parser = Value(duration), hide_short_help = true)]
    pub(super) stall_timeout: Option<Duration>,
    /// The whole run; what is in flight then is cut
    #[arg(long, value_name = "D", value_parser = Value(duration))]
    #[arg(
        long_help = "The whole run: then nothing new starts, what is in flight is cut, and the exit status is 1"
    )]
    pub(super) deadline: Option<Duration>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
pub(super) struct RequestArgs {
    /// The method: GET, DELETE, ...
    #[arg(short = 'X', long, value_name = "M", value_parser = Value(request::method), hide_short_help = true)]
    #[arg(
        long_help = "The method, in capitals; whichever it is, the request has no body [default: GET]"
    )]
    pub(super) method: Option<Method>,
    /// Ask for the head only
    #[arg(
        short = 'I',
        long,
        conflicts_with = "method",
        long_help = "Ask for the head only: the method HEAD"
    )]
    pub(super) head: bool,
    /// A header of your own, 'Name: value'; repeatable
    #[arg(short = 'H', long, value_name = "N: V", action = ArgAction::Append, value_parser = Value(request::header))]
    #[arg(
        long_help = "A header of your own, repeatable; replaces a default one, and is not sent to another origin \
        after a redirect. 'Name;' sends it empty. Those that frame a message, like Content-Length and Connection, \
        are refused"
    )]
    pub(super) header: Vec<Header>,
    /// The User-Agent header
    #[arg(short = 'A', long, value_name = "S", value_parser = Value(request::header_value), hide_short_help = true)]
    #[arg(long_help = "The User-Agent header; '' sends none [default: fetchpool/VERSION]")]
    pub(super) user_agent: Option<String>,
    /// Redirects to follow
    #[arg(long, value_name = "N", default_value = "10", value_parser = Value(whole::<0, 1000>))]
    #[arg(
        long_help = "Redirects to follow, up to 1000; with 0 a redirect is the final answer, and an error"
    )]
    pub(super) max_redirects: u32,
    /// Fail a larger body, as soon as it is seen
    #[arg(long, value_name = "SIZE", value_parser = Value(size))]
    #[arg(long_help = "Fail a larger body, as soon as it is seen; 0 = none")]
    pub(super) max_size: Option<u64>,
    /// For URLs without one: https or http
    #[arg(long, value_name = "S", hide_possible_values = true)]
    #[arg(long_help = "Complete a URL without a scheme with https or http; without this it fails")]
    pub(super) default_scheme: Option<SchemeArg>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// Records as text or jsonl
    #[arg(
        short,
        long,
        value_name = "F",
        default_value = "text",
        hide_possible_values = true
    )]
    #[arg(long_help = "One record a line on stdout, as each URL completes: text or jsonl")]
    pub(super) format: FormatArg,
    /// Bar on stderr: auto, always, never
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    #[arg(
        long_help = "A bar on stderr, if that is a terminal: auto, always (even with -q) or never"
    )]
    pub(super) progress: When,
    /// Counts, rate and failures on stderr at the end
    #[arg(long, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "always")]
    #[arg(
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    #[arg(
        long_help = "Counts, bytes, rate and failures on stderr at the end: auto (if that is a terminal), always \
        (also --summary alone) or never [default: auto]"
    )]
    pub(super) summary: When,
    /// No bar and no summary
    #[arg(
        short,
        long,
        long_help = "No bar and no summary, but for one that is given as always"
    )]
    pub(super) quiet: bool,
    /// Colours: auto, always or never
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        hide_short_help = true
    )]
    #[arg(
        long_help = "Colours in text: auto (on a terminal, unless NO_COLOR is set), always or never"
    )]
    pub(super) color: When,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Help")]
pub(super) struct GeneralArgs {
    /// Print this, or with --help all there is
    #[arg(short, long, action = ArgAction::Help)]
    #[arg(long_help = "Print the options most used with -h, all of them with --help")]
    help: Option<bool>,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// When something is done that nobody may have asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FormatArg {
    Text,
    Jsonl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemeArg {
    Https,
    Http,
}

/// The command line's grammar, with what the table above cannot say.
pub(super) fn command() -> Command {
    use clap::CommandFactory;
    Typed::command().mut_args(|arg| {
        // As getopt has it: `-t -5` is about the value -5, and not about an option -5.
        let takes_value = arg.get_action().takes_values() && !arg.is_positional();
        arg.allow_hyphen_values(takes_value)
    })
}

/// Turns one of our readers into clap's, so that its complaint comes with the option's name.
#[derive(Debug, Clone)]
struct Value<T>(fn(&str) -> Result<T, String>);

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Value<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        match value.to_str() {
            Some(_) => self.0.parse_ref(command, arg, value),
            // clap would not say which value it is.
            None => {
                let refuse = |_: &str| Err::<T, _>("it is not UTF-8".to_owned());
                refuse.parse_ref(command, arg, OsStr::new(&*value.to_string_lossy()))
            }
        }
    }
}

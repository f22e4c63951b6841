//! The options of the output, and of help.

use super::header::header_name;
use super::value::plain;
use crate::cli::max_fail::MaxFail;
use crate::input::NameTemplate;
use crate::output::Format;
use clap::{ArgAction, Args, ValueEnum, ValueHint};
use clap_complete::Shell;
use http::HeaderName;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(in crate::cli) struct OutputArgs {
    /// Records as text, jsonl, csv or tsv
    #[arg(short, long, value_name = "F", default_value = "text")]
    #[arg(
        long_help = "One record a line on stdout, as each URL completes: text, jsonl, csv or tsv"
    )]
    pub(in crate::cli) format: Format,
    /// The fields of each record: url,status,bytes
    #[arg(long, value_name = "LIST")]
    #[arg(
        long_help = "The fields of each record and their order, separated by commas: url,status,bytes; for jsonl, csv \
        and tsv [default: all]"
    )]
    pub(in crate::cli) fields: Option<String>,
    /// Record a header of the reply
    #[arg(long, value_name = "NAME", action = ArgAction::Append, value_parser = plain(header_name))]
    #[arg(
        long_help = "Put this header of the reply into the record's field headers; repeatable, * for all headers"
    )]
    pub(in crate::cli) record_header: Vec<HeaderName>,
    /// Put each body into its record
    #[arg(long)]
    #[arg(
        long_help = "Put each body into its record, as body if it is UTF-8, else as body_base64; for jsonl. \
        --max-size is 10M unless it is given"
    )]
    pub(in crate::cli) body: bool,
    #[arg(long)]
    #[arg(help = "Put the SHA-256 of each body, after decoding, into its record")]
    pub(in crate::cli) sha256: bool,
    /// Save each body under DIR
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    #[arg(
        long_help = "Save each body as DIR/HOST[_PORT]/PATH. Names keep letters, digits, inner blanks and most \
        punctuation; other characters become _, with a hash at the end. A saved file is always complete, and a \
        failed fetch leaves none"
    )]
    pub(in crate::cli) output_dir: Option<PathBuf>,
    /// File names below DIR, from columns: '{id}{ext}'
    #[arg(long, value_name = "TEMPLATE", value_parser = plain(str::parse::<NameTemplate>))]
    #[arg(
        long_help = "Names of the files below the DIR of -o, instead of names by URL: text with any column in braces, \
        as in '{id}{ext}', and with {line}, {line:08}, {host}, {stem} and {ext} (of the URL's last part, with its dot). \
        A name that is unsafe, or that an earlier URL has, is a failed record. The column 'name' goes before it"
    )]
    pub(in crate::cli) name: Option<NameTemplate>,
    /// Go on with bodies that were cut
    #[arg(short, long = "continue")]
    #[arg(
        long_help = "Keep a part of a body that was cut, below DIR, and let the next attempt or run ask for the rest \
        only. A part of a file that has changed is not used"
    )]
    pub(in crate::cli) continues: bool,
    #[arg(long)]
    #[arg(help = "Set the time of each saved file to the server's Last-Modified")]
    pub(in crate::cli) remote_time: bool,
    /// Append requests and replies to a WARC file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(
        long_help = "Append each request and its reply, as they were sent, to a WARC/1.1 archive, compressed by gzip. \
        Authorization, Proxy-Authorization and Cookie are left out; any other secret of -H is not"
    )]
    pub(in crate::cli) warc: Option<PathBuf>,
    /// Print the jsonl FILE of a run as an HTML page
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, exclusive = true)]
    #[arg(
        long_help = "Fetch nothing: print what FILE, the jsonl of a run, tells, as one HTML page that needs nothing else"
    )]
    pub(in crate::cli) report: Option<PathBuf>,
    /// Print in the order of the lists
    #[arg(long)]
    #[arg(
        long_help = "Print in the order of the lists, not of completion. Memory is bounded, so a slow page can delay \
        the others"
    )]
    pub(in crate::cli) ordered: bool,
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    #[arg(help = "A bar on stderr, if that is a terminal: auto, always (even with -q) or never")]
    pub(in crate::cli) progress: When,
    /// Exit with 0 although so many failed
    #[arg(long, value_name = "N|P%", default_value = "0", value_parser = plain(str::parse::<MaxFail>))]
    #[arg(
        long_help = "Exit with status 0 if at most so many URLs failed: a number, or a share of all records, like 5% or 0.5%"
    )]
    pub(in crate::cli) max_fail: MaxFail,
    /// Counts, rate and failures on stderr at the end
    #[arg(long, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "always")]
    #[arg(default_value = "auto", hide_default_value = true)]
    #[arg(
        long_help = "Counts, bytes, rate and failures on stderr at the end: auto (if that is a terminal), always \
        (also --summary alone), never, or json for one line of JSON [default: auto]"
    )]
    pub(in crate::cli) summary: SummaryArg,
    /// No bar and no summary
    #[arg(
        short,
        long,
        long_help = "No bar and no summary, except one that is asked for: always or json"
    )]
    pub(in crate::cli) quiet: bool,
    #[arg(short, long, action = ArgAction::Count)]
    #[arg(help = "Log on stderr what the client does; -vv logs more")]
    pub(in crate::cli) verbose: u8,
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    #[arg(help = "Colours in text: auto (on a terminal, unless NO_COLOR is set), always or never")]
    pub(in crate::cli) color: When,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Help")]
pub(in crate::cli) struct GeneralArgs {
    #[arg(long, value_name = "SHELL")]
    #[arg(help = "Print completions for bash, elvish, fish, powershell or zsh, and exit")]
    pub(in crate::cli) completions: Option<Shell>,
    #[arg(long)]
    #[arg(help = "Print the manual page for man(1), and exit")]
    pub(in crate::cli) man: bool,
    /// Print help; --help lists all options
    #[arg(short, long, action = ArgAction::Help)]
    #[arg(long_help = "Print help: the main options with -h, all of them with --help")]
    help: Option<bool>,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// Whether to do what depends on the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum When {
    Auto,
    Always,
    Never,
}

/// Whether and how to print the summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum SummaryArg {
    Auto,
    Always,
    Never,
    Json,
}

impl When {
    /// The decision; `auto` is the value of [`When::Auto`].
    pub(in crate::cli) fn or_auto(self, auto: bool) -> bool {
        match self {
            Self::Auto => auto,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

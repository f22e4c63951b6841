//! The options as typed: one field for each, with its help text.
//!
//! Each value is parsed here, so that an error names its option; `settings` combines the values.

mod header;
mod output;
mod request;
mod run;
mod value;

pub(super) use header::ALL_HEADERS;
pub(crate) use header::HeaderSource;
pub(super) use output::{GeneralArgs, OutputArgs, SummaryArg, When};
pub(super) use request::{RequestArgs, SafetyArgs};
pub(super) use run::{InputArgs, PoolArgs, RetryArgs, TimeoutArgs};

use clap::{Command, Parser, ValueHint};
use std::ffi::OsString;

/// The command line.
///
/// The doc comment of an option is its line in `-h` and in completions, `long_help` its text in `--help`. `help` is both.
#[derive(Debug, Parser)]
#[command(
    name = "fetchpool",
    bin_name = "fetchpool",
    version,
    args_override_self = true
)]
#[command(about = "Fetch a list of URLs with a pool of threads, print each page's size or error")]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub(super) struct Typed {
    /// A file of URLs, a csv with a column url, - for stdin, or a URL
    #[arg(
        value_name = "LIST",
        value_hint = ValueHint::FilePath,
        long_help = "A file with one URL a line or a table with a column url, - for standard input, or a URL (with \
        :// in it)"
    )]
    pub(super) lists: Vec<OsString>,
    #[command(flatten)]
    pub(super) pool: PoolArgs,
    #[command(flatten)]
    pub(super) timeouts: TimeoutArgs,
    #[command(flatten)]
    pub(super) request: RequestArgs,
    #[command(flatten)]
    pub(super) retries: RetryArgs,
    #[command(flatten)]
    pub(super) input: InputArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) safety: SafetyArgs,
    #[command(flatten)]
    pub(super) general: GeneralArgs,
}

/// The options of `-h`.
const MAIN: &str = "jobs per_host timeout header check retries resume update format output_dir name continues max_fail help \
    version";

pub(super) fn command() -> Command {
    use clap::CommandFactory;
    Typed::command().mut_args(|arg| {
        if arg.is_positional() {
            return arg;
        }
        let takes_value = arg.get_action().takes_values();
        let is_main = MAIN.split(' ').any(|main| main == arg.get_id().as_str());
        arg.hide_short_help(!is_main)
            // The long help names them.
            .hide_possible_values(takes_value)
            // As with getopt, -5 in `-t -5` is a value and not an option.
            .allow_hyphen_values(takes_value)
    })
}

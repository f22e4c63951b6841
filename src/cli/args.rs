//! What was typed: one field an option, and what `--help` says about it.
//!
//! Values are read here, each by itself, so that an error names its option; what they mean together is
//! settled in `settings`. Of an option that is given twice the last one counts, as with curl, and an
//! option that takes a value takes the next argument, whatever it begins with.

mod output;
mod request;
mod run;
mod value;

pub(super) use output::{FormatArg, GeneralArgs, OutputArgs, When};
pub(super) use request::{RequestArgs, SafetyArgs};
pub(super) use run::{InputArgs, PoolArgs, RetryArgs, SchemeArg, TimeoutArgs};

use clap::{Command, Parser, ValueHint};
use std::ffi::OsString;

/// The command line.
///
/// A doc comment is what `-h` says of an option, on one line; `long_help` is what `--help` says instead.
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
    /// A file with one URL a line, - for stdin, or a URL
    #[arg(
        value_name = "LIST",
        value_hint = ValueHint::FilePath,
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

/// The command line's grammar, with what the table above cannot say.
pub(super) fn command() -> Command {
    use clap::CommandFactory;
    Typed::command().mut_args(|arg| {
        // As getopt has it: `-t -5` is about the value -5, and not about an option -5.
        let takes_value = arg.get_action().takes_values() && !arg.is_positional();
        arg.allow_hyphen_values(takes_value)
    })
}

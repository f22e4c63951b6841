//! The options of the output, and of help.

use crate::output::Format;
use clap::{ArgAction, Args, ValueEnum, ValueHint};
use clap_complete::Shell;
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
    /// Save each body under DIR
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    #[arg(
        long_help = "Save each body as DIR/HOST[_PORT]/PATH. Names keep letters, digits, inner blanks and most \
        punctuation; other characters become _, with a hash at the end. A saved file is always complete, and a \
        failed fetch leaves none"
    )]
    pub(in crate::cli) output_dir: Option<PathBuf>,
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
    /// Counts, rate and failures on stderr at the end
    #[arg(long, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "always")]
    #[arg(default_value = "auto", hide_default_value = true)]
    #[arg(
        long_help = "Counts, bytes, rate and failures on stderr at the end: auto (if that is a terminal), always \
        (also --summary alone) or never [default: auto]"
    )]
    pub(in crate::cli) summary: When,
    /// No bar and no summary
    #[arg(
        short,
        long,
        long_help = "No bar and no summary, except one with an explicit always"
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

/// Whether to do something that depends on the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum When {
    Auto,
    Always,
    Never,
}

impl When {
    /// The decision, where `auto` is what [`When::Auto`] means.
    pub(in crate::cli) fn or_auto(self, auto: bool) -> bool {
        match self {
            Self::Auto => auto,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

//! What `-h`, `--help` and a wrong call print.
//!
//! `-h` is one screen of the options most used, without headings; `--help` has all of them, under
//! headings, in the same compact layout, and what surrounds them. Both have a fixed width unless they go
//! to a terminal, so that the copy of it in the README can be compared.

use super::args;
use super::exit::Exit;
use super::other_tools;
use crate::output::shown;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

/// The width of help that does not go to a terminal, and the most that is used of one that is wide.
const WIDTH: usize = 100;

/// These texts are laid out by hand, for the narrowest terminal that is usual: clap would break their
/// lines without their indentation.
pub(super) const LISTS: &str = "\
Lists:
  One URL a line, in UTF-8, or UTF-16 with a byte order mark; gzip is read as
  well. Blank lines and lines that begin with # are skipped, and white space
  around a URL is dropped. A line that is no URL, is not UTF-8 or is over 64
  KiB fails by itself, and the run goes on. Without a LIST, standard input is
  read. Standard output may not be a LIST.

  Of an option that is given twice the last one counts, but for -H and --resolve.";

pub(super) const UNITS: &str = "\
Units:
  D     30, 1.5, 500ms, 2m, 1h30m (d, h, m, s, ms; a bare number is seconds)
  SIZE  500, 64K, 10M, 1.5G, 2T (powers of 1024; a bare number is bytes)";

pub(super) const EXAMPLES: &str = "\
Examples:
  fetchpool urls.txt -j 5
  fetchpool -f jsonl -t 10 --max-size 10M urls.txt > records.jsonl
  grep -h '^https:' *.txt | fetchpool -j 50 -I -
  fetchpool -H 'Accept: text/html' https://example.com/ https://example.org/
  fetchpool -f jsonl --resume records.jsonl urls.txt >> records.jsonl";

/// Where a text goes, and whether it may be coloured there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Screen {
    /// Lay it out for the terminal's width.
    pub(super) terminal: bool,
    /// With colours.
    pub(super) color: bool,
}

/// The grammar whose own help is the short one.
pub(super) fn short(screen: Screen) -> Command {
    sized(args::command(), screen).mut_args(|arg| arg.help_heading(None::<&str>))
}

/// What clap has to say about the arguments: help, the version, or what is wrong with them.
pub(super) fn message(error: Error, screen: Screen) -> String {
    match error.kind() {
        // clap does not say which of the two was asked for, but only one of them is the short one.
        ErrorKind::DisplayHelp
            if error.render().to_string() != short(screen).render_help().to_string() =>
        {
            rendered(&long(screen).render_help(), screen)
        }
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => rendered(&error.render(), screen),
        // Every message begins with the program's name.
        _ => rendered(&told(error).render(), screen).replacen("error:", "fetchpool:", 1),
    }
}

/// The grammar whose short help has all that there is to say: what clap lays out as long help takes
/// three lines an option.
fn long(screen: Screen) -> Command {
    let after = format!(
        "{LISTS}\n\n{UNITS}\n\nExit status:\n{}\n{EXAMPLES}",
        Exit::table()
    );
    in_full(sized(args::command(), screen)).after_help(after)
}

/// `command` with all options in its short help, and all there is to say about each.
pub(super) fn in_full(command: Command) -> Command {
    command.mut_args(|arg| {
        let help = arg
            .get_long_help()
            .or_else(|| arg.get_help())
            .cloned()
            .unwrap_or_default();
        arg.help(help).hide_short_help(false)
    })
}

fn sized(command: Command, screen: Screen) -> Command {
    if screen.terminal {
        command.max_term_width(WIDTH)
    } else {
        command.term_width(WIDTH)
    }
}

fn rendered(text: &StyledStr, screen: Screen) -> String {
    if screen.color {
        text.ansi().to_string()
    } else {
        text.to_string()
    }
}

/// The error in which all that the user typed is [shown] as messages do, with the tips that hold.
fn told(mut error: Error) -> Error {
    let flag = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    if let (ErrorKind::UnknownArgument, Some(flag)) = (error.kind(), flag) {
        // clap proposes what is only a little like the flag, and to give the flag itself as a list.
        error.remove(ContextKind::Suggested);
        let similar = error
            .get(ContextKind::SuggestedArg)
            .map(ToString::to_string);
        let instead = other_tools::instead(&flag);
        if instead.is_some() || !similar.is_some_and(|option| other_tools::is_typo(&flag, &option))
        {
            error.remove(ContextKind::SuggestedArg);
            // Which has the proposal in it.
            let usage = ContextValue::StyledStr(args::command().render_usage());
            error.insert(ContextKind::Usage, usage);
        }
        if let Some(instead) = instead {
            let tip = ContextValue::StyledStrs(vec![StyledStr::from(instead)]);
            error.insert(ContextKind::Suggested, tip);
        }
    }
    let typed: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, ContextValue::String(shown(text)))),
            ContextValue::Strings(texts) => {
                let texts = texts.iter().map(|text| shown(text)).collect();
                Some((kind, ContextValue::Strings(texts)))
            }
            _ => None,
        })
        .collect();
    for (kind, value) in typed {
        error.insert(kind, value);
    }
    error
}

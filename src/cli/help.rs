//! Help, and the messages about a wrong call.
//!
//! `-h` fits one screen: the main options, without headings. `--help` lists all options under headings, in the same
//! layout. The width is fixed unless the text goes to a terminal, so that a test can compare the copy in the README.

use super::args;
use super::exit::Exit;
use super::other_tools;
use super::terminal::TextStyle;
use crate::escape::shown;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

/// The width of help that does not go to a terminal, and its limit on a wide terminal.
const WIDTH: usize = 100;

/// This and the next texts fit 80 columns, because clap drops the indentation when it breaks a line.
pub(super) const LISTS: &str = "\
Lists:
  One URL a line, or a table, in UTF-8, or UTF-16 with a byte order mark; gzip
  is read as well. In a list of lines, blank ones and those that begin with #
  are skipped, and white space around a URL is dropped. A line that is not a URL,
  is not UTF-8 or is over 64 KiB becomes a failed record, and the run goes on.
  Without a LIST, standard input is read. Standard output may not be a LIST.

  If an option is given twice, the last one counts; -H, --record-header and
  --resolve add up.";

pub(super) const TABLES: &str = "\
Tables:
  A csv or tsv begins with a line that names its columns, and is quoted as
  spreadsheets do. A jsonl has an object a line; a record of an earlier run is a
  row as well: its url and input count. A wrong row, or one over 1 MiB, becomes a
  failed record of the kind invalid_row, and the run goes on. A csv or tsv
  without the column url, or with two columns of one name, is a wrong call. These
  columns have a meaning, unless a cell is empty; all others go unchanged into
  the record's field input.

  url                                needed; as a line of a list
  name                               its file below DIR, a relative path
  method, accept, timeout, max_size  as the option, for this row
  header.NAME                        a header (in jsonl: headers, an object)
  size, sha256                       what the body must be, else it failed";

pub(super) const UNITS: &str = "\
Units:
  D     30, 1.5, 500ms, 2m, 1h30m (d, h, m, s, ms; a bare number is seconds)
  SIZE  500, 64K, 10M, 1.5G, 2T (powers of 1024; a bare number is bytes)";

pub(super) const EXAMPLES: &str = "\
Examples:
  fetchpool urls.txt -j 5
  fetchpool -o pages --name '{id}{ext}' table.csv
  fetchpool --check --max-fail 1% urls.txt
  fetchpool -f jsonl -t 10 --max-size 10M urls.txt > records.jsonl
  grep -h '^https:' *.txt | fetchpool -j 50 -I -
  fetchpool -H 'Accept: text/html' https://example.com/ https://example.org/
  fetchpool -f jsonl --resume records.jsonl urls.txt >> records.jsonl";

/// `-h` without the headings, and the blank lines, for which a screen of 24 rows has no place.
const ONE_SCREEN: &str = "\
{about}

{usage-heading} {usage}
{positionals}

{options}

Example: fetchpool -o pages --name '{id}{ext}' table.csv";

/// The command line with the help of `-h`.
pub(super) fn short(style: TextStyle) -> Command {
    let command = sized(args::command(), style).help_template(ONE_SCREEN);
    command.mut_args(|arg| arg.help_heading(None::<&str>))
}

pub(super) fn message(error: Error, style: TextStyle) -> String {
    match error.kind() {
        // clap does not say whether -h or --help was given.
        ErrorKind::DisplayHelp
            if error.render().to_string() != short(style).render_help().to_string() =>
        {
            rendered(&long(style).render_help(), style)
        }
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => rendered(&error.render(), style),
        // Every message begins with the program's name.
        _ => rendered(&tidied(error).render(), style).replacen("error:", "fetchpool:", 1),
    }
}

/// The command line with the help of `--help`: clap's short help with more text, because its long help takes three
/// lines an option.
fn long(style: TextStyle) -> Command {
    let after = format!(
        "{LISTS}\n\n{TABLES}\n\n{UNITS}\n\nExit status:\n{}\n{EXAMPLES}",
        Exit::table()
    );
    in_full(sized(args::command(), style)).after_help(after)
}

/// `command` with all options, and their long texts, in its short help.
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

fn sized(command: Command, style: TextStyle) -> Command {
    if style.terminal {
        command.max_term_width(WIDTH)
    } else {
        command.term_width(WIDTH)
    }
}

fn rendered(text: &StyledStr, style: TextStyle) -> String {
    if style.color {
        text.ansi().to_string()
    } else {
        text.to_string()
    }
}

fn insert_tip(error: &mut Error, tip: &'static str) {
    let tip = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
    error.insert(ContextKind::Suggested, tip);
}

/// Whether `error` is about a value of `-i`.
fn is_wrong_input(error: &Error) -> bool {
    let is_value = error.kind() == ErrorKind::InvalidValue;
    let option = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    is_value && option.is_some_and(|option| option.starts_with("--input "))
}

fn is_report_with_more(error: &Error) -> bool {
    let option = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    error.kind() == ErrorKind::ArgumentConflict
        && option.is_some_and(|option| option.starts_with("--report "))
}

/// `error` without control characters and credentials ([`shown`]), and with better tips than clap's.
fn tidied(mut error: Error) -> Error {
    let flag = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    if let (ErrorKind::UnknownArgument, Some(flag)) = (error.kind(), flag) {
        // clap also suggests options that are hardly similar, and to pass the flag as a list.
        error.remove(ContextKind::Suggested);
        let similar = error
            .get(ContextKind::SuggestedArg)
            .map(ToString::to_string);
        let instead = other_tools::instead(&flag);
        if instead.is_some() || !similar.is_some_and(|option| other_tools::is_typo(&flag, &option))
        {
            error.remove(ContextKind::SuggestedArg);
        }
        if let Some(instead) = instead {
            insert_tip(&mut error, instead);
        }
    }
    if is_wrong_input(&error) {
        // wget and aria2 name a list with -i.
        insert_tip(
            &mut error,
            "a list is given without an option: fetchpool urls.txt",
        );
    }
    if is_report_with_more(&error) {
        insert_tip(
            &mut error,
            "it fetches nothing and takes no list: fetchpool --report FILE > report.html",
        );
    }
    if error.get(ContextKind::Usage).is_some() {
        // clap's usage line repeats the typed flags and their conflicts.
        let usage = ContextValue::StyledStr(args::command().render_usage());
        error.insert(ContextKind::Usage, usage);
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

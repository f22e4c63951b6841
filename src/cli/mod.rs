//! The command line: the arguments become [`Settings`], or a message and an exit status.
//!
//! This module prints nothing, opens no file and does not end the process. The terminals and the environment are
//! parameters, and the caller does what a [`Stop`] says.

mod args;
mod exit;
mod help;
mod max_fail;
mod other_tools;
mod pages;
mod settings;
mod terminal;
#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "fuzzing"))]
#[path = "../../tests/fuzz/units.rs"]
pub(crate) mod fuzzing;

pub(crate) use args::HeaderSource;
pub(crate) use exit::Exit;
pub(crate) use max_fail::MaxFail;
pub(crate) use settings::{Settings, SummaryForm};
pub(crate) use terminal::Terminals;

use crate::input::List;
use crate::units;
use args::Typed;
use clap::FromArgMatches;
use clap::error::ErrorKind;
use std::ffi::OsString;
use terminal::Streams;

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Call {
    Fetch(Box<Settings>),
    /// Print the report of this journal.
    Report(List),
}

/// Why nothing runs: help, the version, completions or the manual page were requested, or the call was wrong.
#[derive(Debug)]
pub(crate) struct Stop {
    /// With its line end and its colours.
    pub(crate) text: String,
    /// To stderr instead of stdout.
    pub(crate) to_stderr: bool,
    pub(crate) exit: Exit,
}

/// Reads the command line; the first of `args` is the program's name. `env` looks up an environment variable.
///
/// # Errors
///
/// A [`Stop`] when nothing is to be fetched. The message about a wrong call says what was typed, what is wrong and what
/// would be right.
pub(crate) fn parse<I>(
    args: I,
    terminals: Terminals,
    env: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Call, Stop>
where
    I: IntoIterator<Item = OsString>,
{
    let streams = Streams::new(terminals, env);
    let mut command = help::short(streams.stdout);
    let typed = command
        .try_get_matches_from_mut(args)
        .and_then(|matches| Typed::from_arg_matches(&matches))
        .map_err(|error| stop(error, streams))?;
    if let Some(text) = page(&typed) {
        return Err(Stop {
            text,
            to_stderr: false,
            exit: Exit::Success,
        });
    }
    if let Some(journal) = typed.output.report {
        return Ok(Call::Report(match journal.as_os_str() == "-" {
            true => List::Stdin,
            false => List::File(journal),
        }));
    }
    let settings = settings::resolve(typed, streams, env).map_err(|wrong| {
        let error = command.error(ErrorKind::ValueValidation, wrong);
        stop(error, streams)
    })?;
    Ok(Call::Fetch(Box::new(settings)))
}

/// The page to print instead of a run. clap answers requests for help itself.
fn page(typed: &Typed) -> Option<String> {
    let general = &typed.general;
    let completions = general.completions.map(pages::completions);
    completions.or_else(|| general.man.then(pages::man))
}

fn stop(error: clap::Error, streams: Streams) -> Stop {
    let to_stderr = error.use_stderr();
    let (style, exit) = if to_stderr {
        (streams.stderr, Exit::Unusable)
    } else {
        (streams.stdout, Exit::Success)
    };
    Stop {
        text: help::message(error, style),
        to_stderr,
        exit,
    }
}

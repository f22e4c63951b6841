//! The command line: what was typed becomes settings, or a message and an exit status.
//!
//! Nothing is printed here, no file is opened and the process does not end: the terminals and the
//! environment are parameters, and the caller does what a [`Stop`] says.

mod args;
mod exit;
mod flags;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod help;
mod net;
mod pages;
mod request;
mod settings;
mod terminal;
#[cfg(test)]
mod tests;
mod units;

pub(crate) use exit::Exit;
pub(crate) use settings::{ScheduleSettings, Settings};
pub(crate) use terminal::Terminals;

use args::Typed;
use clap::FromArgMatches;
use clap::error::ErrorKind;
use std::ffi::OsString;
use terminal::Look;

/// Why there is nothing to run: help, the version, completions or the manual page was asked for, or the
/// call was wrong.
#[derive(Debug)]
pub(crate) struct Stop {
    /// What to print, with its line end; coloured if that is right where it goes.
    pub(crate) text: String,
    /// Print it to stderr, not to stdout.
    pub(crate) to_stderr: bool,
    /// The status to end with.
    pub(crate) exit: Exit,
}

/// Reads the command line, `args` beginning with the program's name.
///
/// `env` gives the value of an environment variable; `NO_COLOR` and `TERM` are asked for.
///
/// # Errors
///
/// A [`Stop`] when nothing is to be fetched: an error of the call names what was typed, what is wrong
/// with it and what would be right.
pub(crate) fn parse<I>(
    args: I,
    terminals: Terminals,
    env: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Settings, Stop>
where
    I: IntoIterator<Item = OsString>,
{
    let look = Look::new(terminals, env);
    // Of all that clap prints only help is laid out, and that goes to stdout.
    let mut command = help::short(look.stdout());
    let typed = command
        .try_get_matches_from_mut(args)
        .and_then(|matches| Typed::from_arg_matches(&matches))
        .map_err(|error| stop(error, look))?;
    if let Some(text) = page(&typed) {
        return Err(Stop {
            text,
            to_stderr: false,
            exit: Exit::Success,
        });
    }
    settings::resolve(typed, look).map_err(|wrong| {
        let error = command.error(ErrorKind::ValueValidation, wrong);
        stop(error, look)
    })
}

/// What is asked for instead of a run, beside the help that clap gives by itself.
fn page(typed: &Typed) -> Option<String> {
    let general = &typed.general;
    let completions = general.completions.map(pages::completions);
    completions.or_else(|| general.man.then(pages::man))
}

fn stop(error: clap::Error, look: Look) -> Stop {
    let to_stderr = error.use_stderr();
    let (screen, exit) = if to_stderr {
        (look.stderr(), Exit::Unusable)
    } else {
        (look.stdout(), Exit::Success)
    };
    Stop {
        text: help::message(error, screen),
        to_stderr,
        exit,
    }
}

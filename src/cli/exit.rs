//! The exit statuses: their numbers, and what `--help` says about them.

use std::fmt::Write;
use std::process::ExitCode;

use crate::signals::Signal;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Every URL was fetched, no more failed than `--max-fail`, standard output was closed, or help was printed.
    Success,
    /// At least one URL failed, and more than `--max-fail`, or the deadline cut the run.
    SomeFailed,
    /// The call was wrong, a list could not be read, or the output could not be written.
    Unusable,
    /// A signal ended the run. The process then ends by that signal, too.
    Stopped(Signal),
}

impl Exit {
    fn all() -> impl Iterator<Item = Self> {
        let without_signal = [Self::Success, Self::SomeFailed, Self::Unusable];
        let signals = Signal::ALL.map(Self::Stopped);
        without_signal.into_iter().chain(signals)
    }

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::SomeFailed => 1,
            Self::Unusable => 2,
            Self::Stopped(signal) => signal.status(),
        }
    }

    /// What it means, in lines for an 80-column terminal.
    fn meaning(self) -> &'static [&'static str] {
        match self {
            Self::Success => &[
                "every URL was fetched, or the reader of stdout closed the pipe, as head",
                "does: that ends the run, with status 1 if a URL had failed. With",
                "--max-fail also if no more failed than it allows",
            ],
            Self::SomeFailed => &[
                "more URLs failed than --max-fail allows (by default none), or the",
                "deadline cut the run",
            ],
            Self::Unusable => &[
                "the call was wrong, a list could not be read, or stdout or DIR could",
                "not be written",
            ],
            Self::Stopped(Signal::Interrupt) => &[
                "SIGINT: running requests got 2 s to finish, and every record was",
                "written; then the signal ends the program, so that a shell's loop stops",
            ],
            Self::Stopped(Signal::HangUp) => &["SIGHUP (the terminal was closed): like SIGINT"],
            Self::Stopped(Signal::Terminate) => &["SIGTERM: like SIGINT"],
        }
    }

    /// The statuses, as `--help` shows them.
    pub(super) fn table() -> String {
        let mut table = String::new();
        for exit in Self::all() {
            let meaning = exit.meaning().join("\n       ");
            let _infallible = writeln!(table, "  {:>3}  {meaning}", exit.code());
        }
        table
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn the_statuses_are_the_promised_ones() {
        assert!(Exit::all().map(Exit::code).eq([0, 1, 2, 129, 130, 143]));
        let table = Exit::table();
        let statuses = table.lines().filter(|line| !line.starts_with("       "));
        assert_eq!(statuses.count(), Exit::all().count());
        assert!(table.lines().all(|line| line.chars().count() < 80));
    }
}

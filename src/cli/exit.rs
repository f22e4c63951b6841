//! How a run ends: the exit statuses, their numbers, and what `--help` says about them.
//!
//! This is the only place that knows the numbers.

use std::fmt::Write;
use std::process::ExitCode;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Every URL was fetched; or the reader of standard output left; or help or the version was asked for and printed.
    Success,
    /// At least one URL failed, or the deadline cut the run.
    SomeFailed,
    /// The call was wrong, a list could not be read, or the output could not be written.
    Unusable,
    /// Ended by SIGHUP.
    HungUp,
    /// Ended by SIGINT.
    Interrupted,
    /// Ended by SIGTERM.
    Terminated,
}

impl Exit {
    const ALL: [Self; 6] = [
        Self::Success,
        Self::SomeFailed,
        Self::Unusable,
        Self::HungUp,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The status that the shell sees. Those of the signals are 128 and the signal's number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::SomeFailed => 1,
            Self::Unusable => 2,
            Self::HungUp => 129,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// Whether a signal ended the run.
    pub(crate) fn is_of_signal(self) -> bool {
        matches!(self, Self::HungUp | Self::Interrupted | Self::Terminated)
    }

    /// What it means, in lines that fit an 80-column terminal.
    fn meaning(self) -> &'static [&'static str] {
        match self {
            Self::Success => &[
                "every URL was fetched, or the reader of stdout closed the pipe, as head",
                "does: that ends the run, whatever failed before",
            ],
            Self::SomeFailed => &[
                "at least one failed, wherever it stood in the list, or the deadline",
                "cut the run",
            ],
            Self::Unusable => &[
                "the call was wrong, a list could not be read, or stdout or DIR could",
                "not be written",
            ],
            Self::Interrupted => &[
                "SIGINT: what was in flight got 2 s to finish, and every record was",
                "written",
            ],
            Self::HungUp => &["SIGHUP, as when a terminal is closed: as for SIGINT"],
            Self::Terminated => &["SIGTERM: likewise"],
        }
    }

    /// The statuses, as `--help` shows them.
    pub(super) fn table() -> String {
        let mut table = String::new();
        for exit in Self::ALL {
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
        assert_eq!(Exit::ALL.map(Exit::code), [0, 1, 2, 129, 130, 143]);
        let table = Exit::table();
        let statuses = table.lines().filter(|line| !line.starts_with("       "));
        assert_eq!(statuses.count(), Exit::ALL.len());
        assert!(table.lines().all(|line| line.chars().count() < 80));
    }
}

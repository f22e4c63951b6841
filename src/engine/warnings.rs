//! Warnings that the records do not show. Each is given once.

use std::time::Duration;

use crate::span::Span;

/// A shorter wait is not worth a warning.
const LONG: Duration = Duration::from_secs(5);

/// Which warnings were given.
#[derive(Default)]
pub(super) struct Warnings {
    held_up: bool,
    disk_full: bool,
}

impl Warnings {
    /// Workers are idle: none of the `window` targets that the schedule looks at may start before `wait` is over, though
    /// others behind them might.
    pub(super) fn held_up(&mut self, window: usize, wait: Duration) -> Option<String> {
        if wait < LONG || std::mem::replace(&mut self.held_up, true) {
            return None;
        }
        Some(format!(
            "note: the next {window} URLs all wait for hosts that are to be left alone or for another attempt, {} at \
             least, and those behind them wait too; a list in mixed order would not",
            Span(wait)
        ))
    }

    /// A body could not be saved because the disk is full.
    pub(super) fn disk_full(&mut self) -> Option<&'static str> {
        (!std::mem::replace(&mut self.disk_full, true))
            .then_some("warning: the disk is full: bodies that do not fit fail as 'write'")
    }
}

/// The run ends with so many records that its reader has not taken.
pub(super) fn unwritten(records: usize) -> Option<String> {
    let records = match records {
        0 => return None,
        1 => "1 record was".to_owned(),
        _ => format!("{records} records were"),
    };
    Some(format!(
        "{records} not written: standard output took nothing more"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_said_once_and_a_short_wait_is_not() {
        let mut warnings = Warnings::default();
        assert_eq!(warnings.held_up(4096, Duration::from_secs(4)), None);
        let said = warnings.held_up(4096, Duration::from_secs(300));
        assert!(said.is_some_and(|said| said.contains("4096") && said.contains(" 5m ")));
        assert_eq!(warnings.held_up(4096, Duration::from_secs(300)), None);
        assert!(warnings.disk_full().is_some());
        assert_eq!(warnings.disk_full(), None);
        assert_eq!(unwritten(0), None);
        assert!(unwritten(1).is_some_and(|said| said.starts_with("1 record was not")));
        assert!(unwritten(2).is_some_and(|said| said.starts_with("2 records were not")));
    }
}

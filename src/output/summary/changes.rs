//! With `--update`: what has become of pages since an earlier run.

use std::fmt::{self, Display, Formatter};

use indicatif::HumanCount;

use super::super::record::Record;

/// What became of pages since an earlier run. Those that failed in any other way are in none.
#[derive(Default)]
pub(super) struct Changes {
    /// Fetched, without a record.
    pub(super) new: u64,
    /// Fetched again.
    pub(super) changed: u64,
    pub(super) unchanged: u64,
    /// Recorded, and now 404 or 410.
    pub(super) gone: u64,
}

impl Changes {
    pub(super) fn add(&mut self, record: &Record) {
        let count = match (record.unchanged, record.is_recorded, record.status()) {
            (Some(true), ..) => &mut self.unchanged,
            (Some(false), true, _) => &mut self.changed,
            (Some(false), false, _) => &mut self.new,
            (None, true, Some(404 | 410)) => &mut self.gone,
            (None, ..) => return,
        };
        *count += 1;
    }
}

impl Display for Changes {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let [new, changed] = [self.new, self.changed].map(HumanCount);
        let [unchanged, gone] = [self.unchanged, self.gone].map(HumanCount);
        write!(
            out,
            "{new} new, {changed} changed, {unchanged} unchanged, {gone} gone"
        )
    }
}

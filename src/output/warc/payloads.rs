//! Where the payloads of a run are in its archive, by digest: at most 40 bytes of memory for each.

use super::header::digest_text;
use crate::text_table::TextTable;

/// The offset of the record with each payload. The record itself has the whole digest.
pub(super) struct Payloads(TextTable<48>);

impl Default for Payloads {
    fn default() -> Self {
        Self(TextTable::new())
    }
}

impl Payloads {
    pub(super) fn get(&self, sha256: &[u8; 32]) -> Option<u64> {
        self.0.get(&digest_text(sha256))
    }

    pub(super) fn insert(&mut self, sha256: &[u8; 32], offset: u64) {
        self.0.set(&digest_text(sha256), offset);
    }
}

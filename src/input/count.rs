//! How many entries the lists have, for the bar and the number of threads.

use super::format::ListFormat;
use super::records::Records;
use super::shard::ListShard;
use super::source::List;
use super::target::Content;
use super::{Options, decode};
use crate::fetch::Url;
use std::fs::{self, File};
use std::io::Read;

/// The most bytes of short lists: counting those takes a hundred microseconds.
pub(super) const SHORT: u64 = 64 << 10;

impl Options {
    /// How many entries the lists have; `None` with a pipe, standard input, or an unreadable file.
    ///
    /// Reads every file: about a second for ten million lines, ten with a shard, which needs the URLs. Counts entries
    /// that are left out for other reasons.
    pub(crate) fn count(&self) -> Option<u64> {
        self.count_within(u64::MAX)
    }

    /// As [`count`](Self::count); `None` if a list has `most` bytes or more.
    fn count_within(&self, most: u64) -> Option<u64> {
        self.lists
            .iter()
            .map(|list| self.count_list(list, most))
            .sum()
    }

    /// As [`count`](Self::count), if the lists are short files or URLs.
    pub(crate) fn count_if_short(&self) -> Option<u64> {
        // In /proc, a file without a size may have content.
        let bytes_of = |list| size_of(list).filter(|&bytes| bytes > 0);
        let bytes: u64 = self.lists.iter().map(bytes_of).sum::<Option<_>>()?;
        if bytes > SHORT {
            return None;
        }
        // A compressed list may be long.
        self.count_within(2 * SHORT)
    }

    fn count_list(&self, list: &List, most: u64) -> Option<u64> {
        match list {
            List::Url(text) => Some(u64::from(self.is_ours(&Content::Text(text.trim())))),
            List::Stdin => None,
            List::File(path) => {
                size_of(list)?;
                self.count_records(File::open(path).ok()?, self.format.of(list), most)
            }
        }
    }

    fn count_records(&self, file: File, format: ListFormat, most: u64) -> Option<u64> {
        let mut text = decode::text(Box::new(file)).ok()?.take(most);
        let mut records = Records::new(&mut text, format);
        let mut count = 0;
        loop {
            records.take_header(None).ok()?;
            while let Some((_, record)) = records.next_buffered() {
                let content = record.content();
                count += u64::from(content.is_some_and(|content| self.is_ours(&content)));
            }
            if !records.fill().ok()? {
                return (text.limit() > 0).then_some(count);
            }
        }
    }

    fn is_ours(&self, content: &Content<'_>) -> bool {
        let holds =
            |shard: ListShard| shard.holds(content, &content.url(self.default_scheme, Url::parse));
        self.shard.is_none_or(holds)
    }
}

/// The size of a list that can be read twice.
pub(super) fn size_of(list: &List) -> Option<u64> {
    match list {
        List::Url(text) => Some(text.len() as u64),
        List::Stdin => None,
        // Opening /dev/stdin or /dev/fd/3 may share its descriptor.
        List::File(path) if path.starts_with("/dev") => None,
        List::File(path) => {
            let metadata = fs::metadata(path).ok()?;
            metadata.is_file().then_some(metadata.len())
        }
    }
}

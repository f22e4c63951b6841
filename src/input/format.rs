//! How a list is written.

use super::source::List;
use std::path::Path;

/// The value of `--input`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ListFormat {
    /// By the ending of the file's name.
    #[default]
    Auto,
    Lines,
    Csv,
    Tsv,
    Jsonl,
}

impl ListFormat {
    /// The format of `list`, never `Auto`. A URL argument is a line in any case.
    pub(super) fn of(self, list: &List) -> Self {
        match (self, list) {
            (_, List::Url(_)) | (Self::Auto, List::Stdin) => Self::Lines,
            (Self::Auto, List::File(path)) => by_ending(path),
            (given, _) => given,
        }
    }

    /// What separates the cells of a table.
    pub(super) fn delimiter(self) -> Option<u8> {
        match self {
            Self::Csv => Some(b','),
            Self::Tsv => Some(b'\t'),
            Self::Auto | Self::Lines | Self::Jsonl => None,
        }
    }
}

fn by_ending(path: &Path) -> ListFormat {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.rsplit_once('.') {
        Some((_, "csv")) => ListFormat::Csv,
        Some((_, "tsv")) => ListFormat::Tsv,
        Some((_, "jsonl" | "ndjson")) => ListFormat::Jsonl,
        _ => ListFormat::Lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_what_their_names_end_in() {
        use ListFormat::{Auto, Csv, Jsonl, Lines, Tsv};
        for (name, format) in [
            ("a.csv", Csv),
            ("A.CSV", Csv),
            ("a.csv.gz", Csv),
            ("a.Csv.GZ", Csv),
            ("x/a.tsv", Tsv),
            ("a.tsv.gz", Tsv),
            ("a.jsonl", Jsonl),
            ("a.ndjson.gz", Jsonl),
            ("a.json", Lines),
            ("a.txt", Lines),
            ("a.gz", Lines),
            ("csv", Lines),
            ("a.csv/b", Lines),
            ("a.csv.bak", Lines),
            ("/dev/stdin", Lines),
        ] {
            let list = List::File(name.into());
            assert_eq!(Auto.of(&list), format, "{name}");
            assert_eq!(Tsv.of(&list), Tsv, "{name}");
        }
        assert_eq!(Auto.of(&List::Stdin), Lines);
        assert_eq!(Jsonl.of(&List::Stdin), Jsonl);
        assert_eq!(Csv.of(&List::Url("http://a/x.csv".into())), Lines);
    }
}

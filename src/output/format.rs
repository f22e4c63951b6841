//! The formats of records.

/// How records are written: the lines of the Python documentation's example, one JSON object a line, or values under a
/// header line, separated by commas or tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    Text,
    Jsonl,
    Csv,
    Tsv,
}

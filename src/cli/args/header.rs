//! The values of `-H` and `--record-header`.

use std::path::PathBuf;

use http::HeaderName;

use crate::fetch::CustomHeader;

/// One `-H`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HeaderSource {
    Header(CustomHeader),
    /// A file with a header a line.
    File(PathBuf),
}

/// Reads `Name: value` or `@FILE`.
pub(super) fn header(text: &str) -> Result<HeaderSource, String> {
    let Some(file) = text.strip_prefix('@') else {
        let header = text.parse().map(HeaderSource::Header);
        return header.map_err(|error| error.to_string());
    };
    match file {
        "" => Err("no file after the @: write @FILE".to_owned()),
        "-" => Err("@-: standard input is for lists; give a file with a header a line".to_owned()),
        file => Ok(HeaderSource::File(file.into())),
    }
}

/// The name of `--record-header` for all headers. It is also the name of a header, which cannot be asked for alone.
pub(in crate::cli) const ALL_HEADERS: &str = "*";

pub(super) fn header_name(text: &str) -> Result<HeaderName, &'static str> {
    HeaderName::from_bytes(text.as_bytes())
        .map_err(|_| "not the name of a header: write one like ETag, or * for all")
}

//! What a line holds, and its URL, read as in a browser (WHATWG, IDNA, by the `url` crate).
//!
//! The message of a failure never repeats userinfo.

use super::lines::{LIMIT, Line};
use super::row::Row;
use crate::fetch::{Failure, FailureKind, INVALID_HOST, RequestOptions, Url};
use crate::output::{DryRun, Record};
use std::sync::Arc;
use url::{ParseError, Position};

/// How many characters a record keeps of a line that is too long.
const EXCERPT: usize = 200;

/// The longest URL that a hint repeats.
const HINT: usize = 200;

/// A URL to fetch, and where it came from.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The list's name as given, `-`, or `argument`.
    pub(crate) source: Arc<str>,
    /// The line in that list, or the number among the URL arguments, from 1.
    pub(crate) line: u64,
    /// What the user wrote, if that is not `url`.
    pub(crate) written: Option<Box<str>>,
    /// Always http or https.
    pub(crate) url: Url,
    /// `None` for a line without a name for its file.
    pub(crate) row: Option<Box<Row>>,
}

/// What a line becomes.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Target(Target),
    /// The record of what is no URL or a wrong row: `invalid_url`, `unsupported_scheme`, `invalid_row`.
    Failed(Box<Record>),
    /// With [`Options::dry_run`](super::Options::dry_run): the record of what a run leaves out.
    Skipped(Box<Record>),
}

impl Entry {
    pub(super) fn new(
        source: &Arc<str>,
        line: u64,
        content: &Content<'_>,
        url: Result<Url, Failure>,
        row: Row,
    ) -> Self {
        let source = Arc::clone(source);
        match url {
            Ok(url) => Self::Target(Target {
                source,
                line,
                written: (content.bytes() != url.as_str().as_bytes()).then(|| content.written()),
                url,
                row: row.boxed(),
            }),
            Err(failure) => Self::Failed(Box::new(Record {
                error: Some(failure),
                input: row.input,
                ..Record::new(content.written(), source, line)
            })),
        }
    }

    pub(super) fn skipped(
        source: &Arc<str>,
        line: u64,
        content: &Content<'_>,
        why: DryRun,
        row: Row,
    ) -> Self {
        Self::Skipped(Box::new(Record {
            dry_run: Some(why),
            input: row.input,
            ..Record::new(content.written(), Arc::clone(source), line)
        }))
    }

    /// Bytes of text in it.
    pub(crate) fn text(&self) -> usize {
        match self {
            Self::Target(target) => target.text(),
            Self::Failed(record) | Self::Skipped(record) => record.held_bytes(),
        }
    }
}

impl Target {
    /// Bytes of text in it.
    pub(crate) fn text(&self) -> usize {
        let row = self.row.as_ref().map_or(0, |row| row.text());
        let written = self.written.as_ref().map_or(0, |written| written.len());
        written + self.url.as_str().len() + row
    }

    /// Its record, without a result.
    pub(crate) fn into_record(self) -> Record {
        let url = self
            .written
            .unwrap_or_else(|| String::from(self.url).into());
        Record {
            input: self.row.and_then(|row| row.input),
            ..Record::new(url, self.source, self.line)
        }
    }

    /// What its request asks for in place of the client's options.
    pub(crate) fn request(&self) -> Option<&Arc<RequestOptions>> {
        self.row.as_ref()?.request.as_ref()
    }
}

/// The scheme of URLs written without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scheme {
    Https,
    Http,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The content of a line that is neither blank nor a comment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    Text(&'a str),
    NotUtf8(&'a [u8]),
    /// The beginning of a line over the limit.
    TooLong(&'a [u8]),
}

impl<'a> Content<'a> {
    /// The content of `line`; `None` if it is blank or a comment, whatever its encoding and length.
    ///
    /// Every line may begin with a BOM, as `cat` joins lists.
    pub(super) fn of(line: Line<'a>) -> Option<Self> {
        let begun = line.bytes().trim_ascii_start();
        let begun = begun
            .strip_prefix("\u{feff}".as_bytes())
            .unwrap_or(begun)
            .trim_ascii_start();
        if begun.first() == Some(&b'#') {
            return None;
        }
        if let Line::TooLong(_) = line {
            // Even if its beginning is blank.
            return Some(Self::TooLong(begun));
        }
        let Ok(text) = str::from_utf8(begun) else {
            return Some(Self::NotUtf8(begun.trim_ascii_end()));
        };
        let text = text.trim();
        (!text.is_empty() && !text.starts_with('#')).then_some(Self::Text(text))
    }

    /// The content of a row by the cell of its URL; `None` if that is a comment, or the whole row `is_blank`.
    pub(super) fn of_cell(cell: &'a [u8], is_blank: impl FnOnce() -> bool) -> Option<Self> {
        let line = if cell.len() > LIMIT {
            Line::TooLong(&cell[..LIMIT])
        } else {
            Line::Whole(cell)
        };
        Self::of(line).or_else(|| {
            let is_empty = str::from_utf8(cell).is_ok_and(|cell| cell.trim().is_empty());
            (is_empty && !is_blank()).then_some(Self::Text(""))
        })
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::NotUtf8(bytes) | Self::TooLong(bytes) => bytes,
        }
    }

    /// What the user wrote, trimmed. U+FFFD replaces bytes that are not UTF-8. A line over 64 KiB is cut to 200 characters
    /// and `...`.
    pub(super) fn written(&self) -> Box<str> {
        match self {
            Self::Text(text) => (*text).into(),
            Self::NotUtf8(bytes) => String::from_utf8_lossy(bytes).into(),
            Self::TooLong(bytes) => {
                // A character has at most four bytes: one that is cut comes after the excerpt.
                let begun = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * (EXCERPT + 1))]);
                let mut kept: String = begun.chars().take(EXCERPT).collect();
                kept.push_str("...");
                kept.into()
            }
        }
    }

    /// Its URL, read by `parse`, which is or does as [`Url::parse`].
    pub(super) fn url(
        &self,
        default_scheme: Option<Scheme>,
        parse: impl FnOnce(&str) -> Result<Url, ParseError>,
    ) -> Result<Url, Failure> {
        match self {
            Self::Text(text) => normalise_by(text, default_scheme, parse),
            Self::NotUtf8(_) => Err(invalid(
                "not UTF-8: a list is UTF-8 text with one URL a line",
            )),
            Self::TooLong(_) => Err(invalid(format!(
                "the line is over {} KiB: a list holds one URL a line",
                LIMIT / 1024
            ))),
        }
    }
}

/// Reads `text` as a browser does, but refuses schemes other than http and https, and separators: a browser drops a tab
/// or a line end, which would join two URLs.
pub(super) fn normalise(text: &str, default_scheme: Option<Scheme>) -> Result<Url, Failure> {
    normalise_by(text, default_scheme, Url::parse)
}

fn normalise_by(
    text: &str,
    default_scheme: Option<Scheme>,
    parse: impl FnOnce(&str) -> Result<Url, ParseError>,
) -> Result<Url, Failure> {
    let url = parse(text);
    let is_url = url.as_ref().is_ok_and(|url| url.as_str() == text);
    if !is_url && let Some(separator) = text.bytes().find_map(separator) {
        return Err(invalid(separator));
    }
    match url {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        Ok(url) if has_no_scheme(text, url.scheme()) => without_scheme(text, default_scheme),
        Ok(url) => Err(Failure::new(
            FailureKind::UnsupportedScheme,
            format!(
                "the scheme '{}' is neither http nor https",
                excerpt(url.scheme())
            ),
        )),
        Err(ParseError::RelativeUrlWithoutBase) => without_scheme(text, default_scheme),
        Err(error) => Err(no_url(error)),
    }
}

/// Why a URL cannot contain `byte`.
fn separator(byte: u8) -> Option<&'static str> {
    match byte {
        b'\t' => Some("a tab inside the line: a list has one URL a line"),
        b'\r' => Some("a carriage return inside the line: lines end with LF or CRLF"),
        b'\n' => Some("a line end inside the URL"),
        0 => Some("a NUL byte inside the line: a list is text with one URL a line"),
        _ => None,
    }
}

/// The URL without its fragment, which is never sent.
pub(super) fn page(url: &Url) -> &str {
    &url[..Position::AfterQuery]
}

/// Whether the parser took a host or a user for a scheme: `localhost:8080/x`, `user:pw@example.com/x`.
fn has_no_scheme(text: &str, scheme: &str) -> bool {
    // Schemes whose URLs may contain an @.
    const WITH_ADDRESSES: [&str; 11] = [
        "acct", "cid", "im", "mailto", "mid", "pres", "sip", "sips", "ssh", "tel", "xmpp",
    ];
    let rest = text.get(scheme.len()..);
    let Some(rest) = rest.and_then(|rest| rest.strip_prefix(':')) else {
        return false;
    };
    if rest.starts_with("//") {
        return false;
    }
    let authority = &rest[..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())];
    // No scheme in use has a dot: such a text is a host, perhaps with an invalid port.
    let is_host = scheme.contains('.') || scheme == "localhost";
    let is_port = authority.bytes().all(|byte| byte.is_ascii_digit())
        && (is_host || authority.parse::<u16>().is_ok());
    let is_password = |(password, host): (&str, &str)| {
        !password.contains(char::is_whitespace) && Url::parse(&format!("http://{host}/")).is_ok()
    };
    is_port
        || !WITH_ADDRESSES.contains(&scheme) && authority.rsplit_once('@').is_some_and(is_password)
}

/// The URL in `text` without quotes, brackets or bullets around it. May contain credentials.
fn unwrapped(text: &str) -> Option<&str> {
    let is_wrapping =
        |c: char| " \t\"'`<>()[]{},;*-\u{ab}\u{bb}\u{2018}\u{2019}\u{201c}\u{201d}".contains(c);
    let inner = text.trim_matches(is_wrapping);
    let is_web = |url: Url| matches!(url.scheme(), "http" | "https");
    let fits = inner.len() < text.len()
        && inner.len() <= HINT
        && !inner.contains(char::is_whitespace)
        && inner.contains("://");
    (fits && Url::parse(inner).is_ok_and(is_web)).then_some(inner)
}

/// Completes a text without a scheme if the user asked for that; otherwise refuses it with a hint.
fn without_scheme(text: &str, default_scheme: Option<Scheme>) -> Result<Url, Failure> {
    let scheme = default_scheme.unwrap_or(Scheme::Https).name();
    if let Some(inner) = unwrapped(text) {
        let mut message = "a URL stands alone on its line, without quotes or brackets".to_owned();
        if !may_hold_credentials(inner) {
            message.push_str(&format!(": did you mean {inner}?"));
        }
        return Err(invalid(message));
    }
    // `http//example.com/x`: no host has such a name.
    if begins_as_web(text, "//") {
        return Err(invalid("no colon: a URL begins with http:// or https://"));
    }
    let completed = complete(text, scheme);
    if default_scheme.is_some() {
        return match completed {
            Some(completed) => Url::parse(&completed).map_err(no_url),
            None => Err(invalid(
                "no host: a URL is written like https://example.com/x or example.com/x",
            )),
        };
    }
    // Propose only a URL.
    let hint = completed.filter(|completed| {
        completed.len() <= HINT
            && !completed.contains(|c: char| c.is_whitespace() || c.is_control())
            && !may_hold_credentials(completed)
            && Url::parse(completed).is_ok()
    });
    Err(match hint {
        Some(hint) => invalid(format!(
            "no scheme; did you mean {hint}? (--default-scheme {scheme})"
        )),
        None => invalid("no scheme: a URL begins with http:// or https://"),
    })
}

/// Whether a message must not repeat `text`: before any @ there may be a userinfo.
fn may_hold_credentials(text: &str) -> bool {
    text.contains('@')
}

/// Whether `text` begins with http or https, and then `separator`.
pub(super) fn begins_as_web(text: &str, separator: &str) -> bool {
    let scheme = text.split_once(separator).map(|(scheme, _)| scheme);
    scheme.is_some_and(|s| s.eq_ignore_ascii_case("http") || s.eq_ignore_ascii_case("https"))
}

/// `text` with a scheme before it; `None` if it does not begin with a host.
fn complete(text: &str, scheme: &str) -> Option<String> {
    if text.starts_with("//") {
        return Some(format!("{scheme}:{text}"));
    }
    // A browser would take a path's first segment for the host.
    (!text.starts_with(['/', '\\', '.', '?', '#', ':'])).then(|| format!("{scheme}://{text}"))
}

fn no_url(error: ParseError) -> Failure {
    match error {
        ParseError::EmptyHost => invalid("no host: a URL is written like https://example.com/x"),
        ParseError::InvalidPort => invalid("invalid port: it is a number from 0 to 65535"),
        ParseError::IdnaError | ParseError::InvalidDomainCharacter => invalid(INVALID_HOST),
        // The other messages are fixed, without any of the text.
        other => invalid(other.to_string()),
    }
}

pub(super) fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::InvalidUrl, message.into())
}

/// The beginning of a scheme, which can be of any length.
fn excerpt(scheme: &str) -> &str {
    // It is ASCII.
    &scheme[..scheme.len().min(40)]
}

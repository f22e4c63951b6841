//! Recognises files that are no lists by their first record, and names a command that converts them.

use super::target::{Content, begins_as_web, invalid};
use crate::fetch::{Failure, FailureKind};
use serde_json::Value;

/// Beginnings of archives, what they are, and a command that unpacks them.
const ARCHIVES: [(&[u8], &str, &str); 10] = [
    (b"PK\x03\x04", "a zip archive", "unzip -p FILE"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "zstd -dc FILE"),
    (b"\xfd7zXZ\0", "compressed by xz", "xz -dc FILE"),
    (b"BZh", "compressed by bzip2", "bzip2 -dc FILE"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z e -so FILE"),
    (b"\x04\x22\x4d\x18", "compressed by lz4", "lz4 -dc FILE"),
    (b"\x1f\x8b", "compressed by gzip twice", "zcat FILE | zcat"),
    (b"Rar!\x1a\x07", "a RAR archive", "unrar p -inul FILE"),
    (b"%PDF-", "a PDF document", "pdftotext FILE -"),
    (b"\x1f\x9d", "compressed by compress", "zcat FILE"),
];

/// Names of columns and keys with URLs.
const NAMES: [&str; 9] = [
    "url", "urls", "uri", "link", "links", "href", "loc", "address", "website",
];

/// The format, and what reads it, if anything.
type Found = (&'static str, Option<Cure>);

enum Cure {
    /// A command that prints its URLs.
    Command(String),
    /// An option of this program.
    Option(&'static str),
}

fn command(command: impl Into<String>) -> Option<Cure> {
    Some(Cure::Command(command.into()))
}

/// The failure of a list's first record, naming the list's format if it is recognised.
pub(super) fn explain(failure: Failure, first: &Content<'_>, begins_with_nul: bool) -> Failure {
    if failure.kind() != FailureKind::InvalidUrl {
        return failure;
    }
    let first = first.bytes();
    let found = archive(first)
        .or_else(|| with_nuls(first, begins_with_nul))
        .or_else(|| text(first));
    match found {
        None => failure,
        Some((what, Some(Cure::Command(command)))) => {
            invalid(format!("the list is {what}: {command} | fetchpool"))
        }
        Some((what, Some(Cure::Option(option)))) => {
            invalid(format!("the list is {what}: read it with {option}"))
        }
        Some((what, None)) => invalid(format!(
            "the list is {what}: save it as text, one URL a line"
        )),
    }
}

/// Whether the first record is that of a netrc file, whose lines must not be repeated in records.
pub(super) fn is_netrc(first: &[u8]) -> bool {
    first.starts_with(b"machine ") || first.starts_with(b"default login ")
}

fn archive(first: &[u8]) -> Option<Found> {
    let contains = |part: &[u8]| memchr::memmem::find(first, part).is_some();
    if first.starts_with(b"PK") && (contains(b"[Content_Types].xml") || contains(b"mimetype")) {
        return Some(("a spreadsheet or another document", None));
    }
    if first.get(257..262) == Some(b"ustar") {
        return Some(("a tar archive", command("tar -xOf FILE")));
    }
    let known = ARCHIVES.iter().find(|(begin, ..)| first.starts_with(begin));
    known.map(|(_, what, unpack)| (*what, command(*unpack)))
}

fn with_nuls(first: &[u8], begins_with_nul: bool) -> Option<Found> {
    let is_nul = |at| first.get(at) == Some(&0);
    if is_nul(0) && is_nul(2) || is_nul(1) && is_nul(3) {
        let order = if begins_with_nul { "BE" } else { "LE" };
        let iconv = format!("iconv -f UTF-16{order} -t UTF-8 FILE");
        return Some(("UTF-16 without a byte order mark", command(iconv)));
    }
    let (url, _) = first.split_at(memchr::memchr(0, first)?);
    is_url(str::from_utf8(url).ok()?).then(|| ("NUL-separated", command(r"tr '\0' '\n' < FILE")))
}

fn text(first: &[u8]) -> Option<Found> {
    let text = str::from_utf8(first).ok()?;
    match text.as_bytes() {
        [b'<', next, ..] if next.is_ascii_alphabetic() || b"!?".contains(next) => {
            let tag = text.split(['>', ' ']).next()?;
            let urls = r#"grep -oE "https?://[^\"'<> ]+" FILE | sed 's/&amp;/\&/g'"#;
            (!tag.contains("://")).then(|| ("HTML or XML", command(urls)))
        }
        [b'{', ..] if has_url(text) => Some(("JSON", Some(Cure::Option("-i jsonl")))),
        [b'{', ..] => json_object(text).map(|key| ("JSON", command(format!("jq -r {key} FILE")))),
        [b'['] => Some(("JSON", command("jq -r '.[]' FILE"))),
        [b'[', ..] => json_array(text),
        _ => table(text),
    }
}

/// Whether `text` is a whole object with a key `url`.
fn has_url(text: &str) -> bool {
    let object: Option<Value> = serde_json::from_str(text).ok();
    object.is_some_and(|object| object.get("url").is_some())
}

/// The jq path of the URL in an object, of which `text` may be only the beginning.
fn json_object(text: &str) -> Option<String> {
    let is_plain = |key: &str| key.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
        let begins = text.len() == 1 || text[1..].trim_start().starts_with('"');
        return begins.then(|| ".url".to_owned());
    };
    let named = fields.keys().find(|key| is_name(key));
    let urls = || {
        fields
            .iter()
            .find(|(_, value)| value.as_str().is_some_and(is_url))
    };
    let key = named.or_else(|| urls().map(|(key, _)| key));
    key.filter(|key| is_plain(key)).map(|key| format!(".{key}"))
}

fn json_array(text: &str) -> Option<Found> {
    let inner = text[1..].trim_start();
    let path = match inner.bytes().next()? {
        b'"' => "'.[]'".to_owned(),
        b'{' => {
            let first: Value = serde_json::Deserializer::from_str(inner)
                .into_iter()
                .next()?
                .ok()?;
            format!("'.[]{}'", json_object(&first.to_string())?)
        }
        _ => return None,
    };
    Some(("JSON", command(format!("jq -r {path} FILE"))))
}

fn table(text: &str) -> Option<Found> {
    let unquoted = |cell| str::trim(cell).trim_matches('"');
    if is_name(unquoted(text)) {
        let cure = match unquoted(text) {
            "url" => Some(Cure::Option("-i csv")),
            _ => command("tail -n +2 FILE"),
        };
        return Some(("a table", cure));
    }
    let split = |delimiter: char| {
        let mut cells = text.split(delimiter).map(unquoted).zip(1..);
        let (cell, column) = cells.find(|(cell, _)| is_name(cell) || is_url(cell))?;
        Some((delimiter, column, cell))
    };
    let delimiters = ['\t', ',', ';', '|'].into_iter();
    let (delimiter, column, cell) = delimiters
        // A URL may contain the other delimiters.
        .filter(|c| text.contains(*c) && (*c == '\t' || !is_url(text)))
        .find_map(split)?;
    match (cell, delimiter) {
        ("url", ',') => return Some(("a table", Some(Cure::Option("-i csv")))),
        ("url", '\t') => return Some(("a table", Some(Cure::Option("-i tsv")))),
        _ => {}
    }
    let shown = delimiter.escape_default();
    let print = match (text.contains('"'), is_name(cell)) {
        (true, true) => format!("mlr --icsv --ifs '{shown}' --onidx cut -f {cell} FILE"),
        (true, false) => {
            format!("mlr --icsv --ifs '{shown}' --implicit-csv-header --onidx cut -f {column} FILE")
        }
        (false, is_header) => {
            let option = if delimiter == '\t' {
                String::new()
            } else {
                format!("-d'{shown}' ")
            };
            let rest = if is_header { " | tail -n +2" } else { "" };
            format!("cut {option}-f{column} FILE{rest}")
        }
    };
    Some(("a table", command(print)))
}

pub(super) fn is_name(text: &str) -> bool {
    NAMES.iter().any(|name| name.eq_ignore_ascii_case(text))
}

fn is_url(text: &str) -> bool {
    begins_as_web(text, "://")
}

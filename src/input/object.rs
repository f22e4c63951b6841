//! A line of jsonl: an object with a URL, or a record of an earlier run.

use super::columns::{Meaning, short};
use super::lines::Line;
use super::row::{Row, RowReader};
use super::target::Content;
use crate::fetch::Failure;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

/// How much of a line that is no object its record keeps, in bytes.
const EXCERPT: usize = 200;

/// A line, read as an object.
pub(super) enum Object<'a> {
    Row {
        url: Cow<'a, str>,
        fields: Fields<'a>,
    },
    /// The record of an earlier run, of which only these count.
    Past {
        url: Cow<'a, str>,
        input: Option<&'a RawValue>,
    },
    Unreadable {
        line: Line<'a>,
        why: String,
    },
}

/// The keys and values of an object in their order.
#[derive(Default)]
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    pub(super) fn of(line: Line<'a>) -> Self {
        let fields = match line {
            Line::TooLong(_) => Err("the row is over 1 MiB".to_owned()),
            Line::Whole(bytes) => read(bytes),
        };
        let fields = match fields {
            Ok(fields) => fields,
            Err(why) => return Self::Unreadable { line, why },
        };
        let url = fields.get("url").and_then(text_of).unwrap_or_default();
        let has = |key: &&str| fields.get(key).is_some();
        if !["url", "ok", "attempts"].iter().all(has) {
            return Self::Row { url, fields };
        }
        let input = fields.get("input");
        let input = input.filter(|input| input.get().starts_with('{'));
        Self::Past { url, input }
    }

    /// `None` for a row to skip: blank, or with a comment in place of the URL.
    pub(super) fn content(&self) -> Option<Content<'_>> {
        match self {
            Self::Row { url, fields } => Content::of_cell(url.as_bytes(), || {
                fields.0.iter().all(|(_, value)| is_blank(value))
            }),
            Self::Past { url, input } => Content::of_cell(url.as_bytes(), || input.is_none()),
            Self::Unreadable { line, .. } => Content::of(*line).map(excerpt),
        }
    }

    pub(super) fn row(&self, line: u64) -> (Row, Option<Failure>) {
        let mut reader = RowReader::new(line);
        let input = match self {
            Self::Row { fields, .. } => {
                fields.read_into(&mut reader);
                fields.others()
            }
            Self::Past { input, .. } => input.map(one_line),
            Self::Unreadable { why, .. } => {
                reader.refuse_row(why);
                return reader.finish(None);
            }
        };
        if self.url().trim().is_empty() {
            reader.refuse_cell("url", "empty: the row has no URL");
        }
        reader.finish(input)
    }

    fn url(&self) -> &str {
        match self {
            Self::Row { url, .. } | Self::Past { url, .. } => url,
            Self::Unreadable { .. } => "",
        }
    }

    /// The value of a key for a name: text, or a number or a boolean as it is written.
    pub(super) fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        let value = match self {
            Self::Row { fields, .. } => fields.get(key)?,
            Self::Past { input, .. } => {
                let Fields(fields) = serde_json::from_str(input.as_ref()?.get()).ok()?;
                Fields(fields).get(key)?
            }
            Self::Unreadable { .. } => return None,
        };
        match value.get().as_bytes() {
            [b'"', ..] => text_of(value),
            [b'{' | b'[' | b'n', ..] => None,
            _ => Some(value.get().into()),
        }
    }
}

/// What a record keeps of a line that is no object. One that begins as an object may hold a header that is secret.
fn excerpt(content: Content<'_>) -> Content<'_> {
    match content {
        content if content.bytes().starts_with(b"{") => Content::Text(""),
        Content::Text(text) if text.len() <= EXCERPT => Content::Text(text),
        content => Content::TooLong(content.bytes()),
    }
}

fn read(bytes: &[u8]) -> Result<Fields<'_>, String> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let text = str::from_utf8(bytes).map_err(|error| {
        let column = error.valid_up_to() + 1;
        format!("not UTF-8 at column {column}: a list is UTF-8 text")
    })?;
    let text = text.trim();
    match text.as_bytes().first() {
        Some(b'{') => serde_json::from_str(text).map_err(|error| {
            // The text of a syntax error does not repeat the line, which may hold secrets.
            let what = error.to_string();
            let what = what.split(" at line ").next().unwrap_or_default();
            format!("not JSON: {what} at column {}", error.column())
        }),
        Some(b'[') => Err(
            "not a JSON object: write one a line (jq -c '.[]' FILE writes those of an array so)"
                .to_owned(),
        ),
        _ => Err(
            "not a JSON object: write one a line, like {\"url\":\"https://example.com/\"}"
                .to_owned(),
        ),
    }
}

/// Reads the value of a key with a meaning.
fn read_value(reader: &mut RowReader, key: &str, value: &RawValue) {
    let meaning = Meaning::of_key(key);
    match meaning {
        Meaning::Header => return read_headers(reader, value),
        Meaning::Other => return,
        _ => {}
    }
    let takes_number = !matches!(
        meaning,
        Meaning::Url | Meaning::Name | Meaning::Method | Meaning::Sha256
    );
    match value.get().as_bytes() {
        b"null" => {}
        [b'"', ..] => match text_of(value) {
            Some(text) if text.trim().is_empty() => {}
            Some(text) => reader.read(key, meaning, text.trim()),
            None => reader.refuse_cell(key, "not Unicode text"),
        },
        [b'-' | b'0'..=b'9', ..] if takes_number => reader.read(key, meaning, value.get()),
        _ => {
            let what = if takes_number {
                "a string or a number"
            } else {
                "a string"
            };
            reader.refuse_cell(key, &format!("'{}' is not {what}", short(value.get())));
        }
    }
}

fn read_headers(reader: &mut RowReader, value: &RawValue) {
    if value.get() == "null" {
        return;
    }
    let Ok(Fields(headers)) = serde_json::from_str(value.get()) else {
        return reader.refuse_cell("headers", "not an object of strings");
    };
    let mut known = HashSet::new();
    for (name, value) in &headers {
        if !known.insert(name.to_ascii_lowercase()) {
            reader.refuse_cell("headers", &format!("'{}' is there twice", short(name)));
        }
        match text_of(value) {
            Some(text) if text.trim().is_empty() => {}
            Some(text) => reader.read_header("headers", name, text.trim()),
            None if value.get() == "null" => {}
            None => {
                let what = format!("the value of '{}' is not a string", short(name));
                reader.refuse_cell("headers", &what);
            }
        }
    }
}

/// The text of a JSON string; `None` for any other value, and for a surrogate alone.
fn text_of(value: &RawValue) -> Option<Cow<'_, str>> {
    let Text(text) = serde_json::from_str(value.get()).ok()?;
    Some(text)
}

fn is_blank(value: &RawValue) -> bool {
    value.get() == "null" || text_of(value).is_some_and(|text| text.trim().is_empty())
}

/// `value` without tabs and carriage returns, which JSON allows only outside strings.
fn one_line(value: &RawValue) -> Box<RawValue> {
    if !value.get().contains(['\t', '\r', '\n']) {
        return value.to_owned();
    }
    let text = value.get().replace(['\t', '\r', '\n'], " ");
    RawValue::from_string(text).unwrap_or_else(|_| value.to_owned())
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Fields<'a> {
    fn get(&self, key: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().find(|(other, _)| other == key);
        found.map(|(_, value)| *value)
    }

    /// Reads the keys that have a meaning.
    fn read_into(&self, reader: &mut RowReader) {
        for (index, (key, value)) in self.0.iter().enumerate() {
            if !is_other(key) && self.0[..index].iter().any(|(other, _)| other == key) {
                reader.refuse_cell(key, "there are two");
            }
            read_value(reader, key, value);
        }
    }

    /// The object without the keys that have a meaning; `None` if there are no others.
    fn others(&self) -> Option<Box<RawValue>> {
        let has_others = self.0.iter().any(|(key, _)| is_other(key));
        let object = has_others.then(|| to_raw_value(self).ok()).flatten();
        object.map(|object| one_line(&object))
    }
}

fn is_other(key: &str) -> bool {
    Meaning::of_key(key) == Meaning::Other
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .iter()
                .filter(|(key, _)| is_other(key))
                .map(|(key, value)| (key, value)),
        )
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Fields::default();
                while let Some(Text(key)) = map.next_key()? {
                    fields.0.push((key, map.next_value()?));
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

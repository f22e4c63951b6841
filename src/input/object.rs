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
use std::fmt;

/// How much of a line that is no object its record keeps, in bytes.
const EXCERPT: usize = 200;

/// A line, read as an object.
pub(super) struct Object<'a> {
    line: &'a [u8],
    /// Or why it is none.
    fields: Result<Fields<'a>, String>,
    url: Cow<'a, str>,
    /// The `input` of an earlier run's record.
    past_input: Option<&'a RawValue>,
    is_past: bool,
}

/// The keys and values of an object in their order.
#[derive(Default)]
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    pub(super) fn of(line: Line<'a>) -> Self {
        let fields = match line {
            Line::TooLong(_) => Err("the row is over 1 MiB".to_owned()),
            Line::Whole(bytes) => read(bytes),
        };
        let mut object = Self {
            line: line.bytes(),
            fields: Err(String::new()),
            url: "".into(),
            past_input: None,
            is_past: false,
        };
        object.fields = fields;
        object.take_url();
        object
    }

    fn take_url(&mut self) {
        let Ok(fields) = &mut self.fields else {
            return;
        };
        if let Some(url) = fields.get("url") {
            self.url = text_of(url).unwrap_or_default();
        }
        self.is_past = ["ok", "attempts"]
            .iter()
            .all(|key| fields.get(key).is_some());
        if self.is_past && fields.get("url").is_some() {
            let input = fields
                .get("input")
                .filter(|input| input.get().starts_with('{'));
            self.past_input = input;
            *fields = input
                .and_then(|input| serde_json::from_str(input.get()).ok())
                .unwrap_or_default();
        } else {
            self.is_past = false;
        }
    }

    /// `None` for a row to skip: blank, or with a comment in place of the URL.
    pub(super) fn content(&self) -> Option<Content<'_>> {
        let Ok(fields) = &self.fields else {
            Content::of(Line::Whole(self.line))?;
            let begun = self.line.trim_ascii();
            if begun.starts_with(b"{") {
                // It may hold a header that is secret.
                return Some(Content::Text(""));
            }
            return Some(match str::from_utf8(begun) {
                Ok(text) if text.len() <= EXCERPT => Content::Text(text),
                _ => Content::TooLong(begun),
            });
        };
        let is_blank =
            || self.past_input.is_none() && fields.0.iter().all(|(_, value)| is_blank(value));
        Content::of_cell(self.url.as_bytes(), is_blank)
    }

    pub(super) fn row(&self, line: u64) -> (Row, Option<Failure>) {
        let mut reader = RowReader::new(line);
        let fields = match &self.fields {
            Ok(fields) => fields,
            Err(error) => {
                reader.refuse_row(error);
                return reader.finish(None);
            }
        };
        if self.is_past {
            if self.url.trim().is_empty() {
                reader.refuse_cell("url", "empty: the row has no URL");
            }
            return reader.finish(self.past_input.map(one_line));
        }
        for (index, (key, value)) in fields.0.iter().enumerate() {
            let has_meaning = key == "headers" || Meaning::of(key) != Meaning::Other;
            if has_meaning && fields.0[..index].iter().any(|(other, _)| other == key) {
                reader.refuse_cell(key, "there are two");
            }
            read_value(&mut reader, key, value);
        }
        if self.url.trim().is_empty() {
            reader.refuse_cell("url", "empty: the row has no URL");
        }
        reader.finish(fields.others())
    }

    /// The value of a key for a name: text, or a number or a boolean as it is written.
    pub(super) fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        let value = self.fields.as_ref().ok()?.get(key)?;
        match value.get().as_bytes() {
            [b'"', ..] => text_of(value),
            [b'{' | b'[' | b'n', ..] => None,
            _ => Some(value.get().into()),
        }
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
    let meaning = Meaning::of(key);
    if key == "headers" {
        return read_headers(reader, value);
    }
    if meaning == Meaning::Other {
        return;
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
    for (index, (name, value)) in headers.iter().enumerate() {
        let is_same = |(other, _): &(Cow<'_, str>, _)| other.eq_ignore_ascii_case(name);
        if headers[..index].iter().any(is_same) {
            reader.refuse_cell("headers", &format!("'{}' is there twice", short(name)));
        }
        match text_of(value) {
            Some(text) if text.trim().is_empty() => {}
            Some(text) => reader.read("headers", Meaning::Header(name), text.trim()),
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

    /// The object without the keys that have a meaning; `None` if there are no others.
    fn others(&self) -> Option<Box<RawValue>> {
        let has_others = self.0.iter().any(|(key, _)| is_other(key));
        let object = has_others.then(|| to_raw_value(self).ok()).flatten();
        object.map(|object| one_line(&object))
    }
}

fn is_other(key: &str) -> bool {
    key != "headers" && Meaning::of(key) == Meaning::Other
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

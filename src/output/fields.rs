//! The fields of the machine-readable formats: one table of names and values, and the choice that `--fields` makes.
//!
//! docs/OUTPUT.md describes the fields. Every row has all of them that are chosen, in the chosen order. A release may add
//! a field; it removes and renames none.

use super::format::Format;
use super::record::{self, DryRun, Record};
use super::value::Value;
use crate::escape::printable;
use crate::fetch::{Failure, Outcome, Phase};

#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    /// A comma, and the name as the key of a JSON object. No name needs an escape.
    pub(super) key: &'static str,
    presence: Presence,
    pub(super) value: for<'a> fn(&'a Record) -> Value<'a>,
}

/// Which rows have a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    All,
    Jsonl,
    /// `csv` and `tsv`.
    Tables,
    /// `jsonl` with `--body`.
    Body,
    /// All with `--dry-run`.
    DryRun,
}

macro_rules! field {
    ($name:literal, $presence:expr, $value:expr) => {
        Field {
            name: $name,
            key: concat!(",\"", $name, "\":"),
            presence: $presence,
            value: $value,
        }
    };
}

#[rustfmt::skip]
const FIELDS: [Field; 37] = {
    use Presence::{All, Body, Jsonl, Tables};
    [
    field!("url", All, |record| Value::Text(&record.url)),
    field!("source", All, |record| Value::Text(&record.source)),
    field!("line", All, |record| Value::Number(record.line)),
    field!("ok", All, |record| match record.dry_run {
        Some(_) => Value::Null,
        None => Value::Bool(record.ok),
    }),
    field!("status", All, |record| Value::number(record.status())),
    field!("bytes", All, |record| Value::number(record.bytes)),
    field!("content_type", All, |record| of(record, |it| Value::text(it.content_type.as_deref()))),
    field!("final_url", All, |record| of(record, |it| Value::Text(it.final_url.as_str()))),
    field!("redirects", All, |record| of(record, |it| Value::Number(it.hops.len() as u64))),
    field!("attempts", All, |record| Value::Number(record.attempts.into())),
    field!("elapsed_ms", All, |record| of(record, |it| Value::milliseconds(Some(it.elapsed)))),
    field!("ttfb_ms", All, |record| of(record, |it| Value::milliseconds(it.ttfb))),
    field!("worker", All, |record| Value::number(record.worker.map(|worker| worker as u64))),
    field!("started_at", All, |record| of(record, |it| Value::Time(it.started_at))),
    field!("file", All, |record| Value::text(record.file.as_deref())),
    field!("error", Jsonl, |record| record.error.as_ref().map_or(Value::Null, Value::Error)),
    field!("error_kind", Tables, |record| Value::text(record.error.as_ref().map(|error| error.kind().name()))),
    field!("error_message", Tables, |record| Value::text(record.error.as_ref().map(Failure::message))),
    field!("error_phase", Tables, |record| {
        Value::text(record.error.as_ref().and_then(|error| error.kind().phase()).map(Phase::name))
    }),
    field!("method", All, |record| of(record, |it| Value::Text(it.method.as_str()))),
    field!("remote_ip", All, |record| of(record, |it| it.connection.remote_ip.map_or(Value::Null, Value::Address))),
    field!("reused", All, |record| of(record, |it| match it.connection.remote_ip {
        Some(_) => Value::Bool(it.connection.is_reused),
        None => Value::Null,
    })),
    field!("dns_ms", All, |record| of(record, |it| Value::milliseconds(it.connection.dns))),
    field!("connect_ms", All, |record| of(record, |it| Value::milliseconds(it.connection.connect))),
    field!("tls_ms", All, |record| of(record, |it| Value::milliseconds(it.connection.tls))),
    field!("etag", All, |record| of(record, |it| Value::text(it.etag.as_deref()))),
    field!("last_modified", All, |record| of(record, |it| Value::text(it.last_modified.as_deref()))),
    field!("unchanged", All, |record| record.unchanged.map_or(Value::Null, Value::Bool)),
    field!("resumed_from", All, |record| of(record, |it| Value::number(it.resumed_from))),
    field!("sha256", All, |record| of(record, |it| it.sha256.as_ref().map_or(Value::Null, Value::Sha256))),
    field!("hops", All, |record| of(record, |it| Value::Hops(&it.hops))),
    field!("headers", All, |record| of(record, |it| it.headers.as_deref().map_or(Value::Null, Value::Headers))),
    field!("input", All, |record| record.input.as_deref().map_or(Value::Null, Value::Json)),
    field!("warc", All, |record| record.warc.as_ref().map_or(Value::Null, Value::Warc)),
    field!("body", Body, |record| match &record.body {
        Some(record::Body::Text(text)) => Value::Text(text),
        _ => Value::Null,
    }),
    field!("body_base64", Body, |record| match &record.body {
        Some(record::Body::Binary(bytes)) => Value::Base64(bytes),
        _ => Value::Null,
    }),
    field!("dry_run", Presence::DryRun, |record| Value::text(record.dry_run.map(DryRun::name))),
    ]
};

/// A value of the last attempt.
fn of<'a>(record: &'a Record, value: impl Fn(&'a Outcome) -> Value<'a>) -> Value<'a> {
    record.outcome.as_deref().map_or(Value::Null, value)
}

/// The fields of every row, in order.
#[derive(Clone, Debug)]
pub(crate) struct Fields(Vec<Field>);

impl Fields {
    /// The fields that `names` lists, separated by commas, or all of `format`.
    ///
    /// # Errors
    ///
    /// A message for the user: a name is wrong, comes twice or is not in such rows, or the format is text.
    pub(crate) fn new(
        names: Option<&str>,
        format: Format,
        with_body: bool,
        dry_run: bool,
    ) -> Result<Self, String> {
        let is_there = |field: &Field| match field.presence {
            Presence::All => true,
            Presence::Jsonl => format == Format::Jsonl,
            Presence::Tables => format != Format::Jsonl,
            Presence::Body => with_body && format == Format::Jsonl,
            Presence::DryRun => dry_run,
        };
        let all: Vec<Field> = FIELDS.into_iter().filter(is_there).collect();
        let Some(names) = names else {
            return Ok(Self(all));
        };
        if format == Format::Text {
            return Err("text has no fields: add -f jsonl, csv or tsv".to_owned());
        }
        let mut chosen: Vec<Field> = Vec::new();
        for name in names.split(',').map(str::trim) {
            let named = |field: &&Field| field.is_named(name, format);
            let found = all.iter().filter(named);
            let before = chosen.len();
            for field in found {
                if chosen.iter().any(|earlier| earlier.name == field.name) {
                    return Err(format!("'{}' is there twice", field.name));
                }
                chosen.push(*field);
            }
            if chosen.len() == before {
                return Err(not_there(name, &all));
            }
        }
        Ok(Self(chosen))
    }

    /// All of a run without options.
    #[cfg(test)]
    pub(crate) fn all(format: Format) -> Self {
        Self::new(None, format, false, false).expect("no name is wrong")
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Field> {
        self.0.iter()
    }
}

impl Field {
    /// Whether `name` means this field: in tables, `error` means three.
    fn is_named(&self, name: &str, format: Format) -> bool {
        self.name == name
            || (format != Format::Jsonl && name == "error" && self.presence == Presence::Tables)
    }
}

/// Why no field of `all` is called `name`.
fn not_there(name: &str, all: &[Field]) -> String {
    let elsewhere = FIELDS.iter().find(|field| field.name == name);
    match elsewhere.map(|field| field.presence) {
        Some(Presence::Tables) => {
            format!("'{name}' is a column of csv and tsv; in jsonl it is within error")
        }
        Some(Presence::Body) => format!("'{name}' is only there with --body and -f jsonl"),
        Some(Presence::DryRun) => format!("'{name}' is only there with --dry-run"),
        _ => {
            let mut names: Vec<_> = all.iter().map(|field| field.name).collect();
            // In tables, `error` is a name as well.
            if let Some(at) = names.iter().position(|name| *name == "error_kind") {
                names.insert(at, "error");
            }
            let (name, names) = (printable(name), names.join(", "));
            format!("'{name}' is no field: write some of {names}, separated by commas")
        }
    }
}

#[cfg(test)]
mod tests;

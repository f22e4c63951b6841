//! Checks of lists, rows, URLs, files of earlier runs and shards.

use super::Selection;
use super::filter::Filter;
use super::journal::{Journal, Purpose};
use super::lines::{Line, Lines};
use super::names::Names;
use super::origins::Origins;
use super::records::Records;
use super::row::Row;
use super::rows::Rows;
use super::shard::ListShard;
use super::target::{Content, Entry, Scheme, normalise, page};
use crate::fetch::Url;
use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Component, Path};

/// Small, so that short input has lines over the limit.
const LIMIT: usize = 48;

/// As small as objects and headers allow.
const ROW_LIMIT: usize = 160;

/// Reads that return at most this many bytes each.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = self.1.min(buf.len());
        self.0.read(&mut buf[..most])
    }
}

/// A list: its lines are those that a search for line ends finds, however reads cut them.
pub(crate) fn list(data: &[u8]) {
    let Some((&step, bytes)) = data.split_first() else {
        return;
    };
    let mut wanted = bytes.split_inclusive(|&b| b == b'\n').map(|line| {
        // A CR without an LF is no part of a line end.
        let whole = line.strip_suffix(b"\n");
        whole.map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line))
    });
    let mut lines = Lines::with_limit(Drip(bytes, usize::from(step) + 1), LIMIT);
    let mut count = 0;
    loop {
        while let Some((number, line)) = lines.next_buffered() {
            count += 1;
            assert_eq!(number, count);
            match (&line, wanted.next()) {
                (Line::Whole(text), Some(wanted)) => assert_eq!(*text, wanted),
                (Line::TooLong(text), Some(wanted)) => {
                    assert_eq!(*text, &wanted[..LIMIT]);
                    assert!(wanted.len() > LIMIT);
                }
                (line, None) => panic!("a line that is not there: {line:?}"),
            }
            look_at(line);
        }
        if !lines.fill().expect("memory can be read") {
            break;
        }
    }
    assert_eq!(wanted.next(), None, "a line is missing");
}

/// A line: a text without a line end, and a URL of http or https or a failure.
fn look_at(line: Line<'_>) {
    let Some(content) = Content::of(line) else {
        return;
    };
    assert!(!content.written().contains('\n'));
    for scheme in [None, Some(Scheme::Http)] {
        let mut origins = Origins::default();
        let url = content.url(scheme, |text| origins.parse(text));
        assert_eq!(url, content.url(scheme, |text| origins.parse(text)));
        if let Ok(url) = url {
            assert_settled(&url);
        }
    }
}

/// Tables of csv, tsv and jsonl: what they become does not depend on how reads cut them.
pub(crate) fn rows(data: &[u8]) {
    let [format, step, list @ ..] = data else {
        return;
    };
    let step = usize::from(*step) + 1;
    assert_eq!(
        entries(*format, list, step),
        entries(*format, list, usize::MAX)
    );
}

/// Each row that is not blank: the line, what was written, and what it became.
fn entries(format: u8, list: &[u8], step: usize) -> Vec<(u64, Box<str>, String)> {
    let reader = Drip(list, step);
    let table = |reader, delimiter| Records::Table {
        rows: Box::new(Rows::with_limit(reader, delimiter, ROW_LIMIT)),
        header: None,
    };
    let mut records = match format % 3 {
        0 => table(reader, b','),
        1 => table(reader, b'\t'),
        _ => Records::Objects(Lines::with_limit(reader, ROW_LIMIT)),
    };
    // In a table, a CR ends a line as well, and CRLF ends one.
    let ends = (0..list.len()).filter(|&at| match list[at] {
        b'\r' => format % 3 < 2 && list.get(at + 1) != Some(&b'\n'),
        byte => byte == b'\n',
    });
    let lines = 1 + ends.count() as u64;
    let mut selection = Selection {
        origins: Origins::default(),
        default_scheme: None,
        filter: Filter::new(None, format & 64 != 0, None),
        names: Names::new(None, true),
        dry_run: true,
    };
    let source = "rows".into();
    let (mut entries, mut last) = (Vec::new(), 0);
    loop {
        if let Err((line, wrong)) = records.take_header(None) {
            assert!(entries.is_empty() && !wrong.what.is_empty());
            return vec![(line, "".into(), wrong.what)];
        }
        while let Some((line, record)) = records.next_buffered() {
            assert!((last + 1..=lines).contains(&line), "{line} after {last}");
            last = line;
            let content = record.content();
            let entry = content.and_then(|content| {
                selection.entry(&source, line, &record, &content, |failure| failure)
            });
            entries.extend(entry.map(|entry| shown(entry, line)));
        }
        if !records.fill().expect("memory can be read") {
            return entries;
        }
    }
}

/// The line of `entry`, what was written, and what it became.
fn shown(entry: Entry, line: u64) -> (u64, Box<str>, String) {
    let (written, row, failure) = match entry {
        Entry::Target(target) => {
            let row = target.row.clone().map(|row| *row);
            (target.into_record().url, row, None)
        }
        Entry::Failed(record) | Entry::Skipped(record) => {
            let input = record.input;
            let row = Row {
                input,
                ..Row::default()
            };
            (record.url, Some(row), record.error)
        }
    };
    let Row { input, name, .. } = row.unwrap_or_default();
    if let Some(failure) = &failure {
        assert!(failure.message().starts_with(&format!("line {line}")));
    }
    if let Some(input) = &input {
        assert!(input.get().starts_with('{') && !input.get().contains(|c| c < ' '));
    }
    name.iter().for_each(|name| assert_stays_below(name));
    (line, written, format!("{input:?} {name:?} {failure:?}"))
}

fn assert_stays_below(name: &str) {
    let path = Path::new(name);
    let is_normal = |part| matches!(part, Component::Normal(_));
    assert!(
        path.components().all(is_normal) && !name.contains(char::is_control),
        "{name:?}"
    );
}

/// A URL: normalised once, it stays as it is.
pub(crate) fn url(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for scheme in [None, Some(Scheme::Https), Some(Scheme::Http)] {
        match normalise(text.trim(), scheme) {
            Ok(url) => assert_settled(&url),
            // A hint repeats at most 200 bytes, and escaping makes them at most six times as long.
            Err(failure) => assert!(failure.message().len() < 1600, "{failure:?}"),
        }
    }
}

fn assert_settled(url: &Url) {
    assert!(matches!(url.scheme(), "http" | "https"), "{url}");
    assert!(url.host_str().is_some_and(|host| !host.is_empty()), "{url}");
    assert!(!url.as_str().contains(|c: char| c <= ' '), "{url:?}");
    assert_eq!(normalise(url.as_str(), None).as_ref(), Ok(url));
}

/// The file of an earlier run: what it has as ok is what a plain reading of each line finds, and each record is where it
/// was found.
pub(crate) fn resumed(data: &[u8]) {
    let mut done = HashMap::new();
    let mut journal = Journal::new(Path::new("r.jsonl"), Purpose::Update);
    let found = |url: &str, place: u64| {
        done.insert(url.to_owned(), place as usize);
    };
    if journal.read_rows(data, None, found).is_err() {
        return;
    }
    for (url, place) in &done {
        let line = data[*place..].split(|&b| b == b'\n').next();
        let line = line.unwrap_or_default();
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        assert_eq!(row(line), Some((url.clone(), true)));
    }
    let rows: Vec<(String, bool)> = data
        .split(|&b| b == b'\n')
        .filter_map(|line| row(line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line)))
        .collect();
    for (url, _) in &rows {
        let is_wanted = rows.iter().any(|(other, ok)| *ok && other == url);
        assert_eq!(done.contains_key(url), is_wanted, "{url}");
    }
}

/// The URL of a row, and whether it says ok.
fn row(line: &[u8]) -> Option<(String, bool)> {
    #[derive(serde::Deserialize)]
    struct AnyRow {
        url: String,
        ok: bool,
    }
    // Serde also reads a row out of an array of its fields, which no run writes.
    if line.trim_ascii().first() != Some(&b'{') {
        return None;
    }
    let row: AnyRow = serde_json::from_slice(line).ok()?;
    let url = normalise(row.url.trim(), None).ok()?;
    Some((page(&url).to_owned(), row.ok))
}

/// `K/N` and a line: each of N parts is one, and exactly one of them has the line.
pub(crate) fn shard(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (given, line) = text.split_once('\n').unwrap_or((&text, ""));
    if given.parse::<ListShard>().is_err() {
        return;
    }
    // It has a slash, and a number behind it.
    let of: u32 = given
        .split_once('/')
        .and_then(|(_, of)| of.parse().ok())
        .expect("a shard is K/N");
    let url = normalise(line, None);
    let holders = (1..=of.min(64)).filter(|k| {
        let shard: ListShard = format!("{k}/{}", of.min(64)).parse().expect("it is one");
        shard.holds(&Content::Text(line), &url)
    });
    assert_eq!(holders.count(), 1);
}

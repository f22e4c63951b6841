//! Lists as users write them, line by line, and lists that cannot be read.

mod cells;
mod foreign;
mod names;
mod pipes;
mod resumed;
mod rows;
mod shards;
mod unique;
mod urls;

use super::count::SHORT;
use super::lines::LIMIT;
use super::*;
use crate::fetch::{Failure, FailureKind, Url};
use std::io::{Read, Write};
use std::path::Path;
use tempfile::{NamedTempFile, TempDir};

fn list(content: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

fn options(lists: &[List], default_scheme: Option<Scheme>) -> Options {
    Options {
        lists: lists.to_vec(),
        default_scheme,
        ..Options::default()
    }
}

fn file(path: &Path) -> List {
    List::File(path.to_owned())
}

/// An entry, a target or a failed record.
struct Parsed {
    source: Arc<str>,
    line: u64,
    written: Box<str>,
    url: Result<Url, Failure>,
}

impl From<Entry> for Parsed {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Target(target) => {
                let url = Ok(target.url.clone());
                let record = target.into_record();
                Self {
                    source: record.source,
                    line: record.line,
                    written: record.url,
                    url,
                }
            }
            Entry::Skipped(record) => panic!("{record:?}"),
            Entry::Failed(record) => Self {
                source: record.source,
                line: record.line,
                written: record.url,
                url: Err(record.error.expect("it failed")),
            },
        }
    }
}

fn all(options: Options) -> Vec<Parsed> {
    drained(&mut Targets::open(options).unwrap())
}

fn drained(targets: &mut Targets) -> Vec<Parsed> {
    let mut seen = Vec::new();
    loop {
        let before = seen.len();
        if !targets.next_batch(&mut seen).unwrap() {
            assert_eq!(seen.len(), before, "the end brings nothing");
            return seen.into_iter().map(Parsed::from).collect();
        }
        assert!(
            (1..=BATCH).contains(&(seen.len() - before)),
            "a batch of {}",
            seen.len() - before
        );
    }
}

fn written(entry: &Entry) -> &str {
    match entry {
        Entry::Target(target) => target.written.as_deref().unwrap_or(target.url.as_str()),
        Entry::Failed(record) | Entry::Skipped(record) => &record.url,
    }
}

fn from_list(content: &[u8]) -> Vec<Parsed> {
    all(options(&[file(list(content).path())], None))
}

fn shown(target: &Parsed) -> String {
    match &target.url {
        Ok(url) => url.to_string(),
        Err(failure) => match failure.kind() {
            FailureKind::InvalidUrl => format!("invalid_url: {}", failure.message()),
            FailureKind::UnsupportedScheme => format!("unsupported_scheme: {}", failure.message()),
            other => panic!("{other:?}"),
        },
    }
}

/// How many targets the lists hold, with no other options.
fn count_targets(lists: &[List]) -> Option<u64> {
    let options = Options {
        lists: lists.to_vec(),
        ..Options::default()
    };
    options.count()
}

#[test]
fn lists_are_read_as_promised() {
    // (list, [(line, written)])
    type Row = (&'static [u8], &'static [(u64, &'static str)]);
    let table: &[Row] = &[
        (b"", &[]),
        (b"\n\r\n \t \n", &[]),
        (b"\xef\xbb\xbf", &[]),
        (b"http://a/", &[(1, "http://a/")]),
        (
            b"http://a/\nhttp://b/\n",
            &[(1, "http://a/"), (2, "http://b/")],
        ),
        (
            b"http://a/\r\nhttp://b/\r\n",
            &[(1, "http://a/"), (2, "http://b/")],
        ),
        (
            b"\xef\xbb\xbfhttp://a/\nhttp://b/",
            &[(1, "http://a/"), (2, "http://b/")],
        ),
        // Two files with a BOM each, joined with cat.
        (
            b"http://a/\n\xef\xbb\xbfhttp://b/",
            &[(1, "http://a/"), (2, "http://b/")],
        ),
        (b"\xef\xbb\xbf# a comment\nhttp://b/", &[(2, "http://b/")]),
        (
            b"# http://a/\n#\n  # indented\n\t#x\nhttp://b/#c",
            &[(5, "http://b/#c")],
        ),
        (b"# Latin-1: \xe9\nhttp://b/", &[(2, "http://b/")]),
        (
            b"  http://a/ \t\n\t http://b/\x0b\x0c\n",
            &[(1, "http://a/"), (2, "http://b/")],
        ),
        (
            "\u{a0}http://a/\u{3000}\n\u{a0}\n\u{a0}# c".as_bytes(),
            &[(1, "http://a/")],
        ),
        (b"http://a/b c  d\n", &[(1, "http://a/b c  d")]),
        (b"http://a/\r\r\n", &[(1, "http://a/")]),
        (b"http://a/\xe9 \n", &[(1, "http://a/\u{fffd}")]),
        (b"http://a/\0b\n", &[(1, "http://a/\0b")]),
        (
            b"http://a/\n\n\n#\nnonsense\nhttp://b/",
            &[(1, "http://a/"), (5, "nonsense"), (6, "http://b/")],
        ),
    ];
    for (content, expected) in table {
        let about = String::from_utf8_lossy(content);
        let targets = from_list(content);
        let seen: Vec<_> = targets
            .iter()
            .map(|target| (target.line, &*target.written))
            .collect();
        assert_eq!(seen, *expected, "{about:?}");
        let counted = count_targets(&[file(list(content).path())]);
        assert_eq!(counted, Some(expected.len() as u64), "count of {about:?}");
    }
}

#[test]
fn lines_that_are_no_text_or_too_long_fail_under_their_number() {
    let long = "ä".repeat(LIMIT);
    let content = [
        b"http://a/\n\xff\xfeh\0\nhttp://b/",
        long.as_bytes(),
        b"\nhttp://c/\n#",
        long.as_bytes(),
        b"\nhttp://d/\n",
        " ".repeat(LIMIT).as_bytes(),
        b" http://e/\n",
    ]
    .concat();
    let targets = from_list(&content);
    let seen: Vec<_> = targets
        .iter()
        .map(|target| (target.line, shown(target)))
        .collect();
    let expected = [
        (1, "http://a/"),
        (
            2,
            "invalid_url: not UTF-8: a list is UTF-8 text with one URL a line",
        ),
        (
            3,
            "invalid_url: the line is over 64 KiB: a list holds one URL a line",
        ),
        (4, "http://c/"),
        (6, "http://d/"),
        (
            7,
            "invalid_url: the line is over 64 KiB: a list holds one URL a line",
        ),
    ];
    assert_eq!(seen, expected.map(|(line, text)| (line, text.to_owned())));
    assert_eq!(&*targets[1].written, "\u{fffd}\u{fffd}h\0");
    assert_eq!(
        *targets[2].written,
        format!("http://b/{}...", "ä".repeat(200 - "http://b/".len()))
    );
}

#[test]
fn lists_follow_one_another_under_their_names() {
    let first = list(b"http://a/\nhttp://b/");
    let name = first.path().to_str().unwrap();
    let targets = all(options(
        &[
            List::Url(" http://x/ ".into()),
            file(first.path()),
            List::Url("http://y/".into()),
            List::Url("z".into()),
            file(first.path()),
        ],
        None,
    ));
    let seen: Vec<_> = targets
        .iter()
        .map(|target| (&*target.source, target.line, &*target.written))
        .collect();
    let expected = [
        ("argument", 1, "http://x/"),
        (name, 1, "http://a/"),
        (name, 2, "http://b/"),
        ("argument", 2, "http://y/"),
        ("argument", 3, "z"),
        (name, 1, "http://a/"),
        (name, 2, "http://b/"),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn batches_are_bounded_and_lose_nothing() {
    let content: String = (0..10_000).map(|n| format!("http://host/{n}\n")).collect();
    let targets = from_list(content.as_bytes());
    assert_eq!(targets.len(), 10_000);
    for (n, target) in targets.iter().enumerate() {
        assert_eq!(
            (target.line, &*target.written),
            (n as u64 + 1, &*format!("http://host/{n}"))
        );
    }
}

// Windows words errors otherwise.
#[cfg(unix)]
#[test]
fn an_unreadable_list_is_an_error_before_anything_is_read() {
    let directory = TempDir::new().unwrap();
    let good = list(b"http://a/");
    let missing = directory.path().join("missing\x1b.txt");
    let shown = |path: &Path| crate::escape::shown(path.to_str().unwrap());
    let table = [
        (missing.clone(), format!("cannot open '{}': no such file", shown(&missing))),
        (directory.path().to_owned(), format!("cannot open '{}': it is a directory; give a file with one URL a line", shown(directory.path()))),
        ("nowhere.example/x".into(), "cannot open 'nowhere.example/x': no such file; if it is a URL, write https://nowhere.example/x".into()),
        ("user:secret@nowhere.example/x".into(), "cannot open '...@nowhere.example/x': no such file; if it is a URL, write https://...@nowhere.example/x".into()),
        ("always".into(), "cannot open 'always': no such file; if it is meant for --summary, write --summary=always".into()),
        (PathBuf::new(), "cannot open '': no such file; give a file, - for standard input, or a URL".into()),
    ];
    for (path, expected) in table {
        let error = Targets::open(options(&[file(good.path()), file(&path)], None))
            .err()
            .expect("the second list is unreadable");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_list_that_vanishes_before_its_turn_is_an_error_and_reading_goes_on() {
    let (gone, good) = (list(b"http://a/"), list(b"http://b/"));
    let mut targets =
        Targets::open(options(&[file(gone.path()), file(good.path())], None)).unwrap();
    drop(gone);
    let mut seen = Vec::new();
    let error = targets.next_batch(&mut seen).unwrap_err().to_string();
    assert!(error.ends_with("no such file"), "{error}");
    assert!(targets.next_batch(&mut seen).unwrap());
    assert_eq!(written(&seen[0]), "http://b/");
    assert!(!targets.next_batch(&mut seen).unwrap());
}

#[test]
fn a_read_error_names_the_list_and_the_line() {
    struct Failing(&'static [u8]);
    impl Read for Failing {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match mem::take(&mut self.0) {
                [] => Err(io::Error::other("the disk is gone")),
                bytes => bytes.as_ref().read(into),
            }
        }
    }
    let mut targets = Targets::open(options(&[], None)).unwrap();
    let reader: Box<dyn Read + Send> = Box::new(Failing(b"http://a/\n\nhttp://b"));
    targets.reading = Some(Reading::new("a\nlist".into(), reader, ListFormat::Lines));
    let mut seen = Vec::new();
    assert!(targets.next_batch(&mut seen).unwrap());
    assert_eq!(seen.len(), 1);
    let error = targets.next_batch(&mut seen).unwrap_err();
    assert_eq!(
        error.to_string(),
        r"cannot read 'a\nlist', line 3: the disk is gone"
    );
    assert!(
        !targets.next_batch(&mut seen).unwrap(),
        "a list that failed is left"
    );
    assert_eq!(seen.len(), 1);
}

#[test]
fn only_what_can_be_read_twice_is_counted() {
    let two = list(b"http://a/\n# no\n\nnonsense\n");
    let url = List::Url("http://x/".into());
    let missing = List::File("no/such/file".into());
    let directory = TempDir::new().unwrap();
    assert_eq!(count_targets(&[]), Some(0));
    assert_eq!(
        count_targets(&[file(two.path()), url.clone(), file(two.path())]),
        Some(5)
    );
    assert_eq!(count_targets(&[url.clone(), List::Stdin]), None);
    assert_eq!(count_targets(&[url.clone(), missing]), None);
    assert_eq!(count_targets(&[url, file(directory.path())]), None);
}

#[test]
fn short_lists_are_counted_at_once_and_others_are_not() {
    let [short, long] = [2, 10_000].map(|lines| list("http://a/\n".repeat(lines).as_bytes()));
    let url = || List::Url("http://a/".into());
    let count = |lists: &[List]| {
        let lists = lists.to_vec();
        Options {
            lists,
            ..Options::default()
        }
        .count_if_short()
    };
    assert_eq!(count(&[url(), file(short.path()), url()]), Some(4));
    assert_eq!(count(&[url(), file(long.path())]), None);
    let unfolds = list(&foreign::gzip("http://a/\n".repeat(100_000).as_bytes()));
    assert!(unfolds.path().metadata().unwrap().len() < SHORT);
    assert_eq!(count(&[file(unfolds.path())]), None);
    assert_eq!(count_targets(&[file(unfolds.path())]), Some(100_000));
    assert_eq!(count(&[url(), List::Stdin]), None);
    assert_eq!(count(&[file(&short.path().join("missing"))]), None);
}

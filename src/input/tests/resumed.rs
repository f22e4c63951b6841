//! Runs that go on where an earlier one ended.

use super::*;

fn row(url: &str, ok: bool) -> String {
    let url = serde_json::to_string(url).unwrap();
    format!(r#"{{"url":{url},"source":"-","line":1,"ok":{ok},"status":null,"error":null}}"#)
}

fn resume(path: &Path, list: &str, default_scheme: Option<Scheme>) -> Result<Targets, String> {
    let lists: Vec<_> = list.lines().map(|url| List::Url(url.to_owned())).collect();
    Targets::open(Options {
        resume: Some(path.to_owned()),
        ..options(&lists, default_scheme)
    })
    .map_err(|error| error.to_string())
}

/// The lines of `list` that a run with `file` fetches, and its warning.
fn left(file: &[u8], list: &str) -> (Vec<String>, Option<String>) {
    let file = super::list(file);
    let mut targets = resume(file.path(), list, None).unwrap();
    let left: Vec<_> = drained(&mut targets)
        .iter()
        .map(|target| target.written.to_string())
        .collect();
    let skipped = targets.skipped();
    assert_eq!(
        skipped.done_before() as usize,
        list.lines().count() - left.len()
    );
    assert_eq!((skipped.repeated(), skipped.of_other_shards()), (0, 0));
    let name = format!("'{}'", file.path().display());
    let warning = targets.resumed().unwrap().warning();
    (left, warning.map(|text| text.replace(&name, "FILE")))
}

#[test]
fn what_was_ok_is_not_done_again() {
    let file = [
        row("http://a/", true),
        row("http://b/", false),
        row("http://b/", true),
        row("http://c/", false),
    ];
    let list = "http://a/\nhttp://b/\nhttp://c/\nhttp://d/\nhttp://a/\nnonsense";
    let expected = ["http://c/", "http://d/", "nonsense"]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(
        left(file.join("\n").as_bytes(), list),
        (expected.clone(), None)
    );
    // As another program may have written it.
    let other = file
        .join("\r\n\r\n")
        .replace(r#","line""#, r#", "more": [{"url": 1}], "line""#);
    let other = format!("\u{feff} {other} \r\n");
    assert_eq!(left(other.as_bytes(), list), (expected, None));
}

#[test]
fn a_url_is_known_again_however_it_was_written() {
    let odd = "http://a/\u{202e}\"\\\u{1}\u{e4}?q#f";
    let file = [
        row(odd, true),
        row("HTTP://B:80/x/../y", true),
        row("c", true),
        row("https://d", true),
    ]
    .join("\n");
    let list = "http://A/%E2%80%AE\"/%01%C3%A4?q\nhttp://b/y#z\nhttps://c/\nhttps://d/\nc";
    assert_eq!(left(file.as_bytes(), list).0, ["https://c/", "c"]);
    let file = super::list(file.as_bytes());
    let mut completed = resume(file.path(), list, Some(Scheme::Https)).unwrap();
    assert_eq!(
        drained(&mut completed).len(),
        0,
        "c was completed then as it is now"
    );
}

#[test]
fn a_killed_run_leaves_a_torn_line() {
    let (a, b) = (row("http://a/", true), row("http://b/\u{e4}", true));
    let list = "http://a/\nhttp://b/\u{e4}\nhttp://c/";
    for cut in 0..=b.len() {
        let torn = [a.as_bytes(), b"\n", &b.as_bytes()[..cut]].concat();
        let done_b = cut == b.len();
        let expected = if done_b {
            vec!["http://c/"]
        } else {
            vec!["http://b/\u{e4}", "http://c/"]
        };
        assert_eq!(
            left(&torn, list),
            (expected.iter().map(ToString::to_string).collect(), None),
            "cut at {cut}"
        );

        // The file after a further run, which first ended the torn line.
        let c = row("http://c/", true);
        let resumed = [torn.as_slice(), b"\n", c.as_bytes(), b"\n"].concat();
        let (left, warning) = left(&resumed, list);
        assert_eq!(left.len(), usize::from(!done_b), "cut at {cut}");
        let expected = (1..b.len())
            .contains(&cut)
            .then_some("FILE: line 2 is no whole row, and was passed over");
        assert_eq!(warning.as_deref(), expected, "cut at {cut}");
    }
}

#[test]
fn lines_that_are_no_rows_are_counted_once_there_was_one() {
    let a = row("http://a/", true);
    let long = format!("{{\"url\":\"{}\"}}", "x".repeat(2 << 20));
    let file = format!(
        "{{\"url\":\"htt\n\0\0\0\n{a}{a}\n{a}\nnonsense\n[1]\n{{}}\n{{\"url\":1,\"ok\":true}}\n{long}\n\0\0"
    );
    let (left, warning) = left(file.as_bytes(), "http://a/\nhttp://b/");
    assert_eq!(left, ["http://b/"]);
    let expected =
        "FILE: 8 lines are no whole rows, line 1 the first of them, and were passed over";
    assert_eq!(warning.as_deref(), Some(expected));
}

#[test]
fn a_run_that_has_done_nothing_yet() {
    let directory = TempDir::new().unwrap();
    let missing = directory.path().join("r.jsonl");
    let mut targets = resume(&missing, "http://a/", None).unwrap();
    assert_eq!(drained(&mut targets).len(), 1);
    assert!(!missing.exists());
    for file in ["", "\n", "\n \r\n", "{", "{\"url\":\"http://a", "\0\0\0"] {
        assert_eq!(
            left(file.as_bytes(), "http://a/"),
            (vec!["http://a/".to_owned()], None),
            "{file:?}"
        );
    }
}

#[test]
fn a_row_may_have_a_large_body() {
    let body = "\\n".repeat(3 << 20);
    let row = row("http://a/", true).replace("\"status\":null", &format!("\"body\":\"{body}\""));
    let file = list(format!("{row}\n").as_bytes());
    let mut targets = resume(file.path(), "http://a/\nhttp://b/", None).unwrap();
    assert_eq!(drained(&mut targets).len(), 1);
    assert_eq!(targets.resumed().unwrap().warning(), None);
}

#[test]
fn what_is_no_record_of_a_run_is_refused() {
    let hint = "give the file that an earlier run with -f jsonl has written";
    let no_row = "not a row of jsonl with its fields";
    let table = [
        ("http://a/\nhttp://b/\n", 1),
        ("'http://a/' page is 5 bytes\n", 1),
        ("url,source,line,ok\n", 1),
        ("\n\nhello", 3),
        ("[{\"url\":\"http://a/\",\"ok\":true}]\n", 1),
        ("[\"http://a/\",true]\n", 1),
        ("{\n  \"url\": \"http://a/\",\n", 2),
        ("{\"name\":\"x\"}\n", 1),
        ("{\"url\":\"http://a/\"}\n", 1),
        ("{\"url\":\"http://a/\",\"ok\":\"yes\"}\n", 1),
        ("\u{1f}\u{8b}\u{8}\0", 1),
    ];
    for (content, line) in table {
        let file = list(content.as_bytes());
        let error = resume(file.path(), "http://a/", None).err().expect(content);
        let name = file.path().display();
        assert_eq!(
            error,
            format!("cannot resume from '{name}', line {line}: {no_row}; {hint}")
        );
    }
    let directory = TempDir::new().unwrap();
    let error = resume(directory.path(), "http://a/", None).err().unwrap();
    let name = directory.path().display();
    assert_eq!(
        error,
        format!("cannot resume from '{name}': it is a directory; {hint}")
    );
}

#[test]
fn what_is_done_and_what_is_repeated_are_counted_apart() {
    let file = list(row("http://a/", true).as_bytes());
    let urls =
        ["http://a/", "http://b/", "http://a/#x", "http://b/"].map(|url| List::Url(url.to_owned()));
    let mut targets = Targets::open(Options {
        resume: Some(file.path().to_owned()),
        unique: true,
        ..options(&urls, None)
    })
    .unwrap();
    let skipped = targets.skipped();
    assert_eq!(drained(&mut targets).len(), 1);
    assert_eq!((skipped.done_before(), skipped.repeated()), (2, 1));
}

#[cfg(unix)]
mod output {
    use super::*;
    use std::fs::{self, File, OpenOptions};

    fn appended(path: &Path) -> File {
        OpenOptions::new().append(true).open(path).unwrap()
    }

    #[test]
    fn a_torn_line_is_ended_if_the_records_go_behind_it() {
        let (a, b) = (row("http://a/", true), row("http://b/", true));
        for (content, torn) in [
            (String::new(), false),
            (format!("{a}\n"), false),
            (format!("{a}\n{}", &b[..20]), true),
            (a, true),
            ("{".to_owned(), true),
            ("{\"url\":\n".to_owned(), false),
        ] {
            let file = list(content.as_bytes());
            let targets = resume(file.path(), "http://a/", None).unwrap();
            let resumed = targets.resumed().unwrap();
            let newline = |out: File, is_jsonl| {
                resumed
                    .needs_newline(out, is_jsonl)
                    .map_err(|error| error.to_string())
            };
            assert_eq!(newline(appended(file.path()), true), Ok(torn), "{content}");
            let elsewhere = list(b"{").into_file();
            assert_eq!(newline(elsewhere, false), Ok(false), "{content}");
            let name = file.path().display();
            let error = format!(
                "cannot resume from '{name}': standard output goes to it, but not as jsonl; add -f jsonl"
            );
            assert_eq!(
                newline(appended(file.path()), false),
                Err(error),
                "{content}"
            );
            let error = format!(
                "cannot resume from '{name}': standard output is written over it; append to it with >> instead of >"
            );
            let truncated = OpenOptions::new().write(true).open(file.path()).unwrap();
            assert_eq!(newline(truncated, true), Err(error), "{content}");
        }
    }

    #[test]
    fn another_name_is_the_same_file() {
        let directory = TempDir::new().unwrap();
        let (name, other) = (directory.path().join("r"), directory.path().join("s"));
        fs::write(&name, "{").unwrap();
        fs::hard_link(&name, &other).unwrap();
        let targets = resume(&name, "http://a/", None).unwrap();
        let resumed = targets.resumed().unwrap();
        assert!(resumed.needs_newline(appended(&other), true).unwrap());
    }

    #[test]
    fn what_is_no_regular_file_is_read_and_never_the_output() {
        let null = Path::new("/dev/null");
        let mut targets = resume(null, "http://a/", None).unwrap();
        assert_eq!(drained(&mut targets).len(), 1);
        let resumed = targets.resumed().unwrap();
        assert!(!resumed.needs_newline(appended(null), false).unwrap());
    }
}

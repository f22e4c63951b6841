//! `--report`: which files it takes, and what it says of those that it does not.

use crate::report::{figure, page_of, row};
use crate::support::{Server, anything, containing, fetchpool};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use std::io::Write;

#[test]
fn a_file_that_is_no_journal_is_status_2_and_nothing_is_printed() {
    let no_row = "not a row of jsonl with its fields; give the file that an earlier run with -f jsonl has written";
    for (content, why) in [
        ("https://example.com/\n", no_row),
        ("url,source,line,ok\nhttp://h/,-,1,true\n", no_row),
        ("<!DOCTYPE html>\n<p>hello\n", no_row),
        ("[{\"url\":\"http://h/\",\"ok\":true}]\n", no_row),
        ("{\"url\":\"http://h/\",\"name\":\"x\"}\n", no_row),
        ("{\n  \"url\": \"http://h/\",\n  \"ok\": true\n}\n", no_row),
        ("\u{1}\u{2}\u{3}", no_row),
        (
            "{\"url\":\"http://h/\",\"o",
            "no row in it is whole; give the file",
        ),
    ] {
        fetchpool()
            .file("x.txt", content)
            .args(["--report", "x.txt"])
            .status(2)
            .stderr(containing(["fetchpool: cannot report on 'x.txt'", why]))
            .run();
    }
}

#[test]
fn a_file_that_cannot_be_read_is_status_2() {
    for (name, why) in [
        ("missing.jsonl", "no such file"),
        ("/", "it is a directory"),
    ] {
        let told = format!("fetchpool: cannot report on '{name}': {why}; give the file");
        fetchpool()
            .args(["--report", name])
            .status(2)
            .stderr(containing([told]))
            .run();
    }
}

#[test]
fn a_report_is_of_a_file_alone() {
    let server = Server::start();
    let url = server.url("/size/1");
    for more in [&url[..], "-fjsonl", "--jobs=2", "--resume=run.jsonl"] {
        fetchpool()
            .file("run.jsonl", row(json!({})))
            .args(["--report", "run.jsonl", more])
            .status(2)
            .stderr(containing([
                "'--report <FILE>' cannot be used with",
                "it fetches nothing and takes no list",
            ]))
            .run();
    }
    assert!(server.paths().is_empty(), "nothing was fetched");
}

#[test]
fn a_report_never_goes_into_its_own_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("run.jsonl");
    let journal = row(json!({}));
    std::fs::write(&path, &journal).expect("it can be written");
    for name in ["run.jsonl", "-"] {
        let file = std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .expect("it is there");
        let told = format!(
            "fetchpool: cannot read '{name}': standard output goes to it; write the page to another file\n"
        );
        fetchpool()
            .inside(directory.path())
            .args(["--report", name])
            .stdin_from(std::fs::File::open(&path).expect("it is there"))
            .stdout_to(crate::support::Stdio::File(file))
            .status(2)
            .stderr(told)
            .run();
        let left = std::fs::read_to_string(&path).expect("it is there");
        assert_eq!(left, journal);
    }
}

#[test]
fn the_folder_of_the_file_is_not_in_the_page() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("run.jsonl");
    let good = row(json!({}));
    std::fs::write(&path, format!("{good}{{\"url\"")).expect("it can be written");
    let path = path.to_str().expect("it is UTF-8");
    let ended = fetchpool()
        .args(["--report", path])
        .stdout(anything())
        .run();
    let (page, folder) = (ended.stdout(), path.trim_end_matches("run.jsonl"));
    assert!(page.contains("line 2 is no whole row"), "{page}");
    assert!(page.contains("<h1><bdi>run.jsonl</bdi></h1>"), "{page}");
    assert!(!page.contains(folder), "{page}");
}

#[test]
fn standard_input_and_gzip_are_read_as_lists_are() {
    let journal = row(json!({})).repeat(3);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(journal.as_bytes())
        .expect("memory can be written");
    let gzip = gzip.finish().expect("memory can be written");
    for bytes in [journal.into_bytes(), gzip.clone()] {
        let piped = fetchpool()
            .args(["--report", "-"])
            .stdin(bytes.clone())
            .stdout(anything())
            .run();
        for page in [piped.stdout(), &page_of(bytes)] {
            assert_eq!(figure(page, "fetched"), Some(3.0));
        }
    }
    fetchpool()
        .file("cut.gz", &gzip[..gzip.len() - 9])
        .args(["--report", "cut.gz"])
        .status(2)
        .stderr(containing(["its compressed data is cut short"]))
        .run();
}

#[test]
fn a_journal_without_rows_is_a_page_that_says_so() {
    for journal in ["", "\n\n"] {
        let page = page_of(journal);
        assert_eq!(figure(&page, "fetched"), Some(0.0));
        assert!(
            page.contains("The file has no rows: nothing was fetched."),
            "{page}"
        );
    }
}

#[test]
fn lines_that_are_no_whole_rows_are_passed_over_and_told() {
    let good = row(json!({}));
    let cut = &good[..good.len() / 2];
    let page = page_of(format!("{good}{cut}"));
    assert_eq!(figure(&page, "fetched"), Some(1.0));
    assert!(
        page.contains("line 2 is no whole row, and was passed over"),
        "{page}"
    );
    let page = page_of(format!("{good}{cut}\n{good}some notes\n{good}"));
    assert_eq!(figure(&page, "fetched"), Some(3.0));
    assert!(
        page.contains("2 lines are no whole rows, line 2 the first of them"),
        "{page}"
    );
    let whole = page_of(good.trim_end());
    assert!(
        !whole.contains("passed over"),
        "only the line end is missing"
    );
}

#[test]
fn what_fields_leave_out_is_said_and_the_rest_is_shown() {
    let page = page_of("{\"url\":\"http://h/\",\"ok\":true,\"bytes\":5}\n");
    assert_eq!(
        (figure(&page, "fetched"), figure(&page, "size of bodies")),
        (Some(1.0), Some(5.0))
    );
    assert!(page.contains("No row has elapsed_ms"), "{page}");
    let page = page_of("{\"url\":\"http://h/\",\"ok\":false,\"elapsed_ms\":5.5}\n");
    assert_eq!(
        (figure(&page, "failed"), figure(&page, "max")),
        (Some(1.0), Some(5.5))
    );
    assert!(page.contains("No row has started_at"), "{page}");
    assert!(
        page.contains("<bdi>unknown</bdi>"),
        "a failure without its kind"
    );
}

#[test]
fn a_dry_run_has_a_page_too() {
    let run = fetchpool()
        .list("urls.txt", "http://h/1\nhttp://h/1\nno url\n")
        .args(["--dry-run", "-f", "jsonl"])
        .status(1)
        .stdout(anything())
        .run();
    let page = page_of(run.stdout());
    assert_eq!(
        (figure(&page, "planned"), figure(&page, "failed")),
        (Some(2.0), Some(1.0))
    );
    assert!(
        page.contains("2 rows are of a dry run, in which nothing is fetched."),
        "{page}"
    );
}

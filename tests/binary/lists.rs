//! Where URLs come from: files, standard input, arguments. The rules for lines. Lists that cannot be read, which end
//! the run before anything is fetched.

use crate::jsonl::rows;
use crate::support::{Pty, Server, anything, containing, fetchpool, page};

#[test]
fn a_live_pipe_works_line_by_line() {
    let server = Server::start();
    let mut run = fetchpool().live_stdin().stdout(anything()).start();
    for n in 0..2000 {
        let url = server.url(&format!("/size/{n}"));
        run.write_line(&url);
        assert_eq!(
            run.read_line(),
            page(&url, n),
            "before the next line is written"
        );
    }
    let ended = run.finish();
    assert_eq!(ended.stdout().lines().count(), 2000);
}

#[test]
fn the_first_request_leaves_while_the_list_is_still_being_written() {
    let server = Server::start();
    let mut run = fetchpool()
        .arg("-")
        .live_stdin()
        .args(["-j", "3"])
        .stdout(anything())
        .start();
    let gate = server.gate("all");
    for n in 1..=3 {
        run.write_line(&server.url(&format!("/gate/all?{n}")));
        gate.wait_for_arrivals(n);
    }
    gate.open();
    assert_eq!(run.finish().stdout().lines().count(), 3);
}

#[test]
fn a_list_that_is_no_regular_file_is_read_as_it_comes() {
    let server = Server::start();
    let mut run = fetchpool()
        .arg("/dev/stdin")
        .live_stdin()
        .stdout(anything())
        .start();
    for n in 0..10 {
        let url = server.url(&format!("/size/{n}"));
        run.write_line(&url);
        assert_eq!(
            run.read_line(),
            page(&url, n),
            "before the next line is written"
        );
    }
    run.finish();
}

#[test]
fn several_lists_are_read_in_turn_each_with_its_name_and_its_own_line_numbers() {
    let server = Server::start();
    let url = |n: usize| server.url(&format!("/size/{n}"));
    let ended = fetchpool()
        .list("first.txt", format!("{}\n{}\n", url(1), url(2)))
        .arg(url(3))
        .arg("-")
        .stdin(format!("\n{}", url(4)))
        .list("second.txt", format!("#\n#\n{}\n", url(5)))
        .arg(url(6))
        .args(["-j", "1", "-f", "jsonl"])
        .stdout(anything())
        .run();
    let got: Vec<(String, u64, u64)> = rows(ended.stdout())
        .iter()
        .map(|row| {
            let source = row["source"]
                .as_str()
                .expect("a source is a string")
                .to_owned();
            (
                source,
                row["line"].as_u64().unwrap(),
                row["bytes"].as_u64().unwrap(),
            )
        })
        .collect();
    let wanted = [
        ("first.txt", 1, 1),
        ("first.txt", 2, 2),
        ("argument", 1, 3),
        ("-", 2, 4),
        ("second.txt", 3, 5),
        ("argument", 2, 6),
    ];
    assert_eq!(
        got,
        wanted.map(|(source, line, bytes)| (source.to_owned(), line, bytes))
    );
}

#[test]
fn lines_are_taken_as_promised() {
    let server = Server::start();
    let url = server.url("/size/2");
    let line = page(&url, 2) + "\n";
    for (what, list, times) in [
        ("LF", format!("{url}\n"), 1),
        ("no line end", url.clone(), 1),
        ("CRLF", format!("{url}\r\n{url}\r\n"), 2),
        ("a byte order mark", format!("\u{feff}{url}\n"), 1),
        ("white space around", format!(" \t{url} \t\n"), 1),
        ("blank lines", format!("\n\n{url}\n \n\t\n\r\n{url}\n\n"), 2),
        ("comments", format!("# {url}\n{url}\n#{url}\n"), 1),
        (
            "the same line again and again",
            format!("{url}\n").repeat(7),
            7,
        ),
    ] {
        let file = fetchpool()
            .list("urls.txt", &list)
            .stdout(line.repeat(times))
            .run();
        let pipe = fetchpool()
            .stdin(list.as_bytes())
            .stdout(line.repeat(times))
            .run();
        assert_eq!(file.stdout, pipe.stdout, "{what}");
    }
}

#[test]
fn a_line_that_is_no_url_is_a_failed_record_with_its_number() {
    let server = Server::start();
    let good = server.url("/size/2");
    let long = format!("http://h/{}", "x".repeat(64 * 1024));
    let mut list = format!("{good}\nnot a url\n").into_bytes();
    list.extend_from_slice(b"http://h/\xff\xfe\n");
    list.extend_from_slice(format!("{long}\nmailto:ann@example.com\n{good}\n").as_bytes());
    let ended = fetchpool()
        .list("urls.txt", &list)
        .args(["-j", "1", "-f", "jsonl"])
        .status(1)
        .stdout(anything())
        .run();
    let mut rows = rows(ended.stdout());
    // A line that is no URL has its record at once, while requests are in flight.
    rows.sort_by_key(|row| row["line"].as_u64());
    let got: Vec<(u64, Option<&str>)> = rows
        .iter()
        .map(|row| (row["line"].as_u64().unwrap(), row["error"]["kind"].as_str()))
        .collect();
    let wanted = [
        (1, None),
        (2, Some("invalid_url")),
        (3, Some("invalid_url")),
        (4, Some("invalid_url")),
        (5, Some("unsupported_scheme")),
        (6, None),
    ];
    assert_eq!(got, wanted);
    let written = rows[3]["url"].as_str().expect("a url is a string");
    assert!(
        written.len() < long.len(),
        "an over-long line is cut in its record"
    );
    assert_eq!(server.paths().len(), 2);
}

#[test]
fn the_longest_line_that_is_allowed_is_fetched() {
    let server = Server::start();
    let base = server.url("/size/2?");
    let url = format!("{base}{}", "x".repeat(8 * 1024));
    fetchpool()
        .stdin(format!("{url}\n"))
        .stdout(page(&url, 2) + "\n")
        .run();
    assert_eq!(server.paths().len(), 1);
}

#[test]
fn a_url_without_a_scheme_gets_the_one_that_was_asked_for() {
    let server = Server::start();
    let bare = format!("{}/size/6", server.address());
    fetchpool()
        .list("urls.txt", &bare)
        .args(["--default-scheme", "http"])
        .stdout(page(&bare, 6) + "\n")
        .run();
}

#[test]
fn a_list_that_cannot_be_opened_ends_the_run_before_anything_is_fetched() {
    let server = Server::start();
    let good = server.url("/size/1");
    for (list, reason) in [
        ("missing.txt", "no such file"),
        ("/", "it is a directory; give a file with one URL a line"),
    ] {
        fetchpool()
            .list("good.txt", &good)
            .arg(&good)
            .arg(list)
            .status(2)
            .stderr(format!("fetchpool: cannot open '{list}': {reason}\n"))
            .run();
    }
    assert_eq!(server.paths(), [""; 0]);
}

/// A file that opens, but fails to read: nothing is mapped at its beginning.
#[cfg(target_os = "linux")]
#[test]
fn a_list_that_breaks_is_status_2_and_the_others_are_still_fetched() {
    let server = Server::start();
    let [first, last] = [server.url("/size/1"), server.url("/size/2")];
    fetchpool()
        .list("first.txt", &first)
        .arg("/proc/self/mem")
        .list("last.txt", &last)
        .status(2)
        .stdout(crate::support::lines([page(&first, 1), page(&last, 2)]))
        // The C library has two texts: "input/output error" and "I/O error".
        .stderr(containing([
            "fetchpool: cannot read '/proc/self/mem', line 1: ",
            "error\n",
        ]))
        .run();
}

#[test]
fn an_argument_that_looks_like_a_host_gets_a_hint() {
    fetchpool()
        .arg("example.com")
        .status(2)
        .stderr(containing(["example.com", "https://example.com"]))
        .run();
}

#[test]
fn without_a_list_a_terminal_is_not_waited_for() {
    let terminal = Pty::open(24, 80);
    fetchpool()
        .stdin_from(terminal.stream())
        .status(2)
        .stderr(containing(["LIST", "--help"]))
        .run();
}

#[test]
fn a_standard_input_that_cannot_be_read_is_no_empty_list() {
    let null = std::fs::OpenOptions::new().write(true).open("/dev/null");
    fetchpool()
        .stdin_from(null.expect("it is on every Unix"))
        .status(2)
        .stderr(containing(["cannot read"]))
        .run();
}

//! Wrong calls: each message says what was given and what would be right, the status is 2, and nothing is fetched. Also
//! help and version.

use crate::support::{Pty, Server, Stdio, VERSION, checked, containing, fetchpool};

/// Wrong arguments, and what the message must contain: the option, the value, and what would be right.
const WRONG: &[(&[&str], &[&str])] = &[
    (&["-j", "0"], &["--jobs", "0", "1", "10000"]),
    (&["-j", "10001"], &["--jobs", "10001", "10000"]),
    (&["-j", "five"], &["--jobs", "five"]),
    (&["-j", "-1"], &["--jobs", "-1"]),
    (&["-j", ""], &["--jobs"]),
    (&["-j"], &["--jobs"]),
    (&["--workers", "0"], &["0", "10000"]),
    (&["-t", "soon"], &["--timeout", "soon", "500ms"]),
    (&["-t", "-5"], &["--timeout", "-5"]),
    (&["-t", "5 parsecs"], &["--timeout", "5 parsecs"]),
    (&["-t", "NaN"], &["--timeout", "NaN"]),
    (&["-t", "inf"], &["--timeout", "inf"]),
    (
        &["-t", "99999999999999999999h"],
        &["--timeout", "99999999999999999999h"],
    ),
    (&["-t", ""], &["--timeout"]),
    (&["--connect-timeout", "x"], &["--connect-timeout", "x"]),
    (&["--stall-timeout", "1y"], &["--stall-timeout", "1y"]),
    (&["--deadline", "tomorrow"], &["--deadline", "tomorrow"]),
    (&["--max-size", "big"], &["--max-size", "big", "10M"]),
    (&["--max-size", "-1"], &["--max-size", "-1"]),
    (
        &["--max-size", "99999999999G"],
        &["--max-size", "99999999999G"],
    ),
    (&["--max-redirects", "-1"], &["--max-redirects", "-1"]),
    (&["--max-redirects", "many"], &["--max-redirects", "many"]),
    (
        &["-H", "no colon"],
        &["--header", "no colon", "Name: value"],
    ),
    (&["-H", ": nameless"], &["--header", "not a header name"]),
    (&["-H", "Bad Name: x"], &["--header", "no spaces"]),
    (&["-H", "X: a\r\nEvil: b"], &["--header", "'\\r'"]),
    (
        &["-H", "Content-Length: 5"],
        &["--header", "Content-Length"],
    ),
    (
        &["-H", "Transfer-Encoding: chunked"],
        &["--header", "Transfer-Encoding"],
    ),
    (&["-A", "a\nb"], &["--user-agent", "\\n"]),
    (&["-X", "GE T"], &["--method", "GE T"]),
    (&["-X", ""], &["--method"]),
    (&["-I", "-X", "GET"], &["--head", "--method"]),
    (&["-f", "xml"], &["--format", "xml", "text", "jsonl"]),
    (
        &["--color", "blue"],
        &["--color", "blue", "auto", "always", "never"],
    ),
    (
        &["--progress", "maybe"],
        &["--progress", "maybe", "auto", "always", "never"],
    ),
    (
        &["--default-scheme", "gopher"],
        &["--default-scheme", "gopher", "http", "https"],
    ),
    (&["--no-such-option"], &["--no-such-option"]),
    (&["--job", "5"], &["--job", "--jobs"]),
    (&["--thread", "5"], &["--thread", "write --jobs N"]),
    (&["-L"], &["-L", "redirects are followed already"]),
];

#[test]
fn a_wrong_call_is_explained_and_fetches_nothing() {
    let server = Server::start();
    let url = server.url("/size/1");
    for (arguments, named) in WRONG {
        let fragments = named.iter().chain(&["--help"]).copied();
        let ended = fetchpool()
            .arg(&url)
            .args(arguments.iter().copied())
            .status(2)
            .stderr(containing(fragments))
            .run();
        assert!(ended.stderr().starts_with("fetchpool: "), "{arguments:?}");
    }
    assert_eq!(server.paths(), [""; 0], "something was fetched");
}

#[test]
fn no_message_carries_control_characters_of_the_call() {
    for argument in ["--\u{1b}[31m", "no\u{1b}[2Jlist"] {
        fetchpool()
            .arg(argument)
            .status(2)
            .stderr(checked(|text| match text.contains('\u{1b}') {
                true => Err("an escape character came through".to_owned()),
                false => Ok(()),
            }))
            .run();
    }
}

#[test]
fn values_at_the_edge_are_taken() {
    let server = Server::start();
    let url = server.url("/size/1");
    for arguments in [
        &["-j", "1"][..],
        &["-t", "0"],
        &["-t", "1h30m"],
        &["-t", "30.5"],
        &["--deadline", "2m"],
        &["--max-size", "2G"],
        &["--max-size", "64k"],
        &["--max-redirects", "0"],
        &["-H", "X-Empty;"],
        &["-j", "3", "-j", "4"],
    ] {
        fetchpool()
            .arg(&url)
            .args(arguments)
            .stdout(format!("'{url}' page is 1 bytes\n"))
            .run();
    }
}

#[test]
fn the_version_is_that_of_the_manifest() {
    for option in ["-V", "--version"] {
        fetchpool()
            .arg(option)
            .stdout(format!("fetchpool {VERSION}\n"))
            .run();
    }
}

#[test]
fn short_help_fits_one_screen() {
    let terminal = Pty::open(24, 80);
    fetchpool()
        .arg("-h")
        .stdout_to(Stdio::File(terminal.stream()))
        .run();
    let (rows, _) = terminal.finish();
    // The last row is for the shell's prompt.
    assert!(rows.len() < 24, "{} rows: {rows:#?}", rows.len());
    for option in [
        "--jobs",
        "--timeout",
        "--format",
        "--help",
        "--version",
        "Example:",
    ] {
        assert!(
            rows.iter().any(|row| row.contains(option)),
            "{option}: {rows:#?}"
        );
    }
}

#[test]
fn long_help_has_every_option_the_exit_statuses_and_examples() {
    let options = [
        "-j, --jobs",
        "--workers",
        "--max-workers",
        "-t, --timeout",
        "--connect-timeout",
        "--stall-timeout",
        "--deadline",
        "-H, --header",
        "-A, --user-agent",
        "-X, --method",
        "-I, --head",
        "--max-redirects",
        "--max-size",
        "-f, --format",
        "text",
        "jsonl",
        "--progress",
        "-q",
        "--summary",
        "--color",
        "--default-scheme",
        "-V, --version",
        "-h",
        "--help",
    ];
    let rest = ["130", "143", "500ms", "1h30m", "64K", "fetchpool urls.txt"];
    fetchpool()
        .arg("--help")
        .stdout(containing(options.into_iter().chain(rest)))
        .run();
}

/// At a limit of processes, the message names the number of workers that was asked for, and one that works.
#[cfg(target_os = "linux")]
#[test]
fn at_a_limit_of_processes_the_message_names_a_number_that_works() {
    if !crate::support::can_become_a_user() {
        return;
    }
    let server = Server::start();
    let urls: Vec<String> = (0..100)
        .map(|n| server.url(&format!("/size/1?{n}")))
        .collect();
    let run = |jobs: &str| {
        fetchpool()
            .with_threads_at_most(20)
            .args(["-j", jobs])
            .stdin(urls.join("\n"))
    };
    let ended = run("90")
        .status(2)
        .stderr(containing([
            "fetchpool: -j 90: worker thread ",
            " could not be started: ",
            "ask for at most ",
        ]))
        .run();
    let (_, works) = ended.stderr().rsplit_once("(-j ").expect("it was checked");
    let (works, _) = works.split_once(')').expect("it ends");
    let ended = run(works).stdout(crate::support::anything()).run();
    assert_eq!(ended.stdout().lines().count(), urls.len());
}

//! Whole command lines: the settings they give, and the messages about wrong ones.

mod help;
mod options;
mod other_tools;
mod pages;
mod passwords;
mod rows;
mod units;
mod wrong;

use super::*;
use crate::fetch::{self, CustomHeader, Method};
use crate::input::{self, List, Scheme};
use crate::output::Format;
use std::time::Duration;

const NONE: Terminals = Terminals {
    stdin: false,
    stdout: false,
    stderr: false,
};
const ALL: Terminals = Terminals {
    stdin: true,
    stdout: true,
    stderr: true,
};

/// Parses `line`, cut at blanks; `''` in it is an empty argument.
fn parse_in(terminals: Terminals, env: &[(&str, &str)], line: &str) -> Result<Settings, Stop> {
    let typed = line
        .split_whitespace()
        .map(|argument| argument.replace("''", ""));
    parse_all(terminals, env, &typed.collect::<Vec<_>>())
}

fn parse_all(
    terminals: Terminals,
    env: &[(&str, &str)],
    typed: &[impl AsRef<str>],
) -> Result<Settings, Stop> {
    let args = ["fetchpool"]
        .into_iter()
        .chain(typed.iter().map(AsRef::as_ref))
        .map(OsString::from);
    let lookup = |name: &str| {
        env.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.into())
    };
    fetched(parse(args, terminals, &lookup)?)
}

fn fetched(call: Call) -> Result<Settings, Stop> {
    match call {
        Call::Fetch(settings) => Ok(*settings),
        Call::Report(journal) => panic!("the report of {journal:?}"),
    }
}

fn settings(line: &str) -> Settings {
    parse_in(NONE, &[], line).unwrap_or_else(|stop| panic!("{line}: {}", stop.text))
}

fn stop(line: &str) -> Stop {
    parse_in(NONE, &[], line)
        .map(|settings| panic!("{line} was taken: {settings:?}"))
        .unwrap_err()
}

fn header(text: &str) -> HeaderSource {
    HeaderSource::Header(text.parse::<CustomHeader>().expect(text))
}

/// The message about a wrong call, after checks that hold for every such message.
fn usage_error(stop: Stop) -> String {
    let Stop {
        text,
        to_stderr,
        exit,
    } = stop;
    assert_eq!((to_stderr, exit), (true, Exit::Unusable), "{text}");
    assert!(
        text.starts_with("fetchpool: ")
            && text.ends_with("\nFor more information, try '--help'.\n"),
        "{text}"
    );
    assert!(
        !text.contains(|c: char| c.is_control() && c != '\n'),
        "{text:?}"
    );
    text
}

#[test]
fn lists_are_told_apart() {
    let lists = settings("urls.txt - https://a/ ftp://b example.com ./x -- -q")
        .input
        .lists;
    let expected = [
        List::File("urls.txt".into()),
        List::Stdin,
        List::Url("https://a/".into()),
        List::Url("ftp://b".into()),
        List::File("example.com".into()),
        List::File("./x".into()),
        List::File("-q".into()),
    ];
    assert_eq!(lists, expected);
    assert_eq!(settings("''").input.lists, [List::File("".into())]);
    let stdin = Terminals {
        stdin: true,
        ..NONE
    };
    assert_eq!(
        parse_in(stdin, &[], "-").unwrap().input.lists,
        [List::Stdin],
        "asked for by name"
    );
    let told = usage_error(parse_in(stdin, &[], "").unwrap_err());
    assert!(
        told.starts_with("fetchpool: no LIST: give a file with one URL a line"),
        "{told}"
    );
}

#[test]
fn progress_and_summary_follow_stderr_and_quiet() {
    let stderr = Terminals {
        stderr: true,
        ..NONE
    };
    let form = |is_shown: bool| is_shown.then_some(SummaryForm::Text);
    // (terminals, command line, bar, summary)
    let table = [
        (NONE, "", false, false),
        (stderr, "", true, true),
        (stderr, "-q", false, false),
        (NONE, "--progress always --summary", false, true),
        (NONE, "--summary=always", false, true),
        (stderr, "--progress never", false, true),
        (stderr, "--summary=never", true, false),
        (stderr, "--summary=auto", true, true),
        (stderr, "-q --summary", false, true),
        (stderr, "--summary -q", false, true),
        (stderr, "-q --progress always", true, false),
        (NONE, "-q --progress always", false, false),
        (stderr, "--summary --summary=never", true, false),
    ];
    for (terminals, line, progress, summary) in table {
        let settings = parse_in(terminals, &[], line).unwrap();
        assert_eq!(
            (settings.progress, settings.summary),
            (progress, form(summary)),
            "{line}, {terminals:?}"
        );
    }
    let dumb = parse_in(stderr, &[("TERM", "dumb")], "").unwrap();
    assert_eq!((dumb.progress, dumb.summary), (false, form(true)));
    let json = Some(SummaryForm::Json);
    for line in [
        "--summary=json",
        "-q --summary=json",
        "--summary --summary=json",
    ] {
        assert_eq!(parse_in(NONE, &[], line).unwrap().summary, json, "{line}");
    }
    assert_eq!(settings("--summary=json --summary=never").summary, None);
    assert_eq!(
        settings("--summary urls.txt").input.lists,
        [List::File("urls.txt".into())],
        "takes no value but with ="
    );
    for (terminals, shares) in [
        (ALL, true),
        (stderr, false),
        (
            Terminals {
                stdout: true,
                ..NONE
            },
            false,
        ),
    ] {
        assert_eq!(
            parse_in(terminals, &[], "-").unwrap().shares_terminal,
            shares,
            "{terminals:?}"
        );
    }
}

#[test]
fn colours_follow_each_stream_and_no_color() {
    let stdout = Terminals {
        stdout: true,
        ..NONE
    };
    let stderr = Terminals {
        stderr: true,
        ..NONE
    };
    type ColourCase = (
        Terminals,
        &'static [(&'static str, &'static str)],
        &'static str,
        (bool, bool),
    );
    let table: &[ColourCase] = &[
        (NONE, &[], "-", (false, false)),
        (ALL, &[], "-", (true, true)),
        (stdout, &[], "-", (true, false)),
        (stderr, &[], "-", (false, true)),
        (ALL, &[("NO_COLOR", "1")], "-", (false, false)),
        (ALL, &[("NO_COLOR", "")], "-", (true, true)),
        (ALL, &[("TERM", "dumb")], "-", (false, false)),
        (ALL, &[("TERM", "xterm")], "-", (true, true)),
        (ALL, &[], "- --color never", (false, false)),
        (
            NONE,
            &[("NO_COLOR", "1"), ("TERM", "dumb")],
            "- --color always",
            (true, true),
        ),
        (ALL, &[], "- --color always --color auto", (true, true)),
    ];
    for (terminals, env, line, expected) in table {
        let settings = parse_in(*terminals, env, line).unwrap();
        assert_eq!(
            (settings.color, settings.summary_color),
            *expected,
            "{line}, {env:?}, {terminals:?}"
        );
    }
}

#[test]
fn a_netrc_file_is_the_users_own_unless_another_is_named() {
    let home = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    let netrc = |line: &str, of: &str| parse_in(NONE, &[(home, of)], line).map(|s| s.netrc);
    for (line, expected) in [
        ("", None),
        ("--netrc", Some("/h/.netrc")),
        ("--netrc=~/x/y", Some("/h/x/y")),
        ("--netrc=~x", Some("~x")),
        ("--netrc=x", Some("x")),
    ] {
        assert_eq!(
            netrc(line, "/h").unwrap(),
            expected.map(Into::into),
            "{line}"
        );
    }
    assert_eq!(netrc("--netrc=x", "").unwrap(), Some("x".into()));
    let told = usage_error(netrc("--netrc", "").unwrap_err());
    assert!(
        told.contains("--netrc: no home directory is set: write --netrc=FILE"),
        "{told}"
    );
}

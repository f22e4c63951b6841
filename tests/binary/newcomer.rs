//! The commands of tests/newcomer.md, as they are written there: each works, and `-h` and the README lead to its options.

use crate::support::{Server, anything, fetchpool, repository_file};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

const TASKS: usize = 12;

/// The headings of the tasks, and their commands.
fn tasks() -> Vec<(String, String)> {
    let text = repository_file("tests/newcomer.md");
    let tasks: Vec<_> = text
        .split("\n### ")
        .skip(1)
        .map(|task| {
            let (heading, rest) = task.split_once("\n\n```sh\n").expect("a command");
            let (command, _) = rest.split_once("\n```").expect("the fence is closed");
            (heading.to_owned(), command.to_owned())
        })
        .collect();
    assert_eq!(tasks.len(), TASKS);
    tasks
}

/// The long names of the options in `command`.
fn options(command: &str) -> BTreeSet<String> {
    let short = |name| match name {
        "-j" => "--jobs",
        "-f" => "--format",
        "-o" => "--output-dir",
        "-c" => "--continue",
        "-t" => "--timeout",
        "-H" => "--header",
        long => long,
    };
    let words = command.split_whitespace();
    let options = words.filter(|word| word.starts_with('-')).map(short);
    options.map(str::to_owned).collect()
}

/// The pages of the list, as many as the options of `command` need, and how many of them wait for each other.
fn pages(command: &str) -> (Vec<String>, usize) {
    let gated = || (0..20).map(|n| format!("/gate/all?{n}")).collect();
    if command.contains("-j 20") {
        (gated(), 20)
    } else if command.contains("--per-host 2") {
        (gated(), 2)
    } else if command.contains("--max-fail") {
        let pages = (1..100).map(|n| format!("/size/{n}"));
        (pages.chain(["/status/404".to_owned()]).collect(), 0)
    } else {
        (vec!["/size/1".to_owned(), "/size/2".to_owned()], 0)
    }
}

/// The record of a run that saved the page at `url`, with an ETag.
fn record_of(url: &str, directory: &Path) -> String {
    let run = fetchpool()
        .inside(directory)
        .args(["-f", "jsonl", "-o", "pages", url])
        .stdout(anything())
        .run();
    let record = run.stdout().replace(r#""etag":null"#, r#""etag":"\"1\"""#);
    assert!(record.contains("etag\":\""), "{record}");
    record
}

/// Runs `command` in a shell that finds the program under its name.
fn shell(command: &str, directory: &Path, server: &Server) -> Output {
    let write = |name: &str, text: String| {
        std::fs::write(directory.join(name), text).expect("the directory can be written");
    };
    let (pages, waiting) = pages(command);
    let urls = pages.iter().map(|page| server.url(page) + "\n");
    write("urls.txt", urls.collect());
    write(
        "table.csv",
        format!("url,id\n{},first\n", server.url("/size/3")),
    );
    write("token.txt", "Authorization: Bearer secret\n".to_owned());
    let record = record_of(&server.url("/size/1"), directory);
    write("yesterday.jsonl", record.clone());
    write("records.jsonl", record);
    let program = fetchpool_program();
    std::os::unix::fs::symlink(program, directory.join("fetchpool")).expect("a new name");
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", command])
        .current_dir(directory)
        .env_clear()
        .env("PATH", directory);
    std::thread::scope(|scope| {
        let output = scope.spawn(move || shell.output().expect("there is a shell"));
        let gate = server.gate("all");
        gate.wait_for_arrivals(waiting);
        gate.open();
        output.join().expect("the shell was waited for")
    })
}

/// The tested build, as in `support`.
fn fetchpool_program() -> std::path::PathBuf {
    let built = env!("CARGO_BIN_EXE_fetchpool");
    std::env::var_os("FETCHPOOL").map_or_else(|| built.into(), Into::into)
}

/// Checks one thing that the main option of `command` does. The limits of time have none that can be seen at once.
fn check_effect(command: &str, directory: &Path, server: &Server, stdout: &str) {
    let file = |name| std::fs::read_to_string(directory.join(name)).unwrap_or_default();
    let seen = server.seen();
    // The first request was that of the earlier run.
    let mut new = seen[1..].iter();
    let words: Vec<_> = command.split(' ').collect();
    let works = match words.as_slice() {
        [_, "-j", ..] => server.most_at_once() == 20,
        [_, "--check", ..] => new.all(|request| request.method == "HEAD"),
        [.., "--name", _, _] => directory.join("pages/first").is_file(),
        [.., "--resume", _, _, _, _] => {
            new.all(|request| request.path == "/size/2")
                && file("records.jsonl").lines().count() == 2
        }
        [.., "--fields", _, _] => {
            let exact = |line: &str| line.ends_with(r#","status":200,"bytes":1}"#);
            stdout.lines().any(exact)
        }
        [_, "--per-host", ..] => server.most_at_once() == 2,
        [_, "-H", ..] => {
            new.all(|request| request.header("authorization") == Some("Bearer secret"))
        }
        [_, "-c", ..] => std::fs::read_dir(directory.join("files")).is_ok(),
        [.., "--update", _, _, _, _] => {
            new.any(|request| request.header("if-none-match") == Some("\"1\""))
                && file("today.jsonl").lines().count() == 2
        }
        [_, "--report", ..] => file("report.html").starts_with("<!DOCTYPE html>"),
        [_, "--max-fail", ..] => stdout.contains("404 Not Found"),
        [_, "-t", ..] => stdout.lines().count() == 2,
        _ => panic!("no check of {command}"),
    };
    assert!(works, "{command}: {stdout}\n{seen:#?}");
}

#[test]
fn every_command_works_as_it_is_written() {
    for (task, command) in tasks() {
        let server = Server::start();
        let directory = tempfile::tempdir().expect("the tests need a temporary directory");
        let output = shell(&command, directory.path(), &server);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{task}: {command}: {said}");
        let stdout = String::from_utf8_lossy(&output.stdout);
        check_effect(&command, directory.path(), &server, &stdout);
    }
}

/// The options that `-h` has no line for.
const TABLE_ALONE: [&str; 3] = ["--deadline", "--fields", "--report"];

#[test]
fn the_short_help_and_the_readme_lead_to_every_option() {
    let help = fetchpool().arg("-h").stdout(anything()).run();
    let readme = repository_file("README.md");
    let (_, table) = readme
        .split_once("\n### Which option\n\n")
        .expect("the table");
    let (table, _) = table.split_once("\n\n").expect("its end");
    let mut without_help = BTreeSet::new();
    for (task, command) in tasks() {
        let row = format!("| `{command}` |");
        assert!(table.contains(&row), "{task}: the table lacks: {command}");
        let options = options(&command).into_iter();
        without_help.extend(options.filter(|option| !help.stdout().contains(option)));
    }
    assert!(without_help.iter().eq(&TABLE_ALONE), "{without_help:?}");
}

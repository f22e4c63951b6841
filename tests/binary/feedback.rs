//! A list that is also standard output would read the records of its own run. It is refused, also under another name.

use crate::support::{Server, Stdio, fetchpool, page};
use std::fs::{File, OpenOptions, hard_link, read, write};
use std::os::unix::fs::symlink;
use std::path::Path;

fn appending(path: &Path) -> File {
    let file = OpenOptions::new().append(true).open(path);
    file.expect("the test made it")
}

const REFUSED: &str = "standard output goes to it; write the records to another file\n";

#[test]
fn a_list_that_is_also_standard_output_is_refused_and_left_as_it_was() {
    let server = Server::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| directory.path().join(name);
    let content = format!("{}\n", server.url("/size/1"));
    write(at("l"), &content).expect("it can be written");
    write(at("other"), &content).expect("it can be written");
    symlink("l", at("symbolic")).expect("it can be made");
    hard_link(at("l"), at("hard")).expect("it can be made");
    // The limit ends a run that does read its own records.
    let limited = || fetchpool().after("ulimit -f 100");
    for lists in [
        &["l"][..],
        &["./l"],
        &["symbolic"],
        &["hard"],
        &["other", "http://127.0.0.1:9/", "l"],
        &["-"],
        &["/dev/stdin"],
        &["l", "--resume", "l", "-f", "jsonl"],
    ] {
        let named = lists
            .iter()
            .find(|list| !["other", "http://127.0.0.1:9/"].contains(list));
        let named = named.expect("each has one");
        limited()
            .inside(directory.path())
            .args(lists.iter().copied())
            .stdin_from(File::open(at("l")).expect("it is there"))
            .stdout_to(Stdio::File(appending(&at("l"))))
            .status(2)
            .stderr(format!("fetchpool: cannot read '{named}': {REFUSED}"))
            .run();
        assert_eq!(read(at("l")).expect("it is there"), content.as_bytes());
    }
    // Without a LIST, standard input is the list.
    limited()
        .stdin_from(File::open(at("l")).expect("it is there"))
        .stdout_to(Stdio::File(appending(&at("hard"))))
        .status(2)
        .stderr(format!("fetchpool: cannot read '-': {REFUSED}"))
        .run();
    // The shell has emptied the list before the program starts.
    fetchpool()
        .inside(directory.path())
        .arg("l")
        .stdout_to(Stdio::File(File::create(at("l")).expect("it can be made")))
        .status(2)
        .stderr(format!("fetchpool: cannot read 'l': {REFUSED}"))
        .run();
    assert_eq!(server.paths(), [""; 0]);
}

#[test]
fn what_is_no_regular_file_or_another_one_is_no_feedback() {
    let server = Server::start();
    let url = server.url("/size/1");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| directory.path().join(name);
    write(at("l"), format!("{url}\n")).expect("it can be written");
    write(at("out"), "").expect("it can be written");
    let null = || OpenOptions::new().read(true).write(true).open("/dev/null");
    let null = || null().expect("it is on every Unix");
    fetchpool()
        .stdin_from(null())
        .stdout_to(Stdio::File(null()))
        .run();
    // Another file with the same content, and the file of --resume.
    for _ in 0..2 {
        fetchpool()
            .inside(directory.path())
            .args(["l", "-f", "jsonl", "--resume", "out"])
            .stdout_to(Stdio::File(appending(&at("out"))))
            .run();
    }
    assert_eq!(server.paths().len(), 1);
    // Standard error may be the list: the run reads the message as a failing line, and ends.
    fetchpool()
        .inside(directory.path())
        .args(["l", "--summary"])
        .stdout(page(&url, 1) + "\n")
        .stderr_to(Stdio::File(appending(&at("l"))))
        .run();
}

//! `-c`: whose part it is. A part is used only for its URL and validator, only as it was written, and only by one request
//! at a time; a signal leaves it, and what cannot be continued leaves none that is used.

use crate::continued::{
    CUT, TAG, assert_failed, assert_file, cut_once, directory, fetch, parts, two_runs,
};
use crate::jsonl::rows;
use crate::rows::gzip;
use crate::saved::files;
use crate::support::origin::{Origin, SIZE, cut, file, rest};
use crate::support::{Gate, PATIENCE, anything, containing, fetchpool, killed_by};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// What comes before a kill: a part of this size says of what it is one.
const MOST: usize = 80_000;

#[test]
fn a_part_of_another_url_is_never_used() {
    let directory = directory();
    let origin = Origin::start(|_, talk| match talk.path() {
        "/a" => cut(talk, "200 OK", &[TAG], SIZE, &file(1)[..CUT]),
        _ => rest(talk, &[TAG], &file(2)),
    });
    let list = |path: &str| {
        let text = format!("url,name\n{},file.bin\n", origin.url(path));
        fs::write(directory.path().join("list.csv"), text).expect("it can be written");
    };
    list("/a");
    assert_failed(&fetch(directory.path(), "list.csv", &["-c"], 1), "body");
    list("/b");
    let row = fetch(directory.path(), "list.csv", &["-c"], 0);
    assert_eq!(origin.asked("Range"), [None, None]);
    let saved = fs::read(directory.path().join("pages/file.bin")).expect("it was saved");
    assert!(saved == file(2), "a mixture: {row}");
}

#[test]
fn a_part_that_was_moved_to_the_place_of_another_is_not_used() {
    let directory = directory();
    let origin = Origin::start(|number, talk| match number {
        0 => cut(talk, "200 OK", &[TAG], SIZE, &file(1)[..CUT]),
        1 => cut(talk, "200 OK", &[TAG], SIZE, &file(2)[..CUT]),
        _ => rest(talk, &[TAG], &file(2)),
    });
    assert_failed(
        &fetch(directory.path(), &origin.url("/a"), &["-c"], 1),
        "body",
    );
    let first = parts(directory.path());
    let url = origin.url("/b");
    assert_failed(&fetch(directory.path(), &url, &["-c"], 1), "body");
    let all = parts(directory.path());
    let second = all.iter().filter(|path| !first.contains(path));
    for (from, to) in first.iter().zip(second) {
        fs::rename(from, to).expect("it is there");
    }
    let row = fetch(directory.path(), &url, &["-c"], 0);
    assert_eq!(origin.last_asked("Range"), None);
    let saved = row["file"].as_str().expect("it was saved");
    assert!(fs::read(directory.path().join(saved)).expect("it was saved") == file(2));
}

#[test]
fn what_is_no_get_of_the_whole_page_is_not_continued() {
    for options in [&["-X", "POST"][..], &["-H", "Range: bytes=0-"]] {
        let directory = directory();
        let origin = cut_once(&[TAG], |mut talk| talk.reply("200 OK", &[TAG], &file(1)));
        let row = two_runs(directory.path(), &origin, options, 0);
        assert_file(directory.path(), &row, &file(1));
        let asked = origin.asked("Range");
        assert_eq!(asked[0], asked[1], "{options:?}");
        assert_eq!(row["resumed_from"], Value::Null);
    }
}

#[test]
fn a_coded_body_is_never_mixed_with_another() {
    // The bytes of gzip do not compress: the coded body is longer than the cut.
    let plain = file(1);
    let coded = gzip(&plain);
    let half = coded.len() / 2;
    for options in [&["--compressed"][..], &[]] {
        let directory = directory();
        let coded_first = coded.clone();
        let plain_next = plain.clone();
        // The rest is coded no more, as `Accept-Encoding: identity` asks.
        let origin = Origin::start(move |number, talk| match number {
            0 => {
                let headers = [TAG, "Content-Encoding: gzip"];
                cut(
                    talk,
                    "200 OK",
                    &headers,
                    coded_first.len(),
                    &coded_first[..half],
                );
            }
            _ => rest(talk, &[TAG], &plain_next),
        });
        let row = two_runs(directory.path(), &origin, options, 0);
        assert_file(directory.path(), &row, &plain);
    }
}

/// The files of a part: the one with the body's bytes, and the one with what it is a part of.
fn body_and_note(directory: &Path) -> (PathBuf, PathBuf) {
    match parts(directory).as_slice() {
        [note, body] => {
            assert!(fs::read(body).expect("it is there") == file(1)[..CUT]);
            (body.clone(), note.clone())
        }
        other => panic!("no part: {other:?}"),
    }
}

#[test]
fn a_part_that_is_no_part_is_not_used() {
    // How the files are spoilt: `body` or `notes` get these bytes, or are removed.
    let longer = vec![b'z'; SIZE + 1];
    for (of_body, content) in [
        (false, Some(&b""[..])),
        (false, Some(b"no notes\n")),
        (false, Some(&[0xff; 5000])),
        (false, None),
        (true, Some(&longer)),
        (true, None),
    ] {
        let directory = directory();
        let origin = cut_once(&[TAG], |talk| rest(talk, &[TAG], &file(1)));
        let url = origin.url("/file.bin");
        assert_failed(&fetch(directory.path(), &url, &["-c"], 1), "body");
        let (body, note) = body_and_note(directory.path());
        let spoilt = if of_body { &body } else { &note };
        match content {
            Some(bytes) => fs::write(spoilt, bytes).expect("it can be written"),
            None => fs::remove_file(spoilt).expect("it is there"),
        }
        let run = fetchpool()
            .inside(directory.path())
            .args(["-c", "-o", "pages", "-f", "jsonl", &url])
            .stdout(anything());
        // What the program has not written is named, and stays as it is.
        let name = body
            .file_stem()
            .and_then(OsStr::to_str)
            .expect("it has one");
        let ended = match content {
            Some(_) => run.stderr(containing([name, "no part of", &url])).run(),
            None => run.run(),
        };
        assert_eq!(fs::read(spoilt).ok().as_deref(), content);
        let row = &rows(ended.stdout())[0];
        let saved = row["file"].as_str().expect("it was saved");
        let saved = fs::read(directory.path().join(saved)).expect("it was saved");
        assert!(saved == file(1), "{of_body}, {content:?}");
        assert_eq!(origin.last_asked("Range"), None, "{of_body}, {content:?}");
        assert_eq!(row["resumed_from"], Value::Null);
    }
}

#[test]
fn a_part_that_is_a_link_is_not_followed() {
    let directory = directory();
    let origin = cut_once(&[TAG], |talk| rest(talk, &[TAG], &file(1)));
    let url = origin.url("/file.bin");
    assert_failed(&fetch(directory.path(), &url, &["-c"], 1), "body");
    let other = directory.path().join("other");
    fs::write(&other, &file(1)[..CUT]).expect("it can be written");
    let (body, _) = body_and_note(directory.path());
    fs::remove_file(&body).expect("it is there");
    std::os::unix::fs::symlink(&other, &body).expect("it can be made");
    let row = fetch(directory.path(), &url, &["-c"], 0);
    let saved = directory
        .path()
        .join(row["file"].as_str().expect("it was saved"));
    assert!(fs::read(&saved).expect("it was saved") == file(1));
    assert!(
        !fs::symlink_metadata(&saved)
            .expect("it is there")
            .is_symlink()
    );
    assert!(fs::read(&other).expect("it is there") == file(1)[..CUT]);
}

#[test]
fn a_pipe_in_the_place_of_a_part_blocks_no_run() {
    for of_body in [true, false] {
        let directory = directory();
        let origin = cut_once(&[TAG], |talk| rest(talk, &[TAG], &file(1)));
        let url = origin.url("/file.bin");
        assert_failed(&fetch(directory.path(), &url, &["-c"], 1), "body");
        let (body, note) = body_and_note(directory.path());
        let path = if of_body { body } else { note };
        fs::remove_file(&path).expect("it is there");
        let made = Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo can be run").success());
        let row = fetch(directory.path(), &url, &["-c"], 0);
        assert_eq!((&row["ok"], &row["bytes"]), (&json!(true), &json!(SIZE)));
        assert_eq!(origin.last_asked("Range"), None);
    }
}

#[test]
fn two_lines_of_one_url_do_not_share_a_part() {
    let directory = directory();
    let gate = Gate::new("both");
    let shared = gate.clone();
    let origin = Origin::start(move |number, talk| {
        // Both requests of a pair are under way at the same time.
        shared.arrive();
        shared.wait_for_arrivals(number / 2 * 2 + 2);
        match number {
            0 | 1 => cut(talk, "200 OK", &[TAG], SIZE, &file(1)[..CUT]),
            _ => rest(talk, &[TAG], &file(1)),
        }
    });
    let url = origin.url("/file.bin");
    for status in [1, 0] {
        let ended = fetchpool()
            .inside(directory.path())
            .list("urls.txt", format!("{url}\n{url}\n"))
            .args(["-j", "2", "-c", "-o", "pages", "-f", "jsonl"])
            .status(status)
            .stdout(anything())
            .stderr(anything())
            .run();
        for row in rows(ended.stdout()) {
            assert_eq!(row["ok"], status == 0, "{row}");
        }
    }
    let names = files(&directory.path().join("pages"));
    assert_eq!(names.into_values().collect::<Vec<_>>(), [SIZE as u64]);
}

/// Blocks until there is a part of `size` bytes that says of what it is one.
fn wait_for_part(directory: &Path, size: u64) {
    let start = Instant::now();
    let is_there = || match parts(directory).as_slice() {
        // Before that it has another name.
        [note, body] if note.extension() == Some(OsStr::new("json")) => {
            fs::metadata(body).is_ok_and(|metadata| metadata.len() == size)
        }
        _ => false,
    };
    while !is_there() {
        assert!(start.elapsed() < PATIENCE, "no part of {size} bytes");
        std::thread::yield_now();
    }
}

/// Answers the first request with most of the file, and then holds the connection.
fn stalls_once() -> Origin {
    Origin::start(|number, mut talk| match number {
        0 => {
            let head = format!("HTTP/1.1 200 OK\r\n{TAG}\r\nContent-Length: {SIZE}\r\n\r\n");
            talk.send(&[head.as_bytes(), &file(1)[..MOST]].concat());
            talk.hold();
        }
        _ => rest(talk, &[TAG], &file(1)),
    })
}

#[test]
fn a_signal_leaves_the_part_and_the_next_run_goes_on() {
    for signals in [
        &[Signal::TERM][..],
        &[Signal::INT, Signal::INT],
        &[Signal::KILL],
    ] {
        let directory = directory();
        let origin = stalls_once();
        let url = origin.url("/file.bin");
        let mut run = fetchpool()
            .inside(directory.path())
            .args(["-c", "-o", "pages", "-f", "jsonl", &url])
            .status(killed_by(signals[0]))
            .stdout(anything())
            .stderr(anything())
            .start();
        wait_for_part(directory.path(), MOST as u64);
        for signal in signals {
            run.signal(*signal);
            if signals.len() > 1 && signal == &signals[0] {
                run.wait_for_stderr("what is in flight gets 2 s to finish");
            }
        }
        if signals == [Signal::TERM] {
            assert!(run.read_line().contains("cancelled"));
        }
        run.finish();
        let row = fetch(directory.path(), &url, &["-c"], 0);
        assert_file(directory.path(), &row, &file(1));
        assert_eq!(row["resumed_from"], json!(MOST), "{signals:?}");
        assert_eq!(origin.last_asked("Range").as_deref(), Some("bytes=80000-"));
    }
}

#[test]
fn a_timeout_leaves_the_part_and_a_run_without_the_option_neither_uses_nor_removes_it() {
    let directory = directory();
    let origin = stalls_once();
    let url = origin.url("/file.bin");
    let row = fetch(directory.path(), &url, &["-c", "-t", "2s"], 1);
    assert_failed(&row, "timeout");
    let kept = parts(directory.path());
    let plain = ["--accept", "404"];
    assert_failed(&fetch(directory.path(), &url, &plain, 1), "http_status");
    assert_eq!(origin.last_asked("Range"), None);
    assert_eq!((kept.len(), parts(directory.path())), (2, kept));
    let row = fetch(directory.path(), &url, &["-c"], 0);
    assert_file(directory.path(), &row, &file(1));
    assert_eq!(row["resumed_from"], MOST);
}

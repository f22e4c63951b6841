//! Named pipes: what a shell's `<(command)` and `mkfifo` give.
#![cfg(target_os = "linux")]

use super::*;
use std::fs::OpenOptions;
use std::process::Command;

fn pipe(directory: &TempDir, name: &str) -> PathBuf {
    let path = directory.path().join(name);
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    path
}

#[test]
fn a_line_is_given_before_the_next_is_written() {
    let directory = TempDir::new().unwrap();
    let path = pipe(&directory, "pipe");
    let mut targets = Targets::open(options(&[file(&path)], None)).unwrap();
    // Linux opens a named pipe for both directions without waiting for the other end.
    let mut writer = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let mut seen = Vec::new();
    for n in 1..=2000_u64 {
        // Half of the next line must not delay a complete one.
        let (text, rest) = (format!("ttp://host/{n}\nh"), if n == 1 { "h" } else { "" });
        writer
            .write_all(format!("{rest}{text}").as_bytes())
            .unwrap();
        assert!(targets.next_batch(&mut seen).unwrap());
        assert_eq!(seen.len() as u64, n);
        assert_eq!(written(seen.last().unwrap()), format!("http://host/{n}"));
    }
    assert_eq!(count_targets(&[file(&path)]), None);
}

#[test]
fn a_pipe_whose_writer_has_not_come_is_not_waited_for() {
    let directory = TempDir::new().unwrap();
    let lists = [
        List::Url("http://first/".into()),
        file(&pipe(&directory, "one")),
        file(&pipe(&directory, "two")),
    ];
    let mut targets = Targets::open(options(&lists, None)).unwrap();
    let mut seen = Vec::new();
    assert!(targets.next_batch(&mut seen).unwrap());
    assert_eq!(written(&seen[0]), "http://first/");
}

#[test]
fn a_row_is_given_before_the_next_is_written_and_a_wrong_header_when_it_comes() {
    let directory = TempDir::new().unwrap();
    for (format, header, row) in [
        (ListFormat::Csv, "url,note\n", "ttp://a/,\"x\n\"\nhttp"),
        (ListFormat::Tsv, "note\turl\r\n", "x\tttp://a/\r\n\"y"),
        (ListFormat::Jsonl, "", "{\"url\":\"ttp://a/\"}\n{\"u"),
    ] {
        let path = pipe(&directory, &format!("{format:?}"));
        let with_format = |format| Options {
            format,
            ..options(&[file(&path)], None)
        };
        let mut targets = Targets::open(with_format(format)).unwrap();
        let mut writer = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        writer
            .write_all(format!("{header}{row}").as_bytes())
            .unwrap();
        let mut seen = Vec::new();
        assert!(targets.next_batch(&mut seen).unwrap());
        assert_eq!(written(&seen[0]), "ttp://a/", "{format:?}");
    }
    let path = pipe(&directory, "wrong");
    let lists = [file(&path), List::Url("http://next/".into())];
    let mut targets = Targets::open(Options {
        format: ListFormat::Csv,
        ..options(&lists, None)
    })
    .unwrap();
    let mut writer = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    writer.write_all(b"id,link\n").unwrap();
    let mut seen = Vec::new();
    let error = targets.next_batch(&mut seen).unwrap_err().to_string();
    assert!(error.ends_with("'link' must be called 'url'"), "{error}");
    assert!(targets.next_batch(&mut seen).unwrap());
    assert_eq!(written(&seen[0]), "http://next/");
}

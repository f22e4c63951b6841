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
        // The half of the next line must not delay the whole one.
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

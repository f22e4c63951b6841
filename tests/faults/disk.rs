//! Disks that fill up with saved bodies or with the records, and the run after that.

use crate::records::{assert_saved, files, kinds, one_each, rows};
use crate::support::left_out;
use crate::support::{Server, Stdio, anything, containing, fetchpool};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system in memory; unmounted on drop.
struct Disk(PathBuf);

impl Disk {
    /// One of this many KiB; `None`, and a message, if mounting is not allowed.
    fn mount(place: &Path, kilobytes: u32) -> Option<Disk> {
        std::fs::create_dir_all(place).expect("the directory is the test's own");
        let disk = Disk(place.to_owned());
        let done = disk.do_mount(&format!("size={kilobytes}k"));
        if !done {
            left_out::refused("a small file system cannot be mounted here; nothing was filled");
        }
        done.then_some(disk)
    }

    /// Makes it large enough.
    fn grow(&self) {
        assert!(self.do_mount("remount,size=16m"), "it was mounted before");
    }

    fn do_mount(&self, options: &str) -> bool {
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&self.0);
        mount.output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
    }
}

fn urls(server: &Server) -> Vec<String> {
    (0..400)
        .map(|n| server.url(&format!("/size/{}?{n}", 1000 + 50 * (n % 100))))
        .collect()
}

#[test]
fn bodies_that_do_not_fit_are_kind_write_and_fetched_when_there_is_room() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let Some(disk) = Disk::mount(&directory.path().join("pages"), 512) else {
        return;
    };
    let server = Server::start();
    let urls = urls(&server);
    let run = |status| {
        let text = fetchpool()
            .inside(directory.path())
            .list("urls.txt", urls.join("\n"))
            .args([
                "-j", "20", "-f", "jsonl", "-o", "pages", "--resume", "r.jsonl",
            ])
            .status(status)
            .stdout(anything())
            .stderr(anything())
            .run();
        text.stdout().to_owned()
    };
    std::fs::write(directory.path().join("r.jsonl"), "").expect("it can be written");
    let first = run(1);
    let full = rows(&first);
    one_each(&full, &urls);
    let counts = kinds(&full);
    assert_eq!(counts.keys().collect::<Vec<_>>(), ["ok", "write"]);
    assert_saved(directory.path(), &full);
    disk.grow();
    std::fs::write(directory.path().join("r.jsonl"), first).expect("it can be written");
    let second = rows(&run(0));
    assert_eq!(second.len(), counts["write"], "only what had failed");
    let ok = |row: &serde_json::Value| row["ok"] == true;
    let all: Vec<_> = full.into_iter().chain(second).filter(ok).collect();
    one_each(&all, &urls);
    assert_saved(directory.path(), &all);
}

#[test]
fn records_that_do_not_fit_end_the_run_and_resume_writes_the_others() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let Some(disk) = Disk::mount(directory.path(), 64) else {
        return;
    };
    let server = Server::start();
    let urls = urls(&server);
    let path = directory.path().join("r.jsonl");
    let run = |status, complaint: &'static [&'static str]| {
        let mut append = OpenOptions::new();
        let file = append.append(true).create(true).open(&path);
        fetchpool()
            .stdin(urls.join("\n"))
            .args(["-j", "20", "-f", "jsonl", "--resume"])
            .arg(&path)
            .stdout_to(Stdio::File(file.expect("the disk has room for its name")))
            .status(status)
            .stderr(containing(complaint.iter().copied()))
            .run();
        std::fs::read_to_string(&path).expect("it is there")
    };
    let first = run(2, &["standard output", "o space left on device"]);
    let whole = first.rfind('\n').map_or(0, |end| end + 1);
    let before = rows(&first[..whole]).len();
    assert!((1..urls.len()).contains(&before), "{before} records fitted");
    disk.grow();
    let text = run(0, &[]);
    assert!(text.starts_with(&first), "what was there stays");
    // A full disk tears the last line; the next run keeps the torn line and begins a new one.
    let torn = &first[whole..];
    let good: Vec<&str> = text.lines().filter(|&line| line != torn).collect();
    let good = rows(&(good.join("\n") + "\n"));
    one_each(&good, &urls);
    assert_eq!(good.len(), urls.len());
}

#[test]
fn a_quota_is_as_a_full_disk() {
    let server = Server::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let urls: Vec<String> = (0..200)
        .map(|n| server.url(&format!("/size/{}?{n}", 1000 * (n % 100))))
        .collect();
    // 100 units of 512 bytes.
    let ended = fetchpool()
        .inside(directory.path())
        .after("ulimit -f 100")
        .list("urls.txt", urls.join("\n"))
        .args(["-j", "20", "-f", "jsonl", "-o", "pages"])
        .status(1)
        .stdout(anything())
        .run();
    let rows = rows(ended.stdout());
    one_each(&rows, &urls);
    assert_eq!(kinds(&rows).keys().collect::<Vec<_>>(), ["ok", "write"]);
    assert_saved(directory.path(), &rows);
    let largest = files(&directory.path().join("pages")).into_values().max();
    assert!(largest <= Some(51_200 * 2), "{largest:?}");
}

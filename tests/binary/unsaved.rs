//! `-o DIR` with bodies that cannot be saved: cut runs, and unusable directories and disks.

use crate::jsonl::rows;
use crate::saved::{entries, files};
use crate::support::{
    PATIENCE, RawServer, Running, Server, anything, checked, containing, failed, fetchpool,
    killed_by, page, with_growing_limits,
};
use rustix::process::Signal;
use std::path::{Path, PathBuf};

/// A server whose page begins and never ends. It tells the test when a client has got the beginning.
fn endless() -> (RawServer, std::sync::mpsc::Receiver<()>) {
    let (tell, told) = std::sync::mpsc::channel();
    let server = RawServer::start(move |mut talk| {
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        talk.send(&[b'x'; 50000]);
        let _ = tell.send(());
        talk.hold();
    });
    (server, told)
}

/// Waits for a temporary file, which shows that the client has begun to save.
fn wait_for_part(directory: &Path) {
    let begun = std::time::Instant::now();
    while !files(directory).keys().any(|name| name.ends_with(".part")) {
        assert!(begun.elapsed() < PATIENCE, "nothing is being saved");
        std::thread::yield_now();
    }
}

/// Starts a run that saves two bodies that never end.
fn start_to_save_two(
    server: &RawServer,
    directory: &Path,
    arguments: &[&str],
    status: i32,
) -> Running {
    fetchpool()
        .inside(directory)
        .args([server.url("/a/b/c.html"), server.url("/other")])
        .args(["-o", "pages"])
        .args(arguments)
        .status(status)
        .stdout(anything())
        .stderr(anything())
        .start()
}

/// Ends a run with these signals in the middle of two bodies.
fn cut_in_the_middle(signals: &[Signal]) {
    let (server, begun) = endless();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let pages = directory.path().join("pages");
    let run = start_to_save_two(&server, directory.path(), &[], killed_by(signals[0]));
    for _ in 0..2 {
        begun.recv_timeout(PATIENCE).expect("two pages have begun");
    }
    wait_for_part(&pages);
    for (number, signal) in signals.iter().enumerate() {
        run.signal(*signal);
        if number == 0 {
            run.wait_for_stderr("gets 2 s to finish");
        }
    }
    run.finish();
    let left = files(&pages);
    assert_eq!(entries(&pages), 0, "{signals:?}: {left:?}");
}

#[test]
fn a_signal_leaves_no_temporary_file() {
    cut_in_the_middle(&[Signal::TERM]);
    cut_in_the_middle(&[Signal::INT]);
}

#[test]
fn neither_does_a_deadline_or_a_timeout() {
    for option in ["--deadline", "-t"] {
        with_growing_limits(|limit| {
            let (server, begun) = endless();
            let directory = tempfile::tempdir().expect("a temporary directory");
            let pages = directory.path().join("pages");
            start_to_save_two(&server, directory.path(), &[option, limit], 1).finish();
            let left = files(&pages);
            assert_eq!(entries(&pages), 0, "{option} {limit}: {left:?}");
            begun.try_iter().count() == 2
        });
    }
}

#[test]
fn a_second_signal_leaves_no_temporary_file() {
    for _ in 0..5 {
        cut_in_the_middle(&[Signal::TERM, Signal::INT]);
    }
}

#[test]
fn what_a_killed_run_has_left_is_gone_after_the_next_one_and_what_a_live_one_has_is_not() {
    let (server, begun) = endless();
    let good = Server::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let pages = directory.path().join("pages");
    let parts = || {
        let files = files(&pages);
        files.keys().filter(|name| name.ends_with(".part")).count()
    };
    let start = |path: &str, status| {
        let run = fetchpool()
            .inside(directory.path())
            .args([&server.url(path), "-o", "pages"])
            .status(status)
            .stdout(anything())
            .stderr(anything())
            .start();
        begun.recv_timeout(PATIENCE).expect("a page has begun");
        run
    };
    let live = start("/live/page", killed_by(Signal::INT));
    wait_for_part(&pages);
    let of_live: Vec<String> = files(&pages).into_keys().collect();
    let killed = start("/deep/er/page", killed_by(Signal::KILL));
    let since = std::time::Instant::now();
    while parts() < 2 {
        assert!(since.elapsed() < PATIENCE, "nothing is being saved");
        std::thread::yield_now();
    }
    killed.signal(Signal::KILL);
    killed.finish();
    assert_eq!(parts(), 2, "the killed run could not tidy up");
    // The next run has another list, without the URLs of the killed run.
    let url = good.url("/size/1");
    fetchpool()
        .inside(directory.path())
        .args([&url, "-o", "pages"])
        .stdout(page(&url, 1) + "\n")
        .run();
    let left: Vec<String> = files(&pages).into_keys().collect();
    assert_eq!(parts(), 1, "{left:?}");
    assert!(of_live.iter().all(|name| left.contains(name)), "{left:?}");
    live.signal(Signal::INT);
    live.finish();
    let page = format!("127.0.0.1_{}/size/1.body", good.address().port());
    assert_eq!(files(&pages).into_keys().collect::<Vec<_>>(), [page]);
    assert_eq!(
        entries(&pages),
        3,
        "nothing but that page and its directories"
    );
}

#[test]
fn a_directory_that_cannot_be_used_is_status_2_and_nothing_is_fetched() {
    let server = Server::start();
    // Not even root can make these.
    for place in ["/proc/pages", "a-file", "a-file/below"] {
        fetchpool()
            .file("a-file", "")
            .args([server.url("/size/1"), "-o".to_owned(), place.to_owned()])
            .status(2)
            .stderr(containing(["-o", place]))
            .run();
    }
    assert_eq!(server.paths(), [""; 0]);
}

#[test]
fn a_page_that_cannot_be_saved_is_kind_write_and_the_others_are_saved() {
    let server = Server::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let host = directory
        .path()
        .join(format!("127.0.0.1_{}", server.address().port()));
    // A file in the place of a directory, and a symbolic link.
    std::fs::create_dir(&host).expect("it can be made");
    std::fs::write(host.join("status"), "in the way").expect("it can be written");
    std::fs::create_dir(directory.path().join("elsewhere")).expect("it can be made");
    std::os::unix::fs::symlink("../elsewhere", host.join("redirect")).expect("it can be made");
    let urls = ["/status/200", "/redirect/0", "/size/5"].map(|path| server.url(path));
    let ended = fetchpool()
        .inside(directory.path())
        .args(&urls)
        .args([
            "-o",
            ".",
            "-f",
            "jsonl",
            "--ordered",
            "--retries",
            "2",
            "--retry-delay",
            "1ms",
        ])
        .status(1)
        .stdout(anything())
        .run();
    let rows = rows(ended.stdout());
    for row in &rows[..2] {
        assert_eq!(
            (&row["error"]["kind"], &row["status"]),
            (&"write".into(), &200.into()),
            "{row}"
        );
        assert_eq!(row["attempts"], 1, "a disk does not get better: {row}");
        assert!(row["file"].is_null(), "{row}");
    }
    assert_eq!(rows[2]["ok"], true, "{}", rows[2]);
    assert_eq!(
        entries(&directory.path().join("elsewhere")),
        0,
        "a link was followed"
    );
}

#[test]
fn a_file_that_may_not_grow_is_kind_write_and_leaves_nothing() {
    let server = Server::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let [large, small] = [server.url("/size/1000000"), server.url("/size/100")];
    // The shell's unit is 512 bytes or 1 KiB. In both, 100 units are enough for the small body and too few for the
    // large one.
    let ended = fetchpool()
        .inside(directory.path())
        .after("ulimit -f 100")
        .args([&large, &small])
        .args(["-o", "pages", "-f", "jsonl", "--ordered"])
        .status(1)
        .stdout(anything())
        .run();
    let rows = rows(ended.stdout());
    assert_eq!(rows[0]["error"]["kind"], "write", "{}", rows[0]);
    assert_eq!(rows[1]["ok"], true, "{}", rows[1]);
    let left = files(&directory.path().join("pages"));
    assert_eq!(left.values().collect::<Vec<_>>(), [&100], "{left:?}");
}

#[test]
fn a_full_disk_is_kind_write_for_the_pages_that_do_not_fit_and_is_told_once() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let Some(_disk) = SmallDisk::mount(directory.path()) else {
        crate::support::left_out::refused(
            "a small file system cannot be mounted here; nothing was filled",
        );
        return;
    };
    let server = Server::start();
    let [large, larger, small] =
        ["/size/1000000", "/size/2000000", "/size/100"].map(|path| server.url(path));
    fetchpool()
        .args([&large, &larger, &small])
        .args(["-j", "1", "-o"])
        .arg(directory.path())
        .status(1)
        .stderr("fetchpool: warning: the disk is full: bodies that do not fit fail as 'write'\n")
        .stdout(checked({
            let wanted = [
                failed(&large, "write: "),
                failed(&larger, "write: "),
                page(&small, 100),
            ];
            move |text| {
                let lines: Vec<&str> = text.lines().collect();
                let begins = |(line, wanted): (&&str, &String)| line.starts_with(wanted.as_str());
                let fits = lines.len() == wanted.len()
                    && lines.iter().zip(&wanted).all(begins)
                    && lines[0].ends_with("no space left on device");
                fits.then_some(())
                    .ok_or_else(|| format!("wanted {wanted:?}"))
            }
        }))
        .run();
    let left = files(directory.path());
    assert_eq!(left.values().collect::<Vec<_>>(), [&100], "{left:?}");
}

#[test]
fn a_folder_on_another_file_system_is_kind_write_and_says_so() {
    let server = Server::start();
    let port = server.address().port();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let folder = directory.path().join(format!("pages/127.0.0.1_{port}"));
    std::fs::create_dir_all(&folder).expect("it can be made");
    let Some(_disk) = SmallDisk::mount(&folder) else {
        crate::support::left_out::refused("a file system cannot be mounted here; none was another");
        return;
    };
    let there = server.url("/size/7");
    let elsewhere = server.url("/size/5").replace("127.0.0.1", "localhost");
    fetchpool()
        .inside(directory.path())
        .args([&there, &elsewhere])
        .args(["-4", "-o", "pages", "--ordered"])
        .status(1)
        .stdout(format!(
            "'{there}' generated an exception: write: pages/127.0.0.1_{port}/size/7.body: its folder is on another \
             file system than pages\n{}\n",
            page(&elsewhere, 5)
        ))
        .run();
    assert_eq!(entries(&folder), 0, "no directory was left in it");
    let left = files(&directory.path().join("pages"));
    assert_eq!(left.values().collect::<Vec<_>>(), [&5], "{left:?}");
}

/// Changes of DIR during a run, and whether later bodies can be saved.
#[test]
fn a_directory_that_is_removed_or_moved_during_the_run_is_not_made_again() {
    type Change = fn(&Path);
    let changes: [(Change, bool); 3] = [
        (
            |pages| std::fs::remove_dir_all(pages).expect("it is there"),
            false,
        ),
        (
            |pages| std::fs::rename(pages, pages.with_extension("old")).expect("it is there"),
            false,
        ),
        (
            |pages| std::fs::remove_dir_all(pages.join(".fetchpool")).expect("it is there"),
            true,
        ),
    ];
    for (change, is_saved) in changes {
        let server = Server::start();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let pages = directory.path().join("pages");
        let urls = [server.url("/size/1"), server.url("/gate/change")];
        let run = fetchpool()
            .inside(directory.path())
            .args(&urls)
            .args(["-j", "1", "-o", "pages", "-f", "jsonl"])
            .status(i32::from(!is_saved))
            .stdout(anything())
            .start();
        let gate = server.gate("change");
        gate.wait_for_arrivals(1);
        change(&pages);
        gate.open();
        let ended = run.finish();
        let row = &rows(ended.stdout())[1];
        assert_eq!(row["ok"], is_saved, "{row}");
        if is_saved {
            assert_eq!(files(&pages).len(), 2);
        } else {
            assert_eq!(row["error"]["kind"], "write", "{row}");
            assert!(!pages.exists());
        }
    }
}

/// A file system of 256 KiB in memory; unmounted on drop.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(place: &Path) -> Option<SmallDisk> {
        let mut mount = std::process::Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
            .arg(place);
        let done = mount.output().is_ok_and(|output| output.status.success());
        done.then(|| SmallDisk(place.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

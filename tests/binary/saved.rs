//! `-o DIR`: bodies are saved whole or not at all, each URL in a file of its own, and what cannot be saved is the
//! failure of that URL alone.

use crate::jsonl::rows;
use crate::support::{RawServer, Server, anything, containing, failed, fetchpool, lines, page};
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Every file below `directory`, by its path from there, with its length.
fn files(directory: &Path) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let mut left = vec![PathBuf::new()];
    while let Some(below) = left.pop() {
        for entry in std::fs::read_dir(directory.join(&below))
            .expect("it is there")
            .flatten()
        {
            let name = below.join(entry.file_name());
            let kind = entry.file_type().expect("it has a type");
            if kind.is_dir() {
                left.push(name);
            } else {
                let length = entry.metadata().expect("it is there").len();
                found.insert(name.to_str().expect("names are ASCII").to_owned(), length);
            }
        }
    }
    found
}

/// All that is in `directory`, empty directories too, but not itself.
fn entries(directory: &Path) -> usize {
    let mut count = 0;
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(directory).expect("it is there").flatten() {
            count += 1;
            if entry.file_type().expect("it has a type").is_dir() {
                left.push(entry.path());
            }
        }
    }
    count
}

/// A server that gives for each path a page that is the path.
fn echo() -> RawServer {
    RawServer::start(|mut talk| {
        let path = talk.path().to_owned();
        talk.reply("200 OK", &[], path.as_bytes());
    })
}

#[test]
fn bodies_are_where_the_document_says() {
    let server = echo();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let port = server.address().port();
    let host = format!("localhost_{port}");
    let table = [
        ("/", "index.html"),
        ("/a/b.html", "a/b.html"),
        ("/about", "about.body"),
        ("/about/", "about/index.html"),
        ("/list.php?page=2", "list.php@page=2"),
        ("/a.png", "a.png"),
    ];
    let urls: Vec<String> = table
        .iter()
        .map(|(path, _)| format!("http://localhost:{port}{path}"))
        .collect();
    let ended = fetchpool()
        .inside(directory.path())
        .list("urls.txt", urls.join("\n"))
        .args(["-4", "-o", "new/pages", "-f", "jsonl", "--ordered"])
        .stdout(anything())
        .run();
    for ((path, name), row) in table.iter().zip(rows(ended.stdout())) {
        let file = format!("new/pages/{host}/{name}");
        assert_eq!(row["file"], file);
        let body = std::fs::read_to_string(directory.path().join(&file)).expect("it was saved");
        assert_eq!(body, *path);
    }
    assert_eq!(files(&directory.path().join("new")).len(), table.len());
}

#[test]
fn two_urls_never_share_a_file_and_none_leaves_the_directory() {
    let server = echo();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let long = "x".repeat(3000);
    let paths = [
        "/a",
        "/A",
        "/a/",
        "/a.body",
        "/a/b",
        "/a?b",
        "/a%3Fb",
        "/a@b",
        "/index.html",
        "/",
        "/?",
        "/%2e%2e%2fetc",
        "/..%2f..%2fetc/passwd",
        "/%5c..%5c",
        "/con",
        "/CON.txt",
        "/nul",
        "/a:b",
        "/a%00b",
        "/.hidden",
        "/-rf",
        "//",
        "///a",
        "/ä",
        "/a%20b",
        "/a+b",
        "/a b%20",
        "/a.",
        "/a..",
        "/~",
        "/a~",
        "/.fetchpool-1-0.part",
        "/a?x=/../../y",
        "/a?x=%2F..%2F",
        &format!("/{long}"),
        &format!("/{long}y"),
        &format!("/{}", "d/".repeat(500)),
    ];
    let urls: Vec<String> = paths.iter().map(|path| server.url(path)).collect();
    let ended = fetchpool()
        .inside(directory.path())
        .list("urls.txt", urls.join("\n"))
        .args(["-o", "pages", "-f", "jsonl", "--ordered", "-t", "20"])
        .stdout(anything())
        .run();
    let mut seen = BTreeSet::new();
    let pages = directory
        .path()
        .join("pages")
        .canonicalize()
        .expect("it is there");
    for row in rows(ended.stdout()) {
        let file = row["file"]
            .as_str()
            .expect("a page that was saved has a file");
        assert!(seen.insert(file.to_lowercase()), "{file} has two URLs");
        let path = directory.path().join(file);
        let whole = path.canonicalize().expect("it was saved");
        assert!(whole.starts_with(&pages), "{file}");
        let body = std::fs::read(&path).expect("it was saved");
        assert_eq!(
            body.len() as u64,
            row["bytes"].as_u64().expect("a page has a length"),
            "{file}"
        );
        for name in Path::new(file) {
            assert!(name.len() <= 255, "{name:?}");
        }
    }
    assert_eq!(files(&pages).len(), paths.len());
}

#[test]
fn heads_and_failures_leave_nothing_and_take_nothing_away() {
    let server = Server::start();
    let short = RawServer::saying("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.");
    for (url, arguments, status) in [
        (server.url("/size/9"), &["-I"][..], 0),
        (server.url("/status/404"), &[], 1),
        (server.url("/redirect/11"), &[], 1),
        (server.url("/size/9"), &["--max-size", "8"], 1),
        (short.url("/"), &[], 1),
        (
            short.url("/deep/er/page"),
            &["--retries", "2", "--retry-delay", "1ms"],
            1,
        ),
    ] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let ended = fetchpool()
            .inside(directory.path())
            .arg(&url)
            .args(arguments)
            .args(["-o", "pages", "-f", "jsonl"])
            .status(status)
            .stdout(anything())
            .run();
        let row = &rows(ended.stdout())[0];
        assert!(row["file"].is_null(), "{row}");
        assert_eq!(
            entries(&directory.path().join("pages")),
            0,
            "{url} {arguments:?}"
        );
    }
    // What an earlier run has saved stays as it is when this one fails, and is replaced when it does not.
    let directory = tempfile::tempdir().expect("a temporary directory");
    let place = directory
        .path()
        .join(format!("127.0.0.1_{}", short.address().port()));
    std::fs::create_dir(&place).expect("it can be made");
    std::fs::write(place.join("index.html"), "of old").expect("it can be written");
    fetchpool()
        .inside(directory.path())
        .args([short.url("/"), "-o".to_owned(), ".".to_owned()])
        .status(1)
        .stdout(anything())
        .run();
    assert_eq!(
        std::fs::read_to_string(place.join("index.html")).expect("it is there"),
        "of old"
    );
}

#[test]
fn an_empty_page_is_a_file_and_a_second_run_replaces_what_is_there() {
    let server = Server::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let [empty, full] = [server.url("/size/0"), server.url("/size/70000")];
    for _ in 0..2 {
        fetchpool()
            .inside(directory.path())
            .args([&empty, &full])
            .args(["-o", "pages"])
            .stdout(lines([page(&empty, 0), page(&full, 70000)]))
            .run();
        let lengths: Vec<u64> = files(&directory.path().join("pages"))
            .into_values()
            .collect();
        assert_eq!(lengths, [0, 70000]);
    }
}

/// A server whose page begins and never ends, and tells the test when a client has the beginning.
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

/// Waits until a temporary file is there: the client has begun to save.
fn wait_for_part(directory: &Path) {
    let begun = std::time::Instant::now();
    while !files(directory).keys().any(|name| name.ends_with(".part")) {
        assert!(
            begun.elapsed() < crate::support::PATIENCE,
            "nothing is being saved"
        );
        std::thread::yield_now();
    }
}

/// Ends a run in the middle of two bodies, by these signals or by what its arguments say.
fn cut_in_the_middle(signals: &[Signal], arguments: &[&str], status: i32) {
    let (server, begun) = endless();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let pages = directory.path().join("pages");
    let run = fetchpool()
        .inside(directory.path())
        .args([server.url("/a/b/c.html"), server.url("/other")])
        .args(["-o", "pages"])
        .args(arguments)
        .status(status)
        .stdout(anything())
        .stderr(anything())
        .start();
    for _ in 0..2 {
        begun
            .recv_timeout(crate::support::PATIENCE)
            .expect("two pages have begun");
    }
    if !signals.is_empty() {
        wait_for_part(&pages);
    }
    for (number, signal) in signals.iter().enumerate() {
        run.signal(*signal);
        if number == 0 {
            run.wait_for_stderr("gets 2 s to finish");
        }
    }
    run.finish();
    let left = files(&pages);
    assert_eq!(entries(&pages), 0, "{signals:?} {arguments:?}: {left:?}");
}

#[test]
fn a_signal_leaves_no_temporary_file() {
    cut_in_the_middle(&[Signal::TERM], &[], 143);
    cut_in_the_middle(&[Signal::INT], &[], 130);
}

#[test]
fn neither_does_a_deadline_or_a_timeout() {
    cut_in_the_middle(&[], &["--deadline", "2s"], 1);
    cut_in_the_middle(&[], &["-t", "2s"], 1);
}

#[test]
#[ignore = "what is being written when a second signal ends the run at once stays as a .part file"]
fn a_second_signal_leaves_no_temporary_file() {
    for _ in 0..5 {
        cut_in_the_middle(&[Signal::TERM, Signal::INT], &[], 143);
    }
}

#[test]
fn a_directory_that_cannot_be_used_is_status_2_and_nothing_is_fetched() {
    let server = Server::start();
    // Neither root nor anybody else can make these.
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
    // A file where a directory must be, and a link to elsewhere.
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
    // The shell's unit is 512 bytes or 1 KiB, 100 of them are enough for the one and too few for the other. The signal
    // that comes with it is ignored, or it would kill before write can fail.
    let ended = fetchpool()
        .inside(directory.path())
        .after(r#"trap "" XFSZ; ulimit -f 100"#)
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
fn a_full_disk_is_kind_write_for_the_page_that_fills_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let Some(_disk) = SmallDisk::mount(directory.path()) else {
        eprintln!("LEFT OUT: a small file system cannot be mounted here; nothing was filled");
        return;
    };
    let server = Server::start();
    let [large, small] = [server.url("/size/1000000"), server.url("/size/100")];
    fetchpool()
        .args([&large, &small])
        .args(["-j", "1", "-o"])
        .arg(directory.path())
        .status(1)
        .stdout(crate::support::checked({
            let [failed, page] = [failed(&large, "write: "), page(&small, 100)];
            move |text| {
                let fits = text.starts_with(&failed) && text.ends_with(&format!("{page}\n"));
                fits.then_some(())
                    .ok_or_else(|| format!("wanted {failed} and {page}"))
            }
        }))
        .run();
    let left = files(directory.path());
    assert_eq!(left.values().collect::<Vec<_>>(), [&100], "{left:?}");
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

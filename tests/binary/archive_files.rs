//! `--warc FILE`: the file. It is appended to, a torn end is cut off, and what is no archive stays as it is.

use crate::jsonl::rows;
#[cfg(target_os = "linux")]
use crate::saved::entries;
use crate::support::{
    Fetchpool, RawServer, Server, Stdio, Talk, ValidatingServer, WarcRecord, anything, containing,
    fetchpool, read_archive,
};
use crate::update::update;

use std::fs;
#[cfg(target_os = "linux")]
use std::io::Read as _;
use std::path::Path;

const WARC: [&str; 2] = ["--warc", "a.warc.gz"];

fn run(directory: &Path, url: &str) -> Fetchpool {
    let run = fetchpool().inside(directory).arg(url).args(WARC);
    run.args(["-f", "jsonl"]).stdout(anything())
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

#[test]
fn an_archive_is_appended_to_and_saved_and_resumed_like_any_run() {
    let server = Server::start();
    let directory = directory();
    let file = directory.path().join("a.warc.gz");
    let urls = [server.url("/size/1"), server.url("/size/2")];
    let ended = run(directory.path(), &urls[0]).args(["-o", "pages"]).run();
    fs::write(directory.path().join("r.jsonl"), ended.stdout()).unwrap();
    let begun = fs::read(&file).unwrap();
    let ended = run(directory.path(), &urls[0])
        .arg(&urls[1])
        .args(["--resume", "r.jsonl", "-o", "pages"])
        .run();
    let rows = rows(ended.stdout());
    assert_eq!((rows.len(), &rows[0]["url"]), (1, &urls[1].as_str().into()));
    assert!(fs::read(&file).unwrap().starts_with(&begun));
    let records = read_archive(&file);
    let kinds: Vec<_> = records.iter().map(WarcRecord::kind).collect();
    assert_eq!(kinds.join(" "), ["warcinfo request response"; 2].join(" "));
    assert_eq!(rows[0]["warc"]["offset"], records[5].offset);
    let saved = fs::read(directory.path().join(rows[0]["file"].as_str().unwrap())).unwrap();
    assert_eq!(saved, records[5].payload());
    let info = records[0].text();
    assert!(
        info.contains("software: fetchpool/") && info.contains("conformsTo: "),
        "{info}"
    );
}

#[test]
fn a_page_that_has_not_changed_is_a_revisit_of_what_was_archived() {
    let site = ValidatingServer::start();
    let directory = directory();
    let url = site.put("/x", "ETag: \"1\"\r\n", "page");
    // The last run finds no archive of the page.
    let archives = ["a.warc.gz", "a.warc.gz", "b.warc.gz", "c.warc.gz"];
    let mut started = Vec::new();
    for (run, file) in archives.into_iter().enumerate() {
        if run == 3 {
            fs::remove_file(directory.path().join("b.warc.gz")).unwrap();
        }
        let found = update(directory.path(), &["--warc", file, &url]);
        started.push(found[0]["started_at"].as_str().unwrap().to_owned());
        let records = read_archive(&directory.path().join(file));
        let last = records.last().unwrap();
        let place = &found[0]["warc"];
        assert_eq!(
            (&place["file"], &place["offset"], &place["length"]),
            (&file.into(), &last.offset.into(), &last.length.into())
        );
        let is_archived = run == 1 || run == 2;
        assert_eq!(found[0]["unchanged"], is_archived);
        if !is_archived {
            assert_eq!((last.kind(), last.payload()), ("response", &b"page"[..]));
            continue;
        }
        assert_eq!((last.kind(), last.block.len()), ("revisit", 0));
        assert_eq!(last.get("WARC-Refers-To-Date"), Some(started[0].as_str()));
        assert_eq!(last.get("WARC-Refers-To-Target-URI"), Some(url.as_str()));
        let profile = last.get("WARC-Profile").unwrap();
        assert!(profile.ends_with("/server-not-modified"), "{profile}");
    }
}

#[test]
fn a_record_torn_by_a_crash_is_cut_off() {
    let server = Server::start();
    let directory = directory();
    let file = directory.path().join("a.warc.gz");
    run(directory.path(), &server.url("/size/3000")).run();
    let whole = fs::read(&file).unwrap();
    let records = read_archive(&file);
    for (kept, record) in records.iter().enumerate() {
        let bytes = [1, 15, 17, 24, 30, record.length / 2, record.length - 1];
        for cut in bytes.map(|bytes| record.offset + bytes) {
            fs::write(&file, &whole[..cut]).unwrap();
            let torn = (cut - record.offset).to_string();
            run(directory.path(), &server.url("/size/7"))
                .stderr(containing(["a.warc.gz", "incomplete", &torn, "cut off"]))
                .run();
            let now = fs::read(&file).unwrap();
            assert!(now.starts_with(&whole[..record.offset]));
            let read = if kept == 0 { 3 } else { kept + 3 };
            assert_eq!(read_archive(&file).len(), read, "cut at {cut}");
        }
    }
}

#[test]
fn what_is_no_archive_is_status_2_and_stays_as_it_is() {
    let server = Server::start();
    let directory = directory();
    let file = directory.path().join("a.warc.gz");
    run(directory.path(), &server.url("/size/3000")).run();
    let whole = fs::read(&file).unwrap();
    let records = read_archive(&file);
    let changed = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] ^= byte;
        bytes
    };
    let request = records[1].offset;
    let at = format!("at byte {request} ");
    let foreign = "no archive that fetchpool has written";
    for (content, words) in [
        (b"http://a.test/\n".to_vec(), foreign),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03more".to_vec(), foreign),
        (whole[request..].to_vec(), foreign),
        (changed(16, 1), "at byte "),
        (changed(request, 1), &at),
        (changed(request + 18, 1), &at),
        (changed(request + 22, 1), &at),
        ([&whole[..], b"more"].concat(), "at byte "),
    ] {
        fs::write(&file, &content).unwrap();
        fetchpool()
            .inside(directory.path())
            .arg(server.url("/size/9"))
            .args(WARC)
            .status(2)
            .stderr(containing(["fetchpool: --warc: ", "a.warc.gz: ", words]))
            .run();
        assert!(fs::read(&file).unwrap() == content, "{words}");
    }
    assert_eq!(server.seen().len(), 1, "nothing was fetched");
}

#[test]
fn a_file_that_cannot_be_an_archive_is_status_2() {
    let server = Server::start();
    let directory = directory();
    let place = directory.path();
    fs::create_dir(place.join("dir")).unwrap();
    fs::write(place.join("list"), server.url("/size/1")).unwrap();
    fs::write(
        place.join("r.jsonl"),
        r#"{"url":"http://a.test/","ok":true}"#,
    )
    .unwrap();
    std::os::unix::fs::symlink("list", place.join("link")).unwrap();
    for (arguments, words) in [
        (&["--warc", "-"][..], &["--warc -", "give a file"][..]),
        (&["--warc", "dir"], &["--warc", "dir: it is a directory"]),
        (
            &["--warc", "/dev/null"],
            &["/dev/null: it is not a regular"],
        ),
        (&["--warc", "no/a"], &["--warc", "no/a: no such file"]),
        (
            &["--warc", "list"],
            &["'list': it is a list", "another file"],
        ),
        (
            &["--warc", "link"],
            &["'link': it is a list", "another file"],
        ),
        (
            &["--warc", "r.jsonl", "--resume", "r.jsonl"],
            &["'r.jsonl'", "earlier run"],
        ),
        (&["--warc", "a", "-c", "-o", "x"], &["--continue", "--warc"]),
    ] {
        fetchpool()
            .inside(place)
            .arg("list")
            .args(arguments)
            .status(2)
            .stderr(containing(words.iter().copied()))
            .run();
    }
    let records = fs::File::create(place.join("out")).unwrap();
    fetchpool()
        .inside(place)
        .args(["list", "--warc", "out"])
        .stdout_to(Stdio::File(records))
        .status(2)
        .stderr(containing(["'out': standard output goes to it"]))
        .run();
    assert_eq!(server.seen().len(), 0);
}

#[test]
fn an_archive_belongs_to_one_run_at_a_time() {
    let server = Server::start();
    let gate = server.gate("hold");
    let directory = directory();
    let first = run(directory.path(), &server.url("/gate/hold")).start();
    gate.wait_for_arrivals(1);
    fetchpool()
        .inside(directory.path())
        .arg(server.url("/size/1"))
        .args(WARC)
        .status(2)
        .stderr(containing(["a.warc.gz: another run appends to it"]))
        .run();
    gate.open();
    first.finish();
    assert_eq!(read_archive(&directory.path().join("a.warc.gz")).len(), 3);
}

#[test]
fn a_full_disk_ends_the_run_with_whole_records() {
    let server = RawServer::start(|mut talk: Talk| {
        let body: Vec<u8> = (0..4000_u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let header = format!("X: {}", talk.path());
        let start = talk.path().len() * 7 + usize::from(talk.path().as_bytes()[1]);
        talk.reply("200 OK", &[&header], &body[start..]);
    });
    let directory = directory();
    let urls: Vec<_> = (0..100).map(|n| server.url(&format!("/{n}"))).collect();
    let ended = fetchpool()
        .inside(directory.path())
        .after("ulimit -f 20")
        .list("urls.txt", urls.join("\n"))
        .args(WARC)
        .args(["-f", "jsonl", "-j", "2"])
        .status(2)
        .stdout(anything())
        .stderr(containing(["--warc", "a.warc.gz", "--resume"]))
        .run();
    let records = read_archive(&directory.path().join("a.warc.gz"));
    let rows = rows(ended.stdout());
    let (whole, failed): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["ok"] == true);
    assert_eq!(records.len(), 1 + 2 * whole.len());
    assert!(
        !failed.is_empty() && rows.len() < 100,
        "{} rows",
        rows.len()
    );
    for row in failed {
        let kind = row["error"]["kind"].as_str();
        assert!(
            matches!(kind, Some("write" | "cancelled")) && row["warc"].is_null(),
            "{row}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn large_replies_stay_out_of_memory_and_leave_no_temporary_file() {
    const SIZE: usize = 24 << 20;
    let server = RawServer::start(|mut talk: Talk| {
        // Noise, so that it cannot be compressed.
        let mut piece = vec![0; 1 << 20];
        let noise = fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut piece));
        noise.expect("Linux has noise");
        talk.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").as_bytes());
        for _ in 0..SIZE / piece.len() {
            talk.send(&piece);
        }
    });
    let pages = Server::start();
    let gate = pages.gate("hold");
    let directory = directory();
    let mut running = run(directory.path(), &server.url("/"))
        .arg(pages.url("/gate/hold"))
        .start();
    gate.wait_for_arrivals(1);
    running.read_line();
    let peak = running.kilobytes("VmHWM");
    assert!(peak < 32 * 1024, "{peak} kB");
    gate.open();
    running.finish();
    let records = read_archive(&directory.path().join("a.warc.gz"));
    let longest = records.iter().map(|record| record.block.len()).max();
    assert!(longest > Some(SIZE));
    assert_eq!(entries(directory.path()), 1, "the archive alone");
}

use super::*;

use std::io::Write as _;
use std::net::TcpListener;
use std::time::{Duration, UNIX_EPOCH};
use std::{fs, thread};

use flate2::bufread::MultiGzDecoder;

use crate::fetch::{Client, Options, Url};

const FIRST: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage";
const NOT_MODIFIED: &str = "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n";
const DIGEST: &str = "sha256:3660315a9af3df255d8f19ab077e4797822b41488a0e2a04bc6af71213c23274";

fn open(dir: &tempfile::TempDir) -> Archive {
    let (archive, note) = Archive::open(&dir.path().join("a.warc.gz"), 1).unwrap();
    assert_eq!(note, None);
    archive
}

/// Archives an attempt, which began `day` days after 1970, at a server that answers with `reply`.
fn archive(
    archive: &Archive,
    reply: &'static str,
    day: u64,
    unchanged: Option<Original>,
) -> (String, WarcPlace) {
    let (url, capture) = fetched(archive, reply);
    let place = archive.store(&capture, at_day(day), unchanged).unwrap();
    (url, place.unwrap())
}

/// The URL of a server that answers with `reply`, and the exchange with it.
fn fetched(archive: &Archive, reply: &'static str) -> (String, Arc<Capture>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _request = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(reply.as_bytes()).unwrap();
    });
    let capture = archive.capture();
    let client = Client::new(Options::default()).unwrap();
    let client = client.capturing(Arc::clone(&capture));
    client.load_url(&Url::parse(&url).unwrap(), &mut io::sink());
    server.join().unwrap();
    (url, capture)
}

fn at_day(day: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(day * 86400)
}

fn text_at(place: &WarcPlace) -> String {
    let bytes = fs::read(&*place.file).unwrap();
    let (from, length) = (place.offset as usize, place.length as usize);
    let mut text = String::new();
    let mut member = MultiGzDecoder::new(&bytes[from..from + length]);
    member.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_revisit_of_an_unchanged_page_refers_to_what_was_archived_first() {
    let dir = tempfile::tempdir().unwrap();
    let archive_file = open(&dir);
    let (first_url, first) = archive(&archive_file, FIRST, 0, None);
    let (repeated_url, repeated) = archive(&archive_file, FIRST, 1, None);
    assert!(text_at(&repeated).contains("WARC-Type: revisit\r\n"));
    let original = Original {
        url: first_url,
        date: "1970-01-01T00:00:00.000Z".to_owned(),
        digest: DIGEST.to_owned(),
    };
    let day = |day| format!("1970-01-{:02}T00:00:00.000Z", day + 1);
    let found = original_of(&first, &format!("{}#a", original.url), &day(0));
    assert_eq!(found.as_ref(), Some(&original));
    let found = original_of(&repeated, &repeated_url, &day(1));
    assert_eq!(found.as_ref(), Some(&original));
    let (url, unchanged) = archive(&archive_file, NOT_MODIFIED, 2, Some(original.clone()));
    let text = text_at(&unchanged);
    for line in [
        "WARC-Type: revisit",
        &format!("WARC-Target-URI: {url}"),
        &format!("WARC-Refers-To-Target-URI: {}", original.url),
        "WARC-Refers-To-Date: 1970-01-01T00:00:00.000Z",
        "WARC-Profile: http://netpreserve.org/warc/1.1/revisit/server-not-modified",
        &format!("WARC-Payload-Digest: {DIGEST}"),
        "Content-Length: 0",
    ] {
        assert!(text.contains(&format!("\r\n{line}\r\n")), "{line}: {text}");
    }
    assert!(text.ends_with("\r\n\r\n\r\n\r\n"), "an empty block: {text}");
    let again = original_of(&unchanged, &url, &day(2));
    assert_eq!(again, Some(original), "also after a 304");
}

#[test]
fn only_the_reply_that_a_record_names_is_referred_to() {
    let dir = tempfile::tempdir().unwrap();
    let (url, place) = archive(&open(&dir), FIRST, 0, None);
    let at = |file: &str, offset| WarcPlace {
        file: file.into(),
        offset,
        length: 1,
    };
    let (file, offset) = (&*place.file, place.offset);
    let date = "1970-01-01T00:00:00.000Z";
    assert!(original_of(&at(file, offset), &url, date).is_some());
    for (place, url, date) in [
        (at("no such file", offset), &*url, date),
        (at(file, offset + 1), &url, date),
        (at(file, 0), &url, date),
        (at(file, offset), "http://other.test/", date),
        (at(file, offset), &url, "1970-01-02T00:00:00.000Z"),
    ] {
        assert_eq!(
            original_of(&place, url, date),
            None,
            "{place:?} {url} {date}"
        );
    }
}

#[test]
fn a_304_that_is_not_unchanged_is_a_response() {
    let dir = tempfile::tempdir().unwrap();
    let (_, place) = archive(&open(&dir), NOT_MODIFIED, 0, None);
    let text = text_at(&place);
    assert!(text.contains("WARC-Type: response\r\n") && text.ends_with("\"1\"\r\n\r\n\r\n\r\n"));
}

#[test]
fn an_archive_that_another_program_changed_is_not_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let archive_file = open(&dir);
    let (_, place) = archive(&archive_file, FIRST, 0, None);
    let bytes = fs::read(&*place.file).unwrap();
    let zeros = vec![0; bytes.len()];
    fs::write(&*place.file, zeros).unwrap();
    let (_, capture) = fetched(&archive_file, FIRST);
    let stored = archive_file.store(&capture, at_day(1), None);
    let error = stored.unwrap_err().to_string();
    assert!(error.contains("no record can be read at byte"), "{error}");
}

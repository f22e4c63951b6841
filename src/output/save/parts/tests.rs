//! Parts on a real file system: what is kept, and what is used.

use std::io::Write as _;
use std::sync::atomic::AtomicU64;

use tempfile::TempDir;

use super::*;
use crate::fetch::PartialBody as _;
use crate::output::save::Saved;
use crate::output::{KeepParts, Save};

static RECEIVED: AtomicU64 = AtomicU64::new(0);
const URL: &str = "http://a.test/x.bin";

fn dir() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    (dir, out)
}

fn open(out: &Path) -> Save {
    Save::new(out.to_owned(), KeepParts::ForLaterRuns, false).unwrap()
}

fn begin(save: &Save) -> Saved<'_> {
    save.begin(&Url::parse(URL).unwrap(), None, false, &RECEIVED)
}

fn version(etag: &str, length: u64) -> Version {
    Version {
        etag: Some(etag.to_owned()),
        length: Some(length),
        ..Version::default()
    }
}

/// Writes `bytes` of a body of ten bytes, and keeps them as a part.
fn keep(save: &Save, bytes: &[u8]) {
    let mut saved = begin(save);
    saved.begin(Some(version("\"a\"", 10))).unwrap();
    saved.write_all(bytes).unwrap();
    saved.keep();
}

/// The files of parts below `out`, without their keys.
fn parts(out: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for folder in fs::read_dir(out.join(".fetchpool/parts"))
        .into_iter()
        .flatten()
    {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            found.push(path.extension().unwrap().to_str().unwrap().to_owned());
        }
    }
    found.sort();
    found
}

#[cfg(unix)]
fn part_path(out: &Path) -> PathBuf {
    let url = Url::parse(URL).unwrap();
    let part = PartFile::new(
        &out.join(".fetchpool/parts"),
        &url,
        Path::new("a.test_80/x.bin"),
    );
    part.path
}

#[test]
fn a_part_is_there_in_the_next_run_until_the_body_is_whole() {
    let (_dir, out) = dir();
    keep(&open(&out), b"01234");
    assert_eq!(parts(&out), ["json", "part"]);
    let save = open(&out);
    let mut saved = begin(&save);
    assert_eq!(saved.part(), Some((5, version("\"a\"", 10))));
    let mut text = String::new();
    saved.written().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "01234");
    saved.write_all(b"56789").unwrap();
    let file = saved.commit(None).unwrap();
    assert_eq!(fs::read(file).unwrap(), b"0123456789");
    drop(save);
    assert!(!out.join(".fetchpool").exists());
}

#[test]
fn a_body_that_begins_anew_has_nothing_of_the_part() {
    let (_dir, out) = dir();
    keep(&open(&out), b"01234");
    let save = open(&out);
    let mut saved = begin(&save);
    saved.begin(Some(version("\"b\"", 2))).unwrap();
    assert_eq!(parts(&out), ["part"]);
    saved.write_all(b"ab").unwrap();
    assert_eq!(fs::read(saved.commit(None).unwrap()).unwrap(), b"ab");
}

#[test]
fn a_part_that_is_dropped_or_cannot_be_continued_leaves_nothing() {
    let (_dir, out) = dir();
    for (version, is_kept) in [(None, true), (Some(version("\"a\"", 10)), false)] {
        let save = open(&out);
        let mut saved = begin(&save);
        saved.begin(version).unwrap();
        saved.write_all(b"01234").unwrap();
        if is_kept {
            saved.keep();
        } else {
            drop(saved);
        }
        drop(save);
        assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    }
}

// Elsewhere files are not locked.
#[cfg(unix)]
#[test]
fn a_part_has_one_user_at_a_time() {
    let (_dir, out) = dir();
    keep(&open(&out), b"01234");
    let (one, two) = (open(&out), open(&out));
    let user = begin(&one);
    assert!(user.part().is_some());
    let mut other = begin(&two);
    assert_eq!(other.part(), None);
    other.begin(Some(version("\"a\"", 10))).unwrap();
    other.write_all(b"abc").unwrap();
    other.keep();
    assert_eq!(fs::read(part_path(&out)).unwrap(), b"01234");
    user.keep();
    assert_eq!(parts(&out), ["json", "part"]);
}

#[test]
fn a_large_part_says_of_what_it_is_one_while_it_is_written() {
    let (_dir, out) = dir();
    let save = open(&out);
    let mut saved = begin(&save);
    saved.begin(Some(version("\"a\"", 1 << 20))).unwrap();
    saved.write_all(&[7; 64 * 1024 - 1]).unwrap();
    assert_eq!(parts(&out), ["part"]);
    saved.write_all(b"7").unwrap();
    assert_eq!(parts(&out), ["json", "part"]);
}

// Without locks no part is looked at.
#[cfg(unix)]
#[test]
fn what_is_no_part_is_not_used_and_stays() {
    let (_dir, out) = dir();
    let path = part_path(&out);
    let note = path.with_extension("json");
    let text = |url: &str, length: u64| {
        let (url, version) = (url.to_owned(), version("\"a\"", length));
        serde_json::to_string(&Note { url, version }).unwrap()
    };
    for (body, note_text, why) in [
        ("01234", "no json".to_owned(), "does not say"),
        ("01234", text("http://b.test/", 10), "it is of another URL"),
        ("01234", text(URL, 4), "its part is larger than the whole"),
        (
            "01234",
            text(URL, 10).replace("etag", "other"),
            "it has no validator",
        ),
    ] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, body).unwrap();
        fs::write(&note, note_text).unwrap();
        let save = open(&out);
        let mut saved = begin(&save);
        let warning = saved.take_warning().unwrap();
        assert!(
            warning.contains(why) && warning.contains("no part of http://a.test/x.bin"),
            "{warning}"
        );
        saved.begin(Some(version("\"a\"", 10))).unwrap();
        saved.write_all(b"whole").unwrap();
        saved.commit(None).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), body);
    }
    fs::remove_file(&note).unwrap();
    let save = open(&out);
    assert_eq!((begin(&save).part(), path.exists()), (None, false));
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_a_part_is_not_followed() {
    let (dir, out) = dir();
    let (path, elsewhere) = (part_path(&out), dir.path().join("elsewhere"));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&elsewhere, "mine").unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    let save = open(&out);
    let mut saved = begin(&save);
    assert!(saved.take_warning().is_some());
    saved.begin(Some(version("\"a\"", 10))).unwrap();
    saved.write_all(b"0").unwrap();
    saved.keep();
    assert_eq!(fs::read(elsewhere).unwrap(), b"mine");
}

//! `--update` with `-o DIR`: an unchanged page stays in its file, and one whose file is not what it was is fetched.

use crate::jsonl::Row;
use crate::saved::files;
use crate::support::ValidatingServer;
use crate::update::update;
use std::fs;
use std::path::{Path, PathBuf};

/// Does something to a file.
type Spoil = fn(&Path);

fn saved(directory: &Path, row: &Row) -> PathBuf {
    directory.join(row["file"].as_str().expect("it was saved"))
}

#[test]
fn an_unchanged_page_stays_in_its_file() {
    let site = ValidatingServer::start();
    let here = tempfile::tempdir().expect("a temporary directory");
    let url = site.put("/a.txt", "ETag: \"1\"\r\n", "hello");
    let first = update(here.path(), &[&url, "-o", "pages"]).remove(0);
    let file = saved(here.path(), &first);
    let made = fs::metadata(&file).expect("it is there").modified();
    for _ in 0..2 {
        let again = update(here.path(), &[&url, "-o", "pages"]).remove(0);
        assert_eq!(
            (&again["status"], &again["file"]),
            (&304.into(), &first["file"])
        );
        assert_eq!(fs::read(&file).expect("it is there"), b"hello");
        let metadata = fs::metadata(&file).expect("it is there");
        assert_eq!(metadata.modified().ok(), made.as_ref().ok().copied());
    }
    assert_eq!(files(&here.path().join("pages")).len(), 1);
    // Neither needs the file.
    for options in [&["-I", "-o", "pages"][..], &[]] {
        fs::remove_file(&file).unwrap_or_default();
        let row = update(here.path(), &[&[url.as_str()], options].concat()).remove(0);
        assert_eq!(
            (&row["status"], &row["file"]),
            (&304.into(), &first["file"])
        );
    }
    // The journal still tells where it was, and that it is gone.
    let row = update(here.path(), &[&url, "-o", "pages"]).remove(0);
    assert_eq!(row["status"], 200);
    site.put("/a.txt", "ETag: \"2\"\r\n", "hello, world");
    let row = update(here.path(), &[&url, "-o", "pages"]).remove(0);
    assert_eq!(
        (&row["status"], &row["unchanged"]),
        (&200.into(), &false.into())
    );
    assert_eq!(fs::read(&file).expect("it is there"), b"hello, world");
}

#[test]
fn a_page_whose_file_is_not_what_it_was_is_fetched() {
    let site = ValidatingServer::start();
    let here = tempfile::tempdir().expect("a temporary directory");
    let url = site.put("/a.txt", "ETag: \"1\"\r\n", "hello");
    let first = update(here.path(), &[&url, "-o", "pages"]).remove(0);
    let file = saved(here.path(), &first);
    let spoil: [(&str, Spoil); 5] = [
        ("it is gone", |file| {
            fs::remove_file(file).expect("it was there");
        }),
        ("it was cut", |file| {
            fs::write(file, "hell").expect("it can be written");
        }),
        ("it has grown", |file| {
            fs::write(file, "hello!").expect("it can be written");
        }),
        ("it is a link", |file| {
            fs::rename(file, file.with_extension("kept")).expect("it was there");
            let made = std::os::unix::fs::symlink("a.kept", file);
            made.expect("it can be made");
        }),
        ("its directory is gone", |file| {
            let removed = fs::remove_dir_all(file.parent().expect("it has one"));
            removed.expect("it was there");
        }),
    ];
    for (what, spoil) in spoil {
        let row = update(here.path(), &[&url, "-o", "pages"]).remove(0);
        assert_eq!(row["status"], 304, "before {what}");
        spoil(&file);
        let row = update(here.path(), &[&url, "-o", "pages"]).remove(0);
        assert_eq!(row["status"], 200, "{what}");
        assert_eq!(fs::read(&file).expect("it is there"), b"hello", "{what}");
        let kind = fs::symlink_metadata(&file).expect("it is there");
        assert!(kind.is_file(), "{what}");
    }
}

#[test]
fn a_page_that_was_saved_elsewhere_is_fetched() {
    let site = ValidatingServer::start();
    let here = tempfile::tempdir().expect("a temporary directory");
    let url = site.put("/a.txt", "ETag: \"1\"\r\n", "hello");
    for (options, status) in [
        (&["-o", "pages"][..], 200),
        (&["-o", "pages"], 304),
        (&["-o", "other"], 200),
        (&["-o", "other", "--name", "{line}{ext}"], 200),
        (&["-o", "other", "--name", "{line}{ext}"], 304),
    ] {
        let row = update(here.path(), &[&[url.as_str()], options].concat()).remove(0);
        assert_eq!(row["status"], status, "{options:?}");
        let body = fs::read(saved(here.path(), &row)).expect("it is there");
        assert_eq!(body, b"hello");
    }
}

#[test]
fn a_file_that_another_url_has_replaced_is_fetched() {
    let site = ValidatingServer::start();
    let here = tempfile::tempdir().expect("a temporary directory");
    let versions = [
        site.put("/v1", "ETag: \"1\"\r\n", "one"),
        site.put("/v2", "ETag: \"2\"\r\n", "two"),
    ];
    let named = |url: &str| format!("url,name\n{url},latest\n");
    let list = here.path().join("list.csv");
    fs::write(&list, named(&versions[0])).unwrap();
    update(here.path(), &["list.csv", "-o", "pages"]);
    let journal = fs::read(here.path().join("r.jsonl")).unwrap();
    fs::write(&list, named(&versions[1])).unwrap();
    update(here.path(), &["list.csv", "-o", "pages"]);
    // A later writer, by the clock of the file system.
    let file = fs::File::options()
        .write(true)
        .open(here.path().join("pages/latest"))
        .unwrap();
    file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(60))
        .unwrap();
    fs::write(here.path().join("r.jsonl"), journal).unwrap();
    fs::write(&list, named(&versions[0])).unwrap();
    let row = update(here.path(), &["list.csv", "-o", "pages"]).remove(0);
    assert_eq!(
        (&row["status"], &row["unchanged"]),
        (&200.into(), &false.into())
    );
    assert_eq!(fs::read(here.path().join("pages/latest")).unwrap(), b"one");
}

#[test]
fn a_row_s_digest_is_that_of_the_file() {
    let site = ValidatingServer::start();
    let here = tempfile::tempdir().expect("a temporary directory");
    let url = site.put("/x", "ETag: \"1\"\r\n", "hello");
    let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    fs::write(
        here.path().join("list.csv"),
        format!("url,name,sha256\n{url},x,{digest}\n"),
    )
    .unwrap();
    let arguments = ["list.csv", "-o", "pages"];
    for status in [200, 304] {
        let row = update(here.path(), &arguments).remove(0);
        assert_eq!(row["status"], status);
    }
    let file = here.path().join("pages/x");
    let made = fs::metadata(&file)
        .and_then(|metadata| metadata.modified())
        .unwrap();
    fs::write(&file, "jello").unwrap();
    fs::File::options()
        .write(true)
        .open(&file)
        .and_then(|file| file.set_modified(made))
        .unwrap();
    let row = update(here.path(), &arguments).remove(0);
    assert_eq!(row["status"], 200);
    assert_eq!(fs::read(&file).unwrap(), b"hello");
}

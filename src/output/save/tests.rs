//! Saving on a real file system: which files exist, and when.

use std::io::Write as _;
use std::thread;

use tempfile::TempDir;

use super::*;

fn save() -> (TempDir, Save) {
    let dir = tempfile::tempdir().unwrap();
    let save = Save::new(dir.path().join("out"), KeepParts::Never, false).unwrap();
    (dir, save)
}

fn begin<'a>(save: &'a Save, url: &str) -> Saved<'a> {
    static RECEIVED: AtomicU64 = AtomicU64::new(0);
    save.begin(&Url::parse(url).unwrap(), None, false, &RECEIVED)
}

/// All below `dir` but temporary files, sorted: files with their content, directories with a slash.
fn tree(dir: &Path) -> Vec<String> {
    fn walk(dir: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with(".fetchpool") {
                continue;
            }
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            if path.symlink_metadata().unwrap().is_dir() {
                found.push(format!("{name}/"));
                walk(&path, root, found);
            } else {
                found.push(format!("{name}: {}", fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(dir, dir, &mut found);
    found.sort();
    found
}

#[test]
fn a_body_appears_whole_when_it_is_complete() {
    let (dir, save) = save();
    let (url, received) = ("https://e.x/a/b.html", AtomicU64::new(0));
    let mut saved = save.begin(&Url::parse(url).unwrap(), None, false, &received);
    saved.write_all(b"one ").unwrap();
    saved.write_all(b"two").unwrap();
    assert_eq!(received.load(Ordering::Relaxed), 7);
    let place = dir.path().join("out/e.x/a/b.html");
    assert!(!place.exists());
    assert_eq!(tree(&dir.path().join("out")), [""; 0]);
    let file = saved.commit(None).unwrap();
    assert_eq!(Path::new(&file), place);
    assert_eq!(
        tree(&dir.path().join("out")),
        ["e.x/", "e.x/a/", "e.x/a/b.html: one two"]
    );
}

#[cfg(unix)]
#[test]
fn a_directory_that_no_record_could_name_is_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join(OsString::from_vec(b"pages\xff".to_vec()));
    let Err(error) = Save::new(odd, KeepParts::Never, false) else {
        panic!("it was taken");
    };
    assert!(error.to_string().contains("is not UTF-8"), "{error}");
    assert_eq!(tree(dir.path()), [""; 0]);
}

#[test]
fn an_empty_body_is_a_file_and_a_newer_one_replaces_it() {
    let (dir, save) = save();
    begin(&save, "https://e.x/").commit(None).unwrap();
    assert_eq!(
        tree(dir.path()),
        ["out/", "out/e.x/", "out/e.x/index.html: "]
    );
    let mut saved = begin(&save, "https://e.x/");
    saved.write_all(b"new").unwrap();
    saved.commit(None).unwrap();
    assert_eq!(
        tree(dir.path()),
        ["out/", "out/e.x/", "out/e.x/index.html: new"]
    );
}

#[test]
fn what_is_dropped_leaves_nothing() {
    let (dir, save) = save();
    drop(begin(&save, "https://e.x/never/begun.html"));
    let mut saved = begin(&save, "https://e.x/a/b/c.html");
    saved.write_all(b"half").unwrap();
    drop(saved);
    assert_eq!(tree(dir.path()), ["out/"]);
    begin(&save, "https://e.x/a/kept.html")
        .commit(None)
        .unwrap();
    let mut saved = begin(&save, "https://e.x/a/b/c.html");
    saved.write_all(b"half").unwrap();
    drop(saved);
    assert_eq!(
        tree(dir.path()),
        ["out/", "out/e.x/", "out/e.x/a/", "out/e.x/a/kept.html: "]
    );
}

#[test]
fn a_page_and_a_directory_of_one_name_live_side_by_side() {
    let (dir, save) = save();
    for text in [
        "https://e.x/a",
        "https://e.x/a/b",
        "https://e.x/a/",
        "https://e.x/a/b/c",
    ] {
        let mut saved = begin(&save, text);
        saved.write_all(text.as_bytes()).unwrap();
        saved.commit(None).unwrap();
    }
    let files = tree(&dir.path().join("out/e.x"));
    assert_eq!(
        files.iter().filter(|name| name.contains(": ")).count(),
        4,
        "{files:?}"
    );
}

#[test]
fn something_in_the_way_is_an_error_that_names_it() {
    let (dir, save) = save();
    let out = dir.path().join("out");
    fs::write(out.join("e.x"), "a file").unwrap();
    fs::create_dir_all(out.join("f.x/a.html")).unwrap();
    let mut saved = begin(&save, "https://e.x/a.html");
    saved.write_all(b"x").unwrap();
    let error = saved.commit(None).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
    assert!(error.to_string().contains("e.x is in the way"), "{error}");
    let error = begin(&save, "https://f.x/a.html").commit(None).unwrap_err();
    assert!(error.to_string().contains("a.html"), "{error}");
    assert_eq!(tree(&out), ["e.x: a file", "f.x/", "f.x/a.html/"]);
}

#[test]
fn a_row_can_name_the_file() {
    let (dir, save) = save();
    let url = Url::parse("https://e.x/a.html").unwrap();
    let out = dir.path().join("out");
    for (name, expected) in [
        (Some("report.pdf"), "report.pdf"),
        (Some("a/B c/.hidden"), "a/B c/.hidden"),
        (Some("a/B c/d\u{e9}"), "a/B c/d\u{e9}"),
        (None, "e.x/a.html"),
    ] {
        let received = AtomicU64::new(0);
        let mut saved = save.begin(&url, name, false, &received);
        saved.write_all(expected.as_bytes()).unwrap();
        let file = saved.commit(None).unwrap();
        assert_eq!(Path::new(&file), out.join(expected));
        assert_eq!(file, saved_path(&out, &url, name));
        assert_eq!(fs::read_to_string(file).unwrap(), expected);
    }
    assert_eq!(tree(&out).len(), 7);
    // What is in the way of a name is an error, and the file of an unfinished one is gone.
    let received = AtomicU64::new(0);
    for name in ["a", "report.pdf/x"] {
        let error = save.begin(&url, Some(name), false, &received).commit(None);
        assert!(error.is_err(), "{name}");
    }
    assert_eq!(tree(&out).len(), 7);
}

#[test]
fn the_path_of_a_dry_run_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let url = Url::parse("http://E.x/Foo?a=1").unwrap();
    let by_url = out.join("e.x_80").join("Foo@a=1.body");
    assert_eq!(Path::new(&saved_path(&out, &url, None)), by_url);
    let named = out.join("n").join("1.pdf");
    assert_eq!(Path::new(&saved_path(&out, &url, Some("n/1.pdf"))), named);
    assert_eq!(tree(dir.path()), [""; 0]);
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_is_never_followed_out() {
    use std::os::unix::fs::symlink;
    let (dir, save) = save();
    let (out, outside) = (dir.path().join("out"), dir.path().join("outside"));
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("target"), "untouched").unwrap();
    symlink(&outside, out.join("e.x")).unwrap();
    fs::create_dir(out.join("f.x")).unwrap();
    symlink(outside.join("target"), out.join("f.x/a.html")).unwrap();
    let error = begin(&save, "https://e.x/a.html").commit(None).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
    let (url, received) = (Url::parse("https://g.x/").unwrap(), AtomicU64::new(0));
    let error = save
        .begin(&url, Some("e.x/target"), false, &received)
        .commit(None);
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::NotADirectory);
    // A link in the place of the file is replaced, and its target stays as it is.
    let mut saved = begin(&save, "https://f.x/a.html");
    saved.write_all(b"body").unwrap();
    saved.commit(None).unwrap();
    assert_eq!(tree(&outside), ["target: untouched"]);
    assert_eq!(tree(&out.join("f.x")), ["a.html: body"]);
}

#[cfg(unix)]
#[test]
fn what_lies_where_the_locks_belong_is_neither_followed_nor_waited_for() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let [linked, piped, outside] = ["linked", "piped", "outside"].map(|name| dir.path().join(name));
    for made in [&linked, &piped, &outside] {
        fs::create_dir(made).unwrap();
    }
    fs::write(outside.join("9.lock"), "precious").unwrap();
    symlink(&outside, linked.join(".fetchpool")).unwrap();
    let error = Save::new(linked, KeepParts::Never, false).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
    assert_eq!(tree(&outside), ["9.lock: precious"]);

    let runs = piped.join(".fetchpool");
    fs::create_dir(&runs).unwrap();
    symlink(&outside, runs.join("8")).unwrap();
    fs::write(runs.join("8.lock"), "").unwrap();
    let pipe = runs.join("9.lock");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    drop(Save::new(piped, KeepParts::Never, false).unwrap());
    assert!(pipe.exists(), "it is not ours to remove");
    assert!(!runs.join("8").exists(), "the link itself goes");
    assert_eq!(tree(&outside), ["9.lock: precious"]);
}

#[test]
fn a_directory_that_cannot_be_is_found_out_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = Save::new(path, KeepParts::Never, false).unwrap_err();
        assert!(error.to_string().contains("file"), "{error}");
    }
}

// Windows removes no open file.
#[cfg(unix)]
#[test]
fn nothing_is_created_or_put_in_place_after_the_end() {
    let (dir, save) = save();
    let out = dir.path().join("out");
    let mut begun = begin(&save, "https://e.x/a.html");
    begun.write_all(b"half").unwrap();
    // The end waits for a worker that is renaming a file.
    let renaming = save.go_on().unwrap();
    thread::scope(|scope| {
        let ending = scope.spawn(|| save.abandon());
        while save.has_ended.try_read().is_ok() {
            thread::yield_now();
        }
        assert!(out.join(".fetchpool").exists());
        drop(renaming);
        ending.join().unwrap();
    });
    assert!(save.has_ended());
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    begun.write_all(b"lost").unwrap();
    assert!(begun.commit(None).is_err());
    assert!(begin(&save, "https://e.x/b.html").commit(None).is_err());
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
}

// Windows removes no folder with an open file.
#[cfg(unix)]
#[test]
fn a_folder_for_temporary_files_that_was_removed_is_made_again_and_its_directory_is_not() {
    let (dir, save) = save();
    let out = dir.path().join("out");
    begin(&save, "https://e.x/a.html").commit(None).unwrap();
    fs::remove_dir_all(out.join(".fetchpool")).unwrap();
    begin(&save, "https://e.x/b.html").commit(None).unwrap();
    fs::remove_dir_all(&out).unwrap();
    let error = begin(&save, "https://e.x/c.html").commit(None).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert_eq!(tree(dir.path()), [""; 0]);
}

/// Failed saves remove empty directories that other saves are about to use.
#[test]
fn failing_and_succeeding_saves_do_not_disturb_each_other() {
    let (dir, save) = save();
    thread::scope(|scope| {
        for worker in 0..8 {
            let save = &save;
            scope.spawn(move || {
                for n in 0..50 {
                    let mut saved = begin(save, &format!("https://e.x/a/b/{worker}-{n}.html"));
                    saved.write_all(b"body").unwrap();
                    if worker == 0 && n == 49 {
                        saved.commit(None).unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(
        tree(&dir.path().join("out")),
        ["e.x/", "e.x/a/", "e.x/a/b/", "e.x/a/b/0-49.html: body"]
    );
}

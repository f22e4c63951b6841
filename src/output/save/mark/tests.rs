//! Marks on a real file system: whose is swept, whose is not, and what a sweep passes by.

#[cfg(unix)]
use std::cell::Cell;

use super::*;

#[test]
fn the_id_is_told_from_the_name_of_a_temporary_file() {
    for (name, id) in [
        (".fetchpool-12-0.part", Some("12")),
        (".fetchpool-12x3-456.part", Some("12x3")),
        (".fetchpool-12-0", None),
        (".fetchpool-12-.part", None),
        (".fetchpool-12-0-1.part", None),
        (".fetchpool-12.part", None),
        ("fetchpool-12-0.part", None),
        ("index.html", None),
    ] {
        assert_eq!(id_of_part(name), id, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn only_what_the_dead_left_is_swept() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let live = Mark::set(dir).unwrap();
    let other = Mark::set(dir).unwrap();
    assert_ne!(live.id, other.id);
    let [ours, theirs, page] = [
        live.part_name(7),
        ".fetchpool-1x1-7.part".to_owned(),
        "page.html".to_owned(),
    ];
    for below in ["both.x/a", "dead.x/a/b", "live.x"] {
        fs::create_dir_all(dir.join(below)).unwrap();
    }
    let files = [
        format!("both.x/a/{ours}"),
        format!("both.x/a/{theirs}"),
        format!("dead.x/a/b/{theirs}"),
        format!("live.x/{page}"),
    ];
    for file in &files {
        fs::write(dir.join(file), "half").unwrap();
    }
    sweep(dir, &|| true);
    assert!(files.iter().all(|file| dir.join(file).exists()), "no mark");
    fs::write(dir.join(MARKS).join("1x1.lock"), "").unwrap();
    sweep(dir, &|| true);
    let left = files.iter().map(|file| dir.join(file).exists());
    assert_eq!(left.collect::<Vec<_>>(), [true, false, false, true]);
    assert!(!dir.join("dead.x").exists(), "an empty directory was left");
    assert!(!dir.join(MARKS).join("1x1.lock").exists());
    assert!(live.path.exists() && other.path.exists());
    live.remove();
    other.remove();
    assert!(!dir.join(MARKS).exists());
}

#[cfg(unix)]
#[test]
fn a_mark_that_another_run_holds_is_not_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let mark = Mark::set(dir.path()).unwrap();
    let same = File::open(&mark.path).unwrap();
    assert!(matches!(try_lock(&same), Lock::Held));
    assert!(create_locked(&mark.path).unwrap().is_none());
    // Removed between the opening and the lock: it marks nothing.
    mark.remove();
    assert!(!is_at(&same, &mark.path));
}

/// A directory with the mark of a dead run and two of its temporary files.
#[cfg(unix)]
fn left_by_a_dead_run() -> (tempfile::TempDir, [PathBuf; 3]) {
    let dir = tempfile::tempdir().unwrap();
    let [mark, one, two] = [
        ".fetchpool/1x1.lock",
        "a.x/.fetchpool-1x1-0.part",
        "b.x/c/.fetchpool-1x1-1.part",
    ]
    .map(|name| dir.path().join(name));
    for path in [&mark, &one, &two] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "half").unwrap();
    }
    (dir, [mark, one, two])
}

/// Makes directories in `dir` so deep that the path of the last is longer than the system takes.
#[cfg(unix)]
fn dig(dir: &Path) {
    use rustix::fs::{Mode, OFlags, mkdirat, open, openat};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let name = "d".repeat(200);
    let mut at = open(dir, flags, Mode::empty()).unwrap();
    for _ in 0..25 {
        mkdirat(&at, &name, Mode::RWXU).unwrap();
        at = openat(&at, &name, flags, Mode::empty()).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn what_cannot_be_looked_at_keeps_the_mark_and_keeps_nothing_else_from_being_swept() {
    let (dir, [mark, one, two]) = left_by_a_dead_run();
    let deep = ["a.x/d", "d", "~"].map(|name| dir.path().join(name));
    for deep in &deep {
        fs::create_dir(deep).unwrap();
        dig(deep);
    }
    sweep(dir.path(), &|| true);
    assert_eq!([one, two].map(|path| path.exists()), [false; 2]);
    assert!(mark.exists(), "for the run that can look there");
    for deep in &deep {
        fs::remove_dir_all(deep).unwrap();
    }
    sweep(dir.path(), &|| true);
    assert!(!mark.exists());
}

#[cfg(unix)]
#[test]
fn a_sweep_that_is_stopped_leaves_the_mark_to_the_next() {
    let (dir, left) = left_by_a_dead_run();
    let steps = Cell::new(0);
    for most in 0.. {
        steps.set(0);
        sweep(dir.path(), &|| steps.replace(steps.get() + 1) < most);
        if steps.get() <= most {
            break;
        }
        assert!(left[0].exists(), "after {most} steps: {left:?}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn a_mark_is_opened_for_writing_as_nfs_asks_for_a_lock() {
    let dir = tempfile::tempdir().unwrap();
    let mark = Mark::set(dir.path()).unwrap();
    let file = open_for_lock(&mark.path).unwrap();
    let flags = rustix::fs::fcntl_getfl(&file).unwrap();
    assert!(flags.contains(rustix::fs::OFlags::RDWR), "{flags:?}");
}

#[cfg(unix)]
#[test]
fn a_mark_is_removed_once_and_the_next_of_its_id_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mark = Mark::set(dir.path()).unwrap();
    mark.remove();
    let next = Mark::set(dir.path()).unwrap();
    assert_eq!(mark.id, next.id);
    mark.remove();
    assert!(next.path.exists());
}

//! Which folders of runs a run removes, on a real file system.

use super::*;

#[cfg(unix)]
fn runs(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir.join(RUNS)).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Creates a lock and a folder with two temporary files, as a dead run leaves them.
fn left_by_a_dead_run(dir: &Path, run: &str) -> PathBuf {
    let folder = dir.join(RUNS).join(run);
    fs::create_dir_all(&folder).unwrap();
    fs::write(lock_of(&folder), "").unwrap();
    for name in ["0.part", "1.part"] {
        fs::write(folder.join(name), "half").unwrap();
    }
    folder
}

#[test]
fn nothing_is_left_of_a_run_that_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let staging = Staging::new(dir.path(), false).unwrap();
    fs::create_dir(&staging.folder).unwrap();
    fs::write(staging.folder.join("0.part"), "half").unwrap();
    staging.remove();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    // A second removal leaves the folder of another run.
    let next = left_by_a_dead_run(dir.path(), "next");
    fs::rename(&next, &staging.folder).unwrap();
    staging.remove();
    assert!(staging.folder.exists());
}

#[cfg(unix)]
#[test]
fn only_the_folders_of_dead_runs_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let live = Staging::new(dir.path(), false).unwrap();
    fs::create_dir(&live.folder).unwrap();
    left_by_a_dead_run(dir.path(), "1-1");
    // A run that was killed before it made its folder.
    fs::write(dir.path().join(RUNS).join("1-2.lock"), "").unwrap();
    let unlocked = dir.path().join(RUNS).join("of-nobody");
    fs::create_dir(&unlocked).unwrap();
    let other = Staging::new(dir.path(), false).unwrap();
    let left = [
        &live.folder,
        &lock_of(&live.folder),
        &unlocked,
        &lock_of(&other.folder),
    ];
    let mut left = left.map(|path| path.file_name().unwrap().to_str().unwrap());
    left.sort_unstable();
    assert_eq!(runs(dir.path()), left);
    drop((live, other));
    assert_eq!(runs(dir.path()), ["of-nobody"]);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_removed_keeps_its_lock_for_the_next_run() {
    let dir = tempfile::tempdir().unwrap();
    let staging = Staging::new(dir.path(), false).unwrap();
    let lock = lock_of(&staging.folder);
    // A file in its place cannot be removed as a folder, whatever the permissions.
    fs::write(&staging.folder, "").unwrap();
    staging.remove();
    assert!(lock.exists());
    drop(Staging::new(dir.path(), false).unwrap());
    assert!(lock.exists(), "a live run has it");
    drop(staging);
    drop(Staging::new(dir.path(), false).unwrap());
    assert!(lock.exists(), "it still cannot be removed");
    fs::remove_file(lock.with_extension("")).unwrap();
    drop(Staging::new(dir.path(), false).unwrap());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn a_lock_that_a_sweep_has_taken_or_removed_is_not_this_run_s() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("1-1.lock");
    let lock = create_locked(&path).unwrap();
    let other = OpenOptions::new().write(true).open(&path).unwrap();
    assert!(matches!(try_lock(&other), Ok(false)));
    assert_eq!(
        create_locked(&path).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
    drop(lock);
    assert!(matches!(try_lock(&other), Ok(true)));
}

#[cfg(unix)]
#[test]
fn runs_that_begin_and_end_at_once_do_not_disturb_each_other() {
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let staging = Staging::new(dir.path(), false).unwrap();
                    fs::create_dir(&staging.folder).unwrap();
                    let file = staging.folder.join("0.part");
                    fs::write(&file, "half").unwrap();
                    fs::rename(&file, staging.folder.join("1.part")).unwrap();
                }
            });
        }
    });
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

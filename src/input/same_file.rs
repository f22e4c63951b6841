//! Refuses to write a file that the run reads: records into a list, an archive over a list or an earlier run's records.
//!
//! Only Unix tells which file is behind a descriptor or a link. Elsewhere, paths are compared.

#[cfg(unix)]
use super::source::name;
use super::source::{InputError, List};
use std::fs;
use std::io;
#[cfg(unix)]
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// Device and inode of a regular file.
#[cfg(unix)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

#[cfg(unix)]
impl FileId {
    fn of(metadata: &fs::Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        metadata
            .is_file()
            .then(|| Self(metadata.dev(), metadata.ino()))
    }

    /// Of the file at `path`, if there is one.
    fn at(path: &Path) -> Option<Self> {
        Self::of(&fs::metadata(path).ok()?)
    }

    pub(super) fn of_open(descriptor: impl AsFd) -> Option<Self> {
        let duplicate = descriptor.as_fd().try_clone_to_owned().ok()?;
        Self::of(&fs::File::from(duplicate).metadata().ok()?)
    }
}

/// Checks that no list is the regular file behind `out`: the run would read its own records, even after the shell has
/// emptied it for `>`. `hint` is what to do instead.
///
/// # Errors
///
/// A list is that file.
#[cfg(unix)]
pub(crate) fn refuse_output(lists: &[List], out: impl AsFd, hint: &str) -> Result<(), InputError> {
    let Some(output) = FileId::of_open(out) else {
        return Ok(());
    };
    let identity = |list: &List| match list {
        List::File(path) => FileId::at(path),
        List::Stdin => FileId::of_open(io::stdin()),
        List::Url(_) => None,
    };
    match lists.iter().find(|list| identity(list) == Some(output)) {
        Some(list) => Err(refused(
            "read",
            &name(list),
            "standard output goes to it",
            hint,
        )),
        None => Ok(()),
    }
}

#[cfg(not(unix))]
pub(crate) fn refuse_output(
    _lists: &[List],
    _out: impl Sized,
    _hint: &str,
) -> Result<(), InputError> {
    Ok(())
}

/// Checks that the archive `path`, which need not exist yet, is no other file of the run: a list, an earlier run's
/// records, standard output.
///
/// # Errors
///
/// It is one.
pub(crate) fn refuse_archive(
    path: &Path,
    lists: &[List],
    earlier: [Option<&Path>; 2],
) -> Result<(), InputError> {
    let is_list = |list: &List| match list {
        List::File(list) => is_same(list, path),
        List::Stdin => is_open(path, io::stdin()),
        List::Url(_) => false,
    };
    let what = if is_open(path, io::stdout()) {
        "standard output goes to it"
    } else if lists.iter().any(is_list) {
        "it is a list"
    } else if earlier
        .into_iter()
        .flatten()
        .any(|file| is_same(file, path))
    {
        "it is the file of an earlier run"
    } else {
        return Ok(());
    };
    let name = path.to_string_lossy();
    Err(refused(
        "archive to",
        &name,
        what,
        "give --warc another file",
    ))
}

fn refused(verb: &'static str, name: &str, what: &str, hint: &str) -> InputError {
    InputError::of_file(verb, name, None, io::Error::other(what), hint)
}

/// Whether the file at `path` is behind `descriptor`.
#[cfg(unix)]
fn is_open(path: &Path, descriptor: impl AsFd) -> bool {
    FileId::at(path).is_some_and(|file| FileId::of_open(descriptor) == Some(file))
}

#[cfg(not(unix))]
fn is_open(_path: &Path, _descriptor: impl Sized) -> bool {
    false
}

/// Whether both paths lead to one file, or would if it existed.
fn is_same(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    if let (Some(one), Some(other)) = (FileId::at(one), FileId::at(other)) {
        return one == other;
    }
    resolved(one).is_some_and(|one| resolved(other) == Some(one))
}

/// `path` without links. The file itself need not exist.
fn resolved(path: &Path) -> Option<PathBuf> {
    let in_directory = || {
        let directory = Path::new(".").join(path.parent()?);
        Some(fs::canonicalize(directory).ok()?.join(path.file_name()?))
    };
    fs::canonicalize(path).ok().or_else(in_directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_that_does_not_exist_yet_is_no_other_file_of_the_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("z");
        let same = dir.path().join("x/../z");
        let other = dir.path().join("y");
        fs::create_dir(dir.path().join("x")).unwrap();
        let list = |path: &Path| [List::File(path.to_owned())];
        for same in [&path, &same] {
            assert!(refuse_archive(&path, &list(same), [None, None]).is_err());
            assert!(refuse_archive(&path, &[], [Some(same), None]).is_err());
            assert!(refuse_archive(&path, &[], [None, Some(same)]).is_err());
        }
        let url = List::Url("z".to_owned());
        assert!(refuse_archive(&path, &list(&other), [Some(&other), None]).is_ok());
        assert!(refuse_archive(Path::new("z"), &[url], [None, None]).is_ok());
        let relative = Path::new("./no such file");
        assert!(is_same(Path::new("no such file"), relative));
        assert!(!is_same(
            Path::new("no such directory/z"),
            Path::new("no such directory/z")
        ));
    }
}

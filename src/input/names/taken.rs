//! Which files and directories the rows so far have.

use crate::fetch::Url;
use crate::output::{Case, path_for};
use crate::text_table::TextSet;
use std::borrow::Cow;

pub(super) struct Taken {
    case: Case,
    names: TextSet,
    /// Files that are named by their URLs. A repeated URL shares its file.
    by_url: TextSet,
    /// The directories of both.
    directories: TextSet,
}

impl Default for Taken {
    fn default() -> Self {
        Self {
            case: Case::Kept,
            names: TextSet::new(),
            by_url: TextSet::new(),
            directories: TextSet::new(),
        }
    }
}

const IS_DIRECTORY: &str = "an earlier row has a directory of this name";
const HAS_FILE: &str = "an earlier row has a file where this needs a directory";

impl Taken {
    pub(super) fn set_case(&mut self, case: Case) {
        self.case = case;
    }

    /// Takes the file `name` for a row.
    pub(super) fn take_name(&mut self, name: &str) -> Result<(), &'static str> {
        let name = self.compared(name);
        if self.names.contains(&name) {
            return Err("an earlier row has this name");
        }
        if self.by_url.contains(&name) {
            return Err("it is the file of an earlier row that its URL names");
        }
        if self.directories.contains(&name) {
            return Err(IS_DIRECTORY);
        }
        let is_file = |dir| self.names.contains(dir) || self.by_url.contains(dir);
        if directories(&name).any(is_file) {
            return Err(HAS_FILE);
        }
        self.names.insert(&name);
        self.take_directories(&name);
        Ok(())
    }

    /// Takes the file that `url` names.
    pub(super) fn take_url(&mut self, url: &Url) -> Result<(), &'static str> {
        let path = path_for(url, self.case);
        let path = path.to_string_lossy().replace('\\', "/");
        let path = self.compared(&path);
        if self.names.contains(&path) {
            return Err("an earlier row has that name");
        }
        if self.directories.contains(&path) {
            return Err(IS_DIRECTORY);
        }
        if directories(&path).any(|dir| self.names.contains(dir)) {
            return Err(HAS_FILE);
        }
        if self.by_url.insert(&path) {
            self.take_directories(&path);
        }
        Ok(())
    }

    fn take_directories(&mut self, path: &str) {
        for dir in directories(path) {
            self.directories.insert(dir);
        }
    }

    /// `name` in the form in which the file system compares it.
    fn compared<'a>(&self, name: &'a str) -> Cow<'a, str> {
        match self.case {
            Case::Kept => name.into(),
            // Two letters may have one capital.
            Case::Ignored => name.to_uppercase().to_lowercase().into(),
        }
    }
}

/// The directories above `path`, outermost first.
fn directories(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

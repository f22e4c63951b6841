//! The names of files below the directory of `-o`, from a template or a column.

mod taken;
mod template;

use super::columns::short;
use super::records::RecordText;
use super::row::{Row, invalid_row};
use crate::escape::printable;
use crate::fetch::{Failure, Url};
use crate::output::Case;
use taken::Taken;

pub(crate) use template::NameTemplate;

/// The longest component that file systems allow.
const LONGEST_COMPONENT: usize = 255;

/// macOS allows so many bytes in a path.
const LONGEST: usize = 1024;

/// The names of a run.
pub(super) struct Names {
    template: Option<NameTemplate>,
    taken: Taken,
    are_used: bool,
}

impl Names {
    pub(super) fn new(template: Option<NameTemplate>, are_used: bool) -> Self {
        Self {
            template,
            taken: Taken::default(),
            are_used,
        }
    }

    pub(super) fn set_case(&mut self, case: Case) {
        self.taken.set_case(case);
    }

    /// Whether rows may have names, and bodies are saved.
    pub(super) fn are_used(&self) -> bool {
        self.are_used
    }

    pub(super) fn template(&self) -> Option<&NameTemplate> {
        self.template.as_ref()
    }

    /// Settles the name in `row`: that of its column, or else of the template.
    ///
    /// # Errors
    ///
    /// The name is unsafe, lacks a value, or an earlier row has it.
    pub(super) fn settle(
        &mut self,
        record: &RecordText<'_>,
        line: u64,
        url: &Url,
        row: &mut Row,
    ) -> Result<(), Failure> {
        if !self.are_used {
            row.name = None;
            return Ok(());
        }
        let origin = if row.name.is_some() {
            "column 'name'"
        } else {
            "--name"
        };
        let refuse = |what: String| invalid_row(line, format_args!(", {origin}: {what}"));
        if row.name.is_none()
            && let Some(template) = &self.template
        {
            let value = |column: &str| record.value(column);
            let name = template.name(line, url, value).map_err(|column| {
                refuse(format!(
                    "the row has no text for '{{{}}}'",
                    printable(&column)
                ))
            })?;
            row.name = Some(name.into());
        }
        let taken = match &row.name {
            Some(name) => {
                check(name).map_err(|why| {
                    refuse(format!("'{}' is not a safe name: {why}", short(name)))
                })?;
                self.taken.take_name(name)
            }
            None => self.taken.take_url(url),
        };
        taken.map_err(|why| match &row.name {
            Some(name) => refuse(format!("'{}': {why}", short(name))),
            None => invalid_row(
                line,
                format_args!(": its file is named by its URL, but {why}"),
            ),
        })
    }
}

/// Checks that `name` stays below the directory, on this system.
fn check(name: &str) -> Result<(), String> {
    if name.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    if name.starts_with('/') {
        return Err("it begins with /; a name is relative to the directory of -o".to_owned());
    }
    if name.contains('\\') {
        return Err("it has a backslash; directories are separated by /".to_owned());
    }
    if name.chars().any(char::is_control) {
        return Err("it has a control character".to_owned());
    }
    name.split('/').try_for_each(check_component)
}

fn check_component(component: &str) -> Result<(), String> {
    let why = match component {
        "" => "a component is empty",
        "." | ".." => "it has a component of dots",
        _ if component.eq_ignore_ascii_case(".fetchpool") => {
            ".fetchpool is the folder of unfinished files"
        }
        _ if component.len() > LONGEST_COMPONENT => {
            return Err(format!(
                "a component is longer than {LONGEST_COMPONENT} bytes"
            ));
        }
        _ if cfg!(windows) && is_refused_by_windows(component) => "Windows does not allow it",
        _ => return Ok(()),
    };
    Err(why.to_owned())
}

#[cfg(windows)]
fn is_refused_by_windows(component: &str) -> bool {
    component.contains(['<', '>', ':', '"', '|', '?', '*'])
        || component.ends_with(['.', ' '])
        || crate::output::is_device(component)
}

#[cfg(not(windows))]
fn is_refused_by_windows(_: &str) -> bool {
    false
}

#[cfg(test)]
mod tests;

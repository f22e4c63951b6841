//! Parsers for the values of options. An error names the option.

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command};
use std::error::Error;
use std::ffi::OsStr;

const NOT_UTF_8: &str = "it is not UTF-8";

/// Parses a value; an error repeats it.
#[derive(Debug, Clone)]
pub(super) struct Plain<T, E>(pub(super) fn(&str) -> Result<T, E>);

impl<T, E> TypedValueParser for Plain<T, E>
where
    T: Clone + Send + Sync + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + Clone + 'static,
{
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        match value.to_str() {
            Some(_) => self.0.parse_ref(command, arg, value),
            // clap would not name the option.
            None => {
                let refuse = |_: &str| Err::<T, _>(NOT_UTF_8);
                refuse.parse_ref(command, arg, OsStr::new(&*value.to_string_lossy()))
            }
        }
    }
}

/// Parses a value that may contain a password; an error does not repeat it.
#[derive(Debug, Clone)]
pub(super) struct Secret<T, E>(pub(super) fn(&str) -> Result<T, E>);

impl<T, E> TypedValueParser for Secret<T, E>
where
    T: Clone + Send + Sync + 'static,
    E: ToString + Clone + 'static,
{
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        let parsed = match value.to_str() {
            Some(text) => self.0(text).map_err(|error| error.to_string()),
            None => Err(NOT_UTF_8.to_owned()),
        };
        parsed.map_err(|wrong| {
            let option = arg.map(ToString::to_string).unwrap_or_default();
            let message = format!("invalid value for '{option}': {wrong}");
            command.clone().error(ErrorKind::ValueValidation, message)
        })
    }
}

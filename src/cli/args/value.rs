//! Parsers for the values of options. An error names the option.

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command};
use std::error::Error;
use std::ffi::{OsStr, OsString};

const NOT_UTF_8: &str = "it is not UTF-8";

/// Parses a value with `parse`; an error repeats the value. For text that is not UTF-8, clap itself would not name the
/// option.
pub(super) fn plain<T, E>(parse: fn(&str) -> Result<T, E>) -> impl TypedValueParser<Value = T>
where
    T: Clone + Send + Sync + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    OsStringValueParser::new().try_map(move |typed: OsString| match typed.to_str() {
        Some(text) => parse(text).map_err(Into::into),
        None => Err(NOT_UTF_8.into()),
    })
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

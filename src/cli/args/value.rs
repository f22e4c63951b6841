//! How the value of an option is read, so that what is wrong with it comes with the option's name.

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command};
use std::ffi::OsStr;

/// Turns one of our readers into clap's.
#[derive(Debug, Clone)]
pub(super) struct Value<T>(pub(super) fn(&str) -> Result<T, String>);

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Value<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        match value.to_str() {
            Some(_) => self.0.parse_ref(command, arg, value),
            // clap would not say which value it is.
            None => {
                let refuse = |_: &str| Err::<T, _>("it is not UTF-8".to_owned());
                refuse.parse_ref(command, arg, OsStr::new(&*value.to_string_lossy()))
            }
        }
    }
}

/// The same for what may hold a password: the complaint does not repeat it.
#[derive(Debug, Clone)]
pub(super) struct Secret<T>(pub(super) fn(&str) -> Result<T, String>);

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Secret<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        let read = match value.to_str() {
            Some(text) => self.0(text),
            None => Err("it is not UTF-8".to_owned()),
        };
        read.map_err(|wrong| {
            let option = arg.map(ToString::to_string).unwrap_or_default();
            let message = format!("invalid value for '{option}': {wrong}");
            command.clone().error(ErrorKind::ValueValidation, message)
        })
    }
}

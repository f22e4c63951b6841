//! Users and passwords by host, from a netrc file that is read as curl reads it.
//!
//! What curl passes over, such as an unknown word, is an error: it may be a password with a space. No message repeats a
//! word of the file.

#[cfg(test)]
mod tests;
mod words;

use std::fmt;
use std::net::Ipv6Addr;

use http::HeaderValue;
use url::{Host, Url};

use super::credentials::basic;
use super::options_error::OptionsError;
use words::Words;

/// A netrc file. `Debug` shows nothing of it.
///
/// ```
/// use fetchpool::fetch::Netrc;
///
/// let netrc = Netrc::parse(b"machine example.com login ann password \"a b\"\n")?;
/// let error = Netrc::parse(b"machine example.com\nlogin ann hunter2\n").unwrap_err();
/// assert!(error.to_string().starts_with("line 2: "));
/// # Ok::<(), fetchpool::fetch::OptionsError>(())
/// ```
#[derive(Clone, Default)]
pub struct Netrc(Vec<Entry>);

#[derive(Clone, Default)]
struct Entry {
    /// As URLs have it; `None` for `default`.
    host: Option<String>,
    login: Option<Vec<u8>>,
    password: Option<Vec<u8>>,
}

impl Netrc {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    ///
    /// A word is unknown or misplaced, or a value is missing, given twice, or cannot be sent. The message begins with
    /// `line N: ` and repeats no word of the file.
    pub fn parse(text: &[u8]) -> Result<Self, OptionsError> {
        let mut words = Words::new(text);
        let mut entries = Vec::new();
        while let Some(keyword) = words.keyword() {
            let line = words.line;
            read(&mut words, keyword, &mut entries)
                .map_err(|wrong| OptionsError::new(format!("line {line}: {wrong}")))?;
        }
        Ok(Self(entries))
    }

    /// The `Authorization` for the host of `url`: that of its first entry, or the first one with this `login`.
    pub(super) fn authorization(&self, url: &Url, login: Option<&[u8]>) -> Option<HeaderValue> {
        let host = url.host_str()?;
        let is_for = |entry: &&Entry| {
            let has_login = entry.login.is_some() || entry.password.is_some();
            entry.host.as_deref().is_none_or(|own| own == host)
                && login.map_or(has_login, |login| entry.login.as_deref() == Some(login))
        };
        let entry = self.0.iter().find(is_for)?;
        let [login, password] =
            [&entry.login, &entry.password].map(|text| text.as_deref().unwrap_or_default());
        Some(basic(login, password))
    }
}

impl fmt::Debug for Netrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Netrc").finish_non_exhaustive()
    }
}

/// Adds what `keyword` and the words behind it say to `entries`.
fn read(
    words: &mut Words<'_>,
    keyword: &[u8],
    entries: &mut Vec<Entry>,
) -> Result<(), &'static str> {
    match &*keyword.to_ascii_lowercase() {
        b"machine" => {
            let host = host(&words.value()?).ok_or(NO_HOST)?;
            entries.push(Entry {
                host: Some(host),
                ..Entry::default()
            });
        }
        b"default" => entries.push(Entry::default()),
        b"macdef" => words.skip_macro(),
        name @ (b"login" | b"user" | b"password" | b"account") => {
            let value = words.value()?;
            let entry = entries.last_mut().ok_or(NO_ENTRY)?;
            let place = match name {
                b"account" => return Ok(()),
                b"password" => &mut entry.password,
                _ => &mut entry.login,
            };
            if value.iter().any(u8::is_ascii_control) {
                return Err("a user and a password have no control characters");
            }
            if place.replace(value).is_some() {
                return Err(
                    "this entry has a second login or password: begin it with 'machine HOST'",
                );
            }
        }
        _ => return Err(UNKNOWN),
    }
    Ok(())
}

const UNKNOWN: &str = "expected machine, default, login, password, account or macdef, not another word; a value with \
    spaces must be in double quotes";
const NO_ENTRY: &str = "'machine HOST' must come before its login and password";
const NO_HOST: &str =
    "what follows 'machine' is no host: write a name or an address, without scheme, port and path";

/// A host as URLs have it: in lower case and punycode; IPv6 in brackets, also if it is written without.
fn host(text: &[u8]) -> Option<String> {
    let text = str::from_utf8(text).ok()?;
    let host = match text.parse::<Ipv6Addr>() {
        Ok(address) => Host::Ipv6(address),
        Err(_) => Host::parse(text).ok()?,
    };
    Some(host.to_string())
}

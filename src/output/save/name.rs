//! The file of a URL's body: `HOST[_PORT]/PATH`, safe on every file system and different for every URL.
//!
//! Most URLs get an *exact* name: their text, with `%20`, `%23`, `%7B` and `%7D` decoded. Every other URL gets a *marked*
//! name: unsafe characters become `_`, and `~` and 128 bits of the URL's SHA-256 follow. No exact name has that form.
//!
//! A URL is marked if it has characters, lengths or names that a file system refuses, capitals where case is ignored, a
//! user name or a fragment. Further URLs are marked by these rules, which give no two URLs one exact name:
//! - The directory of `https` on port 443 is `HOST`, every other `HOST_PORT`. `https` on another port is marked.
//! - A path that ends in `/` is `index.html`. A literal `index.html` is marked.
//! - A query follows an `@`. A name counts as one with a query if the text behind its first `@` has a `=` or no ending like
//!   `.html`: `page@2` and `page@n=2.5` do, `icon@2x.png` does not. A URL whose name counts wrongly is marked, and so is a
//!   URL with a query and an `@` in the last segment of its path.
//! - A file name has an ending like `.html`, or a query and a dot; any other gets `.body`. A directory with such a name gets
//!   a `~`, so that `/a` and `/a/b` can both be saved. A URL with a name that already ends so is marked.

use std::fmt::Write as _;
use std::path::PathBuf;

use url::Url;

use crate::escape::hex;

/// File systems allow 255 bytes a name, eCryptfs 143.
const LONGEST_NAME: usize = 140;
/// Room for the port.
const LONGEST_HOST: usize = LONGEST_NAME - "_65535".len();
/// Room for the hash and an ending within [`LONGEST_NAME`].
const LONGEST_STEM: usize = 90;
/// macOS allows 1024 bytes a path, including the user's directory.
const LONGEST_PATH: usize = 640;
const LONGEST_ENDING: usize = 10;
/// The ending of files without one.
const ENDING: &str = ".body";
const INDEX: &str = "index.html";
/// Hexadecimal digits of the hash.
const HASH: usize = 32;

/// The punctuation that names keep. `/`, shell globs except `[]`, and what Windows refuses are not in it.
const KEPT: &str = " ._-+,=@~()[]{}!$%&';#^";

/// Characters that the URL parser always escapes in a path and a query. Decoding them keeps names different.
const IN_PATH: [(&str, &str); 4] = [("%20", " "), ("%23", "#"), ("%7B", "{"), ("%7D", "}")];
const IN_QUERY: [(&str, &str); 2] = [("%20", " "), ("%23", "#")];

/// How a file system treats capitals in names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Kept,
    Ignored,
}

/// The path of `url`'s body: the host's directory, further ones, and a name. Relative, ASCII, without `.` and `..`.
pub(crate) fn path_for(url: &Url, case: Case) -> PathBuf {
    let mut segments: Vec<&str> = url
        .path_segments()
        .map(Iterator::collect)
        .unwrap_or_default();
    let leaf = Leaf {
        segment: segments.pop().unwrap_or(""),
        query: url.query(),
    };
    let host = host(url);
    let dirs: Vec<Name> = segments.into_iter().map(directory).collect();

    let length: usize = dirs.iter().map(|dir| dir.text.len() + 1).sum();
    let fits = host.text.len() + 1 + length + LONGEST_NAME <= LONGEST_PATH;
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let exact = bare && fits && host.exact && dirs.iter().all(|dir| dir.exact);

    let mut path = PathBuf::from(host.text);
    // Directories that do not fit are left out; the name is then marked.
    path.extend(dirs.into_iter().filter(|_| fits).map(|dir| dir.text));
    let is_kept = |name: &String| match case {
        Case::Kept => exact,
        Case::Ignored => {
            let dirs = path.as_os_str().as_encoded_bytes();
            exact
                && !dirs
                    .iter()
                    .chain(name.as_bytes())
                    .any(u8::is_ascii_uppercase)
        }
    };
    let name = leaf.exact().filter(is_kept);
    path.push(name.unwrap_or_else(|| leaf.marked(url)));
    path
}

/// The name of a directory, and whether it is exact.
struct Name {
    text: String,
    exact: bool,
}

/// The directory of the host and, except for `https` on 443, the port.
fn host(url: &Url) -> Name {
    let written = url.host_str().unwrap_or("");
    let mut text = safe(written, LONGEST_HOST);
    // A host with an underscore could look like one with a port.
    let exact = text == written && !written.contains('_');
    let https = url.scheme() == "https";
    match (https, url.port_or_known_default()) {
        (true, Some(443)) | (_, None) => {}
        (_, Some(port)) => {
            let _ = write!(text, "_{port}");
        }
    }
    Name {
        text,
        exact: exact && (!https || url.port().is_none()),
    }
}

fn directory(segment: &str) -> Name {
    let written = unescaped(segment, &IN_PATH);
    let mut text = safe(&written, LONGEST_NAME - 1);
    let is_taken = written.strip_suffix('~').is_some_and(may_be_file);
    let exact = text == written && !is_taken;
    if may_be_file(&text) {
        text.push('~');
    }
    Name { text, exact }
}

/// The last segment of a path, with the query.
struct Leaf<'a> {
    segment: &'a str,
    query: Option<&'a str>,
}

impl Leaf<'_> {
    fn exact(&self) -> Option<String> {
        let name = self.name();
        let mut text = match self.query {
            None if has_query(&name) => return None,
            Some(_) if name.contains('@') => return None,
            _ => self.text(&name),
        };
        if self.query.is_some() && !has_query(&text) {
            return None;
        }
        let ends_so = text.ends_with(ENDING);
        if self.segment == INDEX || ends_so || safe(&text, LONGEST_NAME) != text {
            return None;
        }
        if !may_be_file(&text) {
            text.push_str(ENDING);
        }
        // Check after adding `.body`, which can complete the form of a marked name.
        Some(text).filter(|text| text.len() <= LONGEST_NAME && !is_marked(text))
    }

    /// The name with the hash of `url`: SHA-256, as a hostile list could make a weaker hash collide.
    fn marked(&self, url: &Url) -> String {
        let name = self.name();
        let (stem, ending) = match name.rfind('.').map(|dot| name.split_at(dot)) {
            Some((stem, ending)) if is_ending(&ending[1..]) => (stem, ending),
            _ => (&*name, ENDING),
        };
        let mut text = safe(&self.text(stem), LONGEST_STEM);
        text.push('~');
        let hash = ring::digest::digest(&ring::digest::SHA256, url.as_str().as_bytes());
        text.push_str(&hex(&hash.as_ref()[..HASH / 2]));
        text.push_str(ending);
        text
    }

    fn name(&self) -> String {
        if self.segment.is_empty() {
            return INDEX.to_owned();
        }
        unescaped(self.segment, &IN_PATH)
    }

    /// `name` and the query.
    fn text(&self, name: &str) -> String {
        match self.query {
            Some(query) => format!("{name}@{}", unescaped(query, &IN_QUERY)),
            None => name.to_owned(),
        }
    }
}

fn unescaped(text: &str, escapes: &[(&str, &str)]) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let unescape = |text: String, (escape, c): &(&str, &str)| text.replace(escape, c);
    escapes.iter().fold(text.to_owned(), unescape)
}

/// `text`, cut to `longest`. Unsafe characters, a dot or blank at either end and a leading hyphen become `_`; an empty
/// name and one of a Windows device get a `_` in front.
fn safe(text: &str, longest: usize) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || KEPT.contains(c);
    let mut safe = String::with_capacity(LONGEST_NAME);
    let kept = text.chars().map(|c| if keep(c) { c } else { '_' });
    safe.extend(kept.take(longest));
    if safe.ends_with(['.', ' ']) {
        safe.pop();
        safe.push('_');
    }
    if safe.starts_with(['.', '-', ' ']) {
        safe.replace_range(..1, "_");
    }
    if safe.is_empty() || is_device(&safe) {
        safe.insert(0, '_');
        safe.truncate(longest);
    }
    safe
}

/// Whether `name` up to its first dot is a Windows device.
pub(crate) fn is_device(name: &str) -> bool {
    let name = name.split('.').next().unwrap_or("").trim_end();
    let name = name.to_ascii_lowercase();
    match name.strip_prefix("com").or(name.strip_prefix("lpt")) {
        Some(number) => matches!(number.as_bytes(), [b'0'..=b'9']),
        None => matches!(&*name, "con" | "conin$" | "conout$" | "prn" | "aux" | "nul"),
    }
}

fn may_be_file(name: &str) -> bool {
    let (page, _) = name.split_once('@').unwrap_or((name, ""));
    let has_dot_before = page.contains('.') && has_query(name) && !name.ends_with('~');
    has_ending(name) || has_dot_before
}

/// Whether `name` counts as one with a query: after its first `@`, it has a `=`, or no ending.
fn has_query(name: &str) -> bool {
    name.split_once('@')
        .is_some_and(|(_, query)| query.contains('=') || !has_ending(query))
}

fn has_ending(text: &str) -> bool {
    text.rsplit_once('.')
        .is_some_and(|(_, ending)| is_ending(ending))
}

fn is_marked(name: &str) -> bool {
    let mark = name
        .rsplit_once('~')
        .and_then(|(_, mark)| mark.split_once('.'));
    mark.is_some_and(|(hash, ending)| {
        hash.len() == HASH && hash.bytes().all(|b| b.is_ascii_hexdigit()) && is_ending(ending)
    })
}

/// Whether `text` is the ending of a file name, such as `html` or `7z`. It has a letter, unlike parts of a version.
fn is_ending(text: &str) -> bool {
    (1..=LONGEST_ENDING).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric())
        && text.contains(|c: char| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests;

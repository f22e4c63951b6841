//! Which file a URL's body is saved in: `HOST[_PORT]/PATH`, safe on every file system and one URL's alone.
//!
//! Most URLs get their own text as the name. That is exact (two such URLs never have one name) because of these
//! rules, each of which keeps one piece of the URL readable in the path:
//! - `https` on its own port is `HOST`, everything else is `HOST_PORT`, with `https` on another port marked;
//! - a path that ends in `/` is `index.html`, and a literal `index.html` is marked; the query follows an `@`;
//! - every file name has a dot and no directory below the host has one, so that `/a` and `/a/b` can both be there: a
//!   file name without a dot gets the ending `.body`, and one that already ends so is marked.
//!
//! Whatever cannot be kept (capitals that a file system may ignore, characters, lengths and names that one refuses,
//! user names, fragments) is *marked*: what is unsafe becomes `_` and 128 bits of the URL's SHA-256 follow after a
//! `~`, which no exact name has. SHA-256 because a list may be hostile: a quicker hash could be made to collide.

use std::fmt::Write as _;
use std::path::PathBuf;

use url::Url;

/// File systems take 255 bytes a name (eCryptfs 143); this leaves room in the shortest of them.
const LONGEST_NAME: usize = 140;
/// Room for the port.
const LONGEST_HOST: usize = LONGEST_NAME - "_65535".len();
/// Room for the hash and an ending within [`LONGEST_NAME`].
const LONGEST_STEM: usize = 90;
/// The whole of a path may have 1024 bytes on macOS; the user's directory stands in front of this one.
const LONGEST_PATH: usize = 640;
const LONGEST_ENDING: usize = 10;
/// What a name ends in that would otherwise have no dot.
const ENDING: &str = "body";
const INDEX: &str = "index.html";

/// The path of `url`'s body: a host's directory at least, and a name; ASCII, without `.` or `..`, never absolute.
pub(in crate::output) fn path_for(url: &Url) -> PathBuf {
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
    // Directories that do not fit are left out: the mark tells one such URL from another.
    path.extend(dirs.into_iter().filter(|_| fits).map(|dir| dir.text));
    path.push(
        leaf.exact()
            .filter(|_| exact)
            .unwrap_or_else(|| leaf.marked(url)),
    );
    path
}

/// The name of one directory, and whether the text it was made of can be told from it.
struct Name {
    text: String,
    exact: bool,
}

/// The directory of the host and, but for `https` on its own, the port.
fn host(url: &Url) -> Name {
    let written = url.host_str().unwrap_or("");
    let mut text = safe(written, |c| c == '.');
    text.truncate(LONGEST_HOST);
    // The underscore sets off the port, so a host's own cannot be told from it.
    let exact = text == written && !written.contains('_');
    let https = url.scheme() == "https";
    match (https, url.port_or_known_default()) {
        (true, Some(443)) | (_, None) => {}
        (_, Some(port)) => text.push_str(&format!("_{port}")),
    }
    Name {
        text,
        exact: exact && (!https || url.port().is_none()),
    }
}

/// The directory of one segment of the path.
fn directory(segment: &str) -> Name {
    let mut text = safe(segment, |_| false);
    text.truncate(LONGEST_NAME);
    let exact = text == segment && !has_capitals(segment);
    Name { text, exact }
}

/// The last segment of a path, with the query.
struct Leaf<'a> {
    segment: &'a str,
    query: Option<&'a str>,
}

impl Leaf<'_> {
    /// The name that says it all, if there is one.
    fn exact(&self) -> Option<String> {
        let mut written = self.name().to_owned();
        let mut text = written.clone();
        if let Some(query) = self.query {
            let _ = write!(written, "\0{query}");
            let _ = write!(text, "@{query}");
        }
        // An `@` of the URL's own becomes `_` here, the one that sets off the query comes out of the NUL.
        let kept = safe(&written, |c| matches!(c, '.' | '\0')).replace('\0', "@");
        let reserved = self.segment == INDEX || kept.ends_with(".body") || has_capitals(&kept);
        if kept != text || reserved {
            return None;
        }
        if !text.contains('.') {
            let _ = write!(text, ".{ENDING}");
        }
        Some(text).filter(|text| text.len() <= LONGEST_NAME)
    }

    /// A name that the hash of `url` makes its own; the beginning and the ending are for people.
    fn marked(&self, url: &Url) -> String {
        let name = self.name();
        let (stem, ending) = match name.rsplit_once('.') {
            Some((stem, ending)) if is_ending(ending) => (stem, ending),
            _ => (name, ENDING),
        };
        let mut text = safe(stem, |c| c == '.');
        if let Some(query) = self.query {
            let _ = write!(text, "@{}", safe(query, |c| c == '.'));
        }
        text.truncate(LONGEST_STEM);
        text.push('~');
        let hash = ring::digest::digest(&ring::digest::SHA256, url.as_str().as_bytes());
        for byte in &hash.as_ref()[..16] {
            let _ = write!(text, "{byte:02x}");
        }
        let _ = write!(text, ".{ending}");
        text
    }

    fn name(&self) -> &str {
        if self.segment.is_empty() {
            INDEX
        } else {
            self.segment
        }
    }
}

/// `text` with `_` for every character that is neither safe everywhere nor `allowed`, and for what would make the
/// whole unsafe: nothing at all, a dot at either end, a hyphen in front, the name of a Windows device.
fn safe(text: &str, allowed: impl Fn(char) -> bool) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || "-_,+=&%".contains(c) || allowed(c);
    let mut safe: String = text
        .chars()
        .map(|c| if keep(c) { c } else { '_' })
        .collect();
    if safe.ends_with('.') {
        safe.pop();
        safe.push('_');
    }
    if safe.starts_with(['.', '-']) {
        safe.replace_range(..1, "_");
    }
    if safe.is_empty() || is_device(&safe) {
        safe.insert(0, '_');
    }
    safe
}

/// Whether Windows takes `name` for a device: it looks at what stands before the first dot.
fn is_device(name: &str) -> bool {
    let name = name.split('.').next().unwrap_or("").to_ascii_lowercase();
    match name.strip_prefix("com").or(name.strip_prefix("lpt")) {
        Some(number) => matches!(number.as_bytes(), [b'0'..=b'9']),
        None => matches!(&*name, "con" | "prn" | "aux" | "nul"),
    }
}

fn is_ending(text: &str) -> bool {
    (1..=LONGEST_ENDING).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric())
}

fn has_capitals(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_uppercase())
}

#[cfg(test)]
mod tests;

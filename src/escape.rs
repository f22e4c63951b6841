//! Escapes unprintable characters as Python's `repr` does.
//!
//! The text format is the line `'%r page is %d bytes'` of the Python documentation, so quoting is exactly Python's:
//! `\t`, `\n`, `\r`, `\xNN`, `\uNNNN`, `\UNNNNNNNN`, and double quotes if the text has a single quote and no double
//! one.

use std::io::Write as _;
use std::path::Path;

/// Whether `text` is printable ASCII without quotes and backslashes, as most URLs are: no format escapes any of it.
pub(crate) fn is_plain(text: &str) -> bool {
    let is_plain = |byte| matches!(byte, b' '..=b'~') & !matches!(byte, b'"' | b'\'' | b'\\');
    // Not `all`: without an early end the compiler tests many bytes at once.
    text.bytes().fold(true, |all, byte| all & is_plain(byte))
}

/// Appends `text` as Python's `repr` writes it.
pub(crate) fn push_quoted(out: &mut Vec<u8>, text: &str) {
    if is_plain(text) {
        return push_all(out, &["'", text, "'"]);
    }
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote as u8);
    push_with(out, text, |c| c == quote || c == '\\');
    out.push(quote as u8);
}

pub(crate) fn push_all(out: &mut Vec<u8>, texts: &[&str]) {
    for text in texts {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Appends `text` with unprintable characters escaped.
pub(crate) fn push_escaped(out: &mut Vec<u8>, text: &str) {
    push_with(out, text, |_| false);
}

/// Appends `text` with unprintable characters and backslashes escaped.
pub(crate) fn push_backslashed(out: &mut Vec<u8>, text: &str) {
    push_with(out, text, |c| c == '\\');
}

pub(crate) fn printable(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    push_escaped(&mut out, text);
    String::from_utf8_lossy(&out).into_owned()
}

/// What the user typed, as a message repeats it: unprintable characters escaped, possible credentials left out.
///
/// These are: text before the last `@` if it has a colon or `//` (a password may contain `@`), the value of a header, and
/// a password after `USER:`.
pub(crate) fn shown(typed: &str) -> String {
    let at = typed.rfind('@').map(|at| (at, 1));
    let at = at.or_else(|| typed.rfind("%40").map(|at| (at, 3)));
    if let Some((at, length)) = at
        && (typed[..at].contains(':') || typed[..at].contains("//"))
    {
        return format!("...@{}", printable(&typed[at + length..]));
    }
    match typed.split_once(':') {
        Some((name, value)) if is_secret(name, value) => format!("{}:...", printable(name)),
        _ => printable(typed),
    }
}

/// Whether `name:value` looks like a header or a user and a password, not like a path, an address or a host and port.
fn is_secret(name: &str, value: &str) -> bool {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let is_place = |text: &str| text.contains(['/', '\\', '.', ':', '[']);
    !is_place(name) && !is_number && (value.starts_with(' ') || !is_place(value))
}

pub(crate) fn shown_path(path: &Path) -> String {
    shown(&path.to_string_lossy())
}

/// `bytes` in lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |four| char::from_digit(four, 16).unwrap_or_default();
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|four| digit(four.into())).collect()
}

/// Whether `c` may be shown as it is, as in Python's `str.isprintable`: no control, format (such as a bidi override),
/// private-use or unassigned character, and no separator but the ASCII space.
pub(crate) fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // `escape_debug` has the table. The letter in front is for combining marks, which it escapes at the start of a
    // string.
    let mut text = [b'a'; 5];
    let length = c.encode_utf8(&mut text[1..]).len();
    std::str::from_utf8(&text[..=length]).is_ok_and(|text| text.escape_debug().nth(1) != Some('\\'))
}

fn push_with(out: &mut Vec<u8>, text: &str, backslashed: impl Fn(char) -> bool) {
    let mut copied = 0;
    for (at, c) in text.char_indices() {
        let backslashed = backslashed(c);
        if !backslashed && is_printable(c) {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[copied..at]);
        copied = at + c.len_utf8();
        if backslashed {
            out.extend_from_slice(&[b'\\', c as u8]);
        } else {
            push_escape(out, c);
        }
    }
    out.extend_from_slice(&text.as_bytes()[copied..]);
}

fn push_escape(out: &mut Vec<u8>, c: char) {
    let written = match (c, u32::from(c)) {
        ('\t', _) => out.write_all(br"\t"),
        ('\n', _) => out.write_all(br"\n"),
        ('\r', _) => out.write_all(br"\r"),
        (_, code @ ..=0xff) => write!(out, "\\x{code:02x}"),
        (_, code @ ..=0xffff) => write!(out, "\\u{code:04x}"),
        (_, code) => write!(out, "\\U{code:08x}"),
    };
    debug_assert!(written.is_ok(), "writing to a Vec cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str) -> String {
        let mut out = Vec::new();
        push_quoted(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    /// Each expectation is what `python3 -c 'print(repr(...))'` prints.
    #[test]
    fn quotes_as_python_does() {
        for (text, expected) in [
            ("", "''"),
            ("https://example.com/", "'https://example.com/'"),
            ("it's", r#""it's""#),
            (r#"say "x""#, r#"'say "x"'"#),
            (r#"it's "x""#, r#"'it\'s "x"'"#),
            (r"back\slash", r"'back\\slash'"),
            (r"it's a\b", r#""it's a\\b""#),
            ("\t\n\r", r"'\t\n\r'"),
            ("\0\x07\x1b[31m\x7f", r"'\x00\x07\x1b[31m\x7f'"),
            (
                "\u{80}\u{85}\u{9b}31m\u{a0}\u{ad}",
                r"'\x80\x85\x9b31m\xa0\xad'",
            ),
            ("bücher.example/é", "'bücher.example/é'"),
            ("\u{65e5}\u{672c}", "'\u{65e5}\u{672c}'"),
            ("\u{2028}\u{2029}", r"'\u2028\u2029'"),
            (
                "\u{202a}\u{202e}\u{2066}\u{2069}\u{200e}\u{61c}",
                r"'\u202a\u202e\u2066\u2069\u200e\u061c'",
            ),
            (
                "\u{200b}\u{200d}\u{feff}\u{3000}",
                r"'\u200b\u200d\ufeff\u3000'",
            ),
            ("\u{e000}\u{fffe}\u{378}", r"'\ue000\ufffe\u0378'"),
            ("\u{1f600}\u{1f468}", "'\u{1f600}\u{1f468}'"),
            ("\u{e0001}\u{10ffff}", r"'\U000e0001\U0010ffff'"),
            ("\u{301}e\u{301}", "'\u{301}e\u{301}'"),
        ] {
            assert_eq!(quoted(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_message_keeps_its_quotes_and_backslashes() {
        let mut out = b"dns: ".to_vec();
        push_escaped(&mut out, "it's \"C:\\x\" \u{1b}]0;t\u{7}\u{9d}\nnext");
        assert_eq!(out, br#"dns: it's "C:\x" \x1b]0;t\x07\x9d\nnext"#);
    }

    #[test]
    fn no_character_of_unicode_gets_a_control_through() {
        let mut out = Vec::new();
        for c in (0..=0x0010_ffff).filter_map(char::from_u32) {
            out.clear();
            push_quoted(&mut out, c.encode_utf8(&mut [0; 4]));
            let shown = std::str::from_utf8(&out).unwrap();
            let unsafe_to_show = |c: char| {
                c.is_control()
                    || matches!(
                        c,
                        '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}'
                    )
                    || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
            };
            assert!(!shown.contains(unsafe_to_show), "{shown:?}");
        }
    }
}

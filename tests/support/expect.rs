//! The expected content of an output stream: exact text, lines in any order, fragments, or a closure. A stream without
//! an expectation must be empty.

use std::fmt;

/// Checks a text; the error says what is wrong with it.
type Check = Box<dyn Fn(&str) -> Result<(), String>>;

/// An expectation of one stream.
pub(crate) enum Expect {
    Exactly(String),
    Lines(Vec<String>),
    Containing(Vec<String>),
    Checked(Check),
    Anything,
}

/// Exactly these lines, in any order, each as often as given.
pub(crate) fn lines<I>(lines: I) -> Expect
where
    I: IntoIterator,
    I::Item: Into<String>,
{
    let mut lines: Vec<String> = lines.into_iter().map(Into::into).collect();
    lines.sort();
    Expect::Lines(lines)
}

/// Text that contains each of these.
pub(crate) fn containing<I>(fragments: I) -> Expect
where
    I: IntoIterator,
    I::Item: Into<String>,
{
    Expect::Containing(fragments.into_iter().map(Into::into).collect())
}

/// Text that `check` accepts.
pub(crate) fn checked(check: impl Fn(&str) -> Result<(), String> + 'static) -> Expect {
    Expect::Checked(Box::new(check))
}

/// Any text. For tests that check the text themselves or test something else.
pub(crate) fn anything() -> Expect {
    Expect::Anything
}

impl From<&str> for Expect {
    fn from(text: &str) -> Expect {
        Expect::Exactly(text.to_owned())
    }
}

impl From<String> for Expect {
    fn from(text: String) -> Expect {
        Expect::Exactly(text)
    }
}

impl Expect {
    /// What is wrong with `bytes`, if anything.
    pub(super) fn complaint(&self, bytes: &[u8]) -> Option<String> {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Some("it is not UTF-8".to_owned());
        };
        match self {
            Expect::Exactly(wanted) if wanted == text => None,
            Expect::Exactly(wanted) => Some(format!("wanted exactly: {wanted:?}")),
            Expect::Lines(wanted) => compare_lines(wanted, text),
            Expect::Containing(wanted) => missing_fragment(wanted, text),
            Expect::Checked(check) => check(text).err(),
            Expect::Anything => None,
        }
    }
}

impl fmt::Debug for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expect::Exactly(text) => write!(f, "exactly {text:?}"),
            Expect::Lines(lines) => write!(f, "in any order {lines:?}"),
            Expect::Containing(fragments) => write!(f, "containing {fragments:?}"),
            Expect::Checked(_) => f.write_str("what a check accepts"),
            Expect::Anything => f.write_str("anything"),
        }
    }
}

fn compare_lines(wanted: &[String], text: &str) -> Option<String> {
    if !text.is_empty() && !text.ends_with('\n') {
        return Some("the last line is not whole".to_owned());
    }
    let mut got: Vec<&str> = text.lines().collect();
    got.sort_unstable();
    if got == wanted {
        return None;
    }
    let missing = difference(wanted.iter().map(String::as_str), &got);
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let extra = difference(got.iter().copied(), &wanted);
    Some(format!(
        "lines missing: {missing:#?}\nlines too many: {extra:#?}"
    ))
}

/// The lines of `from` that occur there more often than in `other`.
fn difference<'a>(from: impl Iterator<Item = &'a str>, other: &[&str]) -> Vec<&'a str> {
    let mut other = other.to_vec();
    from.filter(|line| match other.iter().position(|have| have == line) {
        Some(index) => {
            other.swap_remove(index);
            false
        }
        None => true,
    })
    .collect()
}

fn missing_fragment(wanted: &[String], text: &str) -> Option<String> {
    let fragment = wanted.iter().find(|fragment| !text.contains(*fragment))?;
    Some(format!("it does not contain {fragment:?}"))
}

#[test]
fn an_expectation_can_fail() {
    let rows: [(Expect, &[u8], bool); 10] = [
        ("a\n".into(), b"a\n", true),
        ("a\n".into(), b"a", false),
        (lines(["b", "a"]), b"a\nb\n", true),
        (lines(["b", "a"]), b"a\nb", false),
        (lines(["a"]), b"a\na\n", false),
        (lines(["a", "a"]), b"a\n", false),
        (lines([""; 0]), b"", true),
        (containing(["ell", "o"]), b"hello", true),
        (containing(["ell", "x"]), b"hello", false),
        (anything(), b"\xff", false),
    ];
    for (expect, bytes, accepted) in rows {
        let complaint = expect.complaint(bytes);
        assert_eq!(
            complaint.is_none(),
            accepted,
            "{expect:?} of {bytes:?}: {complaint:?}"
        );
    }
}

//! The value of `--name`.

use crate::escape::printable;
use crate::fetch::Url;
use crate::host;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::str::FromStr;

const RIGHT: &str = "write {line}, {line:08}, {host}, {stem}, {ext} or a column, like '{id}{ext}'; {{ and }} are braces";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameTemplate(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The line, with zeros in front up to so many digits.
    Line(usize),
    Host,
    Stem,
    Ext,
    Column(String),
}

impl FromStr for NameTemplate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err(format!("empty: {RIGHT}"));
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(behind) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = behind;
                continue;
            }
            let field = rest.split_once('}').filter(|_| brace == "{");
            let (field, behind) =
                field.ok_or_else(|| format!("a '{brace}' stands alone: {RIGHT}"))?;
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(part(field)?);
            rest = behind;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        let template = Self(parts);
        let url = Url::parse("http://x/x.x").expect("it is a URL");
        let name = template.name(1, &url, |_| Some("x".into()));
        let name = name.expect("every column has a value");
        super::check(&name).map_err(|why| format!("no name is safe: {why}"))?;
        Ok(template)
    }
}

fn part(field: &str) -> Result<Part, String> {
    match field {
        "line" => return Ok(Part::Line(0)),
        "host" => return Ok(Part::Host),
        "stem" => return Ok(Part::Stem),
        "ext" => return Ok(Part::Ext),
        "" => return Err(format!("'{{}}' is empty: {RIGHT}")),
        _ if field.contains('{') => return Err(format!("a '{{' stands alone: {RIGHT}")),
        _ => {}
    }
    let Some(width) = field.strip_prefix("line:") else {
        return Ok(Part::Column(field.to_owned()));
    };
    let digits = width
        .strip_prefix('0')
        .and_then(|digits| digits.parse().ok());
    let digits = digits.filter(|digits| (1..=20).contains(digits));
    digits.map(Part::Line).ok_or_else(|| {
        format!(
            "'{{{}}}': write {{line:08}} for eight digits, at most {{line:020}}",
            printable(field)
        )
    })
}

impl NameTemplate {
    /// The columns that it names.
    pub(in crate::input) fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Column(column) => Some(&**column),
            _ => None,
        })
    }

    /// The name for the `url` on `line`, with the values of columns.
    ///
    /// # Errors
    ///
    /// The column that has no value.
    pub(super) fn name<'a>(
        &self,
        line: u64,
        url: &Url,
        value: impl Fn(&str) -> Option<Cow<'a, str>>,
    ) -> Result<String, String> {
        let mut name = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Line(digits) => {
                    let _ = write!(name, "{line:0digits$}");
                }
                Part::Host => name.push_str(host::name(url)),
                Part::Stem => name.push_str(&stem_and_ext(url).0),
                Part::Ext => name.push_str(&stem_and_ext(url).1),
                Part::Column(column) => {
                    name.push_str(&value(column).ok_or_else(|| column.clone())?);
                }
            }
        }
        Ok(name)
    }
}

/// The last segment of the path of `url`, decoded if that is safe, before and from its last dot.
fn stem_and_ext(url: &Url) -> (String, String) {
    let segment = url.path().rsplit('/').next().unwrap_or_default();
    if segment.is_empty() {
        return ("index".to_owned(), ".html".to_owned());
    }
    let is_safe = |text: &str| !text.contains(|c: char| c.is_control() || matches!(c, '/' | '\\'));
    let decoded = percent_decode_str(segment).decode_utf8().ok();
    let segment = decoded
        .filter(|text| is_safe(text))
        .unwrap_or(segment.into());
    match segment.rsplit_once('.') {
        Some((stem, ext)) if !stem.is_empty() && !ext.is_empty() => {
            (stem.to_owned(), format!(".{ext}"))
        }
        _ => (segment.into_owned(), String::new()),
    }
}

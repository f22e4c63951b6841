//! Checks of the names of saved files. This is a module of the library, as it needs private interfaces.

use std::path::{Component, Path};

use url::Url;

use super::save::{Case, path_for};

/// Each changes a URL to another whose file might have the same name.
const NEIGHBOURS: [fn(&str) -> String; 13] = [
    |text| format!("{text}.body"),
    |text| format!("{text}/"),
    |text| format!("{text}/index.html"),
    |text| format!("{text}?"),
    |text| text.replace('?', "@"),
    |text| text.replace('/', "_"),
    str::to_uppercase,
    |text| text.replace("%", "%25"),
    |text| text.replace('@', "?"),
    |text| format!("{text}~/x"),
    |text| format!("{text}/a.b"),
    |text| text.replace("%20", "+").replace("%7B", "%7b"),
    |text| path_of(text, Case::Kept),
];

/// A URL with the path of the file of `text`.
fn path_of(text: &str, case: Case) -> String {
    let name = url(text).map(|url| path_for(&url, case));
    let name = name
        .unwrap_or_default()
        .to_string_lossy()
        .replace('#', "%23");
    format!("https://{name}")
}

/// Takes two URLs, one a line, and neighbours of the first. Their paths are safe and different, and none is a directory of
/// another.
pub(crate) fn saved_names(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (one, other) = text.split_once('\n').unwrap_or((&text, ""));
    let Some(one) = url(one) else { return };
    let others = NEIGHBOURS.iter().map(|neighbour| neighbour(one.as_str()));
    for other in others.chain([other.to_owned()]) {
        if let Some(other) = url(&other) {
            assert_apart(&one, &other);
        }
    }
}

fn assert_apart(one: &Url, other: &Url) {
    for case in [Case::Kept, Case::Ignored] {
        let [first, second] = [one, other].map(|url| {
            let path = path_for(url, case);
            assert_safe(&path);
            assert_eq!(path, path_for(url, case));
            let path = path.to_string_lossy();
            match case {
                Case::Kept => path.into_owned(),
                Case::Ignored => path.to_lowercase(),
            }
        });
        assert_eq!(first == second, one == other, "{one} and {other}");
        if first != second {
            assert!(!Path::new(&first).starts_with(&second), "{one} {other}");
            assert!(!Path::new(&second).starts_with(&first), "{one} {other}");
        }
    }
}

fn url(text: &str) -> Option<Url> {
    let url = Url::parse(text).or_else(|_| Url::parse(&format!("https://{text}")));
    url.ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
}

fn assert_safe(path: &Path) {
    assert!(path.components().count() >= 2, "{path:?}");
    assert!(path.as_os_str().len() <= 800, "{path:?}");
    for part in path.components() {
        let Component::Normal(name) = part else {
            panic!("{path:?} leaves its directory");
        };
        let name = name.to_str().expect("names are ASCII");
        assert!(
            name.len() <= 143 && !name.starts_with(['.', '-', ' ']),
            "{name}"
        );
        assert!(!name.ends_with(['.', ' ']), "{name}");
        let is_safe = |b| matches!(b, b' '..=b'~') && !b"/\\:*?\"<>|`".contains(&b);
        assert!(name.bytes().all(is_safe), "{name}");
    }
}

//! What the names of saved files are checked for, whatever two URLs are.

use std::path::{Component, Path};

use url::Url;

use super::save::path_for;

/// Two URLs, one a line: safe names, a place of its own for each, and neither in the other's way.
pub(crate) fn saved_names(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (one, other) = text.split_once('\n').unwrap_or((&text, ""));
    let (Some(one), Some(other)) = (url(one), url(other)) else {
        return;
    };
    let [first, second] = [&one, &other].map(|url| {
        let path = path_for(url);
        assert_safe(&path);
        assert_eq!(path, path_for(url));
        path.to_string_lossy().to_lowercase()
    });
    assert_eq!(first == second, one == other, "{one} and {other}");
    if first != second {
        assert!(!Path::new(&first).starts_with(&second), "{one} {other}");
        assert!(!Path::new(&second).starts_with(&first), "{one} {other}");
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
        assert!(name.len() <= 143 && !name.starts_with(['.', '-']), "{name}");
        assert!(
            name.bytes()
                .all(|b| b.is_ascii_graphic() && !b"/\\:*?\"<>|".contains(&b)),
            "{name}"
        );
    }
}

//! Names in a table, and what must hold for any two URLs.

use std::collections::HashMap;
use std::path::Component;

use proptest::prelude::*;

use super::*;

fn path(url: &str) -> String {
    path_for(&Url::parse(url).unwrap())
        .to_str()
        .unwrap()
        .replace('\\', "/")
}

/// `path` with the hash, if there is one, as `#`.
fn shape(path: &str) -> String {
    match path.rsplit_once('~') {
        Some((start, rest)) => {
            let (hash, end) = rest.split_at(32);
            assert!(hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{path}");
            format!("{start}~#{end}")
        }
        None => path.to_owned(),
    }
}

#[test]
fn most_urls_keep_their_text() {
    for (url, expected) in [
        ("https://example.com/", "example.com/index.html"),
        ("https://example.com", "example.com/index.html"),
        ("https://example.com/a/b/c.html", "example.com/a/b/c.html"),
        ("https://example.com/a/", "example.com/a/index.html"),
        ("https://example.com/a", "example.com/a.body"),
        ("https://example.com/a/b", "example.com/a/b.body"),
        ("http://example.com/x.png", "example.com_80/x.png"),
        ("http://127.0.0.1:8080/x.png", "127.0.0.1_8080/x.png"),
        ("http://example.com:443/x.png", "example.com_443/x.png"),
        ("https://example.com/?q=1", "example.com/index.html@q=1"),
        (
            "https://example.com/l?a=1&b=%20",
            "example.com/l@a=1&b=%20.body",
        ),
        ("https://example.com/x.php?", "example.com/x.php@"),
        (
            "https://xn--bcher-kva.example/x.y-z_1.gz",
            "xn--bcher-kva.example/x.y-z_1.gz",
        ),
    ] {
        assert_eq!(path(url), expected, "{url}");
    }
}

#[test]
fn what_cannot_be_kept_is_marked() {
    for (url, expected) in [
        ("https://e.x/index.html", "e.x/index~#.html"),
        ("https://e.x/a.body", "e.x/a~#.body"),
        ("https://e.x/README.md", "e.x/README~#.md"),
        ("https://e.x/Docs/a.html", "e.x/Docs/a~#.html"),
        ("https://e.x/v1.2/a.html", "e.x/v1_2/a~#.html"),
        ("https://e.x/a%2Fb", "e.x/a%2Fb~#.body"),
        ("https://e.x/%C3%A9.html", "e.x/%C3%A9~#.html"),
        ("https://e.x/a//b.html", "e.x/a/_/b~#.html"),
        ("https://e.x/a~b.html", "e.x/a_b~#.html"),
        ("https://e.x/a@b.html", "e.x/a_b~#.html"),
        ("https://e.x/a:b|c*.html", "e.x/a_b_c_~#.html"),
        ("https://e.x/.htaccess", "e.x/_~#.htaccess"),
        ("https://e.x/-rf.html", "e.x/_rf~#.html"),
        ("https://e.x/a.", "e.x/a_~#.body"),
        ("https://e.x/nul", "e.x/_nul~#.body"),
        ("https://e.x/com1.tar.gz", "e.x/_com1.tar~#.gz"),
        ("https://e.x/aux/x.html", "e.x/_aux/x~#.html"),
        ("https://nul/x.html", "_nul/x~#.html"),
        ("https://e.x/x.php?u=/A/", "e.x/x@u=_A_~#.php"),
        ("https://e.x/x.html#part", "e.x/x~#.html"),
        ("https://user:secret@e.x/x.html", "e.x/x~#.html"),
        ("https://e.x:8443/x.html", "e.x_8443/x~#.html"),
        ("https://e_80/x.html", "e_80/x~#.html"),
        ("https://e.x./x.html", "e.x_/x~#.html"),
        ("http://[::1]:80/x.html", "___1__80/x~#.html"),
    ] {
        assert_eq!(shape(&path(url)), expected, "{url}");
    }
}

#[test]
fn a_name_stays_the_same_between_releases() {
    assert_eq!(
        path("https://e.x/README.md"),
        "e.x/README~7424f8eca3803106e52820a24c1a4246.md"
    );
}

#[test]
fn every_length_is_kept_within_limits() {
    let long = "x".repeat(60_000);
    let deep = "d/".repeat(30_000);
    for url in [
        format!("https://e.x/{long}"),
        format!("https://e.x/a.{long}"),
        format!("https://e.x/a.html?{long}"),
        format!("https://e.x/{deep}a.html"),
        format!("https://e.x/{long}/a.html"),
        format!("https://{}.x/a.html", "h".repeat(250)),
    ] {
        let path = path(&url);
        assert!(path.len() <= LONGEST_PATH && path.contains('~'), "{path}");
        assert!(
            path.split('/').all(|name| name.len() <= LONGEST_NAME),
            "{path}"
        );
    }
    assert_eq!(
        shape(&path(&format!("https://e.x/{deep}a.html"))),
        "e.x/a~#.html"
    );
}

/// URLs out of few and nasty pieces, so that two of them are often nearly the same.
fn nasty_url() -> impl Strategy<Value = Url> {
    let host = prop::sample::select(vec![
        "h",
        "h_80",
        "h_8080",
        "H",
        "h.",
        "nul",
        "..",
        "a.b",
        "a_b",
        "[::1]",
        "1.2.3.4",
        "b\u{fc}cher",
    ]);
    let port = prop::sample::select(vec!["", ":80", ":443", ":8080"]);
    let user = prop::sample::select(vec!["", "u@", "u:p@"]);
    let piece = prop::sample::select(vec![
        "a",
        "A",
        "b",
        ".",
        "..",
        "%2e",
        "%2E",
        "%2f",
        "/",
        "//",
        "\\",
        "@",
        "~",
        "_",
        "-",
        ":",
        "|",
        "*",
        " ",
        "%00",
        "%",
        "index.html",
        ".body",
        ".html",
        "con",
        "nul.txt",
        "?",
        "?x=1",
        "#",
        "\u{e9}",
        "E\u{301}",
        "COM1",
        "'",
        "$",
    ]);
    let path = prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat());
    let scheme = prop::sample::select(vec!["http", "https"]);
    (scheme, user, host, port, path).prop_filter_map("no URL", |(s, u, h, p, path)| {
        Url::parse(&format!("{s}://{u}{h}{p}/{path}")).ok()
    })
}

/// Any URL at all that the parser lets through.
fn any_url() -> impl Strategy<Value = Url> {
    prop_oneof![
        3 => nasty_url(),
        1 => "https?://[a-zA-Z0-9._-]{1,8}(:[0-9]{1,4})?/\\PC{0,300}"
            .prop_filter_map("no URL", |text| Url::parse(&text).ok()),
    ]
}

/// Why `path` is not safe on some file system, if so.
fn fault(path: &std::path::Path) -> Option<&'static str> {
    let names: Vec<&str> = path
        .components()
        .map(|part| {
            if let Component::Normal(name) = part {
                name.to_str().unwrap_or("\0")
            } else {
                "\0"
            }
        })
        .collect();
    let device = |name: &&str| {
        let stem = name.split('.').next().unwrap_or("").to_ascii_lowercase();
        ["con", "prn", "aux", "nul"].contains(&&*stem)
            || (stem.len() == 4
                && (stem.starts_with("com") || stem.starts_with("lpt"))
                && stem.ends_with(char::is_numeric))
    };
    let refused = |c: char| !c.is_ascii_graphic() || "<>:\"/\\|?*".contains(c);
    let leaf = names.last().copied().unwrap_or("");
    [
        (names.len() < 2, "no directory"),
        (
            names.iter().any(|name| name.contains(refused)),
            "characters, or a part that is no plain name",
        ),
        (
            names
                .iter()
                .any(|name| name.starts_with(['.', '-']) || name.ends_with('.')),
            "dots or hyphen",
        ),
        (names.iter().any(device), "device"),
        (names.iter().any(|name| name.len() > 143), "name too long"),
        (path.as_os_str().len() > LONGEST_PATH, "path too long"),
        (!leaf.contains('.'), "could be a directory"),
        (
            names[1..names.len() - 1]
                .iter()
                .any(|name| name.contains('.')),
            "could be a file",
        ),
    ]
    .into_iter()
    .find_map(|(bad, what)| bad.then_some(what))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_path_is_safe_and_always_the_same(url in any_url()) {
        let path = path_for(&url);
        prop_assert_eq!(fault(&path), None, "{}", path.display());
        prop_assert_eq!(path_for(&Url::parse(url.as_str()).unwrap()), path);
    }
}

/// In lower case, as a file system that ignores case sees them.
fn assert_distinct(urls: impl IntoIterator<Item = Url>) {
    let mut owners: HashMap<String, Url> = HashMap::new();
    for url in urls {
        let path = path_for(&url).to_str().unwrap().to_ascii_lowercase();
        if let Some(other) = owners.insert(path.clone(), url.clone()) {
            assert_eq!(other, url, "{path}");
        }
    }
}

/// Every URL that up to three of the pieces make, on hosts that are easily mixed up.
#[test]
fn no_two_of_all_small_urls_share_a_file() {
    let pieces = [
        "",
        "a",
        "A",
        "b",
        ".",
        "_",
        "/",
        "@",
        "~",
        "?",
        "#",
        "%2f",
        "%2F",
        "index.html",
        ".body",
    ];
    let hosts = [
        "http://h/",
        "https://h/",
        "https://h:80/",
        "http://h:443/",
        "https://h_80/",
    ];
    let mut urls = Vec::new();
    for host in hosts {
        for code in 0..pieces.len().pow(3) {
            let piece = |place: u32| pieces[code / pieces.len().pow(place) % pieces.len()];
            let text = format!("{host}{}{}{}", piece(0), piece(1), piece(2));
            urls.push(Url::parse(&text).unwrap());
        }
    }
    assert_distinct(urls);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_urls_never_share_a_file(urls in prop::collection::vec(nasty_url(), 400)) {
        assert_distinct(urls);
    }
}

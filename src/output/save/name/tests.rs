//! Names in tables, and properties of any two URLs.

use std::collections::HashMap;
use std::path::Component;

use proptest::prelude::*;

use super::*;

fn path(url: &str) -> String {
    path_on(url, Case::Kept)
}

fn path_on(url: &str, case: Case) -> String {
    let path = path_for(&Url::parse(url).unwrap(), case);
    path.to_str().unwrap().replace('\\', "/")
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
            "https://example.com/l?a=1&b=%20c",
            "example.com/l@a=1&b= c.body",
        ),
        ("https://example.com/x.php?a=b@c", "example.com/x.php@a=b@c"),
        ("https://example.com/x?v=1.5", "example.com/x@v=1.5.body"),
        (
            "https://xn--bcher-kva.example/x.y-z_1.gz",
            "xn--bcher-kva.example/x.y-z_1.gz",
        ),
        ("https://e.x/Foo-1.2.tar.gz", "e.x/Foo-1.2.tar.gz"),
        ("https://e.x/IMG_1234.JPG", "e.x/IMG_1234.JPG"),
        ("https://e.x/v1.2/x (1).zip", "e.x/v1.2/x (1).zip"),
        ("https://e.x/v1.2/x%20(1).zip", "e.x/v1.2/x (1).zip"),
        ("https://e.x/Docs/README.md", "e.x/Docs/README.md"),
        ("https://e.x/logo@2x.png", "e.x/logo@2x.png"),
        ("https://e.x/@u/p@1.2.3/x.7z", "e.x/@u/p@1.2.3/x.7z"),
        (
            "https://e.x/a._-+,=~()[]{}!$%&';%23^z",
            "e.x/a._-+,=~()[]{}!$%&';#^z.body",
        ),
        ("https://e.x/a@~.html", "e.x/a@~.html"),
        ("https://e.x/x.php?", "e.x/x.php@"),
        ("https://e.x/x.css?v2", "e.x/x.css@v2"),
        ("https://e.x/n?7", "e.x/n@7.body"),
        ("https://e.x/%C3%A9.html", "e.x/%C3%A9.html"),
        ("https://e.x/a%2Fb.c", "e.x/a%2Fb.c"),
        ("https://e.x/100%.txt", "e.x/100%.txt"),
        ("https://e.x/%7Ba%7D.txt", "e.x/{a}.txt"),
        ("https://e.x/%7ba%7d.txt", "e.x/%7ba%7d.txt"),
        // No directory has the form of a file's name.
        ("https://e.x/v1.2", "e.x/v1.2.body"),
        ("https://e.x/node.js", "e.x/node.js"),
        ("https://e.x/node.js/a.html", "e.x/node.js~/a.html"),
        ("https://e.x/x.php@p=1/a.html", "e.x/x.php@p=1~/a.html"),
    ] {
        assert_eq!(path(url), expected, "{url}");
    }
}

#[test]
fn what_cannot_be_kept_is_marked() {
    for (url, expected) in [
        ("https://e.x/index.html", "e.x/index~#.html"),
        ("https://e.x/a.body", "e.x/a~#.body"),
        (
            "https://e.x/a~0123456789abcdef0123456789ABCDEF.x",
            "e.x/a~0123456789abcdef0123456789ABCDEF~#.x",
        ),
        ("https://e.x/a//b.html", "e.x/a/_/b~#.html"),
        ("https://e.x/a:b|c*.html", "e.x/a_b_c_~#.html"),
        ("https://e.x/.htaccess", "e.x/_~#.htaccess"),
        ("https://e.x/-rf.html", "e.x/_rf~#.html"),
        ("https://e.x/%20a.html", "e.x/_a~#.html"),
        ("https://e.x/a%20/b.html", "e.x/a_/b~#.html"),
        ("https://e.x/a.", "e.x/a_~#.body"),
        ("https://e.x/a..b../c.html", "e.x/a..b._/c~#.html"),
        ("https://e.x/nul", "e.x/_nul~#.body"),
        ("https://e.x/com1.tar.gz", "e.x/_com1.tar~#.gz"),
        ("https://e.x/CON", "e.x/_CON~#.body"),
        ("https://e.x/aux/x.html", "e.x/_aux/x~#.html"),
        ("https://nul/x.html", "_nul/x~#.html"),
        ("https://e.x/x?y.php", "e.x/x@y.php~#.body"),
        ("https://e.x/u@host", "e.x/u@host~#.body"),
        ("https://e.x/x@y.php?p=1", "e.x/x@y@p=1~#.php"),
        ("https://e.x/x@p=1.php", "e.x/x@p=1~#.php"),
        ("https://e.x/x.php?u=/A/", "e.x/x@u=_A_~#.php"),
        ("https://e.x/x.html#part", "e.x/x~#.html"),
        ("https://user:secret@e.x/x.html", "e.x/x~#.html"),
        ("https://e.x:8443/x.html", "e.x_8443/x~#.html"),
        ("https://e_80/x.html", "e_80/x~#.html"),
        ("https://e.x./x.html", "e.x_/x~#.html"),
        ("http://[::1]:80/x.html", "[__1]_80/x~#.html"),
        ("https://e.x/node.js~/a.html", "e.x/node.js~/a~#.html"),
    ] {
        assert_eq!(shape(&path(url)), expected, "{url}");
    }
}

#[test]
fn capitals_are_marked_only_where_they_are_ignored() {
    for (url, expected) in [
        ("https://e.x/README.md", "e.x/README~#.md"),
        ("https://e.x/Docs/a.html", "e.x/Docs/a~#.html"),
        ("https://e.x/%C3%A9.html", "e.x/%C3%A9~#.html"),
        ("https://e.x/x.php?u=A", "e.x/x@u=A~#.php"),
        ("https://E.X/docs/a%20b.html", "e.x/docs/a b.html"),
    ] {
        assert_eq!(shape(&path_on(url, Case::Ignored)), expected, "{url}");
        assert!(!path(url).contains('~'), "{url}");
    }
}

#[test]
fn a_name_stays_the_same_between_releases() {
    let marked = "e.x/README~7424f8eca3803106e52820a24c1a4246.md";
    assert_eq!(path_on("https://e.x/README.md", Case::Ignored), marked);
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

/// URLs of a few hostile pieces, so that two of them often differ little.
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
        ".js",
        "1.2",
        "=",
        "@x=1",
        "{",
        "%7b",
        "%20",
        "%23",
    ]);
    let path = prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat());
    let scheme = prop::sample::select(vec!["http", "https"]);
    (scheme, user, host, port, path).prop_filter_map("no URL", |(s, u, h, p, path)| {
        Url::parse(&format!("{s}://{u}{h}{p}/{path}")).ok()
    })
}

/// Any URL that the parser accepts.
fn any_url() -> impl Strategy<Value = Url> {
    prop_oneof![
        3 => nasty_url(),
        1 => "https?://[a-zA-Z0-9._-]{1,8}(:[0-9]{1,4})?/\\PC{0,300}"
            .prop_filter_map("no URL", |text| Url::parse(&text).ok()),
    ]
}

/// The reason why `path` is not safe on some file system.
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
    let refused = |c: char| !(' '..='~').contains(&c) || "<>:\"/\\|?*`".contains(c);
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
                .any(|name| name.starts_with(['.', '-', ' ']) || name.ends_with(['.', ' '])),
            "dots, blanks or hyphen",
        ),
        (names.iter().any(device), "device"),
        (names.iter().any(|name| name.len() > 143), "name too long"),
        (path.as_os_str().len() > LONGEST_PATH, "path too long"),
        (!may_be_file(leaf), "could be a directory"),
        (
            names[1..names.len() - 1]
                .iter()
                .any(|name| may_be_file(name)),
            "could be a file",
        ),
    ]
    .into_iter()
    .find_map(|(bad, what)| bad.then_some(what))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_path_is_safe_and_always_the_same(url in any_url()) {
        for case in [Case::Kept, Case::Ignored] {
            let path = path_for(&url, case);
            prop_assert_eq!(fault(&path), None, "{}", path.display());
            prop_assert_eq!(path_for(&Url::parse(url.as_str()).unwrap(), case), path);
        }
    }
}

/// The names on a file system that ignores case, and on one that does not.
fn assert_distinct(urls: impl IntoIterator<Item = Url> + Clone) {
    for case in [Case::Kept, Case::Ignored] {
        let mut owners: HashMap<String, Url> = HashMap::new();
        for url in urls.clone() {
            let mut path = path_for(&url, case).to_str().unwrap().to_owned();
            if case == Case::Ignored {
                path.make_ascii_lowercase();
            }
            if let Some(other) = owners.insert(path.clone(), url.clone()) {
                assert_eq!(other, url, "{path}");
            }
        }
    }
}

/// Every URL of up to three of the pieces, on hosts with similar names.
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
        ".js",
        "=",
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

//! `-o DIR`: bodies are saved whole or not at all, each URL has its own file, and a body that cannot be saved fails
//! only its URL.

use crate::jsonl::rows;

use crate::support::page;
use crate::support::{RawServer, Server, anything, fetchpool, lines};

use std::collections::{BTreeMap, BTreeSet};

use std::path::{Path, PathBuf};

/// Every file below `directory`, by its relative path, with its length.
pub(crate) fn files(directory: &Path) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let mut left = vec![PathBuf::new()];
    while let Some(below) = left.pop() {
        for entry in std::fs::read_dir(directory.join(&below))
            .expect("it is there")
            .flatten()
        {
            let name = below.join(entry.file_name());
            let kind = entry.file_type().expect("it has a type");
            if kind.is_dir() {
                left.push(name);
            } else {
                let length = entry.metadata().expect("it is there").len();
                found.insert(name.to_str().expect("names are ASCII").to_owned(), length);
            }
        }
    }
    found
}

/// The number of entries in `directory`, with empty directories, without itself.
pub(crate) fn entries(directory: &Path) -> usize {
    let mut count = 0;
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(directory).expect("it is there").flatten() {
            count += 1;
            if entry.file_type().expect("it has a type").is_dir() {
                left.push(entry.path());
            }
        }
    }
    count
}

/// A server whose page for each path is the path.
fn echo() -> RawServer {
    RawServer::start(|mut talk| {
        let path = talk.path().to_owned();
        talk.reply("200 OK", &[], path.as_bytes());
    })
}

#[test]
fn bodies_are_where_the_document_says() {
    let server = echo();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let port = server.address().port();
    let host = format!("localhost_{port}");
    let table = [
        ("/", "index.html"),
        ("/a/b.html", "a/b.html"),
        ("/about", "about.body"),
        ("/about/", "about/index.html"),
        ("/list.php?page=2", "list.php@page=2"),
        ("/a.png", "a.png"),
        ("/Foo-1.2.tar.gz", "Foo-1.2.tar.gz"),
        ("/IMG_1234.JPG", "IMG_1234.JPG"),
        ("/v1.2/x%20(1).zip", "v1.2/x (1).zip"),
        ("/v1.2", "v1.2.body"),
        ("/Foo-1.2.tar.gz/x", "Foo-1.2.tar.gz~/x.body"),
        ("/a_-+,@~()[]{}!$%&';%23^.b", "a_-+,@~()[]{}!$%&';#^.b"),
    ];
    let urls: Vec<String> = table
        .iter()
        .map(|(path, _)| format!("http://localhost:{port}{path}"))
        .collect();
    let ended = fetchpool()
        .inside(directory.path())
        .list("urls.txt", urls.join("\n"))
        .args(["-4", "-o", "new/pages", "-f", "jsonl", "--ordered"])
        .stdout(anything())
        .run();
    for ((path, name), row) in table.iter().zip(rows(ended.stdout())) {
        let file = format!("new/pages/{host}/{name}");
        assert_eq!(row["file"], file);
        let body = std::fs::read_to_string(directory.path().join(&file)).expect("it was saved");
        assert_eq!(body, path.replace('{', "%7B").replace('}', "%7D"));
    }
    assert_eq!(files(&directory.path().join("new")).len(), table.len());
}

#[test]
fn capitals_cost_a_hash_only_where_they_are_ignored() {
    let server = echo();
    let urls = [server.url("/README.md"), server.url("/readme.md")];
    let names = |directory: &Path| {
        let ended = fetchpool()
            .inside(directory)
            .args(&urls)
            .args(["-o", "pages", "-f", "jsonl", "--ordered"])
            .stdout(anything())
            .run();
        let file = |row: &serde_json::Value| row["file"].as_str().expect("it was saved").to_owned();
        rows(ended.stdout()).iter().map(file).collect::<Vec<_>>()
    };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let kept = names(directory.path());
    assert!(
        kept[0].ends_with("/README.md") && kept[1].ends_with("/readme.md"),
        "{kept:?}"
    );
    // With this link, the marks of runs have two names, as on a file system that ignores case.
    let link = directory.path().join("pages/.FETCHPOOL");
    std::os::unix::fs::symlink(".fetchpool", &link).expect("it can be made");
    let marked = names(directory.path());
    assert!(
        marked[0].contains("/README~") && marked[1] == kept[1],
        "{marked:?}"
    );
}

#[test]
fn two_urls_never_share_a_file_and_none_leaves_the_directory() {
    let server = echo();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let long = "x".repeat(3000);
    let paths = [
        "/a",
        "/A",
        "/a/",
        "/a.body",
        "/a/b",
        "/a?b",
        "/a%3Fb",
        "/a@b",
        "/index.html",
        "/",
        "/?",
        "/%2e%2e%2fetc",
        "/..%2f..%2fetc/passwd",
        "/%5c..%5c",
        "/con",
        "/CON.txt",
        "/nul",
        "/a:b",
        "/a%00b",
        "/.hidden",
        "/-rf",
        "//",
        "///a",
        "/ä",
        "/a%20b",
        "/a+b",
        "/a b%20",
        "/a.",
        "/a..",
        "/~",
        "/a~",
        "/.fetchpool-1-0.part",
        "/a?x=/../../y",
        "/a?x=%2F..%2F",
        &format!("/{long}"),
        &format!("/{long}y"),
        &format!("/{}", "d/".repeat(500)),
    ];
    let urls: Vec<String> = paths.iter().map(|path| server.url(path)).collect();
    let ended = fetchpool()
        .inside(directory.path())
        .list("urls.txt", urls.join("\n"))
        .args(["-o", "pages", "-f", "jsonl", "--ordered", "-t", "20"])
        .stdout(anything())
        .run();
    let mut seen = BTreeSet::new();
    let pages = directory
        .path()
        .join("pages")
        .canonicalize()
        .expect("it is there");
    for row in rows(ended.stdout()) {
        let file = row["file"]
            .as_str()
            .expect("a page that was saved has a file");
        assert!(seen.insert(file.to_owned()), "{file} has two URLs");
        let path = directory.path().join(file);
        let whole = path.canonicalize().expect("it was saved");
        assert!(whole.starts_with(&pages), "{file}");
        let body = std::fs::read(&path).expect("it was saved");
        assert_eq!(
            body.len() as u64,
            row["bytes"].as_u64().expect("a page has a length"),
            "{file}"
        );
        for name in Path::new(file) {
            assert!(name.len() <= 255, "{name:?}");
        }
    }
    assert_eq!(files(&pages).len(), paths.len());
}

#[test]
fn heads_and_failures_leave_nothing_and_take_nothing_away() {
    let server = Server::start();
    let short = RawServer::saying("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.");
    for (url, arguments, status) in [
        (server.url("/size/9"), &["-I"][..], 0),
        (server.url("/status/404"), &[], 1),
        (server.url("/redirect/11"), &[], 1),
        (server.url("/size/9"), &["--max-size", "8"], 1),
        (short.url("/"), &[], 1),
        (
            short.url("/deep/er/page"),
            &["--retries", "2", "--retry-delay", "1ms"],
            1,
        ),
    ] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let ended = fetchpool()
            .inside(directory.path())
            .arg(&url)
            .args(arguments)
            .args(["-o", "pages", "-f", "jsonl"])
            .status(status)
            .stdout(anything())
            .run();
        let row = &rows(ended.stdout())[0];
        assert!(row["file"].is_null(), "{row}");
        assert_eq!(
            entries(&directory.path().join("pages")),
            0,
            "{url} {arguments:?}"
        );
    }
    // A failed run leaves the file of an earlier run as it is; a successful one replaces it.
    let directory = tempfile::tempdir().expect("a temporary directory");
    let place = directory
        .path()
        .join(format!("127.0.0.1_{}", short.address().port()));
    std::fs::create_dir(&place).expect("it can be made");
    std::fs::write(place.join("index.html"), "of old").expect("it can be written");
    fetchpool()
        .inside(directory.path())
        .args([short.url("/"), "-o".to_owned(), ".".to_owned()])
        .status(1)
        .stdout(anything())
        .run();
    assert_eq!(
        std::fs::read_to_string(place.join("index.html")).expect("it is there"),
        "of old"
    );
}

#[test]
fn an_empty_page_is_a_file_and_a_second_run_replaces_what_is_there() {
    let server = Server::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let [empty, full] = [server.url("/size/0"), server.url("/size/70000")];
    for _ in 0..2 {
        fetchpool()
            .inside(directory.path())
            .args([&empty, &full])
            .args(["-o", "pages"])
            .stdout(lines([page(&empty, 0), page(&full, 70000)]))
            .run();
        let lengths: Vec<u64> = files(&directory.path().join("pages"))
            .into_values()
            .collect();
        assert_eq!(lengths, [0, 70000]);
    }
}

#[test]
fn a_directory_may_be_a_link_and_no_host_s_folder_is_that_of_temporary_files() {
    let server = echo();
    let port = server.address().port();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let real = directory.path().join("real");
    std::fs::create_dir(&real).expect("it can be made");
    std::os::unix::fs::symlink("real", directory.path().join("pages")).expect("it can be made");
    let urls = [
        format!("http://.fetchpool:{port}/x"),
        format!("http://.fetchpool@localhost:{port}/.fetchpool/x"),
    ];
    let ended = fetchpool()
        .inside(directory.path())
        .list("urls.txt", urls.join("\n"))
        .args(["--resolve", &format!(".fetchpool:{port}:127.0.0.1")])
        .args(["-4", "-o", "pages", "-f", "jsonl"])
        .stdout(anything())
        .run();
    assert_eq!(rows(ended.stdout()).len(), urls.len());
    let saved = files(&real);
    assert_eq!(saved.len(), urls.len(), "{saved:?}");
    assert!(
        saved.keys().all(|name| !name.starts_with(".fetchpool")),
        "{saved:?}"
    );
}

//! With `-o`, more workers than descriptors: fewer workers run, and no URL fails. `tests/http_descriptors.rs` tests
//! runs without `-o`.

use crate::saved::files;
use crate::support::{Server, anything, containing, fetchpool, lines, page};

#[test]
fn bodies_are_saved_with_few_descriptors() {
    let server = Server::start();
    let urls: Vec<String> = (0..300)
        .map(|n| server.url(&format!("/size/100000?{n}")))
        .collect();
    for (descriptors, host) in [("ulimit -n 64", "127.0.0.1"), ("ulimit -n 24", "localhost")] {
        let urls: Vec<String> = urls
            .iter()
            .map(|url| url.replace("127.0.0.1", host))
            .collect();
        let directory = tempfile::tempdir().expect("a temporary directory");
        fetchpool()
            .inside(directory.path())
            .after(descriptors)
            .list("urls.txt", urls.join("\n"))
            .args(["-4", "-j", "200", "-o", "pages"])
            .stdout(lines(urls.iter().map(|url| page(url, 100_000))))
            .run();
        let saved = files(&directory.path().join("pages"));
        assert_eq!(saved.len(), urls.len(), "{descriptors}");
        assert!(saved.values().all(|length| *length == 100_000));
    }
}

#[test]
fn too_few_for_a_single_body_is_said_before_anything_is_fetched() {
    let server = Server::start();
    let url = server.url("/size/1");
    fetchpool()
        .after("ulimit -n 14")
        .args([&url, "-o", "pages"])
        .status(2)
        .stderr(containing(["too few files may be open", "ulimit -n"]))
        .run();
    assert_eq!(server.paths(), [""; 0]);
    // A run that saves nothing needs fewer.
    for head in [&["-o", "pages", "-I"][..], &[]] {
        fetchpool()
            .after("ulimit -n 14")
            .arg(&url)
            .args(head.iter().copied())
            .stdout(anything())
            .run();
    }
}

//! The Python documentation's `load_url` and fetchpool, over the same 200 URLs: the same lines for fetched pages, byte
//! for byte, and the same failed URLs.

use crate::support::{DeadHost, Server, anything, dead_host, fetchpool};
use std::collections::BTreeSet;
use std::process::{Command, Output};

/// The URLs: pages of 0 B to 5 MB, missing pages, redirects, and one dead host.
fn urls(server: &Server, dead: &DeadHost) -> Vec<String> {
    let url = |n: usize| match n {
        0 => server.url("/size/0"),
        1..=3 => server.url(&format!("/size/{}?{n}", 5 * 1024 * 1024)),
        4..=20 => server.url(&format!("/status/404?{n}")),
        21..=25 => dead.url(&format!("/{n}")),
        26..=35 => server.url(&format!("/redirect/{}?{n}", n % 4)),
        36..=38 => server.url(&format!("/status/{}?{n}", 500 + n % 4)),
        // Around the sizes of buffers, and between them.
        39..=120 => server.url(&format!("/size/{}?{n}", 1024 * (n - 38) + n % 3 - 1)),
        _ => server.url(&format!("/size/{}", n * n)),
    };
    (0..200).map(url).collect()
}

/// Runs the documentation's program. `None` without Python, which only a developer's machine may lack.
fn python(list: &std::path::Path) -> Option<Output> {
    let program = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/load_url.py");
    let mut command = Command::new("python3");
    command
        .arg(program)
        .arg(list)
        .stdin(std::process::Stdio::null());
    for proxy in [
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ] {
        command.env_remove(proxy);
    }
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            let what = format!("python3 cannot be started ({error}); nothing was compared");
            crate::support::left_out::missing(&what);
            None
        }
    }
}

/// The lines of pages, and the URLs that failed.
fn parted(text: &str) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let failed = |line| str::split_once(line, " generated an exception: ").map(|(url, _)| url);
    let pages = text.lines().filter(|line| failed(line).is_none()).collect();
    (pages, text.lines().filter_map(failed).collect())
}

#[test]
fn the_same_list_gives_the_same_lines() {
    let (server, dead) = (Server::start(), dead_host());
    let urls = urls(&server, &dead);
    let list = urls.join("\n") + "\n";
    let directory = tempfile::tempdir().expect("the tests need a temporary directory");
    let path = directory.path().join("urls.txt");
    std::fs::write(&path, &list).expect("the temporary directory can be written");

    let ours = fetchpool()
        .list("urls.txt", &list)
        .args(["-j", "5"])
        .status(1)
        .stdout(anything())
        .run();
    let Some(theirs) = python(&path) else { return };
    assert!(
        theirs.status.success(),
        "{}",
        String::from_utf8_lossy(&theirs.stderr)
    );
    let theirs = String::from_utf8(theirs.stdout).expect("the lines are ASCII");

    assert_eq!(theirs.lines().count(), urls.len(), "{theirs}");
    assert_eq!(ours.stdout().lines().count(), urls.len());
    let ((our_pages, our_failures), (pages, failures)) = (parted(ours.stdout()), parted(&theirs));
    assert_eq!(our_pages, pages);
    assert_eq!(our_failures, failures);
    assert_eq!(
        (pages.len(), failures.len()),
        (175, 25),
        "the list is not what it was meant to be"
    );
}

//! Python's `http.server`, and httpbin.

use std::io;
use std::path::Path;
use std::process::Command;

use fetchpool::fetch::Options;

use crate::library::{client, options};
use crate::program::{free_port, is_installed, start};
use crate::{load, pages, size_or_failure, url};

#[test]
fn pythons_http_server() {
    if !is_installed("python3", "python3", &["-c", "import http.server"]) {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    pages(root.path());
    let port = free_port();
    let mut command = Command::new("python3");
    command
        .args([
            "-m",
            "http.server",
            "--bind",
            "127.0.0.1",
            &port.to_string(),
        ])
        .current_dir(&root);
    let server = start(port, &mut command);
    let client = client(options());
    for (path, expected) in [
        ("/1k", "1000"),
        ("/1m.txt", "1040000"),
        ("/dir", "5"),
        ("/missing", "http_status: 404 File not found"),
    ] {
        let got = size_or_failure(&client, &format!("http://127.0.0.1:{}{path}", server.port));
        // A message has the standard's reason phrase, not the server's.
        assert_eq!(
            got,
            expected.replace("File not found", "Not Found"),
            "{path}"
        );
    }
}

#[test]
fn httpbin() {
    // The system's packages belong to the system's Python.
    let python = if Path::new("/usr/bin/python3").exists() {
        "/usr/bin/python3"
    } else {
        "python3"
    };
    if !is_installed("httpbin", python, &["-c", "import httpbin"]) {
        return;
    }
    let port = free_port();
    let run =
        format!("from httpbin import app; app.run(host='127.0.0.1', port={port}, threaded=True)");
    let server = start(port, Command::new(python).args(["-c", &run]));
    let origin = format!("http://127.0.0.1:{}", server.port);
    let client = client(Options {
        compressed: true,
        ..options()
    });
    for (path, expected) in [
        ("/bytes/4321", "4321"),
        ("/stream-bytes/5000?chunk_size=100", "5000"),
        ("/redirect/3", ""),
        ("/relative-redirect/3", ""),
        ("/absolute-redirect/3", ""),
        ("/gzip", ""),
        ("/brotli", ""),
        ("/encoding/utf8", ""),
        ("/drip?duration=0&numbytes=10", "10"),
        ("/status/204", "0"),
        ("/status/418", "http_status: 418"),
        ("/status/500", "http_status: 500 Internal Server Error"),
        ("/redirect/11", "too_many_redirects: more than 10 redirects"),
        (
            "/redirect-to?url=ftp://a.invalid/",
            "unsupported_scheme: ftp is not supported; http and https are",
        ),
        ("/basic-auth/user/pass", "http_status: 401 Unauthorized"),
    ] {
        let got = size_or_failure(&client, &format!("{origin}{path}"));
        let is_page = got.parse::<u64>().is_ok();
        // Nothing expected stands for a page of any size.
        assert!(
            if expected.is_empty() {
                is_page
            } else {
                got.starts_with(expected)
            },
            "{path}: {got}"
        );
    }
    let port = server.port;
    assert!(
        load(
            &client,
            &format!("http://user:pass@127.0.0.1:{port}/basic-auth/user/pass")
        ) > 0
    );
    let outcome = client.load_url(&url(&format!("{origin}/redirect/3")), &mut io::sink());
    assert_eq!(
        (outcome.hops.len(), outcome.final_url.as_str()),
        (3, format!("{origin}/get").as_str())
    );
}

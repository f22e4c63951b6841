//! Against servers and proxies as they are deployed: nginx, Python's http.server, httpbin, tinyproxy and microsocks, each
//! started on loopback for its test. Only on Unix.
//!
//! A test whose program is not installed is left out by `left_out`, which fails if `CI` is set.

#![cfg(unix)]

#[path = "../support/left_out.rs"]
mod left_out;
#[path = "../support/library.rs"]
mod library;
mod program;

use std::io;
use std::path::Path;
use std::process::Command;
use std::{fs, thread};

use fetchpool::fetch::{Client, FailureKind, Options, Proxies, Tls, Url};

use library::{bytes, client, options};
use program::{Program, free_port, is_installed, start};

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn load(client: &Client, text: &str) -> u64 {
    bytes(&client.load_url(&url(text), &mut io::sink()))
}

/// The size of the page, or the failure.
fn come_to(client: &Client, text: &str) -> String {
    match client.load_url(&url(text), &mut io::sink()).result {
        Ok(page) => page.bytes.to_string(),
        Err(failure) => failure.to_string(),
    }
}

/// A page of 1,000 bytes, a compressible page of a megabyte, and a directory.
fn pages(root: &Path) {
    fs::write(root.join("1k"), "x".repeat(1000)).unwrap();
    fs::write(root.join("1m.txt"), "hello, world\n".repeat(80_000)).unwrap();
    fs::create_dir(root.join("dir")).unwrap();
    fs::write(root.join("dir/index.html"), "index").unwrap();
}

struct Nginx {
    program: Program,
    tls_port: u16,
    root: tempfile::TempDir,
}

impl Nginx {
    fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path();
        // The workers of nginx may run as another user.
        fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        pages(dir);
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(dir.join("cert.pem"), own.cert.pem()).unwrap();
        fs::write(dir.join("key.pem"), own.signing_key.serialize_pem()).unwrap();
        let (port, tls_port) = (free_port(), free_port());
        let common = format!(
            "root {0}; keepalive_requests 3; gzip on; gzip_types text/plain; gzip_http_version 1.0;
             types {{ text/plain txt; }}
             location /moved {{ return 301 /1k; }} location /gone {{ return 410; }}",
            dir.display()
        );
        // With one process, killing it leaves no other behind.
        let config = format!(
            "daemon off; master_process off; pid {0}/pid; error_log {0}/error.log;
             events {{ worker_connections 512; }}
             http {{ access_log off; client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f;
                uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;
                server {{ listen 127.0.0.1:{port}; {common} }}
                server {{ listen 127.0.0.1:{tls_port} ssl; ssl_certificate {0}/cert.pem;
                          ssl_certificate_key {0}/key.pem; {common} }} }}",
            dir.display()
        );
        let file = dir.join("nginx.conf");
        fs::write(&file, config).unwrap();
        let program = start(port, Command::new("nginx").arg("-c").arg(&file));
        Self {
            program,
            tls_port: tls_port.number,
            root,
        }
    }

    fn trusting(&self) -> Options {
        let cacert = Some(self.root.path().join("cert.pem"));
        Options {
            tls: Tls {
                cacert,
                ..Tls::default()
            },
            ..options()
        }
    }

    fn origins(&self) -> [String; 2] {
        [
            format!("http://127.0.0.1:{}", self.program.port),
            format!("https://localhost:{}", self.tls_port),
        ]
    }
}

#[test]
fn nginx_with_tls_compression_and_connections_of_three_requests() {
    if !is_installed("nginx", "nginx", &["-v"]) {
        return;
    }
    let nginx = Nginx::start();
    let plain = client(nginx.trusting());
    let compressed = client(Options {
        compressed: true,
        ..nginx.trusting()
    });
    for origin in nginx.origins() {
        for (path, expected) in [
            ("/1k", "1000"),
            ("/1m.txt", "1040000"),
            ("/moved", "1000"),
            ("/dir/", "5"),
            ("/missing", "http_status: 404 Not Found"),
            ("/gone", "http_status: 410 Gone"),
        ] {
            for client in [&plain, &compressed] {
                assert_eq!(
                    come_to(client, &format!("{origin}{path}")),
                    expected,
                    "{origin}{path}"
                );
            }
        }
        let outcome = compressed.load_url(&url(&format!("{origin}/1m.txt")), &mut io::sink());
        assert!(
            outcome.wire_bytes < 100_000,
            "{} bytes were not compressed",
            outcome.wire_bytes
        );
        thread::scope(|s| {
            for _ in 0..8 {
                s.spawn(|| {
                    (0..100).for_each(|_| {
                        assert_eq!(load(&plain, &format!("{origin}/1k")), 1000);
                    });
                });
            }
        });
    }
}

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
        let got = come_to(&client, &format!("http://127.0.0.1:{}{path}", server.port));
        // The message has the reason of the standard, not that of the server.
        assert_eq!(
            got,
            expected.replace("File not found", "Not Found"),
            "{path}"
        );
    }
}

#[test]
fn httpbin() {
    // The system's packages are for the system's Python, if there are several.
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
        let got = come_to(&client, &format!("{origin}{path}"));
        let is_page = got.parse::<u64>().is_ok();
        // Without a number, a page of any size.
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
        (outcome.redirects, outcome.final_url.as_str()),
        (3, format!("{origin}/get").as_str())
    );
}

fn through(proxy: &str, options: Options) -> Client {
    client(Options {
        proxies: Proxies::new(Some(proxy), &|_| None).unwrap(),
        ..options
    })
}

#[test]
fn tinyproxy_for_plain_requests_and_for_tunnels() {
    if !is_installed("tinyproxy", "tinyproxy", &["-v"]) || !is_installed("nginx", "nginx", &["-v"])
    {
        return;
    }
    let nginx = Nginx::start();
    let port = free_port();
    let file = nginx.root.path().join("tinyproxy.conf");
    let config = format!(
        "Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\nAllow 127.0.0.1\nLogLevel Critical\n\
         BasicAuth user pass\n"
    );
    fs::write(&file, config).unwrap();
    let proxy = start(
        port,
        Command::new("tinyproxy").arg("-d").arg("-c").arg(&file),
    );
    let good = through(
        &format!("http://user:pass@127.0.0.1:{}", proxy.port),
        nginx.trusting(),
    );
    for origin in nginx.origins() {
        for _ in 0..10 {
            assert_eq!(load(&good, &format!("{origin}/1k")), 1000);
        }
        assert_eq!(load(&good, &format!("{origin}/moved")), 1000);
    }
    let bad = through(
        &format!("http://user:wrong@127.0.0.1:{}", proxy.port),
        nginx.trusting(),
    );
    let [plain, tls] = nginx.origins();
    let kind = |text: &str| {
        bad.load_url(&url(text), &mut io::sink())
            .result
            .unwrap_err()
            .kind()
    };
    assert_eq!(kind(&format!("{plain}/1k")), FailureKind::HttpStatus);
    assert_eq!(kind(&format!("{tls}/1k")), FailureKind::Proxy);
}

#[test]
fn microsocks_with_names_addresses_and_a_password() {
    if !is_installed("microsocks", "sh", &["-c", "command -v microsocks"])
        || !is_installed("nginx", "nginx", &["-v"])
    {
        return;
    }
    let nginx = Nginx::start();
    let port = free_port();
    let text = port.to_string();
    let mut command = Command::new("microsocks");
    let proxy = start(
        port,
        command.args(["-i", "127.0.0.1", "-p", &text, "-u", "user", "-P", "pass"]),
    );
    for scheme in ["socks5", "socks5h"] {
        let client = through(
            &format!("{scheme}://user:pass@127.0.0.1:{}", proxy.port),
            nginx.trusting(),
        );
        for origin in nginx.origins() {
            for _ in 0..5 {
                assert_eq!(load(&client, &format!("{origin}/1k")), 1000, "{scheme}");
            }
        }
    }
    let bad = through(
        &format!("socks5://user:wrong@127.0.0.1:{}", proxy.port),
        nginx.trusting(),
    );
    let [plain, _] = nginx.origins();
    assert_eq!(
        come_to(&bad, &format!("{plain}/1k")),
        format!(
            "proxy: proxy 127.0.0.1:{}: it does not accept the user or the password",
            proxy.port
        )
    );
}

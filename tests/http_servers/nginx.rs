//! nginx, with and without TLS.

use std::process::Command;
use std::{fs, io, thread};

use fetchpool::fetch::{Options, Tls};

use crate::library::{client, options};
use crate::program::{Program, free_port, is_installed, start};
use crate::{load, pages, size_or_failure, url};

pub(crate) struct Nginx {
    program: Program,
    tls_port: u16,
    pub(crate) root: tempfile::TempDir,
}

impl Nginx {
    pub(crate) fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path();
        // Its workers may run as another user.
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
        // A single process, so that killing it leaves no other.
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

    pub(crate) fn trusting(&self) -> Options {
        let cacert = Some(self.root.path().join("cert.pem"));
        Options {
            tls: Tls {
                cacert,
                ..Tls::default()
            },
            ..options()
        }
    }

    pub(crate) fn origins(&self) -> [String; 2] {
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
                    size_or_failure(client, &format!("{origin}{path}")),
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

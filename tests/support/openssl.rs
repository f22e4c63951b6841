//! A server of OpenSSL, for keys with which rustls cannot sign.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// `openssl s_server`, killed when it is dropped.
pub(crate) struct OpenSsl {
    server: Child,
    url: String,
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl OpenSsl {
    /// Serves a self-signed certificate with a key of this kind; `None` without openssl.
    pub(crate) fn serve(directory: &Path, key: &[&str], options: &[&str]) -> Option<OpenSsl> {
        let openssl = || {
            let mut command = Command::new("openssl");
            command.current_dir(directory).stderr(Stdio::null());
            command
        };
        let made = openssl()
            .args([
                "req", "-x509", "-nodes", "-keyout", "own.key", "-out", "own.pem",
            ])
            .args([
                "-subj",
                "/CN=own",
                "-addext",
                "subjectAltName=DNS:localhost",
                "-newkey",
            ])
            .args(key)
            .status();
        if !made.is_ok_and(|made| made.success()) {
            return None;
        }
        let mut server = openssl()
            .args(["s_server", "-accept", "127.0.0.1:0", "-www"])
            .args([
                "-cert",
                "own.pem",
                "-key",
                "own.key",
                "-cipher",
                "ALL:@SECLEVEL=0",
            ])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let output = BufReader::new(server.stdout.take()?);
        let address = output.lines().map_while(Result::ok).find_map(|line| {
            let address = line.strip_prefix("ACCEPT ")?;
            Some(address.trim().to_owned())
        });
        let address = address.expect("it tells where it listens");
        let url = format!("https://{address}/");
        Some(OpenSsl { server, url })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

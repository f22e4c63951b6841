//! Whom a run trusts and whom it shows itself to: -k, --cacert, SSL_CERT_FILE, --cert and --key.

use crate::jsonl::rows;
use crate::support::{Authority, Signed, anything, containing, fetchpool, page};

/// Runs `url` and gives the kind of its failure, if it failed.
fn kind_of(run: crate::support::Fetchpool, url: &str, fails: bool) -> Option<String> {
    let ended = run
        .arg(url)
        .args(["-f", "jsonl"])
        .status(i32::from(fails))
        .stdout(anything())
        .run();
    let kind = &rows(ended.stdout())[0]["error"]["kind"];
    kind.as_str().map(str::to_owned)
}

fn https(server: &crate::support::RawServer) -> String {
    server.url("/").replace("http:", "https:")
}

#[test]
fn who_is_not_known_is_not_trusted_unless_it_is_asked_for() {
    let authority = Authority::new();
    let server = authority.serve(false);
    let url = https(&server);
    assert_eq!(kind_of(fetchpool(), &url, true).as_deref(), Some("tls"));
    for option in ["-k", "--insecure"] {
        fetchpool()
            .args([option, &url])
            .stdout(page(&url, 6) + "\n")
            .run();
    }
    let known = || fetchpool().file("ca.pem", authority.pem());
    known()
        .args(["--cacert", "ca.pem", &url])
        .stdout(page(&url, 6) + "\n")
        .run();
    known()
        .env("SSL_CERT_FILE", "ca.pem")
        .arg(&url)
        .stdout(page(&url, 6) + "\n")
        .run();
    let other = fetchpool()
        .file("ca.pem", Authority::new().pem())
        .args(["--cacert", "ca.pem"]);
    assert_eq!(kind_of(other, &url, true).as_deref(), Some("tls"));
}

#[test]
fn a_certificate_is_good_for_its_own_names_only() {
    let authority = Authority::new();
    let server = authority.serve(false);
    let port = server.address().port();
    let run = || {
        fetchpool().file("ca.pem", authority.pem()).args([
            "--cacert",
            "ca.pem",
            "--resolve",
            &format!("*:{port}:127.0.0.1"),
        ])
    };
    assert_eq!(
        kind_of(run(), &format!("https://localhost:{port}/"), false),
        None
    );
    let kind = kind_of(run(), &format!("https://other.example:{port}/"), true);
    assert_eq!(kind.as_deref(), Some("tls"));
}

#[test]
fn a_client_shows_its_certificate_to_a_server_that_asks() {
    let authority = Authority::new();
    let server = authority.serve(true);
    let url = https(&server);
    let Signed { certificate, key } = authority.sign(&["client.example"]);
    let run = || {
        fetchpool()
            .file("ca.pem", authority.pem())
            .file("cert.pem", &certificate)
            .file("key.pem", &key)
            .file("both.pem", format!("{certificate}{key}"))
            .args(["--cacert", "ca.pem"])
    };
    for files in [["cert.pem", "key.pem"], ["both.pem", "both.pem"]] {
        run()
            .args(["--cert", files[0], "--key", files[1], &url])
            .stdout(page(&url, 6) + "\n")
            .run();
    }
    assert!(
        kind_of(run(), &url, true).is_some(),
        "without one there is no page"
    );
}

/// Calls with a file that is not what it should be: the arguments, the option that is meant and the file.
const WRONG_FILES: [(&[&str], &str, &str); 5] = [
    (&["--cacert", "missing.pem"], "--cacert", "missing.pem"),
    (&["--cacert", "noise.pem"], "--cacert", "noise.pem"),
    (
        &["--cert", "missing.pem", "--key", "key.pem"],
        "--cert",
        "missing.pem",
    ),
    (
        &["--cert", "cert.pem", "--key", "noise.pem"],
        "--key",
        "noise.pem",
    ),
    (
        &["--cert", "cert.pem", "--key", "foreign.pem"],
        "--key",
        "foreign.pem",
    ),
];

/// Runs with these arguments, the files that they name beside it; its message must hold these words.
fn refused(arguments: &[&str], words: &[&str]) {
    let authority = Authority::new();
    let Signed { certificate, key } = authority.sign(&["client.example"]);
    fetchpool()
        .file("noise.pem", "no certificate")
        .file("cert.pem", &certificate)
        .file("key.pem", &key)
        .file("foreign.pem", authority.sign(&["client.example"]).key)
        .arg("https://127.0.0.1:9/")
        .args(arguments)
        .status(2)
        .stderr(containing(words.iter().copied()))
        .run();
}

#[test]
fn files_that_are_no_certificates_are_status_2_and_named() {
    for (arguments, _, file) in WRONG_FILES {
        refused(arguments, &[file]);
    }
    refused(&["--cert", "cert.pem"], &["--cert", "--key"]);
    refused(&["--key", "key.pem"], &["--cert", "--key"]);
}

#[test]
fn files_that_are_no_certificates_name_their_option() {
    for (arguments, option, file) in WRONG_FILES {
        refused(arguments, &[option, file]);
    }
}

/// Makes a directory with a file in it that is no certificate.
const NOISE: &str = "mkdir noise; echo nothing >noise/pem";

#[test]
fn a_trust_store_of_the_environment_that_is_none_is_status_2_and_named() {
    let refused = |variable: &str, path: &str, why: &str| {
        fetchpool()
            .after(NOISE)
            .env(variable, path)
            .arg("https://127.0.0.1:9/")
            .status(2)
            .stderr(containing([format!("{variable}: {why}")]))
            .run();
    };
    let file = "SSL_CERT_FILE";
    refused(
        file,
        "missing.pem",
        "cannot read 'missing.pem': no such file",
    );
    refused(file, "noise/pem", "there is no certificate in 'noise/pem'");
    refused(file, "", "it is empty");
    let dir = "SSL_CERT_DIR";
    refused(dir, "missing", "cannot read 'missing': no such file");
    refused(dir, "noise", "there is no certificate in 'noise'");
    refused(
        dir,
        "missing:noise",
        "cannot read 'missing': no such file or directory; there is no certificate in 'noise'",
    );
}

#[test]
fn a_trust_store_that_is_not_needed_is_not_asked_for() {
    let authority = Authority::new();
    let server = authority.serve(false);
    let url = https(&server);
    // Nobody is to be trusted, so it does not matter who would be.
    fetchpool()
        .env("SSL_CERT_FILE", "missing.pem")
        .args(["-k", &url])
        .stdout(page(&url, 6) + "\n")
        .run();
    // An empty directory is how a file is made to be all that is trusted.
    fetchpool()
        .after(NOISE)
        .file("ca.pem", authority.pem())
        .env("SSL_CERT_FILE", "ca.pem")
        .env("SSL_CERT_DIR", "noise")
        .arg(&url)
        .stdout(page(&url, 6) + "\n")
        .run();
}

//! Which servers a run trusts, and its own certificate: -k, --cacert, SSL_CERT_FILE, --cert and --key.

use crate::jsonl::rows;
use base64::Engine as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::support::{Authority, Signed, anything, containing, fetchpool, page};

/// Runs `url` and returns the kind of its failure, if any.
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
    run()
        .args(["--cert", "/dev/stdin", "--key", "/dev/stdin", &url])
        .stdin(format!("{certificate}{key}"))
        .stdout(page(&url, 6) + "\n")
        .run();
    assert!(
        kind_of(run(), &url, true).is_some(),
        "without one there is no page"
    );
}

/// Calls with an unusable file: the arguments, the option that the message must name, and the file.
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

/// Runs with these arguments beside the files that they name. The message must contain `words`.
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

/// Makes a directory with a file that is no certificate.
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
    // -k needs no trust store.
    fetchpool()
        .env("SSL_CERT_FILE", "missing.pem")
        .args(["-k", &url])
        .stdout(page(&url, 6) + "\n")
        .run();
    // An empty directory makes the file the only trust store.
    fetchpool()
        .after(NOISE)
        .file("ca.pem", authority.pem())
        .env("SSL_CERT_FILE", "ca.pem")
        .env("SSL_CERT_DIR", "noise")
        .arg(&url)
        .stdout(page(&url, 6) + "\n")
        .run();
}

#[test]
fn a_variable_that_is_empty_names_no_trust_store() {
    let server =
        crate::support::RawServer::saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let (url, authority) = (server.url("/"), Authority::new());
    for variable in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        let run = fetchpool().env(variable, "").arg(&url);
        run.stdout(page(&url, 2) + "\n").run();
    }
    let secure = authority.serve(false);
    let kind = kind_of(
        fetchpool().env("SSL_CERT_FILE", "").env("SSL_CERT_DIR", ""),
        &https(&secure),
        true,
    );
    assert_eq!(
        kind.as_deref(),
        Some("tls"),
        "it is not known to the system"
    );
    // An empty variable does not disable the other one.
    fetchpool()
        .after("mkdir roots; cp ca.pem roots")
        .file("ca.pem", authority.pem())
        .env("SSL_CERT_FILE", "")
        .env("SSL_CERT_DIR", "roots")
        .arg(https(&secure))
        .stdout(page(&https(&secure), 6) + "\n")
        .run();
}

#[test]
fn a_trust_store_may_come_out_of_a_pipe() {
    let authority = Authority::new();
    let server = authority.serve(false);
    let url = https(&server);
    fetchpool()
        .env("SSL_CERT_FILE", "/dev/stdin")
        .stdin(authority.pem())
        .arg(&url)
        .stdout(page(&url, 6) + "\n")
        .run();
}

#[test]
fn a_file_without_end_in_the_trust_store_holds_nothing_up() {
    let authority = Authority::new();
    let server = authority.serve(false);
    let url = https(&server);
    // Large files come before and after the certificate, and memory is limited.
    fetchpool()
        .after("ulimit -v 2000000; mkdir roots; cp ca.pem roots; truncate -s 3G roots/a roots/z")
        .file("ca.pem", authority.pem())
        .env("SSL_CERT_DIR", "roots")
        .arg(&url)
        .stdout(page(&url, 6) + "\n")
        .run();
}

/// The same certificate in other forms of PEM files.
#[test]
fn marks_and_labels_of_other_tools_are_read() {
    let authority = Authority::new();
    let server = authority.serve(false);
    let (url, pem) = (https(&server), authority.pem());
    // A CertAux of OpenSSL: trusted purposes, then in [0] rejected ones.
    const SERVERS: [u8; 10] = [6, 8, 43, 6, 1, 5, 5, 7, 3, 1];
    const MAIL: [u8; 10] = [6, 8, 43, 6, 1, 5, 5, 7, 3, 4];
    let aux = |trusted: &[u8], rejected: &[u8]| {
        let of = |tag, content: &[u8]| [&[tag, content.len() as u8], content].concat();
        let trusted = match trusted {
            [] => Vec::new(),
            some => of(0x30, some),
        };
        let rejected = match rejected {
            [] => Vec::new(),
            some => of(0xa0, some),
        };
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let der = [&der[..], &of(0x30, &[trusted, rejected].concat())].concat();
        let base64 = base64::engine::general_purpose::STANDARD.encode(der);
        format!(
            "-----BEGIN TRUSTED CERTIFICATE-----\n{base64}\n-----END TRUSTED CERTIFICATE-----\n"
        )
    };
    let old = pem.replace(" CERTIFICATE", " X509 CERTIFICATE");
    for (what, text, is_taken) in [
        ("byte order mark", format!("\u{feff}{pem}"), true),
        ("marks within", format!("# notes\n\u{feff}{pem}"), true),
        ("old label", old, true),
        ("no settings", aux(&[], &[]), true),
        ("trusted", aux(&[MAIL, SERVERS].concat(), &[]), true),
        ("others rejected", aux(&[], &MAIL), true),
        ("for mail", aux(&MAIL, &[]), false),
        ("rejected", aux(&[], &SERVERS), false),
        ("trusted and rejected", aux(&SERVERS, &SERVERS), false),
    ] {
        eprintln!("{what}");
        let run = fetchpool()
            .file("ca.pem", text)
            .args(["--cacert", "ca.pem", &url]);
        if is_taken {
            run.stdout(page(&url, 6) + "\n").run();
        } else {
            let why = "no certificate in 'ca.pem' can be used";
            run.status(2).stderr(containing([why])).run();
        }
    }
}

#[test]
fn what_is_wrong_with_a_file_is_told_in_words() {
    let pem = Authority::new().pem();
    for (text, why) in [
        (
            pem.replace("-----END CERTIFICATE-----", ""),
            "the line '-----END CERTIFICATE-----' is missing; was the file cut short?",
        ),
        (
            pem.replacen("CERTIFICATE-----", "CERTIFICATE----", 1),
            "the line '-----BEGIN CERTIFICATE----' does not end in five hyphens",
        ),
        (
            pem.replacen("MII", "!!!", 1),
            "what stands between its BEGIN and END lines is not base64",
        ),
    ] {
        let run = fetchpool()
            .file("ca.pem", text)
            .args(["--cacert", "ca.pem"]);
        let why = format!("--cacert: there is no readable certificate in 'ca.pem': {why}");
        let run = run.arg("https://127.0.0.1:9/").status(2);
        run.stderr(containing([why])).run();
    }
}

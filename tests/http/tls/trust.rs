//! Which servers are trusted, and client certificates.

use super::*;

#[test]
fn a_server_is_trusted_by_its_issuer_and_for_its_name() {
    let files = Files::new();
    let issuer = files.self_signed("ca.pem", &issuers_params(&[]));
    let server = answering(&files.issued(
        "server.pem",
        &params(&["localhost"]),
        &issuer,
        issuers_params(&[]),
    ));
    assert_eq!(
        bytes(&fetch(trusting(&issuer.file), &url(&server, "localhost")).0),
        4
    );
    let (outcome, _) = fetch(trusting(&issuer.file), &url(&server, "127.0.0.1"));
    assert_eq!(
        failure(&outcome),
        "tls: the certificate is not trusted: it is for another name"
    );
    let other = files.self_signed("other.pem", &issuers_params(&[]));
    let (outcome, _) = fetch(trusting(&other.file), &url(&server, "localhost"));
    assert_eq!(outcome.result.unwrap_err().kind(), FailureKind::Tls);
    let insecure = Options {
        tls: Tls {
            insecure: true,
            ..Tls::default()
        },
        ..options()
    };
    assert_eq!(bytes(&fetch(insecure, &url(&server, "127.0.0.1")).0), 4);

    let mut old = params(&["localhost"]);
    old.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let expired = answering(&files.issued("old.pem", &old, &issuer, issuers_params(&[])));
    let (outcome, _) = fetch(trusting(&issuer.file), &url(&expired, "localhost"));
    assert_eq!(
        failure(&outcome),
        "tls: the certificate is not trusted: it has expired"
    );
}

#[test]
fn a_certificate_that_was_handed_over_is_taken_for_its_names_and_dates() {
    let files = Files::new();
    // `openssl req -x509` marks a certificate as an issuer's. Accept both kinds.
    for (name, params) in [
        ("ca.pem", issuers_params(&["localhost"])),
        ("plain.pem", params(&["localhost"])),
    ] {
        let own = files.self_signed(name, &params);
        let server = answering(&own);
        assert_eq!(
            bytes(&fetch(trusting(&own.file), &url(&server, "localhost")).0),
            4,
            "{name}"
        );
        let (outcome, _) = fetch(trusting(&own.file), &url(&server, "127.0.0.1"));
        assert_eq!(
            failure(&outcome),
            "tls: the certificate is not trusted: it is for another name",
            "{name}"
        );
        let other = files.self_signed("other.pem", &issuers_params(&["localhost"]));
        let (outcome, _) = fetch(trusting(&other.file), &url(&server, "localhost"));
        let why = match name {
            "ca.pem" => "it is self-signed, and not itself one of those",
            _ => "its signature is not that of the issuer whose name it has",
        };
        let text = failure(&outcome);
        assert!(text.contains(why), "{name}: {text}");
    }
    let mut old = issuers_params(&["localhost"]);
    old.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let old = files.self_signed("old.pem", &old);
    let (outcome, _) = fetch(trusting(&old.file), &url(&answering(&old), "localhost"));
    assert_eq!(
        failure(&outcome),
        "tls: the certificate is not trusted: it has expired"
    );
}

#[test]
fn a_certificate_without_alternative_names_is_for_none_and_that_is_said() {
    let files = Files::new();
    for mut params in [issuers_params(&[]), params(&[])] {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "localhost");
        let own = files.self_signed("cn.pem", &params);
        let server = answering(&own);
        for host in ["localhost", "127.0.0.1"] {
            let (outcome, _) = fetch(trusting(&own.file), &url(&server, host));
            assert_eq!(
                failure(&outcome),
                "tls: the certificate is not trusted: it has no subjectAltName, and the CN is no \
                 longer looked at for a name (RFC 9110, 4.3.4)",
                "{host}"
            );
        }
    }
}

#[test]
fn the_binary_trusts_what_the_environment_names() {
    let files = Files::new();
    let run = |server: &Server, host: &str, variable: &str, path: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_fetchpool"))
            .arg(url(server, host).as_str())
            .env_clear()
            .env(variable, path)
            .output()
            .unwrap();
        let (stdout, stderr) = (output.stdout, output.stderr);
        String::from_utf8([stdout, stderr].concat()).unwrap()
    };
    // `openssl req -x509` marks a certificate as an issuer's.
    for (name, params) in [
        ("ca", issuers_params(&["localhost"])),
        ("plain", params(&["localhost"])),
    ] {
        let own = files.self_signed(&format!("{name}.pem"), &params);
        let server = answering(&own);
        let dir = files.0.path().join(name);
        fs::create_dir(&dir).unwrap();
        fs::copy(&own.file, dir.join("any.name")).unwrap();
        for (variable, path) in [("SSL_CERT_FILE", &own.file), ("SSL_CERT_DIR", &dir)] {
            let text = run(&server, "localhost", variable, path);
            assert!(text.ends_with("page is 4 bytes\n"), "{name}: {text}");
            let text = run(&server, "127.0.0.1", variable, path);
            let why = "tls: the certificate is not trusted: it is for another name";
            assert!(text.contains(why), "{name}: {text}");
        }
        let other = files.self_signed("other.pem", &params);
        let text = run(&server, "localhost", "SSL_CERT_FILE", &other.file);
        assert!(text.contains("exception: tls: "), "{name}: {text}");
    }
}

#[test]
fn a_trust_store_that_cannot_be_opened_for_a_while_is_read_later() {
    let files = Files::new();
    let own = files.self_signed("own.pem", &params(&["localhost"]));
    let secure = answering(&own);
    let (_never, clock) = mpsc::channel::<()>();
    let clock = std::sync::Mutex::new(clock);
    // These connections hold all descriptors when the first https URL comes.
    let slow = Server::start(move |mut conn| {
        while conn.request().is_some() {
            let _ = clock
                .lock()
                .unwrap()
                .recv_timeout(Duration::from_millis(20));
            conn.send(page("slow"));
        }
    });
    let mut list: Vec<String> = (0..45)
        .map(|i| slow.url(&format!("/{i}")).to_string())
        .collect();
    list.extend((0..6).map(|_| url(&secure, "localhost").to_string()));
    let list = files.write("list", &list.join("\n"));
    let output = without_proxies(&mut Command::new("sh"))
        .args(["-c", "ulimit -n 24 && exec \"$@\"", "sh"])
        .args([env!("CARGO_BIN_EXE_fetchpool"), "-j", "51"])
        .arg(list)
        .env("SSL_CERT_FILE", &own.file)
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        stdout.matches("page is 4 bytes\n").count(),
        51,
        "{stdout}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_client_shows_its_own_certificate_when_it_is_asked_to() {
    let files = Files::new();
    let issuer = files.self_signed("ca.pem", &issuers_params(&["localhost"]));
    let mut roots = RootCertStore::empty();
    roots.add(issuer.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![issuer.cert.der().clone()], issuer.private())
        .unwrap();
    let server = serve(Arc::new(config), |mut stream, _| {
        stream.write_all(page("tls!").as_bytes()).unwrap();
    });

    let me = files.issued(
        "me.pem",
        &params(&["me"]),
        &issuer,
        issuers_params(&["localhost"]),
    );
    let key = files.write("me.key", &me.key.serialize_pem());
    let both = files.write(
        "both.pem",
        &format!("{}{}", me.cert.pem(), me.key.serialize_pem()),
    );
    for (cert, key) in [(&me.file, Some(key.clone())), (&both, None)] {
        let mut options = trusting(&issuer.file);
        options.tls.cert = Some(cert.clone());
        options.tls.key = key;
        assert_eq!(bytes(&fetch(options, &url(&server, "localhost")).0), 4);
    }
    let (outcome, _) = fetch(trusting(&issuer.file), &url(&server, "localhost"));
    assert_eq!(outcome.result.unwrap_err().kind(), FailureKind::Tls);

    let stranger = files.write(
        "stranger.key",
        &KeyPair::generate().unwrap().serialize_pem(),
    );
    let mut options = trusting(&issuer.file);
    options.tls.cert = Some(me.file);
    options.tls.key = Some(stranger);
    let error = fetchpool::fetch::Client::new(options)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("does not go with the certificate"),
        "{error}"
    );
}

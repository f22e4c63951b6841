//! Client certificates and their keys: which files are accepted, and the messages for others. `tls/trust.rs` checks that
//! an ordinary one works.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fetchpool::fetch::{Client, Options, Tls, Url};
use rcgen::{CertificateParams, KeyPair};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};

use crate::library::{Server, failure, fetch, options, page};

fn v1() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1_client.pem")
}

fn showing(cert: &Path, key: &Path) -> Options {
    Options {
        tls: Tls {
            insecure: true,
            cert: Some(cert.to_owned()),
            key: Some(key.to_owned()),
            ..Tls::default()
        },
        ..options()
    }
}

fn refusal(cert: &Path, key: &Path) -> String {
    Client::new(showing(cert, key)).unwrap_err().to_string()
}

/// Accepts a client that presents this certificate. It does not check the key, which the library cannot read.
#[derive(Debug)]
struct Only(CertificateDer<'static>);

impl ClientCertVerifier for Only {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if *end_entity == self.0 {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(Error::General("another certificate".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

/// Answers clients that present `wanted`.
fn asking_for(wanted: CertificateDer<'static>) -> Server {
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(Arc::new(Only(wanted)))
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    Server::start(move |conn| {
        use std::io::{Read, Write};
        let tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = rustls::StreamOwned::new(tls, conn.stream);
        if stream.read(&mut [0; 4096]).is_ok_and(|bytes| bytes > 0) {
            stream.write_all(page("tls!").as_bytes()).unwrap();
        }
    })
}

#[test]
fn a_certificate_of_version_1_is_shown() {
    let server = asking_for(CertificateDer::from_pem_file(v1()).unwrap());
    let url = Url::parse(&format!("https://localhost:{}/", server.addr.port())).unwrap();
    let (outcome, _) = fetch(showing(&v1(), &v1()), &url);
    assert!(outcome.result.is_ok(), "{}", failure(&outcome));
}

#[test]
fn a_key_that_goes_with_another_certificate_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (mine, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let cert = CertificateParams::default().self_signed(&mine).unwrap();
    let (cert_file, key_file) = (dir.path().join("cert.pem"), dir.path().join("other.key"));
    std::fs::write(&cert_file, cert.pem()).unwrap();
    std::fs::write(&key_file, other.serialize_pem()).unwrap();
    let text = refusal(&cert_file, &key_file);
    let (cert, key) = (cert_file.display(), key_file.display());
    assert_eq!(
        text,
        format!("--key: the key in '{key}' does not go with the certificate in '{cert}'")
    );
}

#[test]
fn a_key_that_is_of_no_use_is_told_from_one_that_does_not_go_with_the_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("my.key");
    let nonsense = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
    std::fs::write(&key, nonsense).unwrap();
    let text = refusal(&v1(), &key);
    assert!(text.contains("my.key' cannot be used; an RSA"), "{text}");
}

#[test]
fn an_encrypted_key_is_said_to_be_encrypted() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("my.key");
    for pem in [PKCS_8, TRADITIONAL] {
        std::fs::write(&key, pem).unwrap();
        let text = refusal(&v1(), &key);
        assert!(text.starts_with("--key: the private key in '"), "{text}");
        assert!(text.contains("my.key' is encrypted; one without"), "{text}");
    }
}

/// `openssl pkcs8 -topk8`
const PKCS_8: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhkUZNtHOmGMwICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEENEFdKtfNKfvFHehnbCSqhUEgZC3
cxoZzxmaNxeWgzuksNqUdqxRiEACFjXGcE2egXRRxLUWsn+9tLaoQstSTl0nLZpN
9AXfyrntc7OM4ePOmkxyNjK9wimRAa7+pjQn8fYTgGZ9At6WKo6O7F6tAntDn/Si
2QRVyZiiB6InIdmG08Nm97eUr3iTSQ/2E+bJdiy/DewnsE3DEkETAYN8T6HLBD8=
-----END ENCRYPTED PRIVATE KEY-----
";

/// `openssl ec -aes128`
const TRADITIONAL: &str = "\
-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,6C6C1A05C90FD85737778E4F2AEFBC13

ZC5zQJ7U+i8FAM0GSaHt1A0zWGS8UQqiuRE3RM710t/S9nDp8bN7A2czd+zahzcW
8jv7jIUY5wFZVGP93AQKtslUbPVDq5bgjNj8R1e4lTRaO+2gpz31F6G4r4zQIQ4V
32tZF4wMmeA1bbG86zZLwWwGKHpqTNUe0RKzJDKGE7s=
-----END EC PRIVATE KEY-----
";

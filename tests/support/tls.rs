//! A TLS server on loopback with its own authority. It can ask for clients' certificates.

use super::head::read_head;
use super::raw::RawServer;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
};
use std::io::{Read, Write};
use std::sync::Arc;

/// The authority that signs the certificates of a test.
pub(crate) struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, both PEM.
pub(crate) struct Signed {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::new([]).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = new_key();
        let certificate = params.self_signed(&key).expect("it signs itself");
        Authority {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    /// The authority's own certificate, which a client must trust.
    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A certificate for these names.
    pub(crate) fn sign(&self, names: &[&str]) -> Signed {
        let (certificate, key) = self.signed(names);
        Signed {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    fn signed(&self, names: &[&str]) -> (rcgen::Certificate, KeyPair) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let params = CertificateParams::new(names).expect("they are names");
        let key = new_key();
        let signed = params.signed_by(&key, &self.issuer);
        (signed.expect("the authority can sign"), key)
    }

    /// A server for `localhost` and 127.0.0.1 that answers every request with a page of 6 bytes. With `asks` it accepts
    /// only clients with a certificate of this authority.
    pub(crate) fn serve(&self, asks: bool) -> RawServer {
        answering(self.config(asks, rustls::DEFAULT_VERSIONS))
    }

    /// The configuration of `serve`, with these versions of TLS.
    pub(crate) fn config(
        &self,
        asks: bool,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ServerConfig {
        let (certificate, key) = self.signed(&["localhost", "127.0.0.1"]);
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("it is a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .expect("ring has all versions");
        let builder = if asks {
            let mut roots = RootCertStore::empty();
            let own = self.certificate.der().clone();
            roots.add(own).expect("it is an authority");
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("there are roots"))
        } else {
            builder.with_no_client_auth()
        };
        let chain = vec![certificate.der().clone()];
        builder.with_cert_resolver(resolver(chain, &key))
    }
}

/// A server that shows `chain` and signs with `key`, which need not match, in these versions of TLS. It answers every
/// request with a page of 6 bytes.
pub(crate) fn serve_as(
    chain: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'_>,
    versions: &[&'static SupportedProtocolVersion],
) -> RawServer {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("ring has all versions")
        .with_no_client_auth();
    answering(builder.with_cert_resolver(resolver(chain, key)))
}

fn resolver(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'_>) -> Arc<SingleCertAndKey> {
    let key = rustls::crypto::ring::sign::any_supported_type(key).expect("it is a key");
    Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key)))
}

fn answering(config: ServerConfig) -> RawServer {
    let config = Arc::new(config);
    RawServer::on_connection(move |stream| {
        if let Ok(connection) = ServerConnection::new(Arc::clone(&config)) {
            answer(StreamOwned::new(connection, stream));
        }
    })
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("ring makes keys")
}

/// Answers one request. It is no error if the client hangs up.
fn answer(mut stream: StreamOwned<ServerConnection, std::net::TcpStream>) {
    if read_head(&mut stream).is_none() {
        return;
    }
    let _ = stream
        .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nsecret");
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

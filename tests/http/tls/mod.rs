//! TLS against a server in this process: which servers are trusted, and which ends of a stream are clean.

mod streams;
mod trust;

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use fetchpool::fetch::{FailureKind, Options, Proxies, Tls, Url};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::library::head::read_head;
use crate::library::{
    Conn, HANG, Server, bytes, client, failure, fetch, options, page, without_proxies,
};

type Stream = StreamOwned<ServerConnection, std::net::TcpStream>;

/// A certificate, its key, and a file with the certificate for the client.
struct Identity {
    cert: rcgen::Certificate,
    key: KeyPair,
    file: PathBuf,
}

fn params(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn issuers_params(names: &[&str]) -> CertificateParams {
    let mut params = params(names);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// Files of a test, removed when dropped.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn self_signed(&self, name: &str, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let cert = params.self_signed(&key).unwrap();
        let file = self.write(name, &cert.pem());
        Identity { cert, key, file }
    }

    fn issued(
        &self,
        name: &str,
        params: &CertificateParams,
        by: &Identity,
        as_issuer: CertificateParams,
    ) -> Identity {
        let key = KeyPair::generate().unwrap();
        let cert = params
            .signed_by(&key, &Issuer::new(as_issuer, &by.key))
            .unwrap();
        let file = self.write(name, &cert.pem());
        Identity { cert, key, file }
    }
}

impl Identity {
    fn private(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    fn server_config(&self) -> Arc<ServerConfig> {
        let builder =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth();
        Arc::new(
            builder
                .with_single_cert(vec![self.cert.der().clone()], self.private())
                .unwrap(),
        )
    }
}

/// A server that makes the handshake, reads a request and runs the script.
fn serve(
    config: Arc<ServerConfig>,
    script: impl Fn(Stream, HandshakeKind) + Send + Sync + 'static,
) -> Server {
    Server::start(move |conn: Conn| {
        let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = StreamOwned::new(tls, conn.stream);
        if read_head(&mut stream).is_none() {
            return;
        }
        let kind = stream.conn.handshake_kind().unwrap();
        script(stream, kind);
    })
}

/// Answers one request and closes the session.
fn answering(identity: &Identity) -> Server {
    serve(identity.server_config(), |mut stream, _| {
        stream.write_all(page("tls!").as_bytes()).unwrap();
        stream.conn.send_close_notify();
        let _ = stream.flush();
    })
}

fn url(server: &Server, host: &str) -> Url {
    Url::parse(&format!("https://{host}:{}/", server.addr.port())).unwrap()
}

fn trusting(file: &Path) -> Options {
    Options {
        tls: Tls {
            cacert: Some(file.to_owned()),
            ..Tls::default()
        },
        ..options()
    }
}

//! Whom to trust in TLS, and as whom to appear: one rustls configuration for a client.
//!
//! Files that the user named are read when the client is made, so that a bad one is reported before
//! anything is fetched. The system's store takes milliseconds to load and waits for the first https
//! URL.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, InconsistentKeys, OtherError,
    RootCertStore, SignatureScheme,
};

use super::sessions::Sessions;
use super::store;
use crate::fetch::options::{OptionsError, Tls};

/// What was given for a client, and the configuration made of it.
#[derive(Debug)]
pub(crate) struct Trust {
    insecure: bool,
    added: Vec<CertificateDer<'static>>,
    identity: Option<Arc<SingleCertAndKey>>,
    config: Mutex<Option<Arc<ClientConfig>>>,
    pub(super) sessions: Arc<Sessions>,
}

impl Trust {
    /// Reads the files that `options` name, and tries those that the environment does.
    pub(crate) fn load(options: &Tls) -> Result<Self, OptionsError> {
        if !options.insecure {
            store::check_environment()?;
        }
        let added = match &options.cacert {
            Some(file) => certificates(file).map_err(of_source("--cacert"))?,
            None => Vec::new(),
        };
        let identity = match (&options.cert, &options.key) {
            (Some(cert), key) => Some(identity(cert, key.as_deref().unwrap_or(cert))?),
            (None, Some(key)) => {
                let key = key.display();
                return Err(OptionsError::new(format!(
                    "the key '{key}' was given without its certificate"
                )));
            }
            (None, None) => None,
        };
        Ok(Self {
            insecure: options.insecure,
            added,
            identity,
            config: Mutex::default(),
            sessions: Arc::default(),
        })
    }

    /// The configuration, made when it is first asked for.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, TrustError> {
        // Whoever comes while it is made needs it as well, and would only make it again.
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*config {
            return Ok(Arc::clone(made));
        }
        // What fails is not kept: it may be passing.
        Ok(Arc::clone(config.insert(self.make()?)))
    }

    fn make(&self) -> Result<Arc<ClientConfig>, TrustError> {
        let provider = provider();
        let known = if self.insecure {
            Vec::new()
        } else {
            [store::load()?, self.added.clone()].concat()
        };
        let verifier = Verifier {
            webpki: if self.insecure {
                None
            } else {
                Some(webpki(&known, &provider)?)
            },
            known,
            algorithms: provider.signature_verification_algorithms,
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            // It only ever takes more than the standard verifier when the user says so, see
            // `Verifier`.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::clone(identity) as _),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::store(Arc::clone(&self.sessions) as _);
        Ok(Arc::new(config))
    }
}

fn webpki(
    known: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, TrustError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(known.iter().cloned());
    if roots.is_empty() {
        let what = "no trusted certificate was found";
        let cure = "install ca-certificates, or set SSL_CERT_FILE";
        return Err(unusable(format!("{what} ({cure})")));
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(unusable)
}

/// Why there is no configuration.
#[derive(Debug)]
pub(crate) enum TrustError {
    /// What is wrong with the trust store.
    Unusable(String),
    /// No descriptor was left to read it with.
    NoDescriptor,
}

fn unusable(reason: impl ToString) -> TrustError {
    TrustError::Unusable(reason.to_string())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, OptionsError> {
    let failed = |error: pem::Error| unreadable(file, "certificate", &error);
    let text = read(file).map_err(|error| failed(pem::Error::Io(error)))?;
    let found = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(failed)?;
    if found.is_empty() {
        return Err(unreadable(file, "certificate", &pem::Error::NoItemsFound));
    }
    let mut check = RootCertStore::empty();
    if check.add_parsable_certificates(found.iter().cloned()).0 == 0 {
        return Err(OptionsError::new(format!(
            "no certificate in '{}' can be read",
            file.display()
        )));
    }
    Ok(found)
}

fn identity(cert: &Path, key: &Path) -> Result<Arc<SingleCertAndKey>, OptionsError> {
    let chain = certificates(cert).map_err(of_source("--cert"))?;
    let secret = private_key(key).map_err(of_source("--key"))?;
    let loader = provider().key_provider;
    let signing = loader.load_private_key(secret).map_err(|_| {
        OptionsError::new(format!(
            "--key: the key in '{}' cannot be used; an RSA, ECDSA (P-256, P-384) or Ed25519 key is \
             wanted",
            key.display()
        ))
    })?;
    let pair = CertifiedKey::new(chain, signing);
    // Our own certificate is the server's to judge: what cannot be read here, as one of version 1,
    // may be good enough for it.
    if let Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) = pair.keys_match() {
        let (cert, key) = (cert.display(), key.display());
        return Err(OptionsError::new(format!(
            "--key: the key in '{key}' does not go with the certificate in '{cert}'"
        )));
    }
    Ok(Arc::new(pair.into()))
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, OptionsError> {
    let failed = |error| unreadable(file, "private key", &error);
    let text = read(file).map_err(|error| failed(pem::Error::Io(error)))?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        // PKCS #8 (RFC 7468, 11) and what came before it (RFC 1421, 4.6.1.1).
        let marks: [&[u8]; 2] = [b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED"];
        let is_encrypted = marks
            .iter()
            .any(|mark| text.windows(mark.len()).any(|part| part == *mark));
        if !is_encrypted {
            return failed(error);
        }
        let file = file.display();
        OptionsError::new(format!(
            "the private key in '{file}' is encrypted; one without a passphrase is wanted \
             (openssl pkey -in '{file}' -out PLAIN)"
        ))
    })
}

/// The size of a file of PEM that is read, in bytes.
const MOST_PEM: u64 = 64 << 20;

/// A whole file of PEM; one that is larger than all the certificates of the world is none, and may have no end.
fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let from = File::open(file)?;
    from.take(MOST_PEM + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MOST_PEM {
        return Err(io::Error::other("it is larger than 64 MiB"));
    }
    Ok(text)
}

/// Puts the option or the variable that a file was named by in front of an error.
pub(super) fn of_source(name: &str) -> impl Fn(OptionsError) -> OptionsError + '_ {
    move |error| OptionsError::new(format!("{name}: {error}"))
}

fn unreadable(file: &Path, what: &str, error: &pem::Error) -> OptionsError {
    let file = file.display();
    OptionsError::new(match error {
        pem::Error::Io(error) => format!(
            "cannot read '{file}': {}",
            crate::fetch::failure::os_text(error)
        ),
        pem::Error::NoItemsFound => {
            format!("there is no {what} in '{file}'; a PEM file with one is wanted")
        }
        other => format!("there is no readable {what} in '{file}': {other}"),
    })
}

/// The standard verifier, with two exceptions: none at all when the user wants none, and a server
/// that shows a certificate which is itself among the trusted ones is taken for it, as OpenSSL does.
/// The standard one refuses the latter for what `openssl req -x509` makes, because that is marked as
/// an issuer's.
#[derive(Debug)]
struct Verifier {
    webpki: Option<Arc<WebPkiServerVerifier>>,
    /// All that are trusted.
    known: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(webpki) = &self.webpki else {
            return Ok(ServerCertVerified::assertion());
        };
        match webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        {
            // The mark is looked at after the dates, so those are good; the name has not been
            // looked at.
            Err(error) if is_issuers_mark(&error) && self.known.contains(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

pub(super) fn is_issuers_mark(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) = error else {
        return false;
    };
    matches!(inner.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

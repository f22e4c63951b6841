//! The rustls configuration of a client: trusted certificates, and the client's own certificate.
//!
//! The user's files are read when the client is made, so that an error is reported before anything is fetched. The
//! system's store is read for the first https URL.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, Error, InconsistentKeys};

use super::pem::{PemFile, certificates, of_source};
use super::root_store::{NoDescriptor, Store};
use super::sessions::Sessions;
use super::verifier::{AnyCertificate, Distrust, Verifier};
use crate::escape::shown_path;
use crate::fetch::options::Tls;
use crate::fetch::options_error::OptionsError;

#[derive(Debug)]
pub(in crate::fetch::net) struct TlsConfig {
    /// `None` if any certificate is accepted.
    store: Option<Store>,
    added: Vec<CertificateDer<'static>>,
    identity: Option<Arc<SingleCertAndKey>>,
    config: Mutex<Option<Arc<ClientConfig>>>,
    pub(in crate::fetch::net) sessions: Arc<Sessions>,
}

impl TlsConfig {
    /// Reads the files that `options` and the environment name.
    pub(in crate::fetch::net) fn load(options: &Tls) -> Result<Self, OptionsError> {
        let store = (!options.insecure)
            .then(Store::from_environment)
            .transpose()?;
        let added = match &options.cacert {
            Some(file) => certificates(file).map_err(of_source("--cacert"))?,
            None => Vec::new(),
        };
        let identity = match (&options.cert, &options.key) {
            (Some(cert), key) => Some(identity(cert, key.as_deref().unwrap_or(cert))?),
            (None, Some(key)) => {
                let key = shown_path(key);
                return Err(OptionsError::new(format!(
                    "the key '{key}' was given without its certificate"
                )));
            }
            (None, None) => None,
        };
        Ok(Self {
            store,
            added,
            identity,
            config: Mutex::default(),
            sessions: Arc::default(),
        })
    }

    /// The configuration, made by the first call.
    pub(in crate::fetch::net) fn config(&self) -> Result<Arc<ClientConfig>, TlsConfigError> {
        // Make it under the lock, so that concurrent callers do not repeat the work.
        let mut config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*config {
            return Ok(Arc::clone(made));
        }
        // An error is not kept, as it may be temporary.
        Ok(Arc::clone(config.insert(self.make()?)))
    }

    fn make(&self) -> Result<Arc<ClientConfig>, TlsConfigError> {
        let provider = provider();
        let verifier = self.verifier(&provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsConfigError::Unusable(error.to_string()))?
            // rustls calls every custom verifier dangerous.
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::clone(identity) as _),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::store(Arc::clone(&self.sessions) as _);
        Ok(Arc::new(config))
    }

    fn verifier(
        &self,
        provider: &CryptoProvider,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsConfigError> {
        let algorithms = provider.signature_verification_algorithms;
        let Some(store) = &self.store else {
            return Ok(Arc::new(AnyCertificate(algorithms)));
        };
        let found = store
            .load()
            .map_err(|NoDescriptor| TlsConfigError::NoDescriptor)?;
        let trusted = [found, self.added.clone()].concat();
        let Some(verifier) = Verifier::new(trusted, algorithms) else {
            let what = "no trusted certificate was found";
            let cure = "install ca-certificates, or set SSL_CERT_FILE";
            return Err(TlsConfigError::Unusable(format!("{what} ({cure})")));
        };
        Ok(Arc::new(verifier))
    }

    /// The name of `host` for TLS.
    ///
    /// # Errors
    ///
    /// TLS cannot express the host, such as `a-.test`, so no certificate can be for it. With `--insecure` a made-up
    /// address replaces such a host: it identifies the sessions, and rustls sends no SNI for it.
    pub(in crate::fetch::net) fn server_name(
        &self,
        host: &str,
    ) -> Result<ServerName<'static>, Error> {
        match (ServerName::try_from(host), &self.store) {
            (Ok(name), _) => Ok(name.to_owned()),
            (Err(_), Some(_)) => Err(Distrust::Host.into()),
            (Err(_), None) => {
                let mut hasher = DefaultHasher::new();
                host.hash(&mut hasher);
                let address = Ipv6Addr::from(u128::from(hasher.finish()));
                Ok(ServerName::from(IpAddr::from(address)))
            }
        }
    }
}

/// Why there is no configuration.
#[derive(Debug)]
pub(in crate::fetch::net) enum TlsConfigError {
    /// The text says what is wrong with the trust store.
    Unusable(String),
    /// No descriptor was left to read the trust store.
    NoDescriptor,
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn identity(cert: &Path, key: &Path) -> Result<Arc<SingleCertAndKey>, OptionsError> {
    let cert_file = PemFile::read(cert).map_err(of_source("--cert"))?;
    let chain = cert_file.certificates().map_err(of_source("--cert"))?;
    let secret = if key == cert {
        cert_file.private_key()
    } else {
        PemFile::read(key).and_then(|file| file.private_key())
    }
    .map_err(of_source("--key"))?;
    let loader = provider().key_provider;
    let signing = loader.load_private_key(secret).map_err(|_| {
        OptionsError::new(format!(
            "--key: the key in '{}' cannot be used; an RSA, ECDSA (P-256, P-384) or Ed25519 key is \
             wanted",
            shown_path(key)
        ))
    })?;
    let pair = CertifiedKey::new(chain, signing);
    // Only a mismatch is an error: a server may accept a certificate that cannot be read here, such as one of version 1.
    if let Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) = pair.keys_match() {
        let (cert, key) = (shown_path(cert), shown_path(key));
        return Err(OptionsError::new(format!(
            "--key: the key in '{key}' does not go with the certificate in '{cert}'"
        )));
    }
    Ok(Arc::new(pair.into()))
}

//! The rustls configuration of a client. It is made for the first https URL; the user's files are read before.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, Error, InconsistentKeys};

use super::errors::{Distrust, TlsConfigError};
use super::pem::{PemFile, certificates};
use super::root_store::Store;
use super::sessions::Sessions;
use super::verifier::{Roots, Verifier};
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
    pub(in crate::fetch::net) fn load(options: &Tls) -> Result<Self, OptionsError> {
        let store = (!options.insecure)
            .then(Store::from_environment)
            .transpose()?;
        let added = match &options.cacert {
            Some(file) => certificates("--cacert", file)?,
            None => Vec::new(),
        };
        let identity = match (&options.cert, &options.key) {
            (Some(cert), key) => Some(identity(cert, key.as_deref().unwrap_or(cert))?),
            (None, Some(key)) => {
                let key = shown_path(key);
                let text = format!("the key '{key}' is given without its certificate");
                return Err(OptionsError::new(text));
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
        // Under the lock, so that concurrent callers do not repeat the work.
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

    fn verifier(&self, provider: &CryptoProvider) -> Result<Arc<Verifier>, TlsConfigError> {
        let mut roots = None;
        if let Some(store) = &self.store {
            roots = Roots::new([store.load()?, self.added.clone()].concat());
            if roots.is_none() {
                let what = "no trusted certificate was found";
                let cure = "install ca-certificates, or set SSL_CERT_FILE";
                return Err(TlsConfigError::Unusable(format!("{what} ({cure})")));
            }
        }
        Ok(Arc::new(Verifier {
            roots,
            algorithms: provider.signature_verification_algorithms,
        }))
    }

    /// The name of `host` for TLS.
    ///
    /// # Errors
    ///
    /// TLS cannot express the host, such as `a-.test`. If any certificate is accepted, a made-up address replaces it:
    /// that identifies the sessions, and rustls sends no SNI for it.
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

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn identity(cert: &Path, key: &Path) -> Result<Arc<SingleCertAndKey>, OptionsError> {
    let cert_file = PemFile::read("--cert", cert)?;
    let chain = cert_file.certificates()?;
    let key_file = if key == cert {
        cert_file.named_by("--key")
    } else {
        PemFile::read("--key", key)?
    };
    let signing = provider()
        .key_provider
        .load_private_key(key_file.private_key()?)
        .map_err(|_| {
            key_file.refuse(&format!(
                "the key in '{}' cannot be used; an RSA, ECDSA (P-256, P-384) or Ed25519 key is wanted",
                key_file.name
            ))
        })?;
    let pair = CertifiedKey::new(chain, signing);
    // Only a mismatch is an error: a server may accept a certificate that cannot be read here, such as one of version 1.
    if let Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) = pair.keys_match() {
        let (key, cert) = (&key_file.name, shown_path(cert));
        let text = format!("the key in '{key}' does not go with the certificate in '{cert}'");
        return Err(key_file.refuse(&text));
    }
    Ok(Arc::new(pair.into()))
}

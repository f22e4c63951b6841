//! The certificates that are trusted when no option names others: the system's, or what
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` name in their place.
//!
//! What the environment names is tried when a client is made, so that a path that leads nowhere is
//! told before anything is fetched and not by every https URL. The system's store takes milliseconds
//! to read and is left alone until it is needed.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls_native_certs::{CertificateResult, Error, ErrorKind};

use super::sys::is_out_of_descriptors;
use super::trust::{TrustError, certificates, of_source};
use crate::fetch::failure::os_text;
use crate::fetch::options::OptionsError;

const FILE: &str = "SSL_CERT_FILE";
const DIR: &str = "SSL_CERT_DIR";

/// Reads the store.
pub(super) fn load() -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let CertificateResult { certs, errors, .. } = rustls_native_certs::load_native_certs();
    if errors.iter().any(is_for_want_of_a_descriptor) {
        return Err(TrustError::NoDescriptor);
    }
    if let ([], Some(error)) = (&certs[..], errors.first()) {
        log::debug!("the system's certificates cannot be read: {error}");
    }
    Ok(certs)
}

fn is_for_want_of_a_descriptor(error: &Error) -> bool {
    matches!(&error.kind, ErrorKind::Io { inner, .. } if is_out_of_descriptors(inner))
}

/// Refuses an environment that names a store without a certificate in it. A directory is not looked
/// at when there is a file: an empty one is how that is made to be all that is trusted.
pub(super) fn check_environment() -> Result<(), OptionsError> {
    match (env::var_os(FILE), env::var_os(DIR)) {
        (Some(file), _) => check_file(&file).map_err(of_source(FILE)),
        (None, Some(dirs)) => check_dirs(&dirs).map_err(of_source(DIR)),
        (None, None) => Ok(()),
    }
}

fn check_file(file: &OsStr) -> Result<(), OptionsError> {
    if file.is_empty() {
        let text = "it is empty; name a PEM file of certificates, or unset it";
        return Err(OptionsError::new(text));
    }
    certificates(Path::new(file)).map(drop)
}

fn check_dirs(dirs: &OsStr) -> Result<(), OptionsError> {
    let dirs: Vec<PathBuf> = env::split_paths(dirs)
        .filter(|dir| !dir.as_os_str().is_empty())
        .collect();
    let mut wrong = Vec::new();
    for dir in &dirs {
        match holds_a_certificate(dir) {
            Ok(true) => return Ok(()),
            Ok(false) => wrong.push(format!("there is no certificate in '{}'", dir.display())),
            Err(error) => {
                let reason = os_text(&error);
                wrong.push(format!("cannot read '{}': {reason}", dir.display()));
            }
        }
    }
    // Nothing but separators is as good as none: the system's store is used.
    if wrong.is_empty() {
        return Ok(());
    }
    let cure = "name a directory of PEM files, or unset it";
    Err(OptionsError::new(format!("{}; {cure}", wrong.join("; "))))
}

fn holds_a_certificate(dir: &Path) -> std::io::Result<bool> {
    for entry in std::fs::read_dir(dir)? {
        // A file that cannot be read, as a dangling link, is passed over when the store is read, too.
        let path = entry?.path();
        let first = path
            .is_file()
            .then(|| CertificateDer::pem_file_iter(&path).ok()?.next());
        if let Some(Some(Ok::<_, pem::Error>(_))) = first {
            return Ok(true);
        }
    }
    Ok(false)
}

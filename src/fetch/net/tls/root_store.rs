//! The trusted certificates: the system's, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
//!
//! `SSL_CERT_FILE` is read when a client is made; directories and the system's store, which take milliseconds, for the
//! first https URL.

use std::collections::HashSet;
use std::env;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;

use super::errors::TlsConfigError;
use super::pem::{self, certificates};
use crate::escape::shown_path;
use crate::fetch::options_error::OptionsError;
use crate::system::{is_out_of_descriptors, os_text};

const FILE: &str = "SSL_CERT_FILE";
const DIR: &str = "SSL_CERT_DIR";

#[derive(Debug)]
pub(super) enum Store {
    System,
    Environment {
        file: Vec<CertificateDer<'static>>,
        dirs: Vec<PathBuf>,
    },
}

impl Store {
    /// The store that the environment names. Directories are checked only without a file: with an empty directory
    /// beside it, the file alone is trusted.
    ///
    /// # Errors
    ///
    /// The file or the directories hold no certificate.
    pub(super) fn from_environment() -> Result<Self, OptionsError> {
        let file = env::var_os(FILE).unwrap_or_default();
        let dirs = env::var_os(DIR).unwrap_or_default();
        let mut dirs: Vec<PathBuf> = env::split_paths(&dirs).collect();
        dirs.retain(|dir| !dir.as_os_str().is_empty());
        if file.is_empty() && dirs.is_empty() {
            return Ok(Self::System);
        }
        let file = if file.is_empty() {
            check_dirs(&dirs)?;
            Vec::new()
        } else {
            certificates(FILE, Path::new(&file))?
        };
        Ok(Self::Environment { file, dirs })
    }

    /// Reads the store. Skips unreadable files, but fails without a descriptor.
    pub(super) fn load(&self) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
        let mut found = match self {
            Self::System => load_system()?,
            Self::Environment { file, dirs } => {
                let mut reader = Reader::default();
                reader.dirs(dirs)?;
                [&reader.found[..], file].concat()
            }
        };
        // A directory often holds a bundle beside the files it was made of.
        found.sort_unstable_by(|a, b| a.cmp(b));
        found.dedup();
        Ok(found)
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
fn load_system() -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let places = openssl_probe::probe();
    let mut reader = Reader::default();
    if let Some(file) = &places.cert_file {
        reader.file(file)?;
    }
    reader.dirs(&places.cert_dir)?;
    Ok(reader.found)
}

/// The library reads the environment itself, and takes an empty `SSL_CERT_FILE` for a path.
#[cfg(not(all(unix, not(target_os = "macos"))))]
fn load_system() -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let found = rustls_native_certs::load_native_certs();
    if let ([], Some(error)) = (&found.certs[..], found.errors.first()) {
        log::debug!("the system's certificates cannot be read: {error}");
    }
    Ok(found.certs)
}

/// Reads each file once, and at most [`pem::LARGEST`] bytes of all.
#[derive(Default)]
struct Reader {
    bytes: u64,
    /// The device and the inode of each file.
    seen: HashSet<(u64, u64)>,
    found: Vec<CertificateDer<'static>>,
}

impl Reader {
    fn file(&mut self, path: &Path) -> Result<(), TlsConfigError> {
        let Ok(file) = fs::metadata(path) else {
            return Ok(());
        };
        let is_new = file_id(&file).is_none_or(|id| self.seen.insert(id));
        if !file.is_file() || !is_new {
            return Ok(());
        }
        if file.len() > pem::LARGEST - self.bytes {
            log::debug!("'{}' is too large for certificates", shown_path(path));
            return Ok(());
        }
        self.bytes += file.len();
        match pem::read(path) {
            Ok(text) => self
                .found
                .extend(pem::parse(&text).into_iter().flatten().flatten()),
            Err(error) => unreadable(path, &error)?,
        }
        Ok(())
    }

    fn dirs(&mut self, dirs: &[PathBuf]) -> Result<(), TlsConfigError> {
        for dir in dirs {
            match fs::read_dir(dir) {
                Ok(entries) => {
                    for entry in entries.flatten() {
                        self.file(&entry.path())?;
                    }
                }
                Err(error) => unreadable(dir, &error)?,
            }
        }
        Ok(())
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Result<(), TlsConfigError> {
    if is_out_of_descriptors(error) {
        return Err(TlsConfigError::NoDescriptor);
    }
    log::debug!("'{}' cannot be read: {error}", shown_path(path));
    Ok(())
}

#[cfg(unix)]
fn file_id(file: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    Some((file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn file_id(_: &Metadata) -> Option<(u64, u64)> {
    None
}

/// Looks for one certificate in the directories.
fn check_dirs(dirs: &[PathBuf]) -> Result<(), OptionsError> {
    let mut wrong = Vec::new();
    let mut reader = Reader::default();
    for dir in dirs {
        let name = shown_path(dir);
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => {
                wrong.push(format!("cannot read '{name}': {}", os_text(&error)));
                continue;
            }
        };
        for entry in entries.flatten() {
            if reader.file(&entry.path()).is_ok() && !reader.found.is_empty() {
                return Ok(());
            }
        }
        wrong.push(format!("there is no certificate in '{name}'"));
    }
    let wrong = wrong.join("; ");
    Err(OptionsError::new(format!(
        "{DIR}: {wrong}; name a directory of PEM files, or unset it"
    )))
}

//! The trusted certificates: the system's, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
//!
//! `SSL_CERT_FILE` is read when a client is made, so that an error is reported before anything is fetched. Directories
//! and the system's store take milliseconds to read, and are read for the first https URL.

use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;

use super::pem::{self, certificates, of_source};
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
    /// The store that the environment names; empty variables are ignored. Directories are checked only without a file:
    /// with an empty directory, a user trusts that file alone.
    ///
    /// # Errors
    ///
    /// The file or the directories hold no certificate.
    pub(super) fn from_environment() -> Result<Self, OptionsError> {
        let file: Option<OsString> = env::var_os(FILE).filter(|file| !file.is_empty());
        let dirs = env::var_os(DIR).unwrap_or_default();
        let dirs: Vec<PathBuf> = env::split_paths(&dirs)
            .filter(|dir| !dir.as_os_str().is_empty())
            .collect();
        let file = match file {
            Some(file) => certificates(Path::new(&file)).map_err(of_source(FILE))?,
            None if dirs.is_empty() => return Ok(Self::System),
            None => {
                check_dirs(&dirs).map_err(of_source(DIR))?;
                Vec::new()
            }
        };
        Ok(Self::Environment { file, dirs })
    }

    /// Reads the store. It skips unreadable files, but fails for lack of a descriptor.
    pub(super) fn load(&self) -> Result<Vec<CertificateDer<'static>>, NoDescriptor> {
        let mut found = match self {
            Self::System => load_system(),
            Self::Environment { file, dirs } => Reader::default()
                .dirs(dirs)
                .map(|found| [&found[..], file].concat()),
        }?;
        // A directory often holds a bundle beside the files that it was made of.
        found.sort_unstable_by(|a, b| a.cmp(b));
        found.dedup();
        Ok(found)
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
fn load_system() -> Result<Vec<CertificateDer<'static>>, NoDescriptor> {
    let places = openssl_probe::probe();
    let mut reader = Reader::default();
    let mut found = match &places.cert_file {
        Some(file) => reader.file(file)?,
        None => Vec::new(),
    };
    found.extend(reader.dirs(&places.cert_dir)?);
    Ok(found)
}

/// The library reads the environment itself, and takes an empty `SSL_CERT_FILE` for a path.
#[cfg(not(all(unix, not(target_os = "macos"))))]
fn load_system() -> Result<Vec<CertificateDer<'static>>, NoDescriptor> {
    let found = rustls_native_certs::load_native_certs();
    if let ([], Some(error)) = (&found.certs[..], found.errors.first()) {
        log::debug!("the system's certificates cannot be read: {error}");
    }
    Ok(found.certs)
}

/// No descriptor was left to open a file with.
#[derive(Debug)]
pub(super) struct NoDescriptor;

/// Reads each file once, and at most [`pem::LARGEST`] bytes of all.
struct Reader {
    left: u64,
    seen: HashSet<FileId>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            left: pem::LARGEST,
            seen: HashSet::new(),
        }
    }
}

impl Reader {
    fn file(&mut self, path: &Path) -> Result<Vec<CertificateDer<'static>>, NoDescriptor> {
        let Ok(file) = fs::metadata(path) else {
            return Ok(Vec::new());
        };
        let is_new = file_id(&file).is_none_or(|id| self.seen.insert(id));
        if !file.is_file() || !is_new {
            return Ok(Vec::new());
        }
        if file.len() > self.left {
            log::debug!("'{}' is too large for certificates", shown_path(path));
            return Ok(Vec::new());
        }
        self.left -= file.len();
        match pem::read(path) {
            Ok(text) => Ok(pem::parse(&text).flatten().flatten().collect()),
            Err(error) if is_out_of_descriptors(&error) => Err(NoDescriptor),
            Err(error) => {
                log::debug!("'{}' cannot be read: {error}", shown_path(path));
                Ok(Vec::new())
            }
        }
    }

    fn dirs(&mut self, dirs: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, NoDescriptor> {
        let mut found = Vec::new();
        for dir in dirs {
            match fs::read_dir(dir) {
                Ok(entries) => {
                    for entry in entries.flatten() {
                        found.extend(self.file(&entry.path())?);
                    }
                }
                Err(error) if is_out_of_descriptors(&error) => return Err(NoDescriptor),
                Err(error) => log::debug!("'{}' cannot be read: {error}", shown_path(dir)),
            }
        }
        Ok(found)
    }
}

/// The device and the inode of a file.
type FileId = (u64, u64);

#[cfg(unix)]
fn file_id(file: &Metadata) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt as _;
    Some((file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn file_id(_: &Metadata) -> Option<FileId> {
    None
}

fn check_dirs(dirs: &[PathBuf]) -> Result<(), OptionsError> {
    let mut wrong = Vec::new();
    for dir in dirs {
        match holds_a_certificate(dir) {
            Ok(true) => return Ok(()),
            Ok(false) => wrong.push(format!("there is no certificate in '{}'", shown_path(dir))),
            Err(error) => {
                let reason = os_text(&error);
                wrong.push(format!("cannot read '{}': {reason}", shown_path(dir)));
            }
        }
    }
    let cure = "name a directory of PEM files, or unset it";
    Err(OptionsError::new(format!("{}; {cure}", wrong.join("; "))))
}

fn holds_a_certificate(dir: &Path) -> io::Result<bool> {
    let mut reader = Reader::default();
    for entry in fs::read_dir(dir)? {
        let found = reader.file(&entry?.path());
        if found.is_ok_and(|found| !found.is_empty()) {
            return Ok(true);
        }
    }
    Ok(false)
}

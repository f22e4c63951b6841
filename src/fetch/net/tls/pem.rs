//! Certificates and private keys in PEM files.
//!
//! It accepts OpenSSL's `TRUSTED CERTIFICATE`, the older `X509 CERTIFICATE`, and byte order marks.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode as _, Reader as _, SliceReader, TagMode, TagNumber};
use memchr::{memchr, memmem};
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::certificate::is_for_servers;
use crate::escape::shown_path;
use crate::fetch::options_error::OptionsError;
use crate::system::os_text;

/// The largest PEM file that is read: a larger one holds no certificates, and may be endless.
pub(super) const LARGEST: u64 = 64 << 20;

pub(super) fn certificates(
    source: &str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, OptionsError> {
    PemFile::read(source, path)?.certificates()
}

/// The content of a file, read once: it may be a pipe.
pub(super) struct PemFile<'a> {
    /// The option or variable that names it.
    source: &'a str,
    /// Its path in messages.
    pub(super) name: String,
    text: Vec<u8>,
}

impl<'a> PemFile<'a> {
    pub(super) fn read(source: &'a str, path: &Path) -> Result<Self, OptionsError> {
        let name = shown_path(path);
        match read(path) {
            Ok(text) => Ok(Self { source, name, text }),
            Err(error) => {
                let text = format!("{source}: cannot read '{name}': {}", os_text(&error));
                Err(OptionsError::new(text))
            }
        }
    }

    /// The certificates, at least one.
    ///
    /// # Errors
    ///
    /// It holds no certificate that can be used, or one of its sections is damaged.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, OptionsError> {
        let what = "certificate";
        let found: Result<Vec<_>, _> = parse(&self.text).into_iter().collect();
        let found = found.map_err(|error| self.damaged(what, &error))?;
        if found.is_empty() {
            return Err(self.damaged(what, &Error::NoItemsFound));
        }
        let usable: Vec<_> = found.into_iter().flatten().collect();
        let mut anchors = usable.iter().map(webpki::anchor_from_trusted_cert);
        if !anchors.any(|anchor| anchor.is_ok()) {
            return Err(self.refuse(&format!(
                "no certificate in '{}' can be used: each is damaged, or OpenSSL's trust settings beside it exclude \
                 TLS servers",
                self.name
            )));
        }
        Ok(usable)
    }

    /// # Errors
    ///
    /// It holds no key, or an encrypted one.
    pub(super) fn private_key(&self) -> Result<PrivateKeyDer<'static>, OptionsError> {
        PrivateKeyDer::from_pem_slice(&self.text).map_err(|error| {
            // PKCS #8 (RFC 7468, 11) and the older form (RFC 1421, 4.6.1.1).
            let marks = ["BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"];
            let is_in = |mark: &str| memmem::find(&self.text, mark.as_bytes()).is_some();
            if !marks.into_iter().any(is_in) {
                return self.damaged("private key", &error);
            }
            let name = &self.name;
            self.refuse(&format!(
                "the private key in '{name}' is encrypted; one without a passphrase is wanted \
                 (openssl pkey -in '{name}' -out PLAIN)"
            ))
        })
    }

    fn damaged(&self, what: &str, error: &Error) -> OptionsError {
        let name = &self.name;
        let why = match error {
            Error::NoItemsFound => {
                let text = format!("there is no {what} in '{name}'; a PEM file with one is wanted");
                return self.refuse(&text);
            }
            Error::MissingSectionEnd { end_marker } => {
                let label = String::from_utf8_lossy(end_marker);
                format!("the line '-----END {label}-----' is missing; was the file cut short?")
            }
            Error::IllegalSectionStart { line } => {
                let line = String::from_utf8_lossy(line);
                format!("the line '{}' does not end in five hyphens", line.trim())
            }
            Error::Base64Decode(_) => {
                "what stands between its BEGIN and END lines is not base64".to_owned()
            }
            _ => "a section of it is too large".to_owned(),
        };
        self.refuse(&format!("there is no readable {what} in '{name}': {why}"))
    }

    /// The same file, named by another option.
    pub(super) fn named_by(self, source: &'a str) -> Self {
        Self { source, ..self }
    }

    /// An error of this file, with the option or variable.
    pub(super) fn refuse(&self, text: &str) -> OptionsError {
        OptionsError::new(format!("{}: {text}", self.source))
    }
}

/// The certificates in `text`, as [`read`] returns it; `None` for one excluded by OpenSSL's trust settings.
pub(super) fn parse(text: &[u8]) -> Vec<Result<Option<CertificateDer<'static>>, Error>> {
    let found: Vec<_> = match parse_plain(text) {
        Some(found) => found.into_iter().map(Ok).collect(),
        None => CertificateDer::pem_slice_iter(text).collect(),
    };
    let applied = found.into_iter();
    applied.map(|one| one.map(apply_trust_settings)).collect()
}

/// The certificates of a text as most stores are written; `None` for any other text. The general parser takes eight times
/// as long: a millisecond of the start of the program.
fn parse_plain(text: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let (mut found, mut base64, mut rest) = (Vec::new(), Vec::new(), text);
    while let Some(at) = memmem::find(rest, BEGIN) {
        if at > 0 && rest[at - 1] != b'\n' {
            return None;
        }
        let section = rest[at + BEGIN.len()..].strip_prefix(b"CERTIFICATE-----\n")?;
        let (content, behind) = section.split_at(memmem::find(section, b"-----")?);
        rest = behind.strip_prefix(b"-----END CERTIFICATE-----\n")?;
        base64.clear();
        let mut lines = content;
        while let Some(end) = memchr(b'\n', lines) {
            base64.extend_from_slice(&lines[..end]);
            lines = &lines[end + 1..];
        }
        if !lines.is_empty() {
            return None;
        }
        found.push(BASE64_STANDARD.decode(&base64).ok()?.into());
    }
    Some(found)
}

/// A PEM file without byte order marks, and with `CERTIFICATE` as the only label of certificates.
pub(super) fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let from = File::open(file)?;
    from.take(LARGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 64 MiB"));
    }
    for (form, usual) in [
        ("\u{feff}", ""),
        (" TRUSTED CERTIFICATE-----", " CERTIFICATE-----"),
        (" X509 CERTIFICATE-----", " CERTIFICATE-----"),
    ] {
        if memmem::find(&text, form.as_bytes()).is_some() {
            let lossy = String::from_utf8_lossy(&text);
            text = lossy.replace(form, usual).into_bytes();
        }
    }
    Ok(text)
}

/// Removes the trust settings after a `TRUSTED CERTIFICATE`; `None` if they exclude TLS servers.
fn apply_trust_settings(found: CertificateDer<'static>) -> Option<CertificateDer<'static>> {
    let split = SliceReader::new(&found).and_then(|mut reader| {
        let certificate = reader.tlv_bytes()?;
        Ok((certificate, reader.read_slice(reader.remaining_len())?))
    });
    match split {
        Ok((_, [])) => Some(found),
        Ok((certificate, settings)) if allow_servers(settings).unwrap_or(false) => {
            Some(CertificateDer::from(certificate.to_vec()))
        }
        Ok(_) => None,
        // The verifier refuses it where a server's certificate depends on it.
        Err(_) => Some(found),
    }
}

/// Whether trust settings (OpenSSL's `CertAux`) allow TLS servers: the trusted purposes, if any, include them, and the
/// rejected ones do not.
fn allow_servers(settings: &[u8]) -> der::Result<bool> {
    let settings = AnyRef::from_der(settings)?;
    let mut reader = SliceReader::new(settings.value())?;
    let trusted: Option<Vec<ObjectIdentifier>> = reader.decode()?;
    let rejected: Option<Vec<ObjectIdentifier>> =
        reader.context_specific(TagNumber(0), TagMode::Implicit)?;
    Ok(trusted.is_none_or(|purposes| is_for_servers(&purposes))
        && !rejected.is_some_and(|purposes| is_for_servers(&purposes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_parser_finds_what_the_general_one_finds() {
        let plain =
            "# a root\n-----BEGIN CERTIFICATE-----\nMAMC\nAQA=\n-----END CERTIFICATE-----\n";
        let two = format!("{plain}\n{plain}");
        let general =
            |text: &str| CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Vec<_>>();
        for (text, count) in [("", 0), ("no PEM\n", 0), (plain, 1), (&two, 2)] {
            let found = parse_plain(text.as_bytes()).unwrap();
            assert_eq!(found.len(), count);
            let all: Result<Vec<_>, _> = general(text).into_iter().collect();
            assert_eq!(found, all.unwrap());
        }
        for (from, to) in [
            ("\n", "\r\n"),
            ("# a root\n", "# "),
            ("MAMC", "MA=="),
            ("MAMC", "MAM"),
            ("MAMC", "MA-----MC"),
            ("AQA=", "AQB="),
            ("MAMC", "MAMC "),
            ("AQA=\n", "AQA="),
            (" CERT", " X CERT"),
            ("-----END CERTIFICATE-----\n", ""),
        ] {
            assert!(
                parse_plain(two.replace(from, to).as_bytes()).is_none(),
                "{to}"
            );
        }
    }
}

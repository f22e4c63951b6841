//! TLS, by rustls: one configuration for a client, so that sessions resume across workers, and one session for
//! a connection.
//!
//! The system's trust store is loaded when the first https URL is met. A stream that ends without a
//! `close_notify` is an error here: a body that ends with the connection could otherwise be cut by anybody.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore};

use super::cancel::Cancel;
use super::limits::{Cut, Limits};
use super::wire::Wire;

/// Sessions remembered for resumption; each is a few hundred bytes.
const SESSIONS: usize = 1024;
/// A TLS record is at most 16 KiB and a little (RFC 8446, 5.2): room for one at least.
const RECORDS: usize = 32 * 1024;

/// Builds the configuration. The error says what is wrong with the trust store.
pub(crate) fn config() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let loaded = rustls_native_certs::load_native_certs();
    let (good, _) = roots.add_parsable_certificates(loaded.certs);
    if good == 0 {
        let reason = loaded
            .errors
            .first()
            .map_or_else(String::new, |e| format!(": {e}"));
        return Err(format!(
            "no trusted certificate was found{reason} (install ca-certificates, or set SSL_CERT_FILE)"
        ));
    }
    let mut config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(Arc::new(config))
}

/// What went wrong with TLS on a connection.
#[derive(Debug)]
pub(crate) enum TlsError {
    /// The bytes under it.
    Cut(Cut),
    /// The connection ended without the `close_notify` that tells an end from an interruption.
    Truncated,
    /// The protocol, or the trust.
    Tls(rustls::Error),
}

impl From<Cut> for TlsError {
    fn from(cut: Cut) -> Self {
        Self::Cut(cut)
    }
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error)
    }
}

/// The TLS state of one connection. Its record buffer is lent to it while it is in use.
#[derive(Debug)]
pub(crate) struct Session {
    tls: ClientConnection,
    records: Vec<u8>,
    start: usize,
    end: usize,
}

impl Session {
    /// Makes the handshake on a fresh connection. `name` is a host name or an address without brackets.
    pub(crate) fn start(
        config: Arc<ClientConfig>,
        name: &str,
        wire: &mut Wire,
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<Self, TlsError> {
        // A name that TLS cannot express cannot be in a certificate either.
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| rustls::Error::InvalidCertificate(CertificateError::NotValidForName))?;
        let tls = ClientConnection::new(config, name)?;
        let mut session = Self {
            tls,
            records: Vec::new(),
            start: 0,
            end: 0,
        };
        while session.tls.is_handshaking() {
            session.flush(wire, limits, cancel)?;
            if session.tls.wants_read() && session.feed(wire, limits, cancel)? == 0 {
                return Err(TlsError::Truncated);
            }
        }
        session.flush(wire, limits, cancel)?;
        Ok(session)
    }

    /// Lends the session a buffer for records, or takes it back.
    pub(crate) fn swap_records(&mut self, records: &mut Vec<u8>) {
        std::mem::swap(&mut self.records, records);
    }

    /// Whether nothing is left over from the last reply.
    pub(crate) fn is_clean(&self) -> bool {
        self.start == self.end
    }

    /// Reads decrypted bytes; 0 is an end that the server announced.
    pub(crate) fn recv(
        &mut self,
        wire: &mut Wire,
        buf: &mut [u8],
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<usize, TlsError> {
        loop {
            match self.tls.reader().read(buf) {
                Ok(amount) => return Ok(amount),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(TlsError::Truncated),
            }
            if self.feed(wire, limits, cancel)? == 0 {
                return Err(TlsError::Truncated);
            }
        }
    }

    /// Encrypts and writes the whole of `buf`.
    pub(crate) fn send(
        &mut self,
        wire: &Wire,
        buf: &[u8],
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<(), TlsError> {
        let mut rest = buf;
        while !rest.is_empty() {
            // The writer takes as much as its own buffer has room for.
            let taken = self.tls.writer().write(rest).map_err(Cut::Io)?;
            rest = &rest[taken..];
            self.flush(wire, limits, cancel)?;
        }
        Ok(())
    }

    /// Hands records that came to rustls, waiting for some if there are none; 0 is the end of the connection.
    fn feed(
        &mut self,
        wire: &mut Wire,
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<usize, TlsError> {
        if self.start == self.end {
            self.records.resize(RECORDS, 0);
            (self.start, self.end) = (0, wire.recv(&mut self.records, limits)?);
        }
        let taken = self
            .tls
            .read_tls(&mut &self.records[self.start..self.end])
            .map_err(Cut::Io)?;
        self.start += taken;
        if let Err(error) = self.tls.process_new_packets() {
            // The server is told why, as far as that goes without waiting long for it.
            let _ = self.flush(wire, limits, cancel);
            return Err(error.into());
        }
        if self.tls.wants_write() && !self.tls.is_handshaking() {
            self.flush(wire, limits, cancel)?;
        }
        Ok(taken)
    }

    fn flush(&mut self, wire: &Wire, limits: &Limits, cancel: &Cancel) -> Result<(), TlsError> {
        if self.tls.wants_write() {
            let mut out = Vec::with_capacity(1024);
            while self.tls.wants_write() {
                self.tls.write_tls(&mut out).map_err(Cut::Io)?;
            }
            wire.send(&out, limits, cancel)?;
        }
        Ok(())
    }
}

/// What a TLS error means, in words that say what to look at.
pub(crate) fn explain(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(certificate) = error else {
        return error.to_string();
    };
    let what = match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet"
        }
        CertificateError::UnknownIssuer => "its issuer is not known here",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name"
        }
        CertificateError::Revoked => "it was revoked",
        CertificateError::BadEncoding => "it cannot be read",
        other => return format!("the certificate is not trusted: {other}"),
    };
    format!("the certificate is not trusted: {what}")
}

//! One TLS session over another stream, by rustls.
//!
//! An end without a `close_notify` is an error: otherwise an attacker could cut short a body that ends with the
//! connection.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, InvalidMessage};

use super::sessions::{MAX_SESSION, Sessions};
use crate::fetch::net::io::cancel::Wait;
use crate::fetch::net::io::stream::{Stream, StreamError};
use crate::fetch::net::io::timeouts::WaitError;

/// Room for a record of at most 16 KiB and 261 bytes (RFC 8446, 5).
const RECORDS: usize = 32 * 1024;

/// The TLS state of a connection, and the stream below it.
#[derive(Debug)]
pub(in crate::fetch::net) struct Session {
    below: Box<dyn Stream>,
    tls: ClientConnection,
    /// Encrypted bytes, of which `start..end` are unread. An idle session has no buffer.
    records: Vec<u8>,
    start: usize,
    end: usize,
    boundary: RecordBoundary,
    /// What broke the session. Reads return it after the bytes decrypted before.
    fault: Option<rustls::Error>,
    sessions: Arc<Sessions>,
    name: ServerName<'static>,
    /// Bytes received that were not content: mostly certificates and tickets.
    handshake_bytes: usize,
}

impl Session {
    /// Makes the handshake over `below`.
    pub(in crate::fetch::net) fn start(
        config: Arc<ClientConfig>,
        sessions: &Arc<Sessions>,
        name: ServerName<'static>,
        below: Box<dyn Stream>,
        wait: &Wait<'_>,
    ) -> Result<Self, StreamError> {
        let tls = ClientConnection::new(config, name.clone())?;
        let mut session = Self {
            below,
            tls,
            records: Vec::new(),
            start: 0,
            end: 0,
            boundary: RecordBoundary::default(),
            fault: None,
            sessions: Arc::clone(sessions),
            name,
            handshake_bytes: 0,
        };
        while session.tls.is_handshaking() {
            if let Some(fault) = session.fault {
                return Err(fault.into());
            }
            session.flush(wait)?;
            if session.tls.wants_read() && session.feed(wait)? == 0 {
                return Err(StreamError::Truncated);
            }
        }
        session.flush(wait)?;
        session.forget_if_large();
        if session.start == session.end {
            session.records = Vec::new();
        }
        Ok(session)
    }

    /// Gives rustls the next bytes, waiting for some if needed; 0 is the end of the connection.
    fn feed(&mut self, wait: &Wait<'_>) -> Result<usize, StreamError> {
        if self.start == self.end {
            if self.records.is_empty() {
                // Zeroed memory from the allocator takes none before it is written to.
                self.records = vec![0; RECORDS];
            }
            (self.start, self.end) = (0, self.below.recv(&mut self.records, wait)?);
        }
        let Ok(taken) = self.tls.read_tls(&mut &self.records[self.start..self.end]) else {
            // rustls refuses input only when its buffer for one message is full.
            self.fault = Some(InvalidMessage::MessageTooLarge.into());
            return Ok(self.end - self.start);
        };
        let passed = &self.records[self.start..self.start + taken];
        self.boundary.pass(passed);
        self.start += taken;
        let tickets = self.tls.tls13_tickets_received();
        let plaintext = match self.tls.process_new_packets() {
            Ok(state) => state.plaintext_bytes_to_read(),
            Err(error) => {
                self.fault = Some(error);
                0
            }
        };
        self.handshake_bytes = (self.handshake_bytes + taken).saturating_sub(plaintext);
        if self.tls.tls13_tickets_received() != tickets {
            self.forget_if_large();
        }
        if self.fault.is_some() {
            // An alert tells the server why.
            let _ = self.flush(wait);
        } else if !self.tls.is_handshaking() {
            self.flush(wait)?;
        }
        Ok(taken)
    }

    /// Bounds memory: forgets the server's sessions if this one is large.
    fn forget_if_large(&mut self) {
        let mut size = self.handshake_bytes;
        if self.tls.handshake_kind() == Some(HandshakeKind::Resumed) {
            // A resumed session keeps the certificates of the first one.
            let certificates = self.tls.peer_certificates().unwrap_or_default();
            size += certificates.iter().map(|one| one.len()).sum::<usize>();
        }
        if size > MAX_SESSION {
            self.sessions.forget(&self.name);
        }
    }

    fn flush(&mut self, wait: &Wait<'_>) -> Result<(), StreamError> {
        if self.tls.wants_write() {
            let mut out = Vec::with_capacity(1024);
            while self.tls.wants_write() {
                self.tls.write_tls(&mut out).map_err(WaitError::Io)?;
            }
            match self.below.send(&out, wait) {
                // An alert that came before the hang-up can still be read.
                Err(error) if error.is_hang_up() => {}
                sent => return sent,
            }
        }
        Ok(())
    }
}

impl Stream for Session {
    /// Reads decrypted bytes; 0 is an end that the server announced.
    fn recv(&mut self, buf: &mut [u8], wait: &Wait<'_>) -> Result<usize, StreamError> {
        loop {
            match self.tls.reader().read(buf) {
                Ok(amount) => return Ok(amount),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(StreamError::Truncated),
            }
            if let Some(fault) = &self.fault {
                return Err(fault.clone().into());
            }
            if self.feed(wait)? == 0 {
                return Err(StreamError::Truncated);
            }
        }
    }

    /// Encrypts and writes all of `buf`. The next read reports a hang-up or a broken session.
    fn send(&mut self, mut buf: &[u8], wait: &Wait<'_>) -> Result<(), StreamError> {
        while !buf.is_empty() && self.fault.is_none() {
            // The writer takes as much as its own buffer has room for.
            let taken = self.tls.writer().write(buf).map_err(WaitError::Io)?;
            buf = &buf[taken..];
            self.flush(wait)?;
        }
        Ok(())
    }

    fn socket(&self) -> &Arc<TcpStream> {
        self.below.socket()
    }

    fn is_tls(&self) -> bool {
        true
    }

    /// Whether all records were read, the last was complete, and the server has not closed the session.
    fn is_clean(&mut self) -> bool {
        // Processes nothing: it reports the state.
        let is_drained = self
            .tls
            .process_new_packets()
            .is_ok_and(|io| io.plaintext_bytes_to_read() == 0 && !io.peer_has_closed());
        is_drained
            && self.start == self.end
            && self.boundary.is_between_records()
            && self.below.is_clean()
    }

    fn lend_records(&mut self, records: &mut Vec<u8>) {
        if self.start == self.end {
            self.records = std::mem::take(records);
        }
    }

    /// Unread records are lost: such a session is not clean.
    fn take_records(&mut self, records: &mut Vec<u8>) {
        *records = std::mem::take(&mut self.records);
    }
}

/// Whether the bytes given to rustls end with a record (RFC 8446, 5.1), which rustls does not tell.
#[derive(Debug, Default)]
struct RecordBoundary {
    header: [u8; 5],
    /// How many bytes of the header have come; 0 after it.
    in_header: usize,
    /// How many bytes of the content are missing.
    missing: usize,
}

impl RecordBoundary {
    fn pass(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.missing > 0 {
                let passed = self.missing.min(bytes.len());
                self.missing -= passed;
                bytes = &bytes[passed..];
                continue;
            }
            self.header[self.in_header] = first;
            self.in_header += 1;
            bytes = rest;
            if let (5, [.., high, low]) = (self.in_header, self.header) {
                self.missing = usize::from(u16::from_be_bytes([high, low]));
                self.in_header = 0;
            }
        }
    }

    fn is_between_records(&self) -> bool {
        self.in_header == 0 && self.missing == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_told_apart_however_they_are_cut() {
        let record = |content: &[u8]| {
            let length = u16::try_from(content.len()).unwrap().to_be_bytes();
            [&[23, 3, 3][..], &length, content].concat()
        };
        let stream = [record(&[7; 300]), record(&[]), record(&[22, 3, 3, 0, 9])].concat();
        let ends = [305, 310, 320];
        for size in [1, 2, 3, 4, 5, 6, 7, 299, 304, 305, 306, 320] {
            let (mut boundary, mut at) = (RecordBoundary::default(), 0);
            for piece in stream.chunks(size) {
                boundary.pass(piece);
                at += piece.len();
                assert_eq!(
                    boundary.is_between_records(),
                    ends.contains(&at),
                    "{at} bytes, {size} at a time"
                );
            }
        }
    }
}

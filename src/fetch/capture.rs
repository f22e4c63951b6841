//! What the exchanges of an attempt had on the wire, for an archive.
//!
//! A reply's bytes are those that came, with the framing of chunks and with codings. A large reply goes to a temporary file
//! without a name. Of the request, the lines with secrets are left out.

use std::io::{self, Seek, Write};
use std::mem;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::{SpooledTempFile, spooled_tempfile_in};

use super::failure::{Failure, FailureKind, Phase};

/// Header lines of a request that are not kept.
const SECRETS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// Takes the exchanges of one attempt.
#[derive(Debug)]
pub(crate) struct Capture {
    dir: PathBuf,
    in_memory: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    exchanges: Vec<Captured>,
    has_failed: bool,
    /// Why a reply could not be kept.
    error: Option<io::Error>,
}

/// One exchange.
#[derive(Debug)]
pub(crate) struct Captured {
    /// Without credentials and fragment.
    pub(crate) url: String,
    /// That of the proxy, if there is one.
    pub(crate) remote_ip: Option<IpAddr>,
    /// The head of the request, without its secrets.
    pub(crate) request: Vec<u8>,
    /// Head and body, from the beginning.
    pub(crate) reply: SpooledTempFile,
    pub(crate) head_len: u64,
    pub(crate) reply_len: u64,
    /// Why the body is not whole.
    pub(crate) truncated: Option<Truncated>,
}

/// Why a reply ended early, in the words of WARC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truncated {
    /// A larger body was not wanted.
    Length,
    Time,
    Disconnect,
    Unspecified,
}

impl Truncated {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Time => "time",
            Self::Disconnect => "disconnect",
            Self::Unspecified => "unspecified",
        }
    }
}

impl Capture {
    /// Replies of more than `in_memory` bytes go to files in `dir`.
    pub(crate) fn new(dir: PathBuf, in_memory: usize) -> Self {
        Self {
            dir,
            in_memory,
            taken: Mutex::default(),
        }
    }

    /// The exchanges of the attempt, which has ended, in order; without those that had no reply.
    ///
    /// # Errors
    ///
    /// A reply could not be kept.
    pub(crate) fn take(&self) -> io::Result<Vec<Captured>> {
        let mut taken = mem::take(&mut *self.lock());
        // No failure: the attempt wanted no more than `--check` reads.
        if !taken.has_failed {
            taken.explain_last(Truncated::Length);
        }
        taken.error.map_or(Ok(taken.exchanges), Err)
    }

    /// An exchange that has just begun.
    pub(super) fn begin(&self, url: String, remote_ip: Option<IpAddr>, head: &[u8]) -> Captured {
        Captured {
            url,
            remote_ip,
            request: without_secrets(head),
            reply: spooled_tempfile_in(self.in_memory, &self.dir),
            head_len: 0,
            reply_len: 0,
            truncated: None,
        }
    }

    pub(super) fn add(&self, exchange: Captured) {
        self.lock().exchanges.push(exchange);
    }

    /// Drops the last exchange, which is made again.
    pub(super) fn forget_last(&self) {
        self.lock().exchanges.pop();
    }

    pub(super) fn failed(&self, error: io::Error) {
        self.lock().error.get_or_insert(error);
    }

    /// Notes that `failure` ended the attempt.
    pub(super) fn stopped_by(&self, failure: &Failure) {
        let mut taken = self.lock();
        taken.has_failed = true;
        match failure.kind() {
            FailureKind::TooLarge => taken.explain_last(Truncated::Length),
            // In another phase, the last exchange was complete.
            FailureKind::Timeout(Phase::Body) => taken.explain_last(Truncated::Time),
            _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // A panic leaves whole exchanges.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Gives `reason` to the last body, if it is not whole and the connection did not tell why.
    fn explain_last(&mut self, reason: Truncated) {
        if let Some(last) = self.exchanges.last_mut()
            && last.truncated == Some(Truncated::Unspecified)
        {
            last.truncated = Some(reason);
        }
    }
}

impl Captured {
    /// Adds bytes of the reply.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reply.write_all(bytes)?;
        self.reply_len += bytes.len() as u64;
        Ok(())
    }

    /// Drops the last `amount` bytes of the reply.
    pub(super) fn drop_last(&mut self, amount: usize) -> io::Result<()> {
        self.reply_len -= amount as u64;
        self.reply.set_len(self.reply_len)?;
        self.reply.seek(io::SeekFrom::End(0)).map(drop)
    }
}

/// The head of a request without the lines that hold secrets.
fn without_secrets(head: &[u8]) -> Vec<u8> {
    let lines = head.split_inclusive(|byte| *byte == b'\n');
    let is_kept = |line: &&[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let name = name.trim_ascii();
        !SECRETS
            .iter()
            .any(|secret| name.eq_ignore_ascii_case(secret.as_bytes()))
    };
    lines.filter(is_kept).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_a_request_are_left_out_however_they_are_written() {
        let head =
            b"GET /?cookie: HTTP/1.1\r\nHost: a\r\nAUTHORIZATION: Basic x\r\ncookie: a=b\r\n\
            Proxy-authorization : y\r\nX-Cookie: kept\r\n\r\n";
        assert_eq!(
            without_secrets(head),
            b"GET /?cookie: HTTP/1.1\r\nHost: a\r\nX-Cookie: kept\r\n\r\n"
        );
    }
}

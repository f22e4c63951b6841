//! Why an attempt failed. A message is one line, without control characters and credentials.

use std::fmt;

use http::StatusCode;

/// What an attempt was waiting for when it timed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The address of the host.
    Dns,
    /// A TCP connection, or the proxy's answer to the request for one.
    Connect,
    /// The end of the TLS handshake.
    Tls,
    /// The head of the reply.
    FirstByte,
    /// The rest of the body.
    Body,
}

impl Phase {
    /// The name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::FirstByte => "first_byte",
            Self::Body => "body",
        }
    }
}

/// The kind of a failure: a closed list that scripts depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The text is no URL.
    InvalidUrl,
    /// A row of a table, or the options of a request, cannot be used.
    InvalidRow,
    /// The URL, or that of a redirect, is neither http nor https.
    UnsupportedScheme,
    /// An address that `deny_private` refuses.
    BlockedAddress,
    /// Not tried: the host could not be reached too often.
    HostDown,
    /// The host has no address.
    Dns,
    /// No connection could be made, or it was lost before the head of the reply was complete.
    Connect,
    /// The TLS handshake failed, or the certificate is not trusted.
    Tls,
    /// The proxy refused or failed.
    Proxy,
    /// A timeout, in this phase.
    Timeout(Phase),
    /// The reply is not HTTP.
    Protocol,
    /// More redirects than allowed.
    TooManyRedirects,
    /// The final status is not accepted.
    HttpStatus,
    /// The body was cut short.
    Body,
    /// The body is larger than allowed.
    TooLarge,
    /// The body is not the expected one.
    Mismatch,
    /// The sink failed to take the body.
    Write,
    /// Ended by [`Client::cancel`](super::Client::cancel).
    Cancelled,
    /// A fault of this program: a worker panicked, or the HTTP library failed.
    Internal,
}

impl FailureKind {
    /// The name in records, such as `http_status`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidUrl => "invalid_url",
            Self::InvalidRow => "invalid_row",
            Self::UnsupportedScheme => "unsupported_scheme",
            Self::BlockedAddress => "blocked_address",
            Self::HostDown => "host_down",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Proxy => "proxy",
            Self::Timeout(_) => "timeout",
            Self::Protocol => "protocol",
            Self::TooManyRedirects => "too_many_redirects",
            Self::HttpStatus => "http_status",
            Self::Body => "body",
            Self::TooLarge => "too_large",
            Self::Mismatch => "mismatch",
            Self::Write => "write",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }

    /// What a timed-out attempt was waiting for; `None` for other kinds.
    #[must_use]
    pub fn phase(self) -> Option<Phase> {
        match self {
            Self::Timeout(phase) => Some(phase),
            _ => None,
        }
    }
}

/// Why an attempt failed: a kind for programs and a line of text for people.
///
/// ```
/// use fetchpool::fetch::{Failure, FailureKind};
///
/// let failure = Failure::new(FailureKind::Dns, "no address for nowhere.invalid");
/// assert_eq!(failure.to_string(), "dns: no address for nowhere.invalid");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    kind: FailureKind,
    message: Box<str>,
}

/// A longer message, in bytes, loses its middle.
const MESSAGE_LIMIT: usize = 500;
/// How many of those are kept from its end.
const MESSAGE_END: usize = 120;

impl Failure {
    /// A failure of `kind`. Part of `message` may come from a server: beyond 500 bytes its middle is left out, and
    /// control characters are escaped.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        let mut message = message.into();
        leave_middle_out(&mut message);
        if message.contains(char::is_control) {
            message = escape_controls(&message);
        }
        Self {
            kind,
            message: message.into_boxed_str(),
        }
    }

    /// The failure of a final status: `404 Not Found`, or the number alone.
    pub(super) fn status(status: StatusCode) -> Self {
        let text = match status.canonical_reason() {
            Some(reason) => format!("{} {reason}", status.as_u16()),
            None => status.as_u16().to_string(),
        };
        Self::new(FailureKind::HttpStatus, text)
    }

    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// What happened, in one line, without the name of the kind.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.message)
    }
}

impl std::error::Error for Failure {}

/// Text from a server, without its middle if it is long.
pub(super) fn shortened(text: &[u8]) -> String {
    let mut text = match str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(text).into_owned(),
    };
    leave_middle_out(&mut text);
    text
}

/// Keeps the beginning, which names the subject, and the end, which says what is wrong.
fn leave_middle_out(message: &mut String) {
    if message.len() <= MESSAGE_LIMIT {
        return;
    }
    let is_boundary = |at: &usize| message.is_char_boundary(*at);
    let from = (0..=MESSAGE_LIMIT - MESSAGE_END).rev().find(is_boundary);
    let to = (message.len() - MESSAGE_END..=message.len()).find(is_boundary);
    // Both ends of a text are boundaries, so both are found.
    if let (Some(from), Some(to)) = (from, to) {
        message.replace_range(from..to, "...");
    }
}

fn escape_controls(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_loses_its_middle_between_characters() {
        let new = |text: &str| Failure::new(FailureKind::Protocol, text);
        for whole in ["", "a", &"x".repeat(MESSAGE_LIMIT)] {
            assert_eq!(new(whole).message(), whole);
        }
        for shift in 0..4 {
            let long = format!(
                "{}{}: no URL",
                "x".repeat(shift),
                "\u{1f980}".repeat(50_000)
            );
            let failure = new(&long);
            let (begin, end) = failure.message().split_once("...").unwrap();
            assert!(long.starts_with(begin) && long.ends_with(end));
            assert!(end.ends_with(": no URL") && begin.len() > 300);
            assert!(failure.message().len() <= MESSAGE_LIMIT + 3);
        }
        assert!(new(&"\u{1b}".repeat(200_000)).message().len() < 10 * MESSAGE_LIMIT);
    }

    #[test]
    fn a_message_is_one_line_whatever_a_server_sent() {
        let failure = Failure::new(FailureKind::Protocol, "a\r\nb\u{1b}[2J\u{9b}");
        assert_eq!(failure.message(), "a\\r\\nb\\u{1b}[2J\\u{9b}");
    }
}

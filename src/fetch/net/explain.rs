//! What a TLS error means, in words that say what to look at. Pure.
//!
//! What is rare keeps the name that rustls gives it, in brackets.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

use super::trust::is_issuers_mark;

/// One line about `error`.
pub(crate) fn explain(error: &Error) -> String {
    let what = match error {
        Error::InvalidCertificate(_) if is_issuers_mark(error) => {
            "it is an issuer's or self-signed, and not itself one of those that are trusted \
             (SSL_CERT_FILE, cacert)"
        }
        Error::InvalidCertificate(certificate) => match certificate_fault(certificate) {
            Some(what) => what,
            None => return format!("the certificate is not trusted ({certificate})"),
        },
        Error::AlertReceived(alert) => match alert_reason(*alert) {
            Some(what) => return format!("the server refused the handshake: {what}"),
            None => return format!("the server refused the handshake ({alert:?})"),
        },
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => return "what the server sent is not TLS; it may speak plain http on this port".into(),
        Error::PeerIncompatible(why) => {
            return format!(
                "the server has no version or cipher of TLS in common with this client ({why:?})"
            );
        }
        Error::NoCertificatesPresented => return "the server showed no certificate".into(),
        other => return other.to_string(),
    };
    format!("the certificate is not trusted: {what}")
}

fn certificate_fault(error: &CertificateError) -> Option<&'static str> {
    Some(match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet"
        }
        CertificateError::UnknownIssuer => {
            "its issuer is not in the trust store (the system's, SSL_CERT_FILE, SSL_CERT_DIR, cacert)"
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "it has no subjectAltName, and the CN is no longer looked at for a name (RFC 9110, 4.3.4)"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name"
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not one for servers"
        }
        CertificateError::Revoked => "it was revoked",
        CertificateError::BadEncoding => "it cannot be read",
        CertificateError::BadSignature => {
            "it is not signed by the issuer of that name that is trusted here"
        }
        CertificateError::UnhandledCriticalExtension => {
            "it holds a condition that is not understood here"
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it is signed in a way that is out of date or not understood here"
        }
        _ => return None,
    })
}

/// Why a server ends a handshake (RFC 8446, 6.2).
fn alert_reason(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "it wants other ciphers, or a client certificate"
        }
        AlertDescription::ProtocolVersion => "it speaks neither TLS 1.2 nor 1.3",
        AlertDescription::UnrecognisedName => "it does not know this name",
        AlertDescription::CertificateRequired => "it wants a client certificate",
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => {
            "it does not accept the client certificate, or wants one"
        }
        AlertDescription::NoApplicationProtocol => "it does not speak HTTP/1.1",
        AlertDescription::InternalError => "something failed on its side",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{OtherError, PeerIncompatible};

    use super::*;

    #[test]
    fn common_causes_are_told_in_words() {
        let certificate = Error::InvalidCertificate;
        let other = |error| CertificateError::Other(OtherError(Arc::new(error)));
        for (error, words) in [
            (certificate(CertificateError::Expired), "it has expired"),
            (
                certificate(CertificateError::UnknownIssuer),
                "not in the trust store",
            ),
            (
                certificate(other(webpki::Error::CaUsedAsEndEntity)),
                "an issuer's or self-signed",
            ),
            (
                certificate(CertificateError::BadSignature),
                "not signed by the issuer of that name",
            ),
            (
                Error::AlertReceived(AlertDescription::ProtocolVersion),
                "neither TLS 1.2 nor 1.3",
            ),
            (
                Error::AlertReceived(AlertDescription::UnrecognisedName),
                "does not know this name",
            ),
            (
                Error::InvalidMessage(InvalidMessage::InvalidContentType),
                "is not TLS",
            ),
        ] {
            let text = explain(&error);
            assert!(text.contains(words), "{error:?}: {text}");
            for code in ["Other", "Error", "CaUsed", "Invalid", "Context"] {
                assert!(!text.contains(code), "{error:?}: {text}");
            }
        }
    }

    #[test]
    fn what_is_rare_keeps_its_name() {
        let incompatible = Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon);
        for (error, text) in [
            (
                Error::AlertReceived(AlertDescription::DecodeError),
                "the server refused the handshake (DecodeError)",
            ),
            (
                incompatible,
                "the server has no version or cipher of TLS in common with this client \
                 (NoCipherSuitesInCommon)",
            ),
        ] {
            assert_eq!(explain(&error), text);
        }
    }
}

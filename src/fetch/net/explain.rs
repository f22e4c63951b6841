//! What a TLS error means, in words that say what to look at.
//!
//! No record carries the name of a variant of a library; `-vv` tells it.

use rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, OtherError, PeerMisbehaved,
};

use super::trust::is_issuers_mark;

/// Whether `error` would come again with every attempt. Of what breaks a session outside of the handshake, only
/// the alerts that refuse one do: a server of TLS 1.3 judges the client's certificate when the client has
/// already finished, so that its alert comes in the place of a reply's first byte.
pub(crate) fn is_refusal(error: &Error, in_handshake: bool, nothing_came: bool) -> bool {
    match error {
        Error::AlertReceived(
            AlertDescription::CloseNotify
            | AlertDescription::UserCanceled
            | AlertDescription::InternalError
            | AlertDescription::BadRecordMac
            | AlertDescription::RecordOverflow,
        ) => false,
        Error::AlertReceived(_) => in_handshake || nothing_came,
        _ => in_handshake,
    }
}

/// One line about an `error` that is no refusal.
pub(crate) fn explain_loss(error: &Error) -> String {
    log::trace!("TLS: {error:?}");
    match error {
        Error::AlertReceived(alert) => {
            let number = u8::from(*alert);
            format!("the server broke the TLS session off (alert {number})")
        }
        other => protocol_fault(other).into(),
    }
}

/// One line about `error`.
pub(crate) fn explain(error: &Error) -> String {
    log::trace!("TLS: {error:?}");
    let what = match error {
        Error::InvalidCertificate(_) if is_issuers_mark(error) => {
            "it is an issuer's or self-signed, and not itself one of those that are trusted \
             (SSL_CERT_FILE, cacert)"
        }
        Error::InvalidCertificate(certificate) => match certificate_fault(certificate) {
            Some(what) => what,
            None if is_of_an_old_version(certificate) => {
                "it is not of X.509 version 3, the only one that has a subjectAltName"
            }
            None => "it is not one that can be verified here",
        },
        Error::AlertReceived(alert) => match alert_reason(*alert) {
            Some(what) => return format!("the server refused the handshake: {what}"),
            None => {
                let number = u8::from(*alert);
                return format!("the server refused the handshake (TLS alert {number})");
            }
        },
        other => return protocol_fault(other).into(),
    };
    format!("the certificate is not trusted: {what}")
}

/// What a server did that no TLS allows, or that this one does not.
fn protocol_fault(error: &Error) -> &'static str {
    match error {
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => {
            "what the server sent is not TLS; if it speaks plain http on this port, the URL must \
             begin with http://"
        }
        Error::InvalidMessage(
            InvalidMessage::MessageTooLarge
            | InvalidMessage::HandshakePayloadTooLarge
            | InvalidMessage::CertificatePayloadTooLarge,
        ) => "the server sent a TLS message that is larger than any may be",
        Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. } => {
            "the server sent what TLS does not allow at that place"
        }
        Error::PeerMisbehaved(
            PeerMisbehaved::TooManyWarningAlertsReceived
            | PeerMisbehaved::TooManyEmptyFragments
            | PeerMisbehaved::TooManyKeyUpdateRequests,
        ) => "the server sent too many TLS messages that say nothing",
        Error::PeerMisbehaved(_) => "the server broke the rules of TLS",
        Error::DecryptError => "the server sent what cannot be decrypted",
        Error::PeerIncompatible(_) => {
            "the server has no version or cipher of TLS in common with this client"
        }
        Error::NoCertificatesPresented => "the server showed no certificate",
        _ => "the TLS handshake failed",
    }
}

fn is_of_an_old_version(error: &CertificateError) -> bool {
    let CertificateError::Other(OtherError(inner)) = error else {
        return false;
    };
    let version = Some(&webpki::Error::UnsupportedCertVersion);
    inner.downcast_ref() == version
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

    use rustls::PeerIncompatible;

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
    fn what_is_rare_is_told_in_words_too() {
        let incompatible = Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon);
        for (error, text) in [
            (
                Error::AlertReceived(AlertDescription::DecodeError),
                "the server refused the handshake (TLS alert 50)",
            ),
            (
                incompatible,
                "the server has no version or cipher of TLS in common with this client",
            ),
            (
                Error::InvalidMessage(InvalidMessage::MessageTooLarge),
                "the server sent a TLS message that is larger than any may be",
            ),
            (
                Error::PeerMisbehaved(PeerMisbehaved::TooManyWarningAlertsReceived),
                "the server sent too many TLS messages that say nothing",
            ),
            (
                Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(
                    webpki::Error::UnsupportedCertVersion,
                )))),
                "the certificate is not trusted: it is not of X.509 version 3, the only one that has a \
                 subjectAltName",
            ),
        ] {
            assert_eq!(explain(&error), text);
        }
    }
}

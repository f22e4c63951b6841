//! TLS errors in words. Only `-vv` names the library's variants.

use std::error;
use std::fmt;
use std::sync::Arc;

use rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, OtherError, PeerIncompatible,
    PeerMisbehaved,
};

use super::certificate::Unfit;

/// Why there is no configuration.
#[derive(Debug)]
pub(in crate::fetch::net) enum TlsConfigError {
    /// The text says what is wrong with the trust store.
    Unusable(String),
    /// No descriptor was left to read the trust store.
    NoDescriptor,
}

/// Why a certificate is not accepted.
#[derive(Debug, Clone)]
pub(super) enum Distrust {
    /// The server's certificate or one between it and the root is not valid.
    Chain(webpki::Error),
    /// It is self-signed and not trusted itself.
    SelfSigned,
    /// It is trusted itself, but not valid for this use.
    Pin(Unfit),
    /// The trusted certificate that signed it is not valid for that.
    Root(Unfit),
    ShortKey,
    /// The signature in the handshake does not match the certificate's key.
    Handshake,
    /// TLS cannot express the host's name.
    Host,
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chain(error) => chain_fault(error),
            Self::SelfSigned => {
                "it is self-signed, and not itself one of those that are trusted (the system's, SSL_CERT_FILE, \
                 SSL_CERT_DIR, --cacert)"
            }
            Self::Pin(why) => return write!(f, "it {why}"),
            Self::Root(why) => return write!(f, "the trusted certificate that signed it {why}"),
            Self::ShortKey => "its RSA key has fewer than 2,048 bits",
            Self::Handshake => {
                "the server did not prove that it has the key of its certificate: its signature in the handshake is \
                 wrong"
            }
            Self::Host => "no certificate can be for a host of such a name",
        })
    }
}

impl error::Error for Distrust {}

impl From<Distrust> for Error {
    fn from(why: Distrust) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(why))))
    }
}

impl From<der::Error> for Distrust {
    fn from(_: der::Error) -> Self {
        Self::Chain(webpki::Error::BadDer)
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => {
                "has extensions that are damaged, or unknown and critical, or is not of X.509 version 3"
            }
            Self::Expired => "has expired",
            Self::NotYetValid => "is not valid yet",
            Self::NotForServers => "is not one for servers (its extended key usage)",
            Self::MayNotSign => {
                "may not sign others (its basic constraints or key usage); trust this one itself, or an authority's"
            }
            Self::TooManyBelow => {
                "does not allow so many between itself and a server (its path length)"
            }
        })
    }
}

/// What is wrong with the server's certificate, or with one between it and the root.
fn chain_fault(error: &webpki::Error) -> &'static str {
    use webpki::Error as E;
    match error {
        E::CertExpired { .. } => "it has expired",
        E::CertNotValidYet { .. } => "it is not valid yet",
        E::CertNotValidForName(context) if context.presented.is_empty() => {
            "it has no subjectAltName, and the CN is no longer looked at for a name (RFC 9110, 4.3.4)"
        }
        E::CertNotValidForName(_) => "it is for another name",
        E::UnknownIssuer => {
            "its issuer is not in the trust store (the system's, SSL_CERT_FILE, SSL_CERT_DIR, --cacert), or the server \
             does not send the certificates that lead there"
        }
        E::CaUsedAsEndEntity => {
            "it is an issuer's, not a server's, and not itself one of those that are trusted (SSL_CERT_FILE, --cacert)"
        }
        E::EndEntityUsedAsCa => {
            "an issuer of it may not sign others (its basic constraints or key usage)"
        }
        E::PathLenConstraintViolated => "an issuer of it allows fewer below it (its path length)",
        E::NameConstraintViolation => {
            "an issuer of it may not sign for this name (its name constraints)"
        }
        E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => {
            "it is not one for servers (its extended key usage)"
        }
        E::UnsupportedCertVersion => "it is not of X.509 version 3",
        E::UnsupportedCriticalExtension => {
            "it has a critical extension that is not understood here"
        }
        E::InvalidSignatureForPublicKey => {
            "its signature is not that of the issuer whose name it has, or the issuer's RSA key has fewer than 2,048 \
             bits"
        }
        E::UnsupportedSignatureAlgorithmContext(_) => {
            "it is signed in a way that is out of date (as SHA-1) or not known here"
        }
        E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "its issuer's key is of a kind or curve that is not known here"
        }
        E::MaximumPathDepthExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumSignatureChecksExceeded
        | E::MaximumNameConstraintComparisonsExceeded => {
            "the server sent too many certificates with it, or too many that look alike"
        }
        // The others are faults of encoding, or of revocation lists, which are not used.
        _ => "a field of it, or of an issuer of it, is malformed (-vv names the fault)",
    }
}

/// Whether every further attempt would fail in the same way.
///
/// After the handshake only an alert in place of the reply's first byte is a refusal: in TLS 1.3 the server checks the
/// client's certificate after the client has finished the handshake.
pub(in crate::fetch::net) fn is_refusal(
    error: &Error,
    in_handshake: bool,
    nothing_came: bool,
) -> bool {
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

/// The text of an error that may pass.
pub(in crate::fetch::net) fn explain_loss(error: &Error) -> String {
    log::trace!("TLS: {error:?}");
    match error {
        Error::AlertReceived(alert) => {
            let number = u8::from(*alert);
            format!("the server broke the TLS session off (alert {number})")
        }
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the server sent bytes that are not TLS inside the session".to_owned()
        }
        other => protocol_fault(other).to_owned(),
    }
}

/// The text of a refusal.
pub(in crate::fetch::net) fn explain(error: &Error) -> String {
    log::trace!("TLS: {error:?}");
    match error {
        Error::InvalidCertificate(CertificateError::Other(why)) => {
            format!("the certificate is not trusted: {why}")
        }
        Error::AlertReceived(alert) => match alert_reason(*alert) {
            Some(reason) => format!("the server refused the handshake: {reason}"),
            None => {
                let number = u8::from(*alert);
                format!("the server refused the handshake (TLS alert {number})")
            }
        },
        other => protocol_fault(other).to_owned(),
    }
}

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
        Error::PeerMisbehaved(
            PeerMisbehaved::TooManyWarningAlertsReceived
            | PeerMisbehaved::TooManyEmptyFragments
            | PeerMisbehaved::TooManyKeyUpdateRequests,
        ) => "the server sent too many TLS messages that say nothing",
        Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::PeerMisbehaved(_) => "the server broke the rules of TLS",
        Error::DecryptError => "the server sent what cannot be decrypted",
        Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            "the server speaks neither TLS 1.2 nor 1.3"
        }
        Error::PeerIncompatible(_) => {
            "the server has no version or cipher of TLS in common with this client"
        }
        Error::NoCertificatesPresented => "the server showed no certificate",
        _ => "the TLS handshake failed",
    }
}

/// See RFC 8446, 6.2.
fn alert_reason(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "it wants other ciphers or has a key that is not known here, or wants a client certificate"
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
    use super::*;

    #[test]
    fn what_is_wrong_with_a_certificate_is_told_in_words() {
        use Distrust as D;
        use webpki::Error as E;
        for (why, words) in [
            (D::Chain(E::BadDerTime), "is malformed"),
            (D::Chain(E::CaUsedAsEndEntity), "it is an issuer's"),
            (D::Chain(E::EmptyEkuExtension), "not one for servers"),
            (D::Chain(E::EndEntityUsedAsCa), "may not sign others"),
            (D::Chain(E::InvalidSignatureForPublicKey), "its signature"),
            (D::Chain(E::MaximumPathDepthExceeded), "too many"),
            (D::Chain(E::NameConstraintViolation), "for this name"),
            (D::Chain(E::PathLenConstraintViolated), "its path length"),
            (D::Chain(E::UnknownIssuer), "not in the trust store"),
            (D::Chain(E::UnsupportedCertVersion), "version 3"),
            (D::Chain(E::UnsupportedCriticalExtension), "critical"),
            (D::SelfSigned, "it is self-signed"),
            (D::Pin(Unfit::Expired), "it has expired"),
            (D::Root(Unfit::Damaged), "that signed it has extensions"),
            (D::Root(Unfit::MayNotSign), "that signed it may not sign"),
            (D::ShortKey, "fewer than 2,048 bits"),
            (D::Handshake, "did not prove that it has the key"),
            (D::Host, "no certificate can be for a host of such a name"),
        ] {
            let text = explain(&why.clone().into());
            let what = text.strip_prefix("the certificate is not trusted: ");
            assert!(what.is_some_and(|what| what.contains(words)), "{text}");
            let debug = format!("{why:?}");
            let variant = debug.trim_end_matches(')').rsplit('(').next().unwrap();
            assert!(!text.contains(variant), "{text}");
        }
    }

    #[test]
    fn what_went_wrong_in_a_handshake_is_told_in_words() {
        use AlertDescription as A;
        use InvalidMessage as I;
        let incompatible = PeerIncompatible::NoCipherSuitesInCommon;
        let warnings = PeerMisbehaved::TooManyWarningAlertsReceived;
        for (error, words) in [
            (Error::AlertReceived(A::ProtocolVersion), "1.2 nor 1.3"),
            (Error::AlertReceived(A::UnrecognisedName), "this name"),
            (Error::AlertReceived(A::DecodeError), "(TLS alert 50)"),
            (Error::PeerIncompatible(incompatible), "in common"),
            (Error::InvalidMessage(I::InvalidContentType), "http://"),
            (Error::InvalidMessage(I::MessageTooLarge), "larger than any"),
            (Error::PeerMisbehaved(warnings), "that say nothing"),
        ] {
            let text = explain(&error);
            assert!(text.contains(words), "{error:?}: {text}");
        }
    }
}

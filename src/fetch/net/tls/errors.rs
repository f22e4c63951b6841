//! The meaning of TLS errors in words, without the names of a library's variants, which only `-vv` prints.

use rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, OtherError, PeerIncompatible,
    PeerMisbehaved,
};

use super::certificate::Unfit;
use super::verifier::Distrust;

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
        other => protocol_fault(other).into(),
    }
}

pub(in crate::fetch::net) fn explain(error: &Error) -> String {
    log::trace!("TLS: {error:?}");
    let what = match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(why))) => {
            match why.downcast_ref() {
                Some(why) => distrust(why),
                None => "it cannot be verified",
            }
        }
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

fn distrust(why: &Distrust) -> &'static str {
    match why {
        Distrust::Chain(error) => chain_fault(error),
        Distrust::SelfSigned => {
            "it is self-signed, and not itself one of those that are trusted (the system's, SSL_CERT_FILE, \
             SSL_CERT_DIR, --cacert)"
        }
        Distrust::Pin(why) => pin_fault(*why),
        Distrust::Root(why) => root_fault(*why),
        Distrust::ShortKey => "its RSA key has fewer than 2,048 bits",
        Distrust::Handshake => {
            "the server did not prove that it has the key of its certificate: its signature in the handshake is wrong"
        }
        Distrust::Host => "no certificate can be for a host of such a name",
    }
}

/// Why a trusted certificate is not accepted as a server's own.
fn pin_fault(why: Unfit) -> &'static str {
    match why {
        Unfit::Expired => EXPIRED,
        Unfit::NotYetValid => NOT_YET_VALID,
        Unfit::NotForServers => NOT_FOR_SERVERS,
        Unfit::Damaged | Unfit::MayNotSign | Unfit::TooManyBelow => "it cannot be read",
    }
}

/// Why a trusted certificate is not accepted as a root.
fn root_fault(why: Unfit) -> &'static str {
    match why {
        Unfit::Damaged => {
            "the trusted certificate that signed it has extensions that are damaged, or unknown and critical, or is \
             not of X.509 version 3"
        }
        Unfit::Expired => "the trusted certificate that signed it has expired",
        Unfit::NotYetValid => "the trusted certificate that signed it is not valid yet",
        Unfit::NotForServers => {
            "the trusted certificate that signed it does not vouch for servers (its extended key usage)"
        }
        Unfit::MayNotSign => {
            "the trusted certificate that signed it may not sign others (its basic constraints or key usage); trust \
             this one itself, or an authority's"
        }
        Unfit::TooManyBelow => {
            "the trusted certificate that signed it does not allow so many between itself and a server (its path \
             length)"
        }
    }
}

const EXPIRED: &str = "it has expired";
const NOT_YET_VALID: &str = "it is not valid yet";
const NOT_FOR_SERVERS: &str = "it is not one for servers";

/// What is wrong with the server's certificate, or with one between it and the root.
fn chain_fault(error: &webpki::Error) -> &'static str {
    use webpki::Error as E;
    match error {
        E::CertExpired { .. } => EXPIRED,
        E::CertNotValidYet { .. } => NOT_YET_VALID,
        E::InvalidCertValidity => "it ends before it begins to be valid",
        E::CertNotValidForName(context) if context.presented.is_empty() => {
            "it has no subjectAltName, and the CN is no longer looked at for a name (RFC 9110, 4.3.4)"
        }
        E::CertNotValidForName(_) => "it is for another name",
        E::MalformedDnsIdentifier | E::UnsupportedNameType => "a name in it is malformed",
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
        E::MalformedNameConstraint | E::InvalidNetworkMaskConstraint => {
            "the name constraints of an issuer of it are malformed"
        }
        E::RequiredEkuNotFoundContext(_) => NOT_FOR_SERVERS,
        E::EmptyEkuExtension => "its extended key usage is empty, which allows no use at all",
        E::CertRevoked => "it was revoked",
        E::CertDistrusted => "an issuer of it is known to be abused",
        E::UnsupportedCertVersion => "it is not of X.509 version 3",
        E::UnsupportedCriticalExtension => {
            "it has a critical extension that is not understood here"
        }
        E::MalformedExtensions | E::ExtensionValueInvalid => {
            "an extension of it is malformed, or is there twice"
        }
        E::InvalidSignatureForPublicKey => {
            "its signature is not that of the issuer whose name it has, or the issuer's RSA key has fewer than 2,048 \
             bits"
        }
        E::SignatureAlgorithmMismatch => "it names two different signature algorithms",
        E::UnsupportedSignatureAlgorithmContext(_) => {
            "it is signed in a way that is out of date (as SHA-1) or not known here"
        }
        E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "its issuer's key is of a kind or curve that is not known here"
        }
        E::InvalidSerialNumber => "its serial number is malformed",
        E::BadDerTime => "a date in it is malformed",
        E::BadDer | E::TrailingData(_) => "it cannot be read: its encoding (DER) is damaged",
        E::MaximumPathDepthExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumSignatureChecksExceeded
        | E::MaximumNameConstraintComparisonsExceeded => {
            "the server sent too many certificates with it, or too many that look alike"
        }
        // The others concern revocation lists, which are not used.
        _ => "it cannot be verified",
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

    /// Parts of variants' names, which no message may contain.
    const CODES: [&str; 8] = [
        "Other",
        "Error",
        "CaUsed",
        "Invalid",
        "Context",
        "Der",
        "Unfit",
        "Malformed",
    ];

    #[test]
    fn what_is_wrong_with_a_certificate_is_told_in_words() {
        use Distrust as D;
        use webpki::Error as E;
        for (why, words) in [
            (D::Chain(E::BadDer), "its encoding (DER) is damaged"),
            (D::Chain(E::BadDerTime), "a date in it is malformed"),
            (
                D::Chain(E::CaUsedAsEndEntity),
                "it is an issuer's, not a server's",
            ),
            (D::Chain(E::CertDistrusted), "known to be abused"),
            (
                D::Chain(E::EmptyEkuExtension),
                "its extended key usage is empty",
            ),
            (D::Chain(E::EndEntityUsedAsCa), "may not sign others"),
            (
                D::Chain(E::ExtensionValueInvalid),
                "an extension of it is malformed",
            ),
            (D::Chain(E::InvalidCertValidity), "it ends before it begins"),
            (
                D::Chain(E::InvalidNetworkMaskConstraint),
                "the name constraints of an issuer",
            ),
            (
                D::Chain(E::InvalidSerialNumber),
                "its serial number is malformed",
            ),
            (
                D::Chain(E::InvalidSignatureForPublicKey),
                "not that of the issuer whose name",
            ),
            (
                D::Chain(E::MalformedDnsIdentifier),
                "a name in it is malformed",
            ),
            (D::Chain(E::MalformedExtensions), "or is there twice"),
            (
                D::Chain(E::MalformedNameConstraint),
                "the name constraints of an issuer",
            ),
            (
                D::Chain(E::MaximumPathBuildCallsExceeded),
                "too many certificates",
            ),
            (
                D::Chain(E::MaximumPathDepthExceeded),
                "too many certificates",
            ),
            (
                D::Chain(E::NameConstraintViolation),
                "may not sign for this name",
            ),
            (D::Chain(E::PathLenConstraintViolated), "its path length"),
            (
                D::Chain(E::SignatureAlgorithmMismatch),
                "two different signature algorithms",
            ),
            (
                D::Chain(E::UnknownIssuer),
                "its issuer is not in the trust store",
            ),
            (
                D::Chain(E::UnsupportedCertVersion),
                "not of X.509 version 3",
            ),
            (
                D::Chain(E::UnsupportedCriticalExtension),
                "a critical extension",
            ),
            (D::SelfSigned, "it is self-signed"),
            (D::Pin(Unfit::Expired), "it has expired"),
            (D::Pin(Unfit::NotForServers), "it is not one for servers"),
            (
                D::Root(Unfit::Damaged),
                "that signed it has extensions that are damaged",
            ),
            (
                D::Root(Unfit::MayNotSign),
                "that signed it may not sign others",
            ),
            (D::ShortKey, "fewer than 2,048 bits"),
            (D::Handshake, "did not prove that it has the key"),
            (D::Host, "no certificate can be for a host of such a name"),
        ] {
            let text = explain(&why.clone().into());
            assert!(
                text.starts_with("the certificate is not trusted: "),
                "{text}"
            );
            assert!(text.contains(words), "{why:?}: {text}");
            assert!(
                !CODES.iter().any(|code| text.contains(code)),
                "{why:?}: {text}"
            );
        }
    }

    #[test]
    fn what_went_wrong_in_a_handshake_is_told_in_words() {
        let incompatible = Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon);
        for (error, text) in [
            (
                Error::AlertReceived(AlertDescription::ProtocolVersion),
                "the server refused the handshake: it speaks neither TLS 1.2 nor 1.3",
            ),
            (
                Error::AlertReceived(AlertDescription::UnrecognisedName),
                "the server refused the handshake: it does not know this name",
            ),
            (
                Error::AlertReceived(AlertDescription::DecodeError),
                "the server refused the handshake (TLS alert 50)",
            ),
            (
                incompatible,
                "the server has no version or cipher of TLS in common with this client",
            ),
            (
                Error::InvalidMessage(InvalidMessage::InvalidContentType),
                "what the server sent is not TLS; if it speaks plain http on this port, the URL must begin with http://",
            ),
            (
                Error::InvalidMessage(InvalidMessage::MessageTooLarge),
                "the server sent a TLS message that is larger than any may be",
            ),
            (
                Error::PeerMisbehaved(PeerMisbehaved::TooManyWarningAlertsReceived),
                "the server sent too many TLS messages that say nothing",
            ),
        ] {
            assert_eq!(explain(&error), text);
        }
    }
}

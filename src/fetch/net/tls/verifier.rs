//! Which server certificates and handshake signatures are accepted.

use std::cell::Cell;

use ring::signature::{
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    UnparsedPublicKey,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{
    CertificateDer, ServerName, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime, alg_id,
};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage, RawPublicKeyEntity, VerifiedPath};

use super::certificate::{Fields, KeyParts, Unfit};
use super::errors::Distrust;

/// The sizes of RSA keys whose signatures rustls checks, in bytes of the modulus.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// Accepts a certificate that is trusted itself or that leads to a trusted certificate that may sign.
///
/// A trusted certificate is parsed in every full handshake that depends on it: parsing the whole store would slow the
/// start, and a root may expire during a run.
#[derive(Debug)]
pub(super) struct Verifier {
    trusted: Vec<CertificateDer<'static>>,
    /// The anchors of `trusted`, in the same order.
    anchors: Vec<TrustAnchor<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// Trusts the readable ones of `certificates`; `None` if there are none.
    pub(super) fn new(
        certificates: Vec<CertificateDer<'static>>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Option<Self> {
        let anchor = |cert: CertificateDer<'static>| {
            let anchor = webpki::anchor_from_trusted_cert(&cert).ok()?.to_owned();
            Some((cert, anchor))
        };
        let (trusted, anchors): (Vec<_>, Vec<_>) =
            certificates.into_iter().filter_map(anchor).unzip();
        (!trusted.is_empty()).then_some(Self {
            trusted,
            anchors,
            algorithms,
        })
    }

    fn check_chain(
        &self,
        cert: &EndEntityCert<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Distrust> {
        let unfit = Cell::new(None);
        let check_root = |path: &VerifiedPath<'_>| {
            let mut below = 0;
            for cert in path.intermediate_certificates() {
                Fields::read_trusted(&cert.der())
                    .and_then(|cert| cert.check_may_sign())
                    .map_err(|_| webpki::Error::EndEntityUsedAsCa)?;
                below += 1;
            }
            let is_its = |anchor: &TrustAnchor<'_>| std::ptr::eq(anchor, path.anchor());
            let at = self.anchors.iter().position(is_its);
            at.ok_or(Unfit::Damaged)
                .and_then(|at| Fields::read_trusted(&self.trusted[at]))
                .and_then(|root| root.check_as_root(below, now))
                .map_err(|why| {
                    unfit.set(Some(why));
                    // Make webpki try another path.
                    webpki::Error::UnknownIssuer
                })
        };
        let verified = cert.verify_for_usage(
            self.algorithms.all,
            &self.anchors,
            intermediates,
            now,
            KeyUsage::server_auth(),
            None,
            Some(&check_root),
        );
        match (verified, unfit.get()) {
            (Ok(_), _) => Ok(()),
            (Err(_), Some(why)) => Err(Distrust::Root(why)),
            (Err(webpki::Error::UnknownIssuer | webpki::Error::CaUsedAsEndEntity), None)
                if cert.issuer() == cert.subject() =>
            {
                Err(Distrust::SelfSigned)
            }
            (Err(error), None) => Err(Distrust::Chain(error)),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let cert = EndEntityCert::try_from(end_entity).map_err(Distrust::Chain)?;
        if self.trusted.contains(end_entity) {
            Fields::read_trusted(end_entity)
                .and_then(|pin| pin.check_as_servers(now))
                .map_err(Distrust::Pin)?;
        } else {
            self.check_chain(&cert, intermediates, now)?;
        }
        cert.verify_is_valid_for_subject_name(server_name)
            .map_err(Distrust::Chain)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
            .map_err(|error| handshake_fault(error, cert))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
            .map_err(|error| handshake_fault(error, cert))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn handshake_fault(error: Error, cert: &CertificateDer<'_>) -> Error {
    if !matches!(error, Error::InvalidCertificate(_)) {
        return error;
    }
    let rsa_bytes = || KeyParts::read(&Fields::read(cert)?.public_key())?.rsa_bytes();
    match rsa_bytes() {
        Ok(bytes) if bytes < *RSA_BYTES.start() => Distrust::ShortKey.into(),
        _ => Distrust::Handshake.into(),
    }
}

/// Accepts any certificate, and checks the handshake's signature with its key, unless rustls does not know the kind or
/// size of the key: see docs/HTTP.md.
#[derive(Debug)]
pub(super) struct AnyCertificate(pub(super) WebPkiSupportedAlgorithms);

/// Schemes of keys that rustls does not know (RFC 8446, 4.2.3): P-521, Ed448 and the three of RSA-PSS keys.
const UNKNOWN_KEYS: [SignatureScheme; 5] = [
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ED448,
    SignatureScheme::Unknown(0x0809),
    SignatureScheme::Unknown(0x080a),
    SignatureScheme::Unknown(0x080b),
];

impl AnyCertificate {
    /// Whether rustls knows keys of this kind and size.
    fn knows(&self, key: &KeyParts<'_>) -> bool {
        let mut known = self.0.all.iter().map(|known| known.public_key_alg_id());
        known.any(|id| id.as_ref() == key.algorithm)
            && (key.algorithm != alg_id::RSA_ENCRYPTION.as_ref()
                || key
                    .rsa_bytes()
                    .is_ok_and(|bytes| RSA_BYTES.contains(&bytes)))
    }

    /// The public key of `cert`, and whether rustls knows such keys.
    fn key(
        &self,
        cert: &CertificateDer<'_>,
    ) -> Result<(SubjectPublicKeyInfoDer<'static>, bool), Distrust> {
        let key = Fields::read(cert)?.public_key();
        let is_known = self.knows(&KeyParts::read(&key)?);
        Ok((key, is_known))
    }

    /// Checks a signature as [`verify_tls12_signature`] does, with a known key in place of a certificate.
    fn check_tls12(
        &self,
        message: &[u8],
        key: &SubjectPublicKeyInfoDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<(), Distrust> {
        let key = RawPublicKeyEntity::try_from(key).map_err(Distrust::Chain)?;
        let mapping = self.0.mapping.iter();
        let of_scheme = mapping.filter(|(scheme, _)| *scheme == dss.scheme);
        // P-256 and P-384 share schemes in TLS 1.2.
        let mut algorithms = of_scheme.flat_map(|(_, algorithms)| *algorithms);
        algorithms
            .find_map(|algorithm| {
                key.verify_signature(*algorithm, message, dss.signature())
                    .ok()
            })
            .ok_or(Distrust::Handshake)
    }
}

/// Checks a PKCS #1 signature of an RSA key of 1,024 bits or more that is too short for rustls.
fn check_short_rsa(
    message: &[u8],
    key: &SubjectPublicKeyInfoDer<'_>,
    scheme: SignatureScheme,
    signature: &[u8],
) -> Result<(), Distrust> {
    let key = KeyParts::read(key)?;
    let algorithm = match scheme {
        SignatureScheme::RSA_PKCS1_SHA256 => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        SignatureScheme::RSA_PKCS1_SHA512 => &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        _ => return Ok(()),
    };
    match key.rsa_bytes() {
        Ok(bytes) if (128..*RSA_BYTES.start()).contains(&bytes) => {
            UnparsedPublicKey::new(algorithm, key.key)
                .verify(message, signature)
                .map_err(|_| Distrust::Handshake)
        }
        _ => Ok(()),
    }
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.key(cert)? {
            (key, true) => self.check_tls12(message, &key, dss)?,
            (key, false) => check_short_rsa(message, &key, dss.scheme, dss.signature())?,
        }
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.key(cert)? {
            (key, true) => verify_tls13_signature_with_raw_key(message, &key, dss, &self.0)
                .map_err(|error| handshake_fault(error, cert)),
            _ => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        [self.0.supported_schemes(), UNKNOWN_KEYS.to_vec()].concat()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// `openssl genrsa 1024`, its public half.
    const KEY: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDlTmWl59g8kmDMUzNpawQxhroqMFZkvzBCwpRrZkkn07n7a2ye\
        u41nrfiu+V9ac2hHMN/vxtXydp7qMThNtda9qvl9UPNnjFIkweVFufOhVkEa+bonipz19V50L1PDawGHHQZ3wFUU7uvOriG9yaDKDcCQuANt\
        VIFyW465MbUZfQIDAQAB";
    /// `openssl dgst -sha256 -sign` of "message".
    const SHA256: &str = "bvYGPDJIwf33zBm8LoF48YOqZkfJO3s4Sf1x6pa93qc8FKvD/ZXJA8mRhCR3eNJ+LcmdoYRBUHq3YL5wgc09eaLEgP\
        rYVA6T1nfoS1ZBw7CkHAd9K6qD1kVp2nQtf3f4DrOej9Gc1/ysQAo3ZMiyXxgkcyV/2Yv5OVzu6h/jOfQ=";
    const SHA512: &str = "wghI3pQIUM4QVL1KzicbbR3Wu3/tTnXALl2IiurWjLcHGbb6ZyAWTy8KYzw6XnUMq5J8or+OVITsmVIft7a3kkKTj1\
        BF5zwIF5Ige8wGmyMmFMCZp0pY4S3Jue6cF0ahVt31J4zdoAHFmxwJJRQT937KSEEKH0eq7IlwsQ1KtUA=";

    #[test]
    fn a_wrong_signature_of_a_short_key_is_refused_where_it_can_be_checked() {
        let decode = |text: &str| STANDARD.decode(text).unwrap();
        let key = SubjectPublicKeyInfoDer::from(decode(KEY));
        let sha256 = SignatureScheme::RSA_PKCS1_SHA256;
        let sha512 = SignatureScheme::RSA_PKCS1_SHA512;
        for (scheme, signature, message, is_taken) in [
            (sha256, SHA256, "message", true),
            (sha512, SHA512, "message", true),
            (sha256, SHA256, "another", false),
            (sha512, SHA512, "another", false),
            (sha512, SHA256, "message", false),
            // The library has no such check.
            (SignatureScheme::RSA_PSS_SHA256, SHA256, "another", true),
        ] {
            let result = check_short_rsa(message.as_bytes(), &key, scheme, &decode(signature));
            assert_eq!(result.is_ok(), is_taken, "{scheme:?} {message}");
        }
        let known = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        assert!(!AnyCertificate(known).knows(&KeyParts::read(&key).unwrap()));
    }
}

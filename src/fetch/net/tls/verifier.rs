//! Which server certificates and handshake signatures are accepted.

use std::cell::Cell;

use ring::signature::{
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    UnparsedPublicKey,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, ServerName, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime, alg_id,
};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage, RawPublicKeyEntity, VerifiedPath};

use super::certificate::{Fields, KeyParts, Unfit};
use super::errors::Distrust;

/// The sizes of RSA keys whose signatures rustls checks, in bytes of the modulus.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// Schemes of keys that rustls does not know (RFC 8446, 4.2.3): P-521, Ed448 and the three of RSA-PSS keys.
const UNKNOWN_KEYS: [SignatureScheme; 5] = [
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ED448,
    SignatureScheme::Unknown(0x0809),
    SignatureScheme::Unknown(0x080a),
    SignatureScheme::Unknown(0x080b),
];

#[derive(Debug)]
pub(super) struct Verifier {
    /// `None` accepts any certificate. The handshake's signature is then checked only if rustls knows the kind and size
    /// of the key: see docs/HTTP.md.
    pub(super) roots: Option<Roots>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

/// The trusted certificates.
///
/// One is parsed in every full handshake that depends on it: parsing the whole store would slow the start, and a root may
/// expire during a run.
#[derive(Debug)]
pub(super) struct Roots {
    trusted: Vec<CertificateDer<'static>>,
    /// The anchors of `trusted`, in the same order.
    anchors: Vec<TrustAnchor<'static>>,
}

impl Roots {
    /// The readable ones of `certificates`; `None` if there are none.
    pub(super) fn new(certificates: Vec<CertificateDer<'static>>) -> Option<Self> {
        let anchor = |cert: CertificateDer<'static>| {
            let anchor = webpki::anchor_from_trusted_cert(&cert).ok()?.to_owned();
            Some((cert, anchor))
        };
        let (trusted, anchors): (Vec<_>, Vec<_>) =
            certificates.into_iter().filter_map(anchor).unzip();
        (!trusted.is_empty()).then_some(Self { trusted, anchors })
    }

    /// Whether a certificate that is not trusted itself leads to a trusted one that may sign.
    fn check_chain(
        &self,
        cert: &EndEntityCert<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        algorithms: &WebPkiSupportedAlgorithms,
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
            algorithms.all,
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

impl Verifier {
    /// The public key of `cert`, and whether its signatures must be checked by rustls.
    fn key(
        &self,
        cert: &CertificateDer<'_>,
    ) -> Result<(SubjectPublicKeyInfoDer<'static>, bool), Distrust> {
        let key = Fields::read(cert)?.public_key();
        let parts = KeyParts::read(&key)?;
        let is_rsa = parts.algorithm == alg_id::RSA_ENCRYPTION.as_ref();
        let size = parts.rsa_bytes().ok().filter(|_| is_rsa);
        let mut known = self.algorithms.all.iter();
        let is_known = known.any(|known| known.public_key_alg_id().as_ref() == parts.algorithm)
            && (!is_rsa || size.is_some_and(|bytes| RSA_BYTES.contains(&bytes)));
        if self.roots.is_some() && size.is_some_and(|bytes| bytes < *RSA_BYTES.start()) {
            return Err(Distrust::ShortKey);
        }
        Ok((key, is_known || self.roots.is_some()))
    }

    /// Checks a signature of TLS 1.2 as rustls does, with the key in place of its certificate.
    fn check_tls12(
        &self,
        message: &[u8],
        key: &SubjectPublicKeyInfoDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<(), Distrust> {
        let key = RawPublicKeyEntity::try_from(key).map_err(Distrust::Chain)?;
        let mapping = self.algorithms.mapping.iter();
        let of_scheme = mapping.filter(|(scheme, _)| *scheme == dss.scheme);
        // P-256 and P-384 share schemes in TLS 1.2.
        let mut checks = of_scheme
            .flat_map(|(_, algorithms)| *algorithms)
            .map(|algorithm| key.verify_signature(*algorithm, message, dss.signature()));
        let is_right = checks.any(|check| check.is_ok());
        is_right.then_some(()).ok_or(Distrust::Handshake)
    }
}

/// Checks a PKCS #1 signature of an RSA key that is too short for rustls, but has at least 1,024 bits.
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

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(roots) = &self.roots {
            let cert = EndEntityCert::try_from(end_entity).map_err(Distrust::Chain)?;
            if roots.trusted.contains(end_entity) {
                Fields::read_trusted(end_entity)
                    .and_then(|pin| pin.check_as_servers(now))
                    .map_err(Distrust::Pin)?;
            } else {
                roots.check_chain(&cert, intermediates, now, &self.algorithms)?;
            }
            cert.verify_is_valid_for_subject_name(server_name)
                .map_err(Distrust::Chain)?;
        }
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
        let (key, true) = self.key(cert)? else {
            return Ok(HandshakeSignatureValid::assertion());
        };
        let checked = verify_tls13_signature_with_raw_key(message, &key, dss, &self.algorithms);
        checked.map_err(|error| match error {
            Error::InvalidCertificate(_) => Distrust::Handshake.into(),
            error => error,
        })
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.algorithms.supported_schemes();
        if self.roots.is_none() {
            schemes.extend(UNKNOWN_KEYS);
        }
        schemes
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
    }
}

//! The fields of a certificate that webpki does not expose (RFC 5280, 4.1 and 4.2): its dates, its purposes, whether
//! it may sign, and its public key.

use der::asn1::{
    AnyRef, BitStringRef, GeneralizedTime, ObjectIdentifier, OctetStringRef, UintRef, UtcTime,
};
use der::{Decode as _, Reader as _, SliceReader, Tag};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};

const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
const SERVERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");

/// The bit of `keyCertSign` in the first byte of a key usage.
const KEY_CERT_SIGN: u8 = 0x80 >> 5;

/// Why a trusted certificate does not vouch for a server.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unfit {
    /// It is not of X.509 version 3, is malformed, or has an unknown critical extension.
    Damaged,
    Expired,
    NotYetValid,
    /// Its extended key usage excludes TLS servers.
    NotForServers,
    /// Its basic constraints or its key usage do not allow it to sign certificates.
    MayNotSign,
    /// Its path length allows fewer certificates below it.
    TooManyBelow,
}

impl From<der::Error> for Unfit {
    fn from(_: der::Error) -> Self {
        Self::Damaged
    }
}

/// Undecoded fields of a certificate.
pub(super) struct Fields<'a> {
    validity: &'a [u8],
    public_key: &'a [u8],
    /// What follows the public key: the extensions, if any, in a certificate that webpki accepts.
    rest: SliceReader<'a>,
}

impl<'a> Fields<'a> {
    /// Reads a certificate of any version. Fields other than the public key are not checked.
    pub(super) fn read(cert: &'a [u8]) -> der::Result<Self> {
        let mut fields = inside(inside(SliceReader::new(cert)?)?)?;
        if Tag::peek(&fields)?.is_context_specific() {
            fields.tlv_bytes()?; // the version
        }
        for _serial_algorithm_issuer in 0..3 {
            fields.tlv_bytes()?;
        }
        let validity = fields.tlv_bytes()?;
        fields.tlv_bytes()?; // the subject
        Ok(Self {
            validity,
            public_key: fields.tlv_bytes()?,
            rest: fields,
        })
    }

    /// Reads a certificate that others may depend on: webpki refuses unknown critical extensions and repeated ones.
    pub(super) fn read_trusted(cert: &'a CertificateDer<'_>) -> Result<Self, Unfit> {
        webpki::EndEntityCert::try_from(cert).map_err(|_| Unfit::Damaged)?;
        Ok(Self::read(cert)?)
    }

    pub(super) fn public_key(&self) -> SubjectPublicKeyInfoDer<'static> {
        SubjectPublicKeyInfoDer::from(self.public_key.to_vec())
    }

    /// Whether a server may present this certificate itself.
    pub(super) fn check_as_servers(&self, now: UnixTime) -> Result<(), Unfit> {
        let mut validity = inside(SliceReader::new(self.validity)?)?;
        if now.as_secs() < read_time(&mut validity)? {
            return Err(Unfit::NotYetValid);
        }
        if now.as_secs() > read_time(&mut validity)? {
            return Err(Unfit::Expired);
        }
        match self.extension(EXTENDED_KEY_USAGE)? {
            Some(usage) if !is_for_servers(&Vec::from_der(usage)?) => Err(Unfit::NotForServers),
            _ => Ok(()),
        }
    }

    /// Whether it may have signed a server's certificate, with `between` others in between.
    pub(super) fn check_as_root(&self, between: usize, now: UnixTime) -> Result<(), Unfit> {
        self.check_as_servers(now)?;
        match self.check_may_sign()? {
            Some(most) if between > most as usize => Err(Unfit::TooManyBelow),
            _ => Ok(()),
        }
    }

    /// Whether it may sign certificates; its path length.
    pub(super) fn check_may_sign(&self) -> Result<Option<u32>, Unfit> {
        let constraints = self.extension(BASIC_CONSTRAINTS)?;
        let mut constraints = inside(SliceReader::new(constraints.ok_or(Unfit::MayNotSign)?)?)?;
        let may_sign: Option<bool> = constraints.decode()?;
        let path_length: Option<u32> = constraints.decode()?;
        constraints.finish()?;
        let may_sign = may_sign == Some(true)
            && match self.extension(KEY_USAGE)? {
                Some(usage) => {
                    let usage = BitStringRef::from_der(usage)?;
                    let first = usage.raw_bytes().first();
                    first.is_some_and(|first| first & KEY_CERT_SIGN != 0)
                }
                None => true,
            };
        may_sign.then_some(path_length).ok_or(Unfit::MayNotSign)
    }

    /// The value of an extension.
    fn extension(&self, wanted: ObjectIdentifier) -> der::Result<Option<&'a [u8]>> {
        if self.rest.is_finished() {
            return Ok(None);
        }
        let mut extensions = inside(inside(self.rest.clone())?)?;
        while !extensions.is_finished() {
            let mut extension = inside(SliceReader::new(extensions.tlv_bytes()?)?)?;
            let id: ObjectIdentifier = extension.decode()?;
            let _critical: Option<bool> = extension.decode()?;
            let value: &'a OctetStringRef = extension.decode()?;
            if id == wanted {
                return Ok(Some(value.as_bytes()));
            }
        }
        Ok(None)
    }
}

/// Whether the purposes include TLS servers.
pub(super) fn is_for_servers(purposes: &[ObjectIdentifier]) -> bool {
    purposes.contains(&SERVERS) || purposes.contains(&ANY_PURPOSE)
}

/// The next time, in seconds since 1970; an earlier time is an error.
fn read_time(reader: &mut SliceReader<'_>) -> der::Result<u64> {
    let time = match Tag::peek(reader)? {
        Tag::UtcTime => UtcTime::decode(reader)?.to_unix_duration(),
        _ => GeneralizedTime::decode(reader)?.to_unix_duration(),
    };
    Ok(time.as_secs())
}

/// Undecoded fields of a public key.
pub(super) struct KeyParts<'a> {
    /// The content of its algorithm identifier.
    pub(super) algorithm: &'a [u8],
    pub(super) key: &'a [u8],
}

impl<'a> KeyParts<'a> {
    pub(super) fn read(key: &'a SubjectPublicKeyInfoDer<'_>) -> der::Result<Self> {
        let mut fields = inside(SliceReader::new(key)?)?;
        let algorithm: AnyRef<'a> = fields.decode()?;
        let key: BitStringRef<'a> = fields.decode()?;
        Ok(Self {
            algorithm: algorithm.value(),
            key: key.raw_bytes(),
        })
    }

    /// The size of an RSA modulus in bytes (RFC 8017, A.1.1); an error for a key of another kind.
    pub(super) fn rsa_bytes(&self) -> der::Result<usize> {
        let modulus: UintRef<'_> = inside(SliceReader::new(self.key)?)?.decode()?;
        Ok(modulus.as_bytes().len())
    }
}

/// The content of the next element.
fn inside(mut reader: SliceReader<'_>) -> der::Result<SliceReader<'_>> {
    let element: AnyRef<'_> = reader.decode()?;
    SliceReader::new(element.value())
}

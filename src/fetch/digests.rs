//! The digests that a server tells of a body (RFC 9530): SHA-256 and SHA-512, each checked where it is there.
//!
//! Other algorithms and values that cannot be read are ignored, as the RFC asks.

use std::io::{self, Read};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{self, Algorithm, SHA256, SHA512};

use super::failure::{Failure, FailureKind};
use crate::escape::hex;

static ALGORITHMS: [(&str, &Algorithm); 2] = [("sha-256", &SHA256), ("sha-512", &SHA512)];

/// What the bytes that are given to [`update`](Self::update) must be.
#[derive(Default)]
pub(super) struct Expected(Vec<One>);

struct One {
    header: &'static str,
    algorithm: &'static str,
    digest: Vec<u8>,
    context: digest::Context,
}

impl Expected {
    /// What `value`, a dictionary (RFC 9651, 3.2) in the header of that name, tells. The last member of a name counts.
    pub(super) fn of(header: &'static str, value: &str) -> Self {
        let one = |&(name, algorithm): &(&'static str, &'static Algorithm)| {
            let mut values = value.split(',').filter_map(|member| {
                let (key, value) = member.trim().split_once('=')?;
                (key == name).then_some(value)
            });
            let bytes = values.next_back()?.strip_prefix(':')?.split(':').next()?;
            let digest = BASE64_STANDARD.decode(bytes).ok()?;
            (digest.len() == algorithm.output_len()).then(|| One {
                header,
                algorithm: name,
                digest,
                context: digest::Context::new(algorithm),
            })
        };
        Self(ALGORITHMS.iter().filter_map(one).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.iter_mut().for_each(|one| one.context.update(bytes));
    }

    /// # Errors
    ///
    /// The bytes have another digest; the message has both.
    pub(super) fn finish(self) -> Result<(), Failure> {
        for one in self.0 {
            let got = one.context.finish();
            if got.as_ref() != one.digest {
                let (expected, got) = (hex(&one.digest), hex(got.as_ref()));
                let text = format!(
                    "{} {}: expected {expected}, got {got}",
                    one.header, one.algorithm
                );
                return Err(Failure::new(FailureKind::Mismatch, text));
            }
        }
        Ok(())
    }
}

/// Reads from `body`, and gives what it reads to `expected`.
pub(super) struct Checked<'a, R> {
    pub(super) body: R,
    pub(super) expected: &'a mut Expected,
}

impl<R: Read> Read for Checked<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let amount = self.body.read(buf)?;
        self.expected.update(&buf[..amount]);
        Ok(amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of `hello`.
    const HELLO: &str = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";

    fn check(value: &str, body: &[u8]) -> (usize, Result<(), Failure>) {
        let mut expected = Expected::of("Repr-Digest", value);
        let count = expected.0.len();
        let mut body = Checked {
            body,
            expected: &mut expected,
        };
        io::copy(&mut body, &mut io::sink()).unwrap();
        (count, expected.finish())
    }

    #[test]
    fn known_digests_are_checked_and_others_are_ignored() {
        let sha512 = BASE64_STANDARD.encode(digest::digest(&SHA512, b"hello"));
        for (value, count) in [
            (format!("sha-256=:{HELLO}:"), 1),
            (format!(" sha-256=:{HELLO}:;a=1 , sha-512=:{sha512}:,"), 2),
            (format!("md5=:AAAA:, sha-256=:AAAA:, sha-256=:{HELLO}:"), 1),
            (format!("sha-256={HELLO}"), 0),
            (format!("SHA-256=:{HELLO}:"), 0),
            (format!("sha-512=:{HELLO}:"), 0),
            ("sha-256=:?:".into(), 0),
            ("sha-256".into(), 0),
            (String::new(), 0),
        ] {
            assert_eq!(check(&value, b"hello"), (count, Ok(())), "{value}");
            assert_eq!(check(&value, b"hell").1.is_err(), count > 0, "{value}");
        }
    }

    #[test]
    fn a_mismatch_names_the_header_and_both_values() {
        let failure = check(&format!("sha-256=:{HELLO}:"), b"").1.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Mismatch);
        assert_eq!(
            failure.message(),
            "Repr-Digest sha-256: expected 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824, \
             got e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}

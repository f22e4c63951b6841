//! Basic authentication (RFC 7617). Header values are marked as sensitive, so that `Debug` hides them.

use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Url;

use super::netrc::Netrc;
use super::options_error::OptionsError;

/// A user and a password, read from `USER[:PASSWORD]`. Neither `Debug` nor an error shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials(pub(super) HeaderValue);

impl FromStr for Credentials {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        if text.is_empty() {
            return Err(OptionsError::new("it is empty: write USER:PASSWORD"));
        }
        if text.contains(char::is_control) {
            // RFC 7617, section 2.
            return Err(OptionsError::new(
                "a user and a password have no control characters",
            ));
        }
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self(basic(user.as_bytes(), password.as_bytes())))
    }
}

/// The value of `Authorization` or `Proxy-Authorization`.
pub(super) fn basic(user: &[u8], password: &[u8]) -> HeaderValue {
    let pair = [user, b":", password].concat();
    let mut value = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(pair)))
        .expect("base64 is printable ASCII");
    value.set_sensitive(true);
    value
}

/// The credentials of `url`, which loses them. A user without a password has that of `netrc`, as with curl.
pub(super) fn take_credentials(url: &mut Url, netrc: Option<&Netrc>) -> Option<HeaderValue> {
    let (user, password) = user_and_password(url)?;
    // Both fail only for a URL without a host, which has no credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let netrc = netrc.filter(|_| password.is_empty());
    let known = netrc.and_then(|netrc| netrc.authorization(url, Some(&user)));
    known.or_else(|| Some(basic(&user, &password)))
}

/// `url`, of any scheme, without its user and password.
pub(crate) fn without_credentials(url: &Url) -> Url {
    let mut url = url.clone();
    take_credentials(&mut url, None);
    url
}

/// User and password of `url`, percent-decoded.
pub(super) fn user_and_password(url: &Url) -> Option<(Vec<u8>, Vec<u8>)> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    Some((
        decoded(url.username()),
        decoded(url.password().unwrap_or_default()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users() {
        for (text, encoded) in [
            ("me", "bWU6"),
            ("me:", "bWU6"),
            ("me:secret", "bWU6c2VjcmV0"),
            ("me:a:b: c", "bWU6YTpiOiBj"),
            (":token", "OnRva2Vu"),
            ("jörg:käse", "asO2cmc6a8Okc2U="),
        ] {
            let Credentials(value) = text.parse().unwrap();
            assert_eq!(value, format!("Basic {encoded}"), "{text}");
        }
        for text in [
            "",
            "me:sec\nret",
            "m\0e:secret",
            "me:secret\r\nX: y",
            "me:\u{85}secret",
            "\t:secret",
        ] {
            let error = text.parse::<Credentials>().expect_err(text).to_string();
            assert!(!error.contains("ret") && !error.contains("me"), "{error}");
        }
    }

    #[test]
    fn credentials_leave_the_url_decoded() {
        for (url, header) in [
            (
                "http://us%65r:p%40ss:w@a.test/x",
                Some("Basic dXNlcjpwQHNzOnc="),
            ),
            ("http://user@a.test/x", Some("Basic dXNlcjo=")),
            ("http://:pw@a.test/x", Some("Basic OnB3")),
            ("http://%zz:%4@a.test/x", Some("Basic JXp6OiU0")),
            ("http://a.test/x", None),
        ] {
            let mut url = Url::parse(url).unwrap();
            let value = take_credentials(&mut url, None);
            assert_eq!(value.as_ref().map(|v| v.to_str().unwrap()), header, "{url}");
            assert_eq!(url.as_str(), "http://a.test/x");
            assert!(!format!("{value:?}").contains("Basic"));
        }
    }
}

//! Basic authentication (RFC 7617): credentials as a header's value, which is marked as sensitive so that
//! `Debug` does not print it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Url;

/// The value of an `Authorization` or `Proxy-Authorization` header.
pub(super) fn basic(user: &[u8], password: &[u8]) -> Option<HeaderValue> {
    let pair = [user, b":", password].concat();
    // A header may hold all characters of base64.
    let mut value =
        HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Takes user and password out of `url`.
pub(super) fn take_credentials(url: &mut Url) -> Option<HeaderValue> {
    let (user, password) = user_and_password(url)?;
    // Both fail only for a URL without a host, which has no credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    basic(&user, &password)
}

/// `url`, of any scheme, without its user and password.
pub(super) fn without_credentials(url: &Url) -> Url {
    let mut url = url.clone();
    take_credentials(&mut url);
    url
}

/// User and password of `url`, percent-decoded; `None` if it has neither.
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
            let value = take_credentials(&mut url);
            assert_eq!(value.as_ref().map(|v| v.to_str().unwrap()), header, "{url}");
            assert_eq!(url.as_str(), "http://a.test/x");
            assert!(!format!("{value:?}").contains("Basic"));
        }
    }
}

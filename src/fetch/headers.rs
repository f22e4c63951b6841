//! The headers of a request, checked and put together once for a client.
//!
//! What has come through here can break neither the framing of a request nor another header.

use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::credentials::basic;
use super::options::{Options, OptionsError, reserved_header};
use super::redirect::Hop;

/// The headers of a request, made once for a client.
#[derive(Debug)]
pub(crate) struct RequestHeaders {
    /// For the origin that the user asked for.
    pub(crate) home: HeaderMap,
    /// For any other origin: nothing of the user's but the User-Agent.
    pub(crate) away: HeaderMap,
}

impl RequestHeaders {
    pub(crate) fn new(options: &Options) -> Result<Self, OptionsError> {
        let mut away = HeaderMap::new();
        away.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        if !options.user_agent.is_empty() {
            away.insert(
                header::USER_AGENT,
                value("User-Agent", &options.user_agent)?,
            );
        }
        if options.compressed {
            away.insert(
                header::ACCEPT_ENCODING,
                HeaderValue::from_static("gzip, br"),
            );
        }
        let mut home = away.clone();
        if let Some((user, password)) = &options.credentials {
            home.extend(
                basic(user.as_bytes(), password.as_bytes()).map(|v| (header::AUTHORIZATION, v)),
            );
        }
        for (name, _) in &options.headers {
            home.remove(name.as_str());
        }
        for (name, text) in &options.headers {
            let value = value(name, text)?;
            let name = self::name(name)?;
            // The client library takes no more in these two.
            if (name == header::HOST || name == header::AUTHORIZATION) && value.to_str().is_err() {
                return Err(OptionsError::new(format!(
                    "the value of header {name} holds a character that is not ASCII"
                )));
            }
            home.append(name, value);
        }
        if home.get_all(header::HOST).iter().count() > 1 {
            return Err(OptionsError::new(
                "header Host was given more than once; a request has one",
            ));
        }
        Ok(Self { home, away })
    }

    /// Those that are sent to the origin of `hop`.
    pub(crate) fn of(&self, hop: &Hop) -> &HeaderMap {
        if hop.is_home { &self.home } else { &self.away }
    }
}

fn name(text: &str) -> Result<HeaderName, OptionsError> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| {
        OptionsError::new(format!(
            "{text:?} is no header name; letters, digits and hyphens are (for example X-Api-Key)"
        ))
    })?;
    if let Some(reason) = reserved_header(text) {
        return Err(OptionsError::new(format!(
            "header {text} cannot be set: {reason}"
        )));
    }
    Ok(name)
}

fn value(name: &str, text: &str) -> Result<HeaderValue, OptionsError> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        OptionsError::new(format!(
            "the value of header {name} holds a line break or another control character"
        ))
    })
}

/// Methods that may be sent twice without harm (RFC 9110, 9.2.2): what a request on a connection
/// that turned out dead may be repeated with.
pub(crate) fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(headers: &[(&str, &str)]) -> Result<RequestHeaders, OptionsError> {
        let headers = headers
            .iter()
            .map(|&(n, v)| (n.to_owned(), v.to_owned()))
            .collect();
        RequestHeaders::new(&Options {
            headers,
            ..Options::default()
        })
    }

    #[test]
    fn a_users_header_replaces_the_default_and_stays_at_home() {
        let headers = with(&[("accept", "text/html"), ("X-Key", "1"), ("X-Key", "2")]).unwrap();
        assert_eq!(
            headers.home.get_all("accept").iter().collect::<Vec<_>>(),
            ["text/html"]
        );
        assert_eq!(
            headers.home.get_all("x-key").iter().collect::<Vec<_>>(),
            ["1", "2"]
        );
        assert_eq!(headers.away["accept"], "*/*");
        assert!(!headers.away.contains_key("x-key"));
    }

    #[test]
    fn what_would_break_the_framing_is_refused_by_name() {
        for (name, value) in [
            ("Content-Length", "5"),
            ("Transfer-Encoding", "chunked"),
            ("KEEP-Alive", "timeout=5"),
            ("Proxy-Connection", "close"),
            ("HTTP2-Settings", ""),
            ("X Y", "1"),
            ("", "1"),
            ("X-A:", "1"),
            ("X-A", "1\r\nX-B: 2"),
            ("X-A", "1\n"),
            ("X-A", "\0"),
            ("host", "b\u{fc}cher.test"),
            ("authorization", "Bearer \u{e4}"),
        ] {
            let error = with(&[(name, value)]).expect_err(name).to_string();
            assert!(error.contains(name), "{error:?} does not name {name:?}");
            assert!(!error.contains('\n'), "{error:?}");
        }
        assert!(with(&[("Host", "a"), ("host", "b")]).is_err());
    }
}

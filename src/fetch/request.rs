//! Writes a request's head. The transport sends it in place of the library's, whose names are in lower case.

use http::{HeaderValue, Method};
use url::{Position, Url};

use super::failure::{Failure, FailureKind};
use super::headers::{RequestHeaders, push_line};
use super::proxy::Proxy;
use super::redirect::Hop;

/// The longest URL that is sent, in bytes without the fragment.
const LONGEST: usize = 65_534;
pub(crate) const INVALID_HOST: &str =
    "invalid host: it is a name like example.com, or an address like 192.0.2.1 or [2001:db8::1]";

/// The head of the request of `hop`, with further header `lines`.
pub(super) fn request(
    hop: &Hop,
    headers: &RequestHeaders,
    lines: &[u8],
    proxy: Option<&Proxy>,
) -> Result<Vec<u8>, Failure> {
    check(&hop.url)?;
    let mut head = head(hop, headers, proxy);
    head.extend_from_slice(lines);
    if matches!(hop.method, Method::POST | Method::PUT | Method::PATCH) {
        // These methods expect a body (RFC 9110, 8.6).
        push_line(&mut head, "Content-Length", &HeaderValue::from_static("0"));
    }
    head.extend_from_slice(b"\r\n");
    Ok(head)
}

fn check(url: &Url) -> Result<(), Failure> {
    let invalid = |text: String| Err(Failure::new(FailureKind::InvalidUrl, text));
    let long = url[..Position::AfterQuery].len();
    if long > LONGEST {
        return invalid(format!(
            "the URL is too long to be sent: {long} bytes when normalised, at most {LONGEST} are"
        ));
    }
    // The URL Standard accepts these characters in a host, RFC 3986 does not.
    let host = url.host_str().unwrap_or_default();
    if host.bytes().any(|byte| b"\"`{}".contains(&byte)) {
        return invalid(INVALID_HOST.to_owned());
    }
    Ok(())
}

/// The request line and the headers, without `Content-Length` and the empty line.
fn head(hop: &Hop, headers: &RequestHeaders, proxy: Option<&Proxy>) -> Vec<u8> {
    let headers = headers.of(hop);
    // In a tunnel, the proxy's credentials would reach the origin.
    let proxy = proxy.filter(|proxy| proxy.takes_requests_for(hop.url.as_str()));
    let target = match proxy {
        Some(_) => &hop.url[..Position::AfterQuery],
        None => &hop.url[Position::BeforePath..Position::AfterQuery],
    };
    let mut head = Vec::with_capacity(target.len() + headers.lines.len() + 256);
    for part in [hop.method.as_str(), " ", target, " HTTP/1.1\r\n"] {
        head.extend_from_slice(part.as_bytes());
    }
    if headers.host.is_empty() {
        let host = &hop.url[Position::BeforeHost..Position::AfterPort];
        for part in ["Host: ", host, "\r\n"] {
            head.extend_from_slice(part.as_bytes());
        }
    }
    head.extend_from_slice(&headers.host);
    head.extend_from_slice(&headers.lines);
    // The user's own header overrides the credentials of a URL.
    if let Some(value) = &hop.authorization
        && !headers.has_authorization
    {
        push_line(&mut head, "Authorization", value);
    }
    if let Some(value) = proxy.and_then(|proxy| proxy.authorization.as_ref())
        && !headers.has_proxy_authorization
    {
        push_line(&mut head, "Proxy-Authorization", value);
    }
    head
}

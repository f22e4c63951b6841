//! One request as the client library is given it.

use ureq::http::uri::{Authority, Uri};
use ureq::http::{HeaderMap, HeaderValue, Method, Request, header};
use url::Position;

use super::failure::{Failure, FailureKind};
use super::headers::RequestHeaders;
use super::proxy::Proxy;
use super::redirect::Hop;

/// The method, the version and the line ends of a request, and the `Host` before its value.
const AROUND: usize = 128;

/// What the client library takes of a URL: scheme, host, path and query, in bytes.
const LONGEST: usize = 65_534;
/// What is said of a host that is none, wherever that is found out.
pub(crate) const INVALID_HOST: &str =
    "invalid host: it is a name like example.com, or an address like 192.0.2.1 or [2001:db8::1]";

/// The request of `hop`, and how many bytes it takes at most.
pub(crate) fn request(
    hop: &Hop,
    headers: &RequestHeaders,
    proxy: Option<&Proxy>,
) -> Result<(Request<()>, usize), Failure> {
    let mut request = Request::new(());
    let url = &hop.url[..Position::AfterQuery];
    *request.uri_mut() = uri(url, hop.url.host_str())?;
    *request.headers_mut() = headers_of(hop, headers, proxy);
    *request.method_mut() = hop.method.clone();
    let lines = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4);
    // The host stands in the URL: it is counted for its header as well.
    let size = lines.sum::<usize>() + hop.method.as_str().len() + 2 * url.len() + AROUND;
    Ok((request, size))
}

fn uri(url: &str, host: Option<&str>) -> Result<Uri, Failure> {
    let invalid = |text: String| Failure::new(FailureKind::InvalidUrl, text);
    if url.len() > LONGEST {
        let long = url.len();
        return Err(invalid(format!(
            "the URL is too long to be sent: {long} bytes when normalised, at most {LONGEST} are"
        )));
    }
    url.parse::<Uri>().map_err(|error| {
        // A browser takes some characters in a host that no name has; the library does not.
        if host.is_none_or(|host| host.parse::<Authority>().is_err()) {
            return invalid(INVALID_HOST.to_owned());
        }
        invalid(format!("the URL cannot be sent in a request: {error}"))
    })
}

fn headers_of(hop: &Hop, headers: &RequestHeaders, proxy: Option<&Proxy>) -> HeaderMap {
    let mut headers = headers.of(hop).clone();
    // The user's own word on it goes before what a URL says.
    if let Some(authorization) = &hop.authorization
        && !headers.contains_key(header::AUTHORIZATION)
    {
        headers.insert(header::AUTHORIZATION, authorization.clone());
    }
    // Over a tunnel this would reach the origin.
    if let Some(proxy) = proxy.filter(|p| p.protocol.is_http() && hop.url.scheme() == "http") {
        let authorization = proxy.authorization.clone();
        headers.extend(authorization.map(|v| (header::PROXY_AUTHORIZATION, v)));
    }
    if matches!(hop.method, Method::POST | Method::PUT | Method::PATCH) {
        // These promise a body: that there is none has to be said (RFC 9110, 8.6).
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    headers
}

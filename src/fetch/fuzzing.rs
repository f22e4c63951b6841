//! What redirects, proxies and whole replies are checked for, whatever a server or an environment says.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ureq::http::{HeaderValue, Method, StatusCode};
use url::Url;

use super::headers::RequestHeaders;
use super::no_proxy::Exception;
use super::redirect::{Hop, same_origin};
use super::request::request;
use super::{Client, FailureKind, Options, Proxies, Resolve};

pub(crate) use super::net::fuzzing::{chunked, head};

/// Statuses that redirect, each in its own way.
const STATUSES: [StatusCode; 5] = [
    StatusCode::MOVED_PERMANENTLY,
    StatusCode::FOUND,
    StatusCode::SEE_OTHER,
    StatusCode::TEMPORARY_REDIRECT,
    StatusCode::PERMANENT_REDIRECT,
];

/// A `Location`: it leads to http or https, tells nobody what was meant for another, and makes one request.
pub(crate) fn location(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    let Ok(location) = HeaderValue::from_bytes(rest) else {
        return;
    };
    let hop = |url: &str| {
        let url = Url::parse(url).expect("it is a URL");
        Hop::first(&url, &Method::GET).expect("it is one of the web")
    };
    let home = hop("http://ann:hunter2@a.test/b/c?d");
    let away = hop("https://b.test:8443/e/f");
    let here = if choice & 8 == 0 { &home } else { &away };
    let status = STATUSES[usize::from(choice) % STATUSES.len()];
    let next = match here.next(&home, status, Some(&location)) {
        Ok(Some(next)) => next,
        Ok(None) => return assert!(rest.is_empty()),
        Err(failure) => {
            return assert!(matches!(
                failure.kind(),
                FailureKind::InvalidUrl | FailureKind::UnsupportedScheme
            ));
        }
    };
    assert!(matches!(next.url.scheme(), "http" | "https"));
    assert!(next.url.username().is_empty() && next.url.password().is_none());
    assert_eq!(next.is_home, same_origin(&next.url, &home.url));
    if !next.is_home {
        assert_ne!(next.authorization, home.authorization, "{}", next.url);
    }
    assert_one_request(&next);
}

fn assert_one_request(hop: &Hop) {
    let options = Options {
        headers: vec![("X-Own".to_owned(), "own".to_owned())],
        ..Options::default()
    };
    let headers = RequestHeaders::new(&options).expect("they are headers");
    let Ok((request, _)) = request(hop, &headers, None) else {
        return;
    };
    let uri = request.uri().to_string();
    assert!(
        !uri.contains(|c: char| c <= ' ' || c == '\u{7f}'),
        "{uri:?}"
    );
    assert_eq!(request.headers().contains_key("x-own"), hop.is_home);
}

/// A proxy and its exceptions, parted by a NUL: no message repeats what was given, which may be a password.
pub(crate) fn proxy(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (given, except) = text.split_once('\0').unwrap_or((&text, ""));
    let environment = |name: &str| match name {
        "all_proxy" => Some(given.to_owned()),
        "no_proxy" => Some(except.to_owned()),
        _ => None,
    };
    for exception in Exception::parse_list(except) {
        for host in ["a.test", "127.0.0.1", "[::1]", except] {
            exception.matches(host, 80);
        }
    }
    match Proxies::new(None, &environment) {
        Ok(proxies) => {
            let url = Url::parse("http://a.test/").expect("it is a URL");
            let shown = format!("{:?}", proxies.of(&url));
            assert!(
                !shown.contains("hunter2") || !given.contains("hunter2@"),
                "{shown}"
            );
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}

/// A rule of `--resolve`: it has addresses, and holds for the host and port that it names.
pub(crate) fn rule(data: &[u8]) {
    if let Ok(rule) = String::from_utf8_lossy(data).parse::<Resolve>() {
        assert!(!rule.addresses.is_empty());
        assert!(rule.matches(&rule.host, rule.port));
    }
}

/// The server that [`transport`] asks, and the client that asks it.
struct Stage {
    says: Mutex<Arc<[u8]>>,
    client: Client,
}

/// All requests go to the server as a proxy, so that no redirect leads anywhere else.
static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || serve(&listener));
    Stage {
        says: Mutex::new(Arc::default()),
        client: client(address),
    }
});

fn client(address: SocketAddr) -> Client {
    let options = Options {
        proxies: Proxies::new(Some(&format!("http://{address}")), &|_| None).expect("it is one"),
        compressed: true,
        max_size: Some(1 << 20),
        max_redirects: 3,
        timeout: Some(Duration::from_secs(20)),
        ..Options::default()
    };
    Client::new(options).expect("these options are good")
}

/// Says the same to everybody who has sent a head, and hangs up.
fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let says = Arc::clone(&STAGE.says.lock().unwrap_or_else(PoisonError::into_inner));
        let mut head = Vec::new();
        let mut part = [0; 4096];
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut part) {
                Ok(amount @ 1..) => head.extend_from_slice(&part[..amount]),
                _ => break,
            }
        }
        // A client that has gone is no fault of the server's.
        let _ = stream.write_all(&says);
    }
}

/// A whole reply, head and body, through a real connection: a page that is whole, or a failure in words.
pub(crate) fn transport(data: &[u8]) {
    let stage = &*STAGE;
    *stage.says.lock().unwrap_or_else(PoisonError::into_inner) = data.into();
    let url = Url::parse("http://a.test/").expect("it is a URL");
    let mut body = Vec::new();
    let outcome = stage.client.load_url(&url, &mut body);
    match &outcome.result {
        Ok(page) => {
            assert_eq!(page.bytes, body.len() as u64);
            assert!(page.bytes <= 1 << 20);
            assert!(matches!(outcome.status, Some(200..=299)));
        }
        Err(failure) => {
            // A time limit is long past what anything here takes.
            let is_strange = matches!(
                failure.kind(),
                FailureKind::Internal | FailureKind::Timeout(_) | FailureKind::Cancelled
            );
            assert!(!is_strange, "{failure:?}");
            assert!(failure.message().len() < 2000, "{failure:?}");
        }
    }
}

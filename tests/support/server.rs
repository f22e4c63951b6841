//! A real HTTP server on loopback: axum on a runtime of one thread. It records every request, and ends when its value
//! is dropped. Its paths:
//!
//! - `/size/N`: N bytes; `/status/N`: that status with a short body
//! - `/redirect/N`: N redirects on this server, then a page of 7 bytes
//! - `/to/STATUS/URL`: a redirect with that status to exactly that URL
//! - `/gate/NAME`: waits at the gate of that name, then a page of 4 bytes
//! - anything else: 404
//!
//! A query only changes the recorded request, except in `/to`, where it belongs to the URL.

use super::{Gate, PATIENCE};
use axum::body::{Body, Bytes};
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, LazyLock, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::oneshot;

/// The largest page of `/size/N`.
pub(crate) const LARGEST: usize = 8 * 1024 * 1024;
static PAGE: LazyLock<Bytes> = LazyLock::new(|| vec![b'x'; LARGEST].into());

/// One server. It ends, and cuts its replies, when it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    notes: Arc<Notes>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A request that the server received.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    /// When it arrived.
    pub(crate) at: Instant,
    peer: SocketAddr,
}

impl Seen {
    /// The value of a header that occurs exactly once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }
}

#[derive(Default)]
struct Notes {
    gates: Mutex<HashMap<String, Gate>>,
    seen: Mutex<Vec<Seen>>,
    came: Condvar,
    busy: Mutex<Busy>,
}

/// The number of requests that are being answered, and its maximum.
#[derive(Default)]
struct Busy {
    now: usize,
    most: usize,
}

impl Server {
    pub(crate) fn start() -> Server {
        let notes = Arc::<Notes>::default();
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let shared = Arc::clone(&notes);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime can be made");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
                let listener = listener.expect("loopback has a free port");
                tell.send(
                    listener
                        .local_addr()
                        .expect("a bound socket has an address"),
                )
                .expect("the test waits for it");
                let router = axum::Router::new().fallback(answer).with_state(shared);
                let service = router.into_make_service_with_connect_info::<SocketAddr>();
                tokio::spawn(async move { axum::serve(listener, service).await });
                let _ = stopped.await;
            });
        });
        let address = told.recv().expect("the server started");
        Server {
            address,
            notes,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The URL of a page of this server; `path` starts with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The gate of that name, at which `/gate/NAME` waits.
    pub(crate) fn gate(&self, name: &str) -> Gate {
        self.notes.gate(name)
    }

    /// Every request so far, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.notes.seen.lock().unwrap().clone()
    }

    /// Blocks until `count` requests in all have arrived.
    pub(crate) fn wait_for_requests(&self, count: usize) {
        let seen = self.notes.seen.lock().unwrap();
        let short = |seen: &mut Vec<Seen>| seen.len() < count;
        let waited = self.notes.came.wait_timeout_while(seen, PATIENCE, short);
        let (seen, wait) = waited.unwrap();
        let came = seen.len();
        drop(seen);
        assert!(!wait.timed_out(), "{came} of {count} requests came");
    }

    /// The most requests that were answered at one time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.notes.busy.lock().unwrap().most
    }

    /// The number of connections that carried requests.
    pub(crate) fn connections(&self) -> usize {
        self.seen()
            .iter()
            .map(|seen| seen.peer)
            .collect::<HashSet<_>>()
            .len()
    }

    /// The paths of all requests so far, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.path).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The panic of that thread has been printed, and the test fails for another reason.
            let _ = thread.join();
        }
    }
}

impl Notes {
    fn gate(&self, name: &str) -> Gate {
        let mut gates = self.gates.lock().unwrap();
        gates
            .entry(name.to_owned())
            .or_insert_with(|| Gate::new(name))
            .clone()
    }
}

async fn answer(
    State(notes): State<Arc<Notes>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let path = request.uri().to_string();
    notes.busy.lock().unwrap().enter();
    notes.seen.lock().unwrap().push(Seen {
        method: request.method().clone(),
        path: path.clone(),
        headers: request.headers().clone(),
        at: Instant::now(),
        peer,
    });
    notes.came.notify_all();
    let response = page(&notes, &path).await;
    notes.busy.lock().unwrap().now -= 1;
    response
}

impl Busy {
    fn enter(&mut self) {
        self.now += 1;
        self.most = self.most.max(self.now);
    }
}

async fn page(notes: &Notes, path: &str) -> Response {
    let (kind, rest) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    let name = rest.split('?').next().unwrap_or(rest);
    match kind {
        "size" => name.parse().map_or_else(|_| not_found(), sized),
        "status" => status(name),
        "redirect" => hop(name),
        "to" => to(rest),
        "gate" => {
            notes.gate(name).pass().await;
            "open".into_response()
        }
        _ => not_found(),
    }
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "there is no such page").into_response()
}

fn sized(bytes: usize) -> Response {
    let body = PAGE.slice(..bytes.min(LARGEST));
    let plain = HeaderValue::from_static("text/plain");
    ([(header::CONTENT_TYPE, plain)], Body::from(body)).into_response()
}

fn status(text: &str) -> Response {
    match text.parse::<StatusCode>() {
        Ok(status) => (status, "a page that says why").into_response(),
        Err(_) => not_found(),
    }
}

fn hop(left: &str) -> Response {
    match left.parse::<u32>() {
        Ok(0) => "arrived".into_response(),
        Ok(left) => redirect(StatusCode::FOUND, &format!("/redirect/{}", left - 1)),
        Err(_) => not_found(),
    }
}

fn to(rest: &str) -> Response {
    let Some((status, url)) = rest.split_once('/') else {
        return not_found();
    };
    match status.parse::<StatusCode>() {
        Ok(status) => redirect(status, url),
        Err(_) => not_found(),
    }
}

fn redirect(status: StatusCode, location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => (status, [(header::LOCATION, location)], "elsewhere").into_response(),
        Err(_) => not_found(),
    }
}

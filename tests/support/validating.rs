//! A server that answers conditional requests (RFC 9110, 13).

use super::RawServer;
use super::head::read_head_bytes;
use std::collections::HashMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A page: its status, header lines and body.
type Page = (&'static str, Vec<u8>, &'static str);

/// A server that sends a page unless the request has its `ETag`, or without one its `Last-Modified`.
pub(crate) struct ValidatingServer {
    server: RawServer,
    pages: Arc<Mutex<HashMap<String, Page>>>,
    heads: Arc<Mutex<Vec<Vec<u8>>>>,
    connections: Arc<AtomicUsize>,
}

impl ValidatingServer {
    pub(crate) fn start() -> ValidatingServer {
        let pages = Arc::<Mutex<HashMap<String, Page>>>::default();
        let heads = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let connections = Arc::<AtomicUsize>::default();
        let (theirs, seen) = (Arc::clone(&pages), Arc::clone(&heads));
        let opened = Arc::clone(&connections);
        let server = RawServer::on_connection(move |mut stream| {
            opened.fetch_add(1, Ordering::Relaxed);
            while let Some(head) = read_head_bytes(&stream) {
                seen.lock().unwrap().push(head.clone());
                let path = String::from_utf8_lossy(&head);
                let path = path.split(' ').nth(1).unwrap_or_default().to_owned();
                let page = theirs.lock().unwrap().get(&path).cloned();
                let _ = stream.write_all(&reply(&head, page));
            }
        });
        ValidatingServer {
            server,
            pages,
            heads,
            connections,
        }
    }

    /// Puts a page of "200 OK" in place.
    pub(crate) fn put(&self, path: &str, headers: impl AsRef<[u8]>, body: &'static str) -> String {
        self.put_as("200 OK", path, headers, body)
    }

    pub(crate) fn put_as(
        &self,
        status: &'static str,
        path: &str,
        headers: impl AsRef<[u8]>,
        body: &'static str,
    ) -> String {
        let page = (status, headers.as_ref().to_vec(), body);
        self.pages.lock().unwrap().insert(path.to_owned(), page);
        self.server.url(path)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.server.url(path)
    }

    pub(crate) fn remove(&self, path: &str) {
        self.pages.lock().unwrap().remove(path);
    }

    /// The number of connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// The paths requested since the last call, each with the conditions that came with it, as Latin-1.
    pub(crate) fn asked(&self) -> Vec<String> {
        let heads = std::mem::take(&mut *self.heads.lock().unwrap());
        let asked = heads.iter().map(|head| {
            let text: String = head.iter().map(|byte| char::from(*byte)).collect();
            let path = text.split(' ').nth(1).unwrap_or_default();
            let conditions = text.lines().filter(|line| line.starts_with("If-"));
            std::iter::once(path)
                .chain(conditions)
                .collect::<Vec<_>>()
                .join(" | ")
        });
        asked.collect()
    }
}

fn value<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let lines = head.split(|byte| *byte == b'\n');
    let value = |line: &'a [u8]| line.strip_prefix(name.as_bytes())?.strip_prefix(b": ");
    lines.filter_map(value).next().map(<[u8]>::trim_ascii)
}

fn reply(request: &[u8], page: Option<Page>) -> Vec<u8> {
    let (status, headers, body) = page.unwrap_or(("404 Not Found", Vec::new(), "none"));
    let is_same = match value(request, "If-None-Match") {
        Some(etag) => value(&headers, "ETag") == Some(etag),
        None => value(request, "If-Modified-Since")
            .is_some_and(|date| value(&headers, "Last-Modified") == Some(date)),
    };
    let (status, headers, body) = match is_same {
        // Such a reply may give the page's length, but has no body.
        true => ("304 Not Modified", Vec::new(), ""),
        false if request.starts_with(b"HEAD") => (status, headers, ""),
        false => (status, headers, body),
    };
    let length = if is_same { 100_000 } else { body.len() };
    let lines = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n");
    [lines.as_bytes(), &headers, b"\r\n", body.as_bytes()].concat()
}

//! A server for many names, for tests of what is sent to which host.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::support::{Fetchpool, RawServer, Talk, fetchpool};

/// `HOST PATH`, then the status (for a redirect with the next `HOST PATH`), then further header lines. The first route
/// of several for one request is for the first request, and so on; the last one stays.
pub(crate) type Route = (&'static str, &'static str, &'static [&'static str]);

pub(crate) struct Sites {
    server: RawServer,
    heads: Arc<Mutex<Vec<String>>>,
    /// How many of them the test has had.
    had: Cell<usize>,
}

impl Sites {
    /// Anything but the routes is a 404. A page has one byte.
    pub(crate) fn start(routes: &'static [Route]) -> Sites {
        Sites::holding(routes, || {})
    }

    /// Calls `hold` before each answer.
    pub(crate) fn holding(
        routes: &'static [Route],
        hold: impl Fn() + Send + Sync + 'static,
    ) -> Sites {
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let theirs = Arc::clone(&heads);
        let server = RawServer::start(move |mut talk| {
            let asked = asked(talk.head());
            let mut heads = theirs.lock().unwrap();
            let before = heads
                .iter()
                .filter(|head| self::asked(head) == asked)
                .count();
            heads.push(talk.head().to_owned());
            drop(heads);
            hold();
            let fitting: Vec<&Route> = routes
                .iter()
                .filter(|(route, ..)| *route == asked)
                .collect();
            match fitting.get(before).or(fitting.last()) {
                Some((_, answer, headers)) => reply(&mut talk, answer, headers),
                None => talk.reply("404 Not Found", &[], b""),
            }
        });
        Sites {
            server,
            heads,
            had: Cell::new(0),
        }
    }

    pub(crate) fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.port())
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// A run for which all names are this server.
    pub(crate) fn fetchpool(&self) -> Fetchpool {
        let rule = format!("*:{}:127.0.0.1", self.port());
        fetchpool().args(["--resolve", &rule])
    }

    /// The heads of the requests since the last call.
    pub(crate) fn heads(&self) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        heads[self.had.replace(heads.len())..].to_vec()
    }

    /// The same as `HOST PATH`, ` as USER:PASSWORD` if it had credentials, and ` with COOKIES` if it had any.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.heads().iter().map(|head| summary(head)).collect()
    }
}

fn reply(talk: &mut Talk, answer: &str, headers: &[&str]) {
    let port = header(talk.head(), "Host")
        .and_then(|host| host.split(':').nth(1))
        .unwrap_or("80")
        .to_owned();
    let mut words = answer.split(' ');
    let status = words.next().expect("a route has a status");
    let mut lines: Vec<String> = headers.iter().map(|&line| line.to_owned()).collect();
    if let (Some(host), Some(path)) = (words.next(), words.next()) {
        lines.push(format!("Location: http://{host}:{port}{path}"));
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let body: &[u8] = if talk.head().starts_with("HEAD ") {
        b""
    } else {
        b"x"
    };
    talk.reply(&format!("{status} Told"), &lines, body);
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let values: Vec<&str> = head
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .collect();
    assert!(values.len() < 2, "{name} is sent twice: {head}");
    values.first().copied()
}

fn asked(head: &str) -> String {
    let host = header(head, "Host").unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let path = head.split(' ').nth(1).unwrap_or_default();
    format!("{host} {path}")
}

fn summary(head: &str) -> String {
    let mut summary = asked(head);
    if let Some(value) = header(head, "Authorization") {
        let pair = value
            .strip_prefix("Basic ")
            .map(|text| BASE64_STANDARD.decode(text).unwrap());
        let pair = pair.map_or(value.to_owned(), |pair| String::from_utf8(pair).unwrap());
        summary += &format!(" as {pair}");
    }
    if let Some(value) = header(head, "Cookie") {
        summary += &format!(" with {value}");
    }
    summary
}

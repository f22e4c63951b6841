//! One attempt at one URL: requests, redirects, and the body into the sink. Repeats a request only if its idle
//! connection turned out to be dead.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, Method, StatusCode, header};
use url::{Position, Url};

use super::body::{Sink, check_size, copy, read_failure};
use super::credentials::without_credentials;
use super::decode::{Coding, decoded, has_coding};
use super::failure::{Failure, FailureKind, shortened};
use super::headers::{RequestHeaders, is_idempotent};
use super::net::{Deadline, Exchange, HttpClient, Net, Reply, Timeouts};
use super::options::Options;
use super::outcome::{ConnectionInfo, Outcome, Page};
use super::range::range_length;
use super::redirect::Hop;
use super::request::request;
use super::retry_after::asked_wait;

/// The largest read of a body. An unwanted body that fits is read, so that its connection can be reused; reading more
/// costs as much as a new connection.
const READ: usize = 64 * 1024;

pub(super) struct Fetcher {
    http: HttpClient,
    buf: Vec<u8>,
}

impl Fetcher {
    pub(super) fn new(net: Arc<Net>) -> Self {
        Self {
            http: HttpClient::new(net),
            buf: vec![0; READ],
        }
    }

    /// Makes one attempt, which began before this call by `contact`, the time that its host took to be reached. With
    /// `is_again`, a name without an address is looked up anew.
    pub(super) fn fetch(
        &mut self,
        options: &Options,
        headers: &RequestHeaders,
        url: &Url,
        sink: Sink<'_>,
        is_again: bool,
        contact: Duration,
    ) -> Outcome {
        let (now, now_at) = (Instant::now(), SystemTime::now());
        let started = now.checked_sub(contact).unwrap_or(now);
        let deadline = Deadline::after(started, options.timeout);
        self.http.begin_attempt(
            Timeouts::new(deadline, options.stall_timeout),
            options.connect_timeout,
            is_again.then_some(started),
        );
        let mut attempt = Attempt {
            fetcher: self,
            options,
            headers,
            started,
            outcome: Outcome {
                result: Ok(Page {
                    bytes: 0,
                    size: None,
                }),
                status: None,
                content_type: None,
                retry_after: None,
                final_url: without_credentials(url),
                redirects: 0,
                started_at: now_at.checked_sub(contact).unwrap_or(now_at),
                elapsed: Duration::ZERO,
                ttfb: None,
                wire_bytes: 0,
                connection: ConnectionInfo::default(),
            },
        };
        let result = attempt.run(url, sink);
        Outcome {
            result,
            elapsed: started.elapsed(),
            wire_bytes: attempt.fetcher.http.wire_bytes(),
            connection: attempt.fetcher.http.connection(),
            ..attempt.outcome
        }
    }
}

struct Attempt<'a> {
    fetcher: &'a mut Fetcher,
    options: &'a Options,
    headers: &'a RequestHeaders,
    started: Instant,
    outcome: Outcome,
}

impl Attempt<'_> {
    fn run(&mut self, url: &Url, sink: Sink<'_>) -> Result<Page, Failure> {
        let home = Hop::first(url, &self.options.method)?;
        let mut away: Option<Hop> = None;
        loop {
            let hop = away.as_ref().unwrap_or(&home);
            let mut reply = self.exchange(hop)?;
            self.note(&reply);
            match self.next_hop(hop, &home, &reply)? {
                Some(next) => {
                    self.drain(&mut reply);
                    self.outcome.redirects += 1;
                    self.outcome.final_url = next.url.clone();
                    away = Some(next);
                }
                None => return self.finish(hop, reply, sink),
            }
        }
    }

    /// Sends a request and receives the head of its reply.
    fn exchange(&self, hop: &Hop) -> Result<Reply, Failure> {
        let origin = &hop.url[..Position::BeforePath];
        let proxy = self.options.proxies.of(&hop.url);
        // An idle connection may be dead: only a request that may be repeated uses one.
        let mut may_reuse = is_idempotent(&hop.method);
        loop {
            let (request, head) = request(hop, self.headers, proxy.map(Arc::as_ref))?;
            let reply = self.fetcher.http.exchange(Exchange {
                request,
                head,
                origin,
                proxy,
                may_reuse,
            })?;
            if let Some(reply) = reply {
                log::debug!("{} {} answered {}", hop.method, hop.url, reply.status());
                return Ok(reply);
            }
            log::debug!(
                "{origin}: the idle connection is dead; sending the request over a new one"
            );
            may_reuse = false;
        }
    }

    fn note(&mut self, reply: &Reply) {
        let content_type = reply.headers().get(header::CONTENT_TYPE);
        let first_byte = reply.first_byte;
        self.outcome.status = Some(reply.status().as_u16());
        self.outcome.content_type = content_type.map(|value| shortened(value.as_bytes()));
        self.outcome.retry_after = asked_wait(reply.status(), reply.headers(), SystemTime::now);
        self.outcome.ttfb = first_byte.map(|at| at.saturating_duration_since(self.started));
    }

    /// The next request, if `reply` is a redirect to follow.
    fn next_hop(&self, hop: &Hop, home: &Hop, reply: &Reply) -> Result<Option<Hop>, Failure> {
        let max = self.options.max_redirects;
        if max == 0 {
            return Ok(None);
        }
        let location = reply.headers().get(header::LOCATION);
        let next = hop.next(home, reply.status(), location)?;
        if next.is_some() && self.outcome.redirects >= max {
            let plural = if max == 1 { "redirect" } else { "redirects" };
            let text = format!("more than {max} {plural}");
            return Err(Failure::new(FailureKind::TooManyRedirects, text));
        }
        Ok(next)
    }

    fn finish(&mut self, hop: &Hop, mut reply: Reply, sink: Sink<'_>) -> Result<Page, Failure> {
        if !reply.status().is_success() {
            return Err(self.refusal(hop, &mut reply));
        }
        let mut length = reply.content_length();
        if reply.status() == StatusCode::PARTIAL_CONTENT {
            let asked = self.headers.of(hop).range.as_deref();
            let told = range_length(reply.headers(), asked).inspect_err(|_| {
                self.drain(&mut reply);
            })?;
            length = told.or(length);
        }
        if hop.method == Method::HEAD {
            let size = length_from_head(reply.headers());
            check_size(size.unwrap_or_default(), self.options.max_size)?;
            return Ok(Page { bytes: 0, size });
        }
        let bytes = self.take_body(&mut reply, length, sink)?;
        let size = Some(bytes);
        Ok(Page { bytes, size })
    }

    /// The failure of a final status that is no success.
    fn refusal(&mut self, hop: &Hop, reply: &mut Reply) -> Failure {
        let failure = Failure::status(reply.status());
        let wants_tls = says_wants_tls(self.drain(reply));
        if reply.status() == StatusCode::BAD_REQUEST && wants_tls && hop.url.scheme() == "http" {
            let cure = "the server speaks TLS on this port; the URL must begin with https://";
            let text = format!("{}: {cure}", failure.message());
            return Failure::new(FailureKind::HttpStatus, text);
        }
        failure
    }

    /// Reads the body, of `length` bytes if known, into `sink`. Returns its decoded size.
    fn take_body(
        &mut self,
        reply: &mut Reply,
        length: Option<u64>,
        sink: Sink<'_>,
    ) -> Result<u64, Failure> {
        let Fetcher { http, buf } = &mut *self.fetcher;
        let max_size = self.options.max_size;
        let codings = if self.options.compressed {
            Coding::of(reply.headers())?
        } else {
            Vec::new()
        };
        let mut body = reply.body(length);
        if !codings.is_empty() {
            let check = || http.check();
            let mut body = decoded(&codings, body, &check).map_err(read_failure)?;
            return copy(&mut *body, buf, sink, max_size);
        }
        check_size(length.unwrap_or_default(), max_size)?;
        if matches!(sink, Sink::Count(_)) {
            http.discard_body();
        }
        copy(&mut body, buf, sink, max_size)
    }

    /// Reads a short unwanted body, so that its connection can be reused. Returns it.
    fn drain(&mut self, reply: &mut Reply) -> &[u8] {
        let Fetcher { http, buf } = &mut *self.fetcher;
        let is_worth_it = match reply.content_length() {
            Some(length) => length < buf.len() as u64,
            // Such a body ends with the connection: only the text of a 400 is of use.
            None => reply.is_chunked || reply.status() == StatusCode::BAD_REQUEST,
        };
        let size = if is_worth_it {
            http.drain(reply, buf)
        } else {
            0
        };
        &buf[..size]
    }
}

/// The page's size from the reply's head; `None` if the body is coded.
fn length_from_head(headers: &HeaderMap) -> Option<u64> {
    if has_coding(headers) {
        return None;
    }
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.trim().parse().ok()
}

/// Whether `body` is the answer of nginx, Apache or Go's servers to plain HTTP on a TLS port.
fn says_wants_tls(body: &[u8]) -> bool {
    [
        "plain HTTP request was sent to HTTPS port",
        "speaking plain HTTP to an SSL-enabled server port",
        "sent an HTTP request to an HTTPS server",
    ]
    .iter()
    .any(|words| memchr::memmem::find(body, words.as_bytes()).is_some())
}

//! One attempt at one URL: requests, redirects, and the body into the sink.
//!
//! It never retries a failure that the user should see. The only request that it sends twice is one
//! whose idle connection turned out to be dead.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, Method, StatusCode, header};
use url::{Position, Url};

use super::body::{Sink, check_size, copy};
use super::credentials::without_credentials;
use super::decode::{Coding, decoded, has_coding};
use super::failure::{Failure, FailureKind, shortened};
use super::headers::{RequestHeaders, is_idempotent};
use super::net::{Deadline, Exchange, HttpClient, Net, Reply, Timeouts};
use super::options::Options;
use super::outcome::{Outcome, Page};
use super::range::range_length;
use super::redirect::Hop;
use super::request::request;
use super::retry_after::asked_wait;

/// The most that one read of a body gives. An error's or a redirect's body is read, for the sake of
/// its connection, only if it fits into this: more costs as much as a new connection.
const READ: usize = 64 * 1024;

/// What one worker makes attempts with, one after another.
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

    /// Makes one attempt. With `is_again`, a name that had no address before is looked up anew.
    pub(super) fn fetch(
        &mut self,
        options: &Options,
        headers: &RequestHeaders,
        url: &Url,
        sink: Sink<'_>,
        is_again: bool,
    ) -> Outcome {
        let started_at = SystemTime::now();
        let started = Instant::now();
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
            observed: Observed::default(),
        };
        let result = attempt.run(url, sink);
        let observed = attempt.observed;
        Outcome {
            result,
            status: observed.status,
            content_type: observed.content_type,
            retry_after: observed.retry_after,
            final_url: observed
                .final_url
                .unwrap_or_else(|| without_credentials(url)),
            redirects: observed.redirects,
            started_at,
            elapsed: started.elapsed(),
            ttfb: observed
                .first_byte
                .map(|at| at.saturating_duration_since(started)),
            wire_bytes: self.http.wire_bytes(),
        }
    }
}

/// What an attempt has observed so far.
#[derive(Default)]
struct Observed {
    status: Option<u16>,
    content_type: Option<String>,
    retry_after: Option<Duration>,
    final_url: Option<Url>,
    redirects: u32,
    first_byte: Option<Instant>,
}

impl Observed {
    fn note(&mut self, reply: &Reply) {
        let content_type = reply.headers().get(header::CONTENT_TYPE);
        self.status = Some(reply.status().as_u16());
        self.content_type = content_type.map(|value| shortened(value.as_bytes()));
        self.retry_after = asked_wait(reply.status(), reply.headers(), SystemTime::now);
        self.first_byte = reply.first_byte;
    }
}

struct Attempt<'a> {
    fetcher: &'a mut Fetcher,
    options: &'a Options,
    headers: &'a RequestHeaders,
    observed: Observed,
}

impl Attempt<'_> {
    fn run(&mut self, url: &Url, sink: Sink<'_>) -> Result<Page, Failure> {
        let home = Hop::first(url, &self.options.method)?;
        let mut away: Option<Hop> = None;
        loop {
            let hop = away.as_ref().unwrap_or(&home);
            self.observed.final_url = Some(hop.url.clone());
            let mut reply = self.exchange(hop)?;
            self.observed.note(&reply);
            match self.next_hop(hop, &home, &reply)? {
                Some(next) => {
                    self.drain(&mut reply);
                    self.observed.redirects += 1;
                    away = Some(next);
                }
                None => return self.finish(hop, reply, sink),
            }
        }
    }

    /// Sends one request and receives the head of its reply.
    fn exchange(&self, hop: &Hop) -> Result<Reply, Failure> {
        let origin = &hop.url[..Position::BeforePath];
        let proxy = self.options.proxies.of(&hop.url);
        // Only a request that may be sent twice is trusted to a connection that may be dead.
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

    /// The next request, if `reply` is a redirect to follow.
    fn next_hop(&self, hop: &Hop, home: &Hop, reply: &Reply) -> Result<Option<Hop>, Failure> {
        let max = self.options.max_redirects;
        if max == 0 {
            return Ok(None);
        }
        let location = reply.headers().get(header::LOCATION);
        let next = hop.next(home, reply.status(), location)?;
        if next.is_some() && self.observed.redirects >= max {
            let plural = if max == 1 { "redirect" } else { "redirects" };
            let text = format!("more than {max} {plural}");
            return Err(Failure::new(FailureKind::TooManyRedirects, text));
        }
        Ok(next)
    }

    /// Takes the final reply.
    fn finish(&mut self, hop: &Hop, mut reply: Reply, sink: Sink<'_>) -> Result<Page, Failure> {
        if !reply.status().is_success() {
            return Err(self.refusal(hop, &mut reply));
        }
        let length = if reply.status() == StatusCode::PARTIAL_CONTENT {
            let asked = self.headers.of(hop).range.as_deref();
            match range_length(reply.headers(), asked) {
                Ok(length) => length,
                Err(failure) => {
                    self.drain(&mut reply);
                    return Err(failure);
                }
            }
        } else {
            None
        };
        let length = length.or(reply.content_length());
        if hop.method == Method::HEAD {
            let size = length_from_head(reply.headers());
            check_size(size.unwrap_or_default(), self.options.max_size)?;
            return Ok(Page { bytes: 0, size });
        }
        let bytes = self.take_body(&mut reply, length, sink)?;
        let size = Some(bytes);
        Ok(Page { bytes, size })
    }

    /// The failure of a final reply whose status is no success.
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

    /// Reads the body, of `length` bytes if that is known, into `sink`. Gives its decoded size.
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
            return copy(&mut *decoded(&codings, body, &check), buf, sink, max_size);
        }
        check_size(length.unwrap_or_default(), max_size)?;
        if matches!(sink, Sink::Count(_)) {
            http.discard_body();
        }
        copy(&mut body, buf, sink, max_size)
    }

    /// Reads a short body that is not wanted, so that its connection can be used again. Gives what
    /// came.
    fn drain(&mut self, reply: &mut Reply) -> &[u8] {
        let Fetcher { http, buf } = &mut *self.fetcher;
        let is_worth_it = match reply.content_length() {
            Some(length) => length < buf.len() as u64,
            // A body that ends with the connection is read only for what it may say.
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

/// The size of the page, as the head alone gives it. The length of a coded body is not that.
fn length_from_head(headers: &HeaderMap) -> Option<u64> {
    if has_coding(headers) {
        return None;
    }
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.trim().parse().ok()
}

/// Whether a body is what nginx, Apache and Go's servers answer to plain HTTP where they speak TLS.
fn says_wants_tls(body: &[u8]) -> bool {
    [
        "plain HTTP request was sent to HTTPS port",
        "speaking plain HTTP to an SSL-enabled server port",
        "sent an HTTP request to an HTTPS server",
    ]
    .iter()
    .any(|words| memchr::memmem::find(body, words.as_bytes()).is_some())
}

//! One attempt at one URL: requests, redirects, and the body into the sink. Repeats a request only if its idle
//! connection turned out to be dead.

use std::io::Read;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, Method, StatusCode, header};
use ring::digest;
use url::{Position, Url};

use super::body::{Sink, check_size, copy, read_failure};
use super::decode::{Coding, decoded, has_coding};
use super::failure::{Failure, FailureKind, shortened};
use super::headers::is_idempotent;
use super::net::{Deadline, Exchange, HttpClient, Net, Reply, Timeouts};
use super::outcome::{Outcome, Page, Redirect};
use super::plan::Plan;
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
        plan: &Plan<'_>,
        url: &Url,
        mut sink: Sink<'_>,
        is_again: bool,
        contact: Duration,
    ) -> Outcome {
        let (now, now_at) = (Instant::now(), SystemTime::now());
        let started = now.checked_sub(contact).unwrap_or(now);
        let deadline = Deadline::after(started, plan.timeout());
        self.http.begin_attempt(
            Timeouts::new(deadline, plan.options.stall_timeout),
            plan.options.connect_timeout,
            is_again.then_some(started),
        );
        let mut attempt = Attempt {
            fetcher: self,
            plan,
            started,
            outcome: Outcome::begun(
                url,
                plan.method(),
                now_at.checked_sub(contact).unwrap_or(now_at),
            ),
        };
        let result = attempt.run(url, &mut sink);
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
    plan: &'a Plan<'a>,
    started: Instant,
    outcome: Outcome,
}

impl Attempt<'_> {
    fn run(&mut self, url: &Url, sink: &mut Sink<'_>) -> Result<Page, Failure> {
        let result = self.follow(url, self.plan.method(), sink);
        if !self.plan.is_check() || !self.is_refused(&result) {
            return result;
        }
        log::debug!("{}: HEAD is refused; trying GET", self.outcome.final_url);
        self.outcome = Outcome {
            status: self.outcome.status,
            ..Outcome::begun(url, &Method::GET, self.outcome.started_at)
        };
        self.follow(url, &Method::GET, sink)
    }

    /// Whether GET may succeed where this HEAD failed.
    fn is_refused(&self, result: &Result<Page, Failure>) -> bool {
        let is_error = |status| (400..600).contains(&status);
        match result.as_ref().err().map(Failure::kind) {
            Some(FailureKind::HttpStatus) => self.outcome.status.is_some_and(is_error),
            Some(FailureKind::Connect) => self.fetcher.http.was_connected(),
            Some(FailureKind::Protocol) => true,
            _ => false,
        }
    }

    /// Sends a request, and those that redirects lead to.
    fn follow(&mut self, url: &Url, method: &Method, sink: &mut Sink<'_>) -> Result<Page, Failure> {
        let home = Hop::first(url, method)?;
        let mut away: Option<Hop> = None;
        loop {
            let hop = away.as_ref().unwrap_or(&home);
            let mut reply = self.exchange(hop)?;
            self.note(&mut reply);
            match self.next_hop(hop, &home, &reply)? {
                Some(next) => {
                    self.drain(&mut reply);
                    self.redirected_to(&next, reply.status());
                    away = Some(next);
                }
                None => return self.finish(hop, reply, sink),
            }
        }
    }

    fn redirected_to(&mut self, next: &Hop, status: StatusCode) {
        self.outcome.hops.push(Redirect {
            url: mem::replace(&mut self.outcome.final_url, next.url.clone()),
            status: status.as_u16(),
        });
        self.outcome.method = next.method.clone();
    }

    /// Sends a request and receives the head of its reply.
    fn exchange(&self, hop: &Hop) -> Result<Reply, Failure> {
        let origin = &hop.url[..Position::BeforePath];
        let proxy = self.plan.options.proxies.of(&hop.url);
        // An idle connection may be dead: only a request that may be repeated uses one.
        let mut may_reuse = is_idempotent(&hop.method);
        loop {
            let (request, head) = request(hop, self.plan.headers(), proxy.map(Arc::as_ref))?;
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

    fn note(&mut self, reply: &mut Reply) {
        let recorded = mem::take(&mut reply.recorded);
        self.outcome.etag = recorded.etag;
        self.outcome.last_modified = recorded.last_modified;
        self.outcome.headers = recorded.headers;
        let content_type = reply.headers().get(header::CONTENT_TYPE);
        let first_byte = reply.first_byte;
        self.outcome.status = Some(reply.status().as_u16());
        self.outcome.content_type = content_type.map(|value| shortened(value.as_bytes()));
        self.outcome.retry_after = asked_wait(reply.status(), reply.headers(), SystemTime::now);
        self.outcome.ttfb = first_byte.map(|at| at.saturating_duration_since(self.started));
    }

    /// The next request, if `reply` is a redirect to follow.
    fn next_hop(&self, hop: &Hop, home: &Hop, reply: &Reply) -> Result<Option<Hop>, Failure> {
        let max = self.plan.options.max_redirects;
        if max == 0 {
            return Ok(None);
        }
        let location = reply.headers().get(header::LOCATION);
        let next = hop.next(home, reply.status(), location)?;
        if next.is_some() && self.outcome.hops.len() >= max as usize {
            let plural = if max == 1 { "redirect" } else { "redirects" };
            let text = format!("more than {max} {plural}");
            return Err(Failure::new(FailureKind::TooManyRedirects, text));
        }
        Ok(next)
    }

    fn finish(
        &mut self,
        hop: &Hop,
        mut reply: Reply,
        sink: &mut Sink<'_>,
    ) -> Result<Page, Failure> {
        if !self.plan.accept().contains(reply.status().as_u16()) {
            return Err(self.refusal(hop, &mut reply));
        }
        let mut length = reply.content_length();
        if reply.status() == StatusCode::PARTIAL_CONTENT {
            let asked = self.plan.headers().of(hop).range.as_deref();
            let told = range_length(reply.headers(), asked).inspect_err(|_| {
                self.drain(&mut reply);
            })?;
            length = told.or(length);
        }
        let is_head = hop.method == Method::HEAD;
        if !is_head && !self.plan.is_check() {
            let bytes = self.take_body(&mut reply, length, sink)?;
            let size = Some(bytes);
            return Ok(Page { bytes, size });
        }
        let size = length_from_head(reply.headers());
        if let Some(size) = size {
            check_size(size, self.plan.max_size())?;
            self.plan.expect_size(size)?;
        }
        let bytes = if is_head {
            0
        } else {
            self.take_beginning(&mut reply, length, sink)?
        };
        Ok(Page { bytes, size })
    }

    /// The failure of a final status that is not accepted.
    fn refusal(&mut self, hop: &Hop, reply: &mut Reply) -> Failure {
        let mut failure = Failure::status(reply.status());
        if reply.status().is_success() {
            let text = format!("{}: not an accepted status", failure.message());
            failure = Failure::new(FailureKind::HttpStatus, text);
        }
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
        sink: &mut Sink<'_>,
    ) -> Result<u64, Failure> {
        let plan = self.plan;
        let mut sha256 = plan
            .wants_sha256()
            .then(|| digest::Context::new(&digest::SHA256));
        let Fetcher { http, buf } = &mut *self.fetcher;
        let max_size = plan.max_size();
        let codings = if plan.options.compressed {
            Coding::of(reply.headers())?
        } else {
            Vec::new()
        };
        let mut body = reply.body(length);
        let size = if codings.is_empty() {
            check_size(length.unwrap_or_default(), max_size)?;
            length.map_or(Ok(()), |length| plan.expect_size(length))?;
            if matches!(sink, Sink::Count(_)) && sha256.is_none() {
                http.discard_body();
            }
            copy(&mut body, buf, sink, max_size, sha256.as_mut())?
        } else {
            let check = || http.check();
            let mut body = decoded(&codings, body, &check).map_err(read_failure)?;
            copy(&mut *body, buf, sink, max_size, sha256.as_mut())?
        };
        let sha256 = sha256.map(digest::Context::finish);
        self.outcome.sha256 = sha256.and_then(|sha256| sha256.as_ref().try_into().ok());
        plan.expect_size(size)?;
        if let Some(sha256) = self.outcome.sha256 {
            plan.expect_sha256(sha256)?;
        }
        Ok(size)
    }

    /// Reads at most [`READ`] bytes of the body as they come, coded or not. A longer body's connection is then closed.
    fn take_beginning(
        &mut self,
        reply: &mut Reply,
        length: Option<u64>,
        sink: &mut Sink<'_>,
    ) -> Result<u64, Failure> {
        let Fetcher { http, buf } = &mut *self.fetcher;
        if matches!(sink, Sink::Count(_)) {
            http.discard_body();
        }
        let mut body = reply.body(length).take(READ as u64);
        copy(&mut body, buf, sink, None, None)
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

//! One attempt at one URL: requests, redirects, and the body into the sink. Repeats a request only if its idle
//! connection turned out to be dead.

use std::mem;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::{HeaderValue, Method, StatusCode, header};
use url::{Position, Url};

use super::Client;
use super::body::Sink;
use super::continuation::Version;
use super::cookies::Jar;
use super::failure::{Failure, FailureKind};
use super::headers::{is_idempotent, push_line};
use super::net::{Deadline, Exchange, HttpClient, Net, Recorded, Reply, Timeouts};
use super::outcome::{Outcome, Page, Redirect};
use super::plan::Plan;
use super::redirect::Hop;
use super::request::request;
use super::retry_after::asked_wait;
use super::transfer::Transfer;

/// The largest piece of a body. An unwanted body that fits is read, so that its connection can be reused; reading more
/// costs as much as a new connection.
pub(super) const READ: usize = 64 * 1024;

pub(super) struct Fetcher {
    pub(super) http: HttpClient,
    net: Arc<Net>,
    /// For a body; empty before the first one of the attempt.
    buf: Vec<u8>,
}

impl Fetcher {
    pub(super) fn new(net: Arc<Net>) -> Self {
        Self {
            http: HttpClient::new(Arc::clone(&net)),
            net,
            buf: Vec::new(),
        }
    }

    /// The client, and a buffer for the body that it reads.
    pub(super) fn reader(&mut self) -> (&HttpClient, &mut [u8]) {
        if self.buf.is_empty() {
            self.buf = self.net.spare.take();
        }
        (&self.http, &mut self.buf[..READ])
    }

    /// Makes one attempt of `client`, which began before this call by the time that its host took to be reached.
    pub(super) fn fetch(
        &mut self,
        client: &Client,
        plan: &Plan<'_>,
        url: &Url,
        mut sink: Sink<'_>,
    ) -> Outcome {
        let (contact, capture) = (client.contact, client.capture.clone());
        let (now, now_at) = (Instant::now(), SystemTime::now());
        let started = now.checked_sub(contact).unwrap_or(now);
        let deadline = Deadline::after(started, plan.timeout());
        self.http.begin_attempt(
            Timeouts::new(deadline, plan.options.stall_timeout),
            plan.options.connect_timeout,
            client.is_again.then_some(started),
            capture.clone(),
        );
        let mut attempt = Attempt {
            fetcher: self,
            plan,
            transfer: client.transfer.as_deref(),
            started,
            outcome: Outcome::begun(
                url,
                plan.method(),
                now_at.checked_sub(contact).unwrap_or(now_at),
            ),
            continues: false,
            recorded: Recorded::default(),
            part: None,
            jar: Jar::default(),
        };
        let result = attempt.run(url, &mut sink);
        let Attempt {
            fetcher,
            mut outcome,
            recorded,
            ..
        } = attempt;
        outcome.content_type = recorded.content_type;
        outcome.etag = recorded.etag;
        outcome.last_modified = recorded.last_modified;
        outcome.headers = recorded.headers;
        if let (Some(capture), Err(failure)) = (capture, &result) {
            capture.stopped_by(failure);
        }
        if !fetcher.buf.is_empty() {
            fetcher.net.spare.give_back(mem::take(&mut fetcher.buf));
        }
        outcome.result = result;
        outcome.elapsed = started.elapsed();
        outcome.wire_bytes = fetcher.http.wire_bytes();
        outcome.connection = fetcher.http.connection();
        outcome
    }
}

pub(super) struct Attempt<'a> {
    pub(super) fetcher: &'a mut Fetcher,
    pub(super) plan: &'a Plan<'a>,
    pub(super) transfer: Option<&'a Transfer>,
    started: Instant,
    pub(super) outcome: Outcome,
    /// The sink keeps a part of a body, and this one may be continued.
    pub(super) continues: bool,
    /// The headers of the last reply.
    pub(super) recorded: Recorded,
    /// The part of the body that the sink has, in bytes, and of which version it is: the requests ask for the rest.
    pub(super) part: Option<(u64, Version)>,
    /// The cookies that redirects have set.
    jar: Jar,
}

impl Attempt<'_> {
    fn run(&mut self, url: &Url, sink: &mut Sink<'_>) -> Result<Page, Failure> {
        if let Sink::Part(body) = sink
            && self.plan.may_continue()
        {
            self.continues = true;
            self.part = body.part();
        }
        let result = self.follow(url, self.plan.method(), sink);
        if !self.plan.is_check() || !self.is_refused(&result) {
            return result;
        }
        log::debug!("{}: HEAD is refused; trying GET", self.outcome.final_url);
        self.start_over(url, &Method::GET);
        self.follow(url, &Method::GET, sink)
    }

    /// Forgets the replies so far, but for the last status and the cookies.
    fn start_over(&mut self, url: &Url, method: &Method) {
        self.part = None;
        self.recorded = Recorded::default();
        self.outcome = Outcome {
            status: self.outcome.status,
            ..Outcome::begun(url, method, self.outcome.started_at)
        };
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
        let netrc = self.plan.options.netrc.as_ref();
        let home = Hop::first(url, method, netrc)?;
        let mut away: Option<Hop> = None;
        loop {
            let hop = away.as_ref().unwrap_or(&home);
            let mut reply = self.exchange(hop)?;
            self.note(&mut reply);
            match self.next_hop(hop, &home, &reply) {
                Ok(Some(next)) => {
                    self.keep_cookies(hop);
                    self.drain_redirect(&mut reply);
                    self.redirected_to(&next, reply.status());
                    away = Some(next);
                }
                Ok(None) if self.is_unchanged(hop, &reply) => {
                    self.outcome.is_unchanged = true;
                    let (bytes, size) = (0, None);
                    return Ok(Page { bytes, size });
                }
                Ok(None) => match self.finish(hop, reply, sink)? {
                    Some(page) => return Ok(page),
                    None => {
                        log::debug!(
                            "{url}: the reply is not the rest of the part; asking for the whole"
                        );
                        self.start_over(url, method);
                        away = None;
                    }
                },
                Err(failure) => {
                    if self.fetcher.http.is_capturing() {
                        self.drain(&mut reply);
                    }
                    return Err(failure);
                }
            }
        }
    }

    fn keep_cookies(&mut self, hop: &Hop) {
        let (set, file) = (
            &self.recorded.set_cookies,
            self.plan.options.cookies.as_ref(),
        );
        if !set.is_empty() {
            self.jar.keep(set, &hop.url, file, seconds_now());
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
        let lines = self.lines(hop);
        loop {
            let headers = self.plan.headers();
            let head = request(hop, headers, &lines, proxy.map(Arc::as_ref))?;
            let reply = self.fetcher.http.exchange(Exchange {
                url: &hop.url,
                is_head: hop.method == Method::HEAD,
                head,
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

    /// The header lines that ask for the rest of a body, or for one that has changed, and the cookies.
    fn lines(&self, hop: &Hop) -> Vec<u8> {
        let condition = self.condition(hop).unwrap_or_default();
        let mut lines = self.range(hop).unwrap_or_else(|| condition.to_vec());
        let may_continue = self.continues && hop.method == Method::GET;
        if may_continue && !self.plan.headers().of(hop).has_accept_encoding {
            lines.extend_from_slice(b"Accept-Encoding: identity\r\n");
        }
        if let Some(value) = self.cookies(hop) {
            push_line(&mut lines, "Cookie", &value);
        }
        lines
    }

    fn cookies(&self, hop: &Hop) -> Option<HeaderValue> {
        let file = self.plan.options.cookies.as_ref();
        let has_any = file.is_some() || !self.jar.is_empty();
        if !has_any || self.plan.headers().of(hop).has_cookie {
            return None;
        }
        let value = self.jar.value(file, &hop.url, seconds_now());
        HeaderValue::try_from(value)
            .ok()
            .filter(|value| !value.is_empty())
    }

    /// The lines with which `hop` asks for the rest of the part.
    pub(super) fn range(&self, hop: &Hop) -> Option<Vec<u8>> {
        let (from, version) = self.part.as_ref()?;
        version.range_lines(hop, *from)
    }

    /// The lines of the condition for `hop`. A part is of a later version, and needs none.
    fn condition(&self, hop: &Hop) -> Option<&[u8]> {
        self.plan.condition(hop).filter(|_| self.part.is_none())
    }

    fn note(&mut self, reply: &mut Reply) {
        self.recorded = mem::take(&mut reply.recorded);
        let first_byte = reply.first_byte;
        self.outcome.status = Some(reply.status().as_u16());
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
        let netrc = self.plan.options.netrc.as_ref();
        let next = hop.next(home, netrc, reply.status(), location)?;
        if next.is_some() && self.outcome.hops.len() >= max as usize {
            let plural = if max == 1 { "redirect" } else { "redirects" };
            let text = format!("more than {max} {plural}");
            return Err(Failure::new(FailureKind::TooManyRedirects, text));
        }
        Ok(next)
    }

    /// Whether `reply` says that the page is the earlier one. A 304 that was not asked for says nothing.
    fn is_unchanged(&self, hop: &Hop, reply: &Reply) -> bool {
        reply.status() == StatusCode::NOT_MODIFIED && self.condition(hop).is_some()
    }
}

/// Since 1970.
fn seconds_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

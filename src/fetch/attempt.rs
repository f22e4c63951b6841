//! One attempt at one URL: requests, redirects, the body into the sink.
//!
//! It never retries a failure that the user should see. The one thing that is done twice, unseen,
//! is a request whose idle connection turned out to be dead, or to have the last reply's remains to
//! deliver, before any byte of its own reply came, or whose server had given up waiting for a request.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ureq::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use ureq::{Agent, Body};
use url::{Position, Url};

use super::body::{Sink, Source, size_text, undecoded};
use super::credentials::without_credentials;
use super::decode::{Coding, decoded, has_coding};
use super::failure::{Failure, FailureKind, shortened};
use super::headers::{RequestHeaders, is_idempotent};
use super::net::{self, Aim, Deadline, Flight, Limits, Net};
use super::options::Options;
use super::outcome::{Outcome, Page};
use super::range::length_of;
use super::redirect::Hop;
use super::request::request;
use super::retry_after::asked_wait;

/// What one read of a body takes at most.
const READ: usize = 64 * 1024;
/// The body of an error or a redirect is read to its end if it is no larger, so that the connection
/// can be used again; opening a new one costs more than that.
const DRAIN: usize = 64 * 1024;
/// And if it comes within this time: a drip is not worth the wait.
const DRAIN_WAIT: Duration = Duration::from_millis(50);

/// What one worker makes attempts with. Made once, used again and again.
pub(crate) struct Fetcher {
    flight: Arc<Flight>,
    agent: Agent,
    buf: Vec<u8>,
}

impl Fetcher {
    pub(crate) fn new(net: Arc<Net>) -> Self {
        let flight = Arc::new(Flight::new(net));
        Self {
            agent: net::agent(&flight),
            flight,
            buf: vec![0; READ],
        }
    }

    /// Whether the next attempt is one that is made again.
    pub(crate) fn set_again(&mut self, is_again: bool) {
        self.flight.state().misses_since = is_again.then(Instant::now);
    }

    /// Makes one attempt.
    pub(crate) fn fetch(
        &mut self,
        options: &Options,
        headers: &RequestHeaders,
        url: &Url,
        sink: Sink<'_>,
    ) -> Outcome {
        let started_at = SystemTime::now();
        let started = Instant::now();
        let limits = Limits::new(
            Deadline::after(started, options.timeout),
            options.stall_timeout,
        );
        self.flight.begin(limits, options.connect_timeout);
        let mut attempt = Attempt {
            fetcher: self,
            options,
            headers,
            seen: Seen::default(),
        };
        let result = attempt.run(url, sink);
        let seen = attempt.seen;
        let state = self.flight.state();
        Outcome {
            result,
            status: seen.status,
            content_type: seen.content_type,
            retry_after: seen.retry_after,
            final_url: seen.final_url.unwrap_or_else(|| without_credentials(url)),
            redirects: seen.redirects,
            started_at,
            elapsed: started.elapsed(),
            ttfb: seen
                .first_byte
                .map(|at| at.saturating_duration_since(started)),
            wire_bytes: state.wire_bytes,
        }
    }
}

/// What an attempt has seen so far.
#[derive(Default)]
struct Seen {
    status: Option<u16>,
    content_type: Option<String>,
    retry_after: Option<Duration>,
    final_url: Option<Url>,
    redirects: u32,
    first_byte: Option<Instant>,
}

struct Attempt<'a> {
    fetcher: &'a mut Fetcher,
    options: &'a Options,
    headers: &'a RequestHeaders,
    seen: Seen,
}

impl Attempt<'_> {
    fn run(&mut self, url: &Url, sink: Sink<'_>) -> Result<Page, Failure> {
        let home = Hop::first(url, &self.options.method)?;
        let mut away: Option<Hop> = None;
        loop {
            let hop = away.as_ref().unwrap_or(&home);
            self.seen.final_url = Some(hop.url.clone());
            let mut response = self.exchange(hop)?;
            self.note(&response);
            match self.next(hop, &home, &response)? {
                Some(next) => {
                    self.drain(&mut response);
                    self.seen.redirects += 1;
                    away = Some(next);
                }
                None => return self.finish(hop, response, sink),
            }
        }
    }

    fn next(
        &self,
        hop: &Hop,
        home: &Hop,
        response: &Response<Body>,
    ) -> Result<Option<Hop>, Failure> {
        let max = self.options.max_redirects;
        if max == 0 {
            return Ok(None);
        }
        let next = hop.next(
            home,
            response.status(),
            response.headers().get(header::LOCATION),
        )?;
        if next.is_some() && self.seen.redirects >= max {
            let plural = if max == 1 { "redirect" } else { "redirects" };
            return Err(Failure::new(
                FailureKind::TooManyRedirects,
                format!("more than {max} {plural}"),
            ));
        }
        Ok(next)
    }

    /// Sends one request and receives the head of its reply.
    fn exchange(&self, hop: &Hop) -> Result<Response<Body>, Failure> {
        let flight = &self.fetcher.flight;
        let origin = &hop.url[..Position::BeforePath];
        let proxy = self.options.proxies.of(&hop.url);
        // What must not be sent twice is not trusted to a connection that may be dead.
        let mut may_reuse = is_idempotent(&hop.method);
        loop {
            let (request, head) = request(hop, self.headers, proxy.map(Arc::as_ref))?;
            flight.aim(Aim {
                origin,
                proxy,
                request: head,
                is_head: hop.method == Method::HEAD,
                may_reuse,
            });
            match self.fetcher.agent.run(request) {
                // The server may have sent it before this request came, which may be repeated (RFC 9110, 15.5.9).
                Ok(response)
                    if response.status() == StatusCode::REQUEST_TIMEOUT
                        && flight.state().reused => {}
                Ok(response) => {
                    if flight.state().reused {
                        log::trace!("{origin}: over a connection that was open");
                    }
                    log::debug!("{} {} answered {}", hop.method, hop.url, response.status());
                    return Ok(response);
                }
                Err(error) => {
                    let state = flight.state();
                    if !(state.reused && state.unanswered) || flight.net.is_cancelled() {
                        return Err(Failure::from_client(error, state.first_byte.is_some()));
                    }
                }
            }
            log::debug!(
                "{origin}: the idle connection was of no use any more; once more on a new one"
            );
            may_reuse = false;
        }
    }

    fn note(&mut self, response: &Response<Body>) {
        let text = |name| {
            response
                .headers()
                .get(name)
                .map(|value| shortened(value.as_bytes()))
        };
        self.seen.status = Some(response.status().as_u16());
        self.seen.content_type = text(header::CONTENT_TYPE);
        self.seen.retry_after = asked_wait(response.status(), response.headers(), SystemTime::now);
        self.seen.first_byte = self.fetcher.flight.state().first_byte;
    }

    /// Takes the final reply.
    fn finish(
        &mut self,
        hop: &Hop,
        mut response: Response<Body>,
        sink: Sink<'_>,
    ) -> Result<Page, Failure> {
        let status = response.status();
        if !status.is_success() {
            let wants_tls = self.drain(&mut response);
            let failure = Failure::status(status);
            if !wants_tls || hop.url.scheme() == "https" {
                return Err(failure);
            }
            let cure = "the server speaks TLS on this port; the URL must begin with https://";
            let text = format!("{}: {cure}", failure.message());
            return Err(Failure::new(FailureKind::HttpStatus, text));
        }
        let length = self.range_length(hop, &response);
        let length = length.inspect_err(|_| {
            self.drain(&mut response);
        })?;
        if hop.method == Method::HEAD {
            let size = told_size(response.headers());
            self.check_size(size.unwrap_or_default())?;
            return Ok(Page { bytes: 0, size });
        }
        let codings = self.codings(&response)?;
        let expected = length.or(response.body().content_length());
        let mut source = Source::new(&mut response, expected);
        if codings.is_empty() {
            self.check_size(expected.unwrap_or_default())?;
            self.fetcher.flight.state().is_only_counted = matches!(sink, Sink::Count(_));
            return self.pour(&mut source, sink);
        }
        let flight = Arc::clone(&self.fetcher.flight);
        let check = || flight.check();
        self.pour(&mut *decoded(&codings, source, &check), sink)
    }

    /// How many bytes a 206 must bring. It is a failure unless it brings all of the page, or what the user's own
    /// `Range` asks for.
    fn range_length(&self, hop: &Hop, response: &Response<Body>) -> Result<Option<u64>, Failure> {
        if response.status() != StatusCode::PARTIAL_CONTENT {
            return Ok(None);
        }
        let mut ranges = response.headers().get_all(header::CONTENT_RANGE).iter();
        let range = ranges.next().map_or(&b""[..], HeaderValue::as_bytes);
        let is_one = ranges.all(|other| other.as_bytes() == range);
        let asked = self.headers.of(hop).range.as_deref();
        match length_of(range, asked).filter(|_| is_one) {
            Some(length) => Ok(length),
            None => {
                let text = format!(
                    "the server sent a part of the page that was not asked for (Content-Range: {})",
                    shortened(range)
                );
                Err(Failure::new(FailureKind::Body, text))
            }
        }
    }

    fn codings(&self, response: &Response<Body>) -> Result<Vec<Coding>, Failure> {
        if !self.options.compressed {
            return Ok(Vec::new());
        }
        Coding::of(response.headers())
    }

    fn pour(&mut self, reader: &mut dyn Read, mut sink: Sink<'_>) -> Result<Page, Failure> {
        let mut bytes = 0;
        loop {
            let amount = reader.read(&mut self.fetcher.buf).map_err(undecoded)?;
            if amount == 0 {
                let size = Some(bytes);
                return Ok(Page { bytes, size });
            }
            bytes += amount as u64;
            self.check_size(bytes)?;
            sink.take(&self.fetcher.buf[..amount]).map_err(|error| {
                Failure::new(FailureKind::Write, super::failure::os_text(&error))
            })?;
        }
    }

    fn check_size(&self, bytes: u64) -> Result<(), Failure> {
        match self.options.max_size {
            Some(max) if bytes > max => Err(Failure::new(
                FailureKind::TooLarge,
                format!("the body is larger than {}", size_text(max)),
            )),
            _ => Ok(()),
        }
    }

    /// Reads the body of an error or a redirect, if it is short and quick, so that its connection can be
    /// used again. True if the reply says that the request was to be sent over TLS.
    fn drain(&mut self, response: &mut Response<Body>) -> bool {
        let may_want_tls = response.status() == 400;
        let known = response.body().content_length();
        let is_chunked = self.fetcher.flight.state().is_chunked;
        if known.is_some_and(|length| length > DRAIN as u64)
            || known.is_none() && !is_chunked && !may_want_tls
        {
            return false;
        }
        let soon = Deadline::after(Instant::now(), Some(DRAIN_WAIT));
        let limits = self.fetcher.flight.state().limits;
        self.fetcher.flight.state().limits = limits.within(soon);
        let mut reader = response.body_mut().as_reader();
        let (mut drained, mut wants_tls) = (0, false);
        while drained <= DRAIN {
            match reader.read(&mut self.fetcher.buf) {
                // Neither matters: the reply is what it is, and an unfinished connection is not
                // kept.
                Ok(0) | Err(_) => break,
                Ok(amount) => {
                    drained += amount;
                    wants_tls |= may_want_tls && wants_tls_in_words(&self.fetcher.buf[..amount]);
                }
            }
        }
        self.fetcher.flight.state().limits = limits;
        wants_tls
    }
}

/// The size of the page, as the head alone tells it: of a body that would be coded, the length is that of
/// something else.
fn told_size(headers: &HeaderMap) -> Option<u64> {
    if has_coding(headers) {
        return None;
    }
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.trim().parse().ok()
}

/// What nginx, Apache and Go's servers answer to plain HTTP where they speak TLS.
fn wants_tls_in_words(body: &[u8]) -> bool {
    [
        "plain HTTP request was sent to HTTPS port",
        "speaking plain HTTP to an SSL-enabled server port",
        "sent an HTTP request to an HTTPS server",
    ]
    .iter()
    .any(|words| memchr::memmem::find(body, words.as_bytes()).is_some())
}

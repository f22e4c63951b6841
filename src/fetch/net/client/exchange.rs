//! One request and its reply.
//!
//! The HTTP library gets a reply whose head has come, both reduced by the transport to what the library needs to know. Its
//! redirects, retries and pool are off; its connections come from the [`Connector`].

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use ureq::config::{AutoHeaderValue, Config};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::{Agent, Body, BodyReader};
use url::{Position, Url};

use super::connector::{Connector, connect};
use super::context::{AttemptState, ExchangeContext, ReplyState};
use super::errors::{body_failure, cut_short, exchange_failure};
use crate::fetch::capture::Capture;
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::net::http1::head::HEAD_LIMIT;
use crate::fetch::net::http1::recorded::Recorded;
use crate::fetch::net::io::timeouts::{Deadline, Timeouts, cancelled};
use crate::fetch::net::shared::Net;
use crate::fetch::outcome::ConnectionInfo;
use crate::fetch::proxy::Proxy;

/// A new connection is cheaper than a longer wait.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(50);

/// The HTTP client of one worker, for one exchange at a time.
pub(in crate::fetch) struct HttpClient {
    context: Arc<ExchangeContext>,
    agent: Agent,
    connector: Connector,
    /// Of every request of the library.
    uri: Uri,
}

pub(in crate::fetch) struct Exchange<'a> {
    pub(in crate::fetch) url: &'a Url,
    /// The reply has no body.
    pub(in crate::fetch) is_head: bool,
    /// The head of the request, as it is sent.
    pub(in crate::fetch) head: Vec<u8>,
    pub(in crate::fetch) proxy: Option<&'a Arc<Proxy>>,
    pub(in crate::fetch) may_reuse: bool,
}

pub(in crate::fetch) struct Reply {
    response: Response<Body>,
    pub(in crate::fetch) is_chunked: bool,
    /// The length of the body, if the head tells it or there is no body.
    pub(in crate::fetch) length: Option<u64>,
    /// The length that the head tells, also if there is no body.
    pub(in crate::fetch) told_length: Option<u64>,
    pub(in crate::fetch) first_byte: Option<Instant>,
    pub(in crate::fetch) recorded: Recorded,
}

impl HttpClient {
    pub(in crate::fetch) fn new(net: Arc<Net>) -> Self {
        let context = Arc::new(ExchangeContext::new(net));
        let config = Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .allow_non_standard_methods(true)
            .max_response_header_size(2 * HEAD_LIMIT)
            .user_agent(AutoHeaderValue::None)
            .accept(AutoHeaderValue::None)
            .accept_encoding(AutoHeaderValue::None)
            .proxy(None)
            .build();
        let connector = Connector::default();
        Self {
            agent: Agent::with_parts(config, connector.clone(), NoResolver),
            connector,
            context,
            uri: Uri::from_static("http://unused/"),
        }
    }

    /// Sets the timeouts of the exchanges of one attempt. For `misses_since` see [`AttemptState`].
    pub(in crate::fetch) fn begin_attempt(
        &self,
        timeouts: Timeouts,
        connect_timeout: Option<Duration>,
        misses_since: Option<Instant>,
        capture: Option<Arc<Capture>>,
    ) {
        self.context.state().attempt = AttemptState {
            timeouts,
            connect_timeout,
            misses_since,
            wire_bytes: 0,
            connection: ConnectionInfo::default(),
            capture,
        };
    }

    /// Sends a request and waits for the head of its reply. `None`: the idle connection is dead; send the request again
    /// over a new one.
    pub(in crate::fetch) fn exchange(
        &self,
        exchange: Exchange<'_>,
    ) -> Result<Option<Reply>, Failure> {
        let origin = &exchange.url[..Position::BeforePath];
        let request = self.begin(exchange);
        let result = self.reply(request);
        let (reply, recorded) = {
            let mut state = self.context.state();
            (state.reply, std::mem::take(&mut state.recorded))
        };
        if reply.is_reused {
            log::trace!("{origin}: the connection was reused");
            let is_dead = match &result {
                // The server may have sent it before it got this request (RFC 9110, 15.5.9).
                Ok(response) => response.status() == StatusCode::REQUEST_TIMEOUT,
                Err(_) => reply.is_unanswered && !self.context.net.is_cancelled(),
            };
            if is_dead {
                if result.is_ok() {
                    drop(result);
                    self.context.forget_captured();
                }
                return Ok(None);
            }
        }
        Ok(Some(Reply {
            response: result?,
            is_chunked: reply.is_chunked,
            length: reply.length,
            told_length: reply.told_length,
            first_byte: reply.first_byte,
            recorded,
        }))
    }

    /// Receives the head of the reply, then lets the library parse it. Its frames are large, and would be on the stack of
    /// each worker that waits.
    fn reply(&self, request: Request<()>) -> Result<Response<Body>, Failure> {
        let mut transport = connect(&self.context)?;
        transport.receive_reply()?;
        self.connector.replace(Some(transport));
        let result = self.agent.run(request);
        // It is there only if the library failed before it asked for it.
        drop(self.connector.replace(None));
        result.map_err(exchange_failure)
    }

    /// Notes the request for connector and transport. Returns the library's own, which is never sent: of the request, the
    /// library needs to know only whether its reply has a body.
    fn begin(&self, exchange: Exchange<'_>) -> Request<()> {
        let mut library_request = Request::new(());
        *library_request.uri_mut() = self.uri.clone();
        if exchange.is_head {
            *library_request.method_mut() = Method::HEAD;
        }
        let mut state = self.context.state();
        state.reply = ReplyState::default();
        let is_captured = state.attempt.capture.is_some();
        let request = &mut state.request;
        request.key.clear();
        let origin = &exchange.url[..Position::BeforePath];
        let mut proxy_replies = false;
        if let Some(proxy) = exchange.proxy {
            request.key.push_str(&proxy.key);
            proxy_replies = proxy.takes_requests_for(origin);
        }
        // A proxy that replies itself takes requests for all origins over one connection.
        if !proxy_replies {
            request.key.push_str(origin);
        }
        request.proxy = exchange.proxy.cloned();
        request.host.clear();
        request
            .host
            .push_str(exchange.url.host_str().unwrap_or_default());
        request.port = exchange.url.port_or_known_default().unwrap_or_default();
        request.is_tls = exchange.url.scheme() == "https";
        request.is_head = exchange.is_head;
        request.head = exchange.head;
        let url = || exchange.url[..Position::AfterQuery].to_owned();
        request.captured_url = is_captured.then(url);
        request.may_reuse = exchange.may_reuse;
        library_request
    }

    /// Lets the body's bytes be unspecified, unless they are captured: Linux then need not copy them.
    pub(in crate::fetch) fn discard_body(&self) {
        let mut state = self.context.state();
        state.reply.discards_body = state.attempt.capture.is_none();
    }

    /// Whether replies are kept for an archive.
    pub(in crate::fetch) fn is_capturing(&self) -> bool {
        self.context.state().attempt.capture.is_some()
    }

    /// Reads the body to its end, until it is larger than `most`, or for `time`. Returns how much of it is in `buf`.
    pub(in crate::fetch) fn read_whole(
        &self,
        reply: &mut Reply,
        buf: &mut [u8],
        most: Option<u64>,
        time: Option<Duration>,
    ) -> usize {
        let most = most.map_or(u64::MAX, |most| most.saturating_add(1));
        self.within(time, || {
            let mut reader = reply.response.body_mut().as_reader().take(most);
            let size = fill(&mut reader, buf);
            // The recorder notes an error.
            let _ = io::copy(&mut reader, &mut io::sink());
            self.context.state().reply.is_limited = reader.limit() == 0;
            size
        })
    }

    /// Reads the body until `buf` is full or [`DRAIN_TIMEOUT`] is over, and returns the number of bytes. The connection
    /// of a body that has ended can be reused.
    pub(in crate::fetch) fn drain(&self, reply: &mut Reply, buf: &mut [u8]) -> usize {
        // An error only means that the connection is not reused.
        self.within(Some(DRAIN_TIMEOUT), || {
            fill(&mut reply.response.body_mut().as_reader(), buf)
        })
    }

    /// Calls `read` with at most `time` left of the attempt's.
    fn within<T>(&self, time: Option<Duration>, read: impl FnOnce() -> T) -> T {
        let soon = Deadline::after(Instant::now(), time);
        let timeouts = self.context.state().attempt.timeouts;
        self.context.state().attempt.timeouts = timeouts.within(soon);
        let done = read();
        self.context.state().attempt.timeouts = timeouts;
        done
    }

    /// Fails if the attempt is cancelled or its time is up, for work that waits for no socket.
    pub(in crate::fetch) fn check(&self) -> Result<(), Failure> {
        if self.context.net.is_cancelled() {
            return Err(cancelled());
        }
        let now = Instant::now();
        let left = self.context.state().attempt.timeouts.left(now, now);
        match left {
            Ok(_) => Ok(()),
            Err(error) => Err(error.into_failure(Phase::Body, FailureKind::Body)),
        }
    }

    /// Whether the last exchange had a connection.
    pub(in crate::fetch) fn was_connected(&self) -> bool {
        self.context.state().reply.is_connected
    }

    /// The connection that the attempt used last.
    pub(in crate::fetch) fn connection(&self) -> ConnectionInfo {
        self.context.state().attempt.connection
    }

    pub(in crate::fetch) fn wire_bytes(&self) -> u64 {
        self.context.state().attempt.wire_bytes
    }
}

impl Reply {
    pub(in crate::fetch) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(in crate::fetch) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    pub(in crate::fetch) fn body(&mut self, expected: Option<u64>) -> ReplyBody<'_> {
        ReplyBody {
            reader: self.response.body_mut().as_reader(),
            received: 0,
            expected,
        }
    }
}

/// Reads until `buf` is full, or to the end or an error. Returns the number of bytes.
fn fill(reader: &mut dyn Read, buf: &mut [u8]) -> usize {
    let mut size = 0;
    while size < buf.len()
        && let Ok(amount @ 1..) = reader.read(&mut buf[size..])
    {
        size += amount;
    }
    size
}

/// The body of a reply. Its errors say how many bytes came.
pub(in crate::fetch) struct ReplyBody<'a> {
    reader: BodyReader<'a>,
    received: u64,
    expected: Option<u64>,
}

impl Read for ReplyBody<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (received, expected) = (self.received, self.expected);
        match self.reader.read(buf) {
            Ok(0) if !buf.is_empty() && expected.is_some_and(|e| e != received) => Err(
                io::Error::other(cut_short("the body ended", received, expected)),
            ),
            Ok(amount) => {
                self.received += amount as u64;
                match expected.filter(|expected| *expected < self.received) {
                    None => Ok(amount),
                    // A `Content-Range` told less than what came: no byte of it may go behind a part.
                    Some(expected) => Err(io::Error::other(Failure::new(
                        FailureKind::Body,
                        format!("the body is longer than the {expected} bytes that were told"),
                    ))),
                }
            }
            Err(error) => Err(io::Error::other(body_failure(error, received, expected))),
        }
    }
}

/// Finds nothing: the library asks before each request, but only a new connection needs addresses, which the connector
/// looks up.
#[derive(Debug)]
struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

//! One attempt at one URL: its body goes into a sink, its result into an [`Outcome`].
//!
//! All workers share one [`Client`]. It retries no failure, and reads no environment variable but those of the system's
//! root store.

mod attempt;
mod body;
mod capture;
mod condition;
mod contact;
mod continuation;
mod cookies;
mod credentials;
mod custom_header;
mod decode;
mod digests;
mod failure;
mod final_reply;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod headers;
mod net;
mod netrc;
mod options;
mod options_error;
mod outcome;
mod plan;
mod proxy;
mod range;
mod receive;
mod redirect;
mod request;
mod request_options;
mod resolve;
mod retry_after;
mod status_set;
mod transfer;

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

pub use http::{HeaderValue, Method};
pub use url::Url;

use self::attempt::Fetcher;
use self::body::Sink;
use self::headers::RequestHeaders;
use self::net::{Net, Request};
use self::plan::{Plan, check_method};

pub use self::cookies::Cookies;
pub use self::credentials::Credentials;
pub use self::custom_header::CustomHeader;
pub use self::failure::{Failure, FailureKind, Phase};
pub use self::netrc::Netrc;
pub use self::options::{Family, Options, RecordHeaders, Tls};
pub use self::options_error::OptionsError;
pub use self::outcome::{ConnectionInfo, Outcome, Page, Redirect};
pub use self::proxy::Proxies;
pub use self::request_options::RequestOptions;
pub use self::resolve::Resolve;
pub use self::status_set::StatusSet;

pub(crate) use self::capture::{Capture, Captured, Truncated};
pub(crate) use self::condition::Condition;
pub(crate) use self::contact::Contact;
pub(crate) use self::continuation::{PartialBody, Version};
pub(crate) use self::credentials::without_credentials;
pub(crate) use self::custom_header::header_value;
pub(crate) use self::request::INVALID_HOST;
pub(crate) use self::transfer::Transfer;

/// Fetches pages. Clones share connections, look-ups and the cancellation; dropping the last one closes the idle
/// connections.
///
/// ```
/// use std::io::Write;
/// use fetchpool::fetch::{Client, Options, Url};
///
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let url = format!("http://{}/", listener.local_addr()?);
/// # let server = std::thread::spawn(move || {
/// #     let (mut stream, _) = listener.accept().unwrap();
/// #     std::io::Read::read(&mut stream, &mut [0; 1024]).unwrap();
/// #     stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
/// # });
/// let client = Client::new(Options::default())?;
/// let mut body = Vec::new();
/// let outcome = client.load_url(&Url::parse(&url)?, &mut body);
/// assert_eq!(outcome.result.map(|page| page.bytes), Ok(5));
/// assert_eq!(body, b"hello");
/// # server.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Client {
    request: Option<Arc<RequestOptions>>,
    is_again: bool,
    /// How long its host took to be reached, as a part of the attempt.
    contact: Duration,
    condition: Option<Arc<Condition>>,
    /// Takes the bytes of the exchanges.
    capture: Option<Arc<Capture>>,
    transfer: Option<Arc<Transfer>>,
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
    headers: RequestHeaders,
    net: Arc<Net>,
    /// Unused fetchers: a stack, so that an attempt takes the one with the warmest memory.
    fetchers: Mutex<Vec<Fetcher>>,
}

impl Client {
    /// Makes a client. It opens no connection yet.
    ///
    /// # Errors
    ///
    /// The method is CONNECT, two options exclude each other, a file of certificates cannot be read, or no descriptor is
    /// left.
    pub fn new(options: Options) -> Result<Self, OptionsError> {
        check_method(&options.method)?;
        if options.deny_private
            && let Some(source) = options.proxies.where_names_are_looked_up()
        {
            return Err(OptionsError::new(format!(
                "--deny-private cannot be kept behind the proxy of {source}: it looks names up itself; use a \
                 socks5:// proxy, which connects to a checked address, or --proxy '' for none"
            )));
        }
        let headers = RequestHeaders::new(&options, &[])?;
        let net = Net::new(&options)?;
        Ok(Self {
            request: None,
            is_again: false,
            contact: Duration::ZERO,
            condition: None,
            capture: None,
            transfer: None,
            inner: Arc::new(Inner {
                options,
                headers,
                net: Arc::new(net),
                fetchers: Mutex::default(),
            }),
        })
    }

    /// Makes one attempt at `url` and writes the body into `sink` as it arrives.
    ///
    /// A page is a final status that [`Options::accept`] has, with a whole body. Blocks until the attempt has ended, at
    /// the latest after [`Options::timeout`], unless the sink blocks. After a failure, which may be that the body is not
    /// the expected one, the sink may have a part of the body or all of it. No reply makes it panic.
    pub fn load_url(&self, url: &Url, sink: &mut dyn Write) -> Outcome {
        self.load(url, Sink::Write(sink))
    }

    /// Like [`load_url`](Self::load_url), but only counts the body: on Linux it is not copied out of the kernel,
    /// unless its SHA-256 is asked for. `progress` is called with the size of each piece.
    pub fn load_size(&self, url: &Url, progress: &mut dyn FnMut(usize)) -> Outcome {
        self.load(url, Sink::Count(progress))
    }

    /// Like [`load_url`](Self::load_url), but asks only for what `body` has not. After a failure it may have a part.
    pub(crate) fn load_rest(&self, url: &Url, body: &mut dyn PartialBody) -> Outcome {
        self.load(url, Sink::Part(body))
    }

    fn load(&self, url: &Url, sink: Sink<'_>) -> Outcome {
        let Inner {
            options, headers, ..
        } = &*self.inner;
        let request = self.request.as_deref();
        let plan = match Plan::new(options, headers, request, self.condition.as_deref()) {
            Ok(plan) => plan,
            Err(error) => {
                let failure = Failure::new(FailureKind::InvalidRow, error.to_string());
                return Outcome {
                    result: Err(failure),
                    ..Outcome::begun(url, self.method(request), SystemTime::now())
                };
            }
        };
        let spare = self.inner.spare().pop();
        let mut fetcher = spare.unwrap_or_else(|| Fetcher::new(Arc::clone(&self.inner.net)));
        let outcome = fetcher.fetch(self, &plan, url, sink);
        self.inner.spare().push(fetcher);
        outcome
    }

    /// This client for requests with other options: clones share everything else. If no request can be made with them, an
    /// attempt fails as [`FailureKind::InvalidRow`].
    ///
    /// ```
    /// use std::io::{self, Write};
    /// use std::sync::Arc;
    /// use fetchpool::fetch::{Client, Options, RequestOptions, Url};
    ///
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let url = format!("http://{}/", listener.local_addr()?);
    /// # let server = std::thread::spawn(move || {
    /// #     let (mut stream, _) = listener.accept().unwrap();
    /// #     std::io::Read::read(&mut stream, &mut [0; 1024]).unwrap();
    /// #     stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone").unwrap();
    /// # });
    /// let client = Client::new(Options::default())?;
    /// let client = client.with_request_options(Arc::new(RequestOptions {
    ///     accept: Some("404".parse()?),
    ///     size: Some(5),
    ///     ..RequestOptions::default()
    /// }));
    /// let outcome = client.load_url(&Url::parse(&url)?, &mut io::sink());
    /// let failure = outcome.result.unwrap_err();
    /// assert_eq!(failure.to_string(), "mismatch: size: expected 5 bytes, got 4");
    /// # server.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_request_options(&self, request: Arc<RequestOptions>) -> Self {
        Self {
            request: Some(request),
            ..self.clone()
        }
    }

    /// This client for an attempt that waited for `contact`, the time that its host took. If it `is_again`, a name
    /// without an address is looked up anew.
    pub(crate) fn for_attempt(&self, is_again: bool, contact: Duration) -> Self {
        Self {
            is_again,
            contact,
            ..self.clone()
        }
    }

    /// This client for an attempt that asks for the page only if it has changed. Its outcome may then be
    /// [unchanged](Outcome::is_unchanged), without a body.
    pub(crate) fn if_changed(&self, condition: Condition) -> Self {
        Self {
            condition: Some(Arc::new(condition)),
            ..self.clone()
        }
    }

    /// This client for one attempt whose exchanges `capture` takes. It then reads every body, also those of redirects and of
    /// refused replies.
    pub(crate) fn capturing(&self, capture: Arc<Capture>) -> Self {
        Self {
            capture: Some(capture),
            ..self.clone()
        }
    }

    /// This client for one attempt that tells `transfer` how much of the body it has received.
    pub(crate) fn reporting(self, transfer: Option<Arc<Transfer>>) -> Self {
        Self { transfer, ..self }
    }

    /// The method of the first request for a target with these options.
    pub(crate) fn method<'a>(&'a self, request: Option<&'a RequestOptions>) -> &'a Method {
        plan::method(&self.inner.options, request)
    }

    /// Whether a request for `url` needs a connection to its host: not behind a proxy.
    pub(crate) fn connects_to_host_of(&self, url: &Url) -> bool {
        self.inner.options.proxies.of(url).is_none()
    }

    /// Reaches the host of `url` ahead of the first attempt at it: looks its name up and opens a connection, which that
    /// attempt takes. Does not block. If it `is_again`, a name that had no address is looked up again.
    pub(crate) fn reach(
        &self,
        url: &Url,
        is_again: bool,
        done: impl FnOnce(Contact) + Send + 'static,
    ) {
        let options = &self.inner.options;
        let own = self.request.as_ref().and_then(|request| request.timeout);
        let limits = [own.or(options.timeout), options.connect_timeout];
        let request = Request {
            host: url.host_str().unwrap_or_default().into(),
            port: url.port_or_known_default().unwrap_or_default(),
            limit: limits
                .into_iter()
                .flatten()
                .filter(|limit| !limit.is_zero())
                .min(),
            misses_since: is_again.then(Instant::now),
            is_proxy: false,
        };
        let started_at = SystemTime::now();
        self.inner.net.reach(request, move |failure, took| {
            done(Contact {
                started_at,
                took,
                failure,
            });
        });
    }

    /// Ends every running and later attempt of all clones as [`FailureKind::Cancelled`]. Does not block.
    pub fn cancel(&self) {
        self.inner.net.cancel();
    }
}

impl Inner {
    fn spare(&self) -> MutexGuard<'_, Vec<Fetcher>> {
        // A panic cannot leave the stack half changed.
        self.fetchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The options may hold credentials.
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

//! Fetching: one attempt at one URL, its body streamed into a sink, and what it came to.
//!
//! A [`Client`] is shared by all workers. It keeps connections open between attempts, looks names
//! up once, and applies one time limit to everything an attempt does. It never retries a failure
//! that the caller should see, never sleeps, and reads no environment but the system's trust store.

mod attempt;
mod body;
mod credentials;
mod decode;
mod failure;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod headers;
mod net;
mod options;
mod outcome;
mod proxy;
mod range;
mod redirect;
mod request;
mod resolve;
mod retry_after;

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use http::Method;
pub use url::Url;

use self::attempt::Fetcher;
use self::body::Sink;
use self::headers::RequestHeaders;
use self::net::Net;

pub use self::failure::{Failure, FailureKind, Phase};
pub use self::options::{Family, Options, OptionsError, Tls};
pub use self::outcome::{Outcome, Page};
pub use self::proxy::Proxies;
pub use self::resolve::Resolve;

pub(crate) use self::options::reserved_header;
pub(crate) use self::request::INVALID_HOST;

/// Fetches pages. Cloning is cheap, and clones share everything: connections, names and the cancel
/// switch.
///
/// Dropping the last clone closes the idle connections.
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
    is_again: bool,
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
    headers: RequestHeaders,
    net: Arc<Net>,
    /// Those that are not in use; never more than there were attempts at one time. The one used
    /// last, whose memory is warm, is used next.
    fetchers: Mutex<Vec<Fetcher>>,
}

impl Client {
    /// A client that makes its requests as `options` say. Nothing is looked up, connected or loaded
    /// yet.
    ///
    /// # Errors
    ///
    /// An option that no request can be made with, such as a header with a line break in it; two that
    /// exclude each other; a file of certificates that cannot be read; or the system has no descriptor
    /// left for the client itself.
    pub fn new(options: Options) -> Result<Self, OptionsError> {
        if options.method == Method::CONNECT {
            return Err(OptionsError::new(
                "method CONNECT asks a proxy for a tunnel; it cannot fetch a page",
            ));
        }
        if options.deny_private
            && let Some(source) = options.proxies.where_names_are_looked_up()
        {
            return Err(OptionsError::new(format!(
                "--deny-private cannot be kept behind the proxy of {source}: that looks names up \
                 itself, so the address that it connects to is not known here; use a socks5:// \
                 proxy, which is given addresses that were checked, or --proxy '' for none"
            )));
        }
        let headers = RequestHeaders::new(&options)?;
        let net = Net::new(&options)?;
        Ok(Self {
            is_again: false,
            inner: Arc::new(Inner {
                options,
                headers,
                net: Arc::new(net),
                fetchers: Mutex::default(),
            }),
        })
    }

    /// Makes one attempt at `url` and writes the body into `sink` as it comes.
    ///
    /// Blocks until the attempt has ended, at the latest when [`Options::timeout`] runs out (a sink
    /// that blocks is waited for). May be called from any number of threads at once. What fails is
    /// in the outcome: whatever the server does, nothing here panics. On failure the sink may have
    /// been given a part of the body.
    pub fn load_url(&self, url: &Url, sink: &mut dyn Write) -> Outcome {
        self.load(url, Sink::Write(sink))
    }

    /// [`load_url`](Self::load_url) for who wants to know the size of a page and nothing else: the
    /// body is counted and thrown away, on Linux without being copied out of the kernel.
    ///
    /// `progress` is told how many bytes have come since it was called last.
    pub fn load_size(&self, url: &Url, progress: &mut dyn FnMut(usize)) -> Outcome {
        self.load(url, Sink::Count(progress))
    }

    fn load(&self, url: &Url, sink: Sink<'_>) -> Outcome {
        let spare = self.inner.spare().pop();
        let mut fetcher = spare.unwrap_or_else(|| Fetcher::new(Arc::clone(&self.inner.net)));
        let (options, headers) = (&self.inner.options, &self.inner.headers);
        let outcome = fetcher.fetch(options, headers, url, sink, self.is_again);
        self.inner.spare().push(fetcher);
        outcome
    }

    /// This client for attempts that are made again: a name that had no address is asked for anew.
    pub(crate) fn again(&self) -> Self {
        Self {
            is_again: true,
            ..self.clone()
        }
    }

    /// Cuts off every attempt in context, on all clones; it ends as [`FailureKind::Cancelled`], and
    /// so does every later one. Does not block, and cannot be undone.
    pub fn cancel(&self) {
        self.inner.net.cancel();
    }
}

impl Inner {
    fn spare(&self) -> MutexGuard<'_, Vec<Fetcher>> {
        // Only a push or a pop runs under the lock.
        self.fetchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The options may hold credentials.
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

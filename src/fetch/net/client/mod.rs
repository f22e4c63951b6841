//! The bridge to ureq, the HTTP library: the only module that knows it.
//!
//! The library's extension points are outside semver, so its version is pinned. [`exchange`] is what
//! the rest of `fetch` uses: it sends one request and gives its reply. Below it, [`connector`] hands the
//! library a connection, idle or new, and [`transport`] moves the bytes.

mod buffers;
mod connect_attempt;
mod connector;
mod context;
mod errors;
mod exchange;
mod transport;
mod via_proxy;

pub(in crate::fetch) use self::exchange::{Exchange, HttpClient, Reply};

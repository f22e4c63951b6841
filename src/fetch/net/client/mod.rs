//! The bridge to ureq, the HTTP library: the only module that knows it.
//!
//! The library's extension points are outside semver, so its version is pinned. [`exchange`] takes a connection from
//! [`connector`], receives the head of the reply, and calls the library, which reads the reply from [`transport`].

mod buffers;
mod connect_attempt;
mod connector;
mod context;
mod errors;
mod exchange;
mod recorder;
mod transport;
mod via_proxy;

pub(in crate::fetch) use self::exchange::{Exchange, HttpClient, Reply};

//! One request and its reply: names, connecting, proxies, TLS, HTTP/1.1, idle connections, timeouts and cancelling.
//!
//! It knows nothing of redirects, and makes no decision by status.

mod client;
mod http1;
mod idle;
mod io;
mod proxy_handshake;
mod reach;
mod shared;
mod spare;
mod tls;

pub(super) use self::client::{Exchange, HttpClient, Reply};
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use self::http1::fuzzing;
pub(super) use self::http1::recorded::Recorded;
pub(super) use self::http1::reply::MOST_CODINGS;
pub(super) use self::io::timeouts::{Deadline, Timeouts};
pub(super) use self::reach::Request;
pub(super) use self::shared::Net;

//! One request and its reply: names, connecting, proxies, TLS, HTTP/1.1, idle connections, timeouts and
//! cancelling. It knows nothing of redirects, and makes no decision by status.

mod client;
mod connection;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;
mod http1;
mod idle;
mod io;
mod proxy_handshake;
mod reach;
mod tls;

use std::sync::Arc;

use self::idle::IdlePool;
use self::io::cancel::Cancel;
use self::reach::Reach;
use self::reach::budget::Budget;
use self::tls::config::TlsConfig;
use super::options::Options;
use super::options_error::OptionsError;

pub(super) use self::client::{Exchange, HttpClient, Reply};
pub(super) use self::http1::reply::MOST_CODINGS;
pub(super) use self::io::timeouts::{Deadline, Timeouts};

/// What all workers of a client share.
#[derive(Debug)]
pub(super) struct Net {
    cancel: Cancel,
    idle: Arc<IdlePool>,
    budget: Arc<Budget>,
    reach: Reach,
    trust: TlsConfig,
    /// The `User-Agent` of a CONNECT request; empty for none.
    user_agent: String,
}

impl Net {
    /// Reads the files that the options name; opens no connection.
    pub(super) fn new(options: &Options) -> Result<Self, OptionsError> {
        let cancel = Cancel::new()
            .map_err(|error| OptionsError::new(format!("cannot set the client up: {error}")))?;
        let idle = Arc::new(IdlePool::new(options.idle_connections));
        let budget = Budget::new(options.descriptors);
        Ok(Self {
            cancel,
            reach: Reach::new(options, Arc::clone(&idle), Arc::clone(&budget)),
            idle,
            budget,
            trust: TlsConfig::load(&options.tls)?,
            user_agent: if options.omits("user-agent") {
                String::new()
            } else {
                String::from_utf8_lossy(options.user_agent.as_bytes()).into_owned()
            },
        })
    }

    /// Ends every exchange, and every one that is started later.
    pub(super) fn cancel(&self) {
        self.cancel.cancel();
        self.reach.cancel();
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

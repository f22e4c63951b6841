//! The network under the client library, built on its extension points and confined to this module:
//! those points are outside semver, and so the library's version is pinned.
//!
//! The library speaks HTTP over connections that it is lent, one exchange at a time. Everything
//! below that is here: names, connecting, proxies, TLS, idle connections, buffers, time limits and
//! cancelling. Nothing here knows of redirects, statuses or bodies.

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

use ureq::Agent;
use ureq::config::{AutoHeaderValue, Config};

use self::client::connector::{Connector, NoResolver};
use self::idle::IdlePool;
use self::io::cancel::Cancel;
use self::reach::budget::Budget;
use self::reach::resolver::Resolver;
use self::tls::config::TlsConfig;
use super::options::{Family, Options, OptionsError};
use super::resolve::Resolve;

pub(crate) use self::client::exchange::{Exchange, ExchangeContext};
pub(crate) use self::http1::reply::MOST_CODINGS;
pub(crate) use self::io::timeouts::{Deadline, Timeouts};

/// What all workers of a client share.
#[derive(Debug)]
pub(crate) struct Net {
    cancel: Cancel,
    idle: IdlePool,
    resolver: Resolver,
    budget: Arc<Budget>,
    trust: TlsConfig,
    family: Family,
    resolve: Vec<Resolve>,
    deny_private: bool,
    /// What a proxy is told when it is asked for a tunnel.
    user_agent: String,
}

impl Net {
    /// Reads the files that the options name; opens no connection.
    pub(crate) fn new(options: &Options) -> Result<Self, OptionsError> {
        let cancel = Cancel::new()
            .map_err(|error| OptionsError::new(format!("cannot set the client up: {error}")))?;
        Ok(Self {
            cancel,
            idle: IdlePool::new(options.idle_connections),
            resolver: Resolver::new(options.family),
            budget: Budget::new(options.descriptors),
            trust: TlsConfig::load(&options.tls)?,
            family: options.family,
            resolve: options.resolve.clone(),
            deny_private: options.deny_private,
            user_agent: if options.omits("user-agent") {
                String::new()
            } else {
                options.user_agent.clone()
            },
        })
    }

    /// Cuts off everything that is in context, and whatever is started later.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
        self.resolver.wake();
        self.budget.wake();
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

/// A client library for one worker, whose connections come from `context`.
pub(crate) fn agent(context: &Arc<ExchangeContext>) -> Agent {
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .allow_non_standard_methods(true)
        .max_response_header_size(2 * http1::head::HEAD_LIMIT)
        .user_agent(AutoHeaderValue::None)
        .accept(AutoHeaderValue::None)
        .accept_encoding(AutoHeaderValue::None)
        .proxy(None)
        .build();
    Agent::with_parts(
        config,
        Connector {
            context: Arc::clone(context),
        },
        NoResolver,
    )
}

//! The network under the client library, built on its extension points and confined to this module:
//! those points are outside semver, and so the library's version is pinned.
//!
//! The library speaks HTTP over connections that it is lent, one exchange at a time. Everything
//! below that is here: names, connecting, proxies, TLS, idle connections, buffers, time limits and
//! cancelling. Nothing here knows of redirects, statuses or bodies.

mod addresses;
mod buffers;
mod cancel;
mod certificate;
mod chunked;
mod connection;
mod descriptors;
mod dial;
mod explain;
mod flight;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;
mod head;
mod idle;
mod layer;
mod lender;
mod limits;
mod lookup;
mod names;
mod pem;
mod private;
mod questions;
mod reply;
mod resolver;
mod seats;
mod sessions;
mod store;
mod sys;
mod through;
mod tls;
mod transport;
mod trust;
mod tunnel;
mod verifier;
mod wire;

use std::sync::Arc;

use ureq::Agent;
use ureq::config::{AutoHeaderValue, Config};

use self::cancel::Cancel;
use self::descriptors::Descriptors;
use self::idle::IdlePool;
use self::lender::{Lender, NoResolver};
use self::resolver::Resolver;
use self::seats::Seats;
use self::trust::Trust;
use super::options::{Family, Options, OptionsError};
use super::resolve::Resolve;

pub(crate) use self::flight::{Aim, Flight};
pub(crate) use self::limits::{Deadline, Limits};
pub(crate) use self::reply::MOST_CODINGS;

/// What all workers of a client share.
#[derive(Debug)]
pub(crate) struct Net {
    cancel: Cancel,
    idle: IdlePool,
    resolver: Resolver,
    descriptors: Arc<Descriptors>,
    seats: Arc<Seats>,
    trust: Trust,
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
        let descriptors = Arc::<Descriptors>::default();
        Ok(Self {
            cancel,
            idle: IdlePool::new(options.idle_connections),
            resolver: Resolver::new(Arc::clone(&descriptors), options.family),
            descriptors,
            seats: Seats::new(options.descriptors),
            trust: Trust::load(&options.tls)?,
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

    /// Cuts off everything that is in flight, and whatever is started later.
    pub(crate) fn cancel(&self) {
        self.cancel.throw();
        self.resolver.wake();
        self.descriptors.wake();
        self.seats.wake();
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_thrown()
    }
}

/// A client library for one worker, whose connections come from `flight`.
pub(crate) fn agent(flight: &Arc<Flight>) -> Agent {
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .allow_non_standard_methods(true)
        .max_response_header_size(2 * head::HEAD_LIMIT)
        .user_agent(AutoHeaderValue::None)
        .accept(AutoHeaderValue::None)
        .accept_encoding(AutoHeaderValue::None)
        .proxy(None)
        .build();
    Agent::with_parts(
        config,
        Lender {
            flight: Arc::clone(flight),
        },
        NoResolver,
    )
}

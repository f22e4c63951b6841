//! What all workers of a client share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::idle::{Idle, first_key};
use super::io::cancel::Cancel;
use super::io::rate_limit::RateLimit;
use super::reach::budget::Budget;
use super::reach::{Reach, Request};
use super::spare::SpareBuffers;
use super::tls::config::TlsConfig;
use crate::fetch::failure::Failure;
use crate::fetch::options::{Options, RecordHeaders};
use crate::fetch::options_error::OptionsError;
use crate::system::os_text;

#[derive(Debug)]
pub(in crate::fetch) struct Net {
    pub(super) cancel: Cancel,
    pub(super) idle: Arc<Idle>,
    pub(super) budget: Arc<Budget>,
    pub(super) reach: Reach,
    pub(super) rate_limit: Option<RateLimit>,
    pub(in crate::fetch) spare: SpareBuffers,
    pub(super) trust: TlsConfig,
    /// The `User-Agent` of a CONNECT request; empty for none.
    pub(super) user_agent: String,
    pub(super) record_headers: RecordHeaders,
}

impl Net {
    /// Reads the files that the options name, and starts a thread; opens no connection.
    pub(in crate::fetch) fn new(options: &Options) -> Result<Self, OptionsError> {
        let cancel = Cancel::new()
            .map_err(|error| OptionsError::new(format!("cannot set the client up: {error}")))?;
        let idle = Arc::new(Idle::new(options.idle_connections));
        let budget = Budget::new(options.descriptors);
        let reach =
            Reach::new(options, Arc::clone(&idle), Arc::clone(&budget)).map_err(|error| {
                let why = os_text(&error);
                OptionsError::new(format!(
                    "the thread that reaches hosts could not be started: {why}"
                ))
            })?;
        Ok(Self {
            cancel,
            reach,
            idle,
            budget,
            rate_limit: options
                .limit_rate
                .map(|per_second| RateLimit::new(per_second, options.workers)),
            spare: SpareBuffers::default(),
            record_headers: options.record_headers.clone(),
            trust: TlsConfig::load(&options.tls)?,
            user_agent: if options.omits("user-agent") {
                String::new()
            } else {
                String::from_utf8_lossy(options.user_agent.as_bytes()).into_owned()
            },
        })
    }

    /// Opens a connection to a host ahead of its first request, which takes it. Does not block. `done` is called with the
    /// failure, if there is one, and with the time that the host took, without the wait for a descriptor.
    pub(in crate::fetch) fn reach(
        &self,
        request: Request,
        done: impl FnOnce(Option<Failure>, Duration) + Send + 'static,
    ) {
        let started = Instant::now();
        let limit = request.limit.unwrap_or_default();
        let key = first_key(&request.host, request.port);
        let (idle, budget) = (Arc::clone(&self.idle), Arc::clone(&self.budget));
        self.reach.open(request, move |opened| {
            let now = Instant::now();
            let took = now.saturating_duration_since(started);
            match opened {
                Ok(opened) => {
                    let took = took.saturating_sub(opened.waited);
                    idle.first.put(opened.into_connection(&key), now);
                    if budget.has_waiters() {
                        idle.evict();
                    }
                    done(None, took);
                }
                Err(error) => {
                    let took = took.saturating_sub(error.waited);
                    done(Some(error.into_failure(limit)), took);
                }
            }
        });
    }

    /// Ends every exchange, and every one that is started later.
    pub(in crate::fetch) fn cancel(&self) {
        self.cancel.cancel();
        self.reach.cancel();
    }

    pub(in crate::fetch) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

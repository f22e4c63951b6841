//! What all workers of a client share.

use std::sync::Arc;

use super::idle::IdlePool;
use super::io::cancel::Cancel;
use super::reach::Reach;
use super::reach::budget::Budget;
use super::tls::config::TlsConfig;
use crate::fetch::options::Options;
use crate::fetch::options_error::OptionsError;

#[derive(Debug)]
pub(in crate::fetch) struct Net {
    pub(super) cancel: Cancel,
    pub(super) idle: Arc<IdlePool>,
    pub(super) budget: Arc<Budget>,
    pub(super) reach: Reach,
    pub(super) trust: TlsConfig,
    /// The `User-Agent` of a CONNECT request; empty for none.
    pub(super) user_agent: String,
}

impl Net {
    /// Reads the files that the options name; opens no connection.
    pub(in crate::fetch) fn new(options: &Options) -> Result<Self, OptionsError> {
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
    pub(in crate::fetch) fn cancel(&self) {
        self.cancel.cancel();
        self.reach.cancel();
    }

    pub(in crate::fetch) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

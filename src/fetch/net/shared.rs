//! What all workers of a client share.

use std::sync::Arc;

use super::idle::IdlePool;
use super::io::cancel::Cancel;
use super::reach::budget::Budget;
use super::reach::resolver::Resolver;
use super::tls::config::TlsConfig;
use crate::fetch::options::{Family, Options};
use crate::fetch::options_error::OptionsError;
use crate::fetch::resolve::Resolve;

#[derive(Debug)]
pub(in crate::fetch) struct Net {
    pub(super) cancel: Cancel,
    pub(super) idle: IdlePool,
    pub(super) resolver: Resolver,
    pub(super) budget: Arc<Budget>,
    pub(super) trust: TlsConfig,
    pub(super) family: Family,
    pub(super) resolve: Vec<Resolve>,
    pub(super) deny_private: bool,
    /// The `User-Agent` of a CONNECT request; empty for none.
    pub(super) user_agent: String,
}

impl Net {
    /// Reads the files that the options name; opens no connection.
    pub(in crate::fetch) fn new(options: &Options) -> Result<Self, OptionsError> {
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
                String::from_utf8_lossy(options.user_agent.as_bytes()).into_owned()
            },
        })
    }

    /// Ends every exchange, later ones too.
    pub(in crate::fetch) fn cancel(&self) {
        self.cancel.cancel();
        self.resolver.wake();
        self.budget.wake();
    }

    pub(in crate::fetch) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

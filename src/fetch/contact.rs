//! A contact: a host that is reached ahead of the attempts that need it.

use std::time::{Duration, SystemTime};

use url::Url;

use super::credentials::without_credentials;
use super::failure::Failure;
use super::outcome::{ConnectionInfo, Outcome};

/// What came of a contact.
#[derive(Clone, Debug)]
pub(crate) struct Contact {
    pub(crate) started_at: SystemTime,
    /// Without the wait for a descriptor. It is a part of each attempt that waited for the contact.
    pub(crate) took: Duration,
    /// Why the host could not be reached; `None` if it was.
    pub(crate) failure: Option<Failure>,
}

impl Contact {
    /// The outcome of an attempt at `url` that ended with this contact, for `failure`.
    pub(crate) fn outcome(&self, url: &Url, failure: Failure) -> Outcome {
        Outcome {
            result: Err(failure),
            status: None,
            content_type: None,
            retry_after: None,
            final_url: without_credentials(url),
            redirects: 0,
            started_at: self.started_at,
            elapsed: self.took,
            ttfb: None,
            wire_bytes: 0,
            connection: ConnectionInfo::default(),
        }
    }
}

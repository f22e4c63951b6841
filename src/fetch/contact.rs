//! A contact: a host that is reached ahead of the attempts that need it.

use std::time::{Duration, SystemTime};

use http::Method;
use url::Url;

use super::failure::Failure;
use super::outcome::Outcome;

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
    pub(crate) fn outcome(&self, url: &Url, method: &Method, failure: Failure) -> Outcome {
        Outcome {
            result: Err(failure),
            elapsed: self.took,
            ..Outcome::begun(url, method, self.started_at)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::sync::{Arc, mpsc};

    use super::*;
    use crate::fetch::{Client, FailureKind, Options, Phase, RequestOptions};

    #[test]
    fn a_requests_own_timeout_limits_its_contact() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = Client::new(Options {
            dns_servers: vec![silent.local_addr().unwrap()],
            ..Options::default()
        });
        let client = client
            .unwrap()
            .with_request_options(Arc::new(RequestOptions {
                timeout: Some(Duration::from_millis(200)),
                ..RequestOptions::default()
            }));
        let (sender, contacts) = mpsc::channel();
        let url = Url::parse("http://a.test/").unwrap();
        client.reach(&url, false, move |contact| sender.send(contact).unwrap());
        let failure = contacts.recv().unwrap().failure.unwrap();
        assert_eq!(failure.kind(), FailureKind::Timeout(Phase::Dns));
        assert!(failure.message().contains("200ms"), "{failure}");
    }
}

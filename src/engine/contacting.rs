//! Contacts: hosts that are reached ahead of the workers, for the schedule.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::fetch::{Contact, Failure, FailureKind, Phase};
use crate::host;
use crate::input::Target;
use crate::schedule::ordered::ListIndex;
use crate::schedule::{Arrival, HostKey};

use super::body::for_target;
use crate::span::Span;

use super::coordinator::Coordinator;
use super::jobs::{Item, JobContext};
use super::mail::{JobResult, Kept, Mail};
use super::to_record;

impl Coordinator<'_> {
    /// A target that was taken from the list.
    pub(super) fn item(&mut self, target: Target, list_index: Option<ListIndex>) -> Item {
        let host = self.state.last_host.key_of(&target.url);
        let connects = self.shared.client.connects_to_host_of(&target.url);
        let own_timeout = target.request().and_then(|request| request.timeout);
        // Targets share a contact, and its failure, only if they have one timeout.
        let contact = connects.then(|| match own_timeout {
            None => host.clone(),
            Some(timeout) => format!("{host}, within {}", Span(timeout)).into(),
        });
        let context = JobContext {
            contact,
            host,
            reached_in: Duration::ZERO,
            started: None,
            list_index,
            bytes: target.text(),
            attempts: 0,
            failed: None,
        };
        Item { target, context }
    }

    /// `item` as the schedule takes it.
    pub(super) fn arrival(&self, mut item: Item) -> Arrival<Item> {
        item.context.reached_in = Duration::ZERO;
        let host = item.context.host.clone();
        let contact = item.context.contact.clone();
        Arrival::new(item, host, contact)
    }

    /// Reaches `host` for the target that leads. The result comes by mail.
    pub(super) fn reach(&self, host: HostKey) {
        let Some(leader) = self.schedule.leader(&host) else {
            return;
        };
        log::debug!("{host}: reaching it");
        let is_again = leader.context.attempts > 0;
        let mailbox = Arc::clone(&self.shared.mailbox);
        let done = move |contact| mailbox.send(Mail::Contact { host, contact });
        let client = for_target(self.shared.client.clone(), &leader.target);
        client.reach(&leader.target.url, is_again, done);
    }

    /// Lets the targets that waited for `host` start, or ends their attempts with the failure that they share.
    pub(super) fn contacted(&mut self, host: &HostKey, contact: &Contact, now: Instant) {
        let Some(failure) = &contact.failure else {
            // Waiting for a descriptor does not count.
            let mark = |item: &mut Arrival<Item>, waited: Duration| {
                item.value.context.reached_in = waited.min(contact.took);
            };
            return self.schedule.reached(host, mark, now);
        };
        for item in self.schedule.unreached(host, now) {
            let request = item.target.request().map(Arc::as_ref);
            let method = self.shared.client.method(request);
            let outcome = contact.outcome(&item.target.url, method, failure.clone());
            self.attempted(item, Box::new(outcome), Kept::default(), None, now);
        }
    }

    /// Tells the schedule whether a worker has reached the host of `item`.
    pub(super) fn heard_of_host(&mut self, item: &Item, result: &JobResult, now: Instant) {
        let (Some(host), JobResult::Attempted { outcome, .. }) = (&item.context.contact, result)
        else {
            return;
        };
        let has_answered = outcome.status.is_some() || !outcome.hops.is_empty();
        let is_reached = match &outcome.result {
            Err(failure) if !has_answered => match failure.kind() {
                // The host was reached. That it said nothing counts only where failures do.
                FailureKind::Timeout(Phase::FirstByte | Phase::Body)
                    if self.schedule.options().host_failures.is_none() =>
                {
                    return;
                }
                FailureKind::Dns
                | FailureKind::Connect
                | FailureKind::Tls
                | FailureKind::Timeout(_) => false,
                _ => return,
            },
            _ => true,
        };
        self.schedule.heard_of(host, is_reached, now);
    }

    /// Records a target that is not tried (again), as its host could not be reached too often.
    pub(super) fn host_is_down(&mut self, item: Item) {
        if item.context.failed.is_some() {
            return self.drop_unstarted(item);
        }
        let times = self.schedule.options().host_failures.unwrap_or_default();
        let times = if times == 1 {
            "once".to_owned()
        } else {
            format!("{times} times in a row")
        };
        let host = host::shown(&item.target.url);
        let message = format!("not tried: {host} could not be reached {times}");
        let failure = Failure::new(FailureKind::HostDown, message);
        let record = to_record::failed(item.target, failure);
        self.done(record, item.context);
    }

    /// Records the targets whose attempts have begun and that no worker has taken yet.
    pub(super) fn cut_contacts(&mut self) {
        for mut item in self.schedule.drain_contacts() {
            item.context.attempts += 1;
            let record = to_record::cut(item.target, self.shutdown.message());
            self.done(record, item.context);
        }
    }
}

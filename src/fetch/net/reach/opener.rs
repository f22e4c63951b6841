//! One request, step by step: a look-up, a permit, a connection, each within the limits of the request.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use super::happy_eyeballs::{ConnectError, HappyEyeballs};
use super::lookup::{Lookup, RESOLUTION_DELAY};
use super::resolver::Resolver;
use super::special_names::known;
use super::{Cause, Config, Opened, ReachError, Request};
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::net::io::timeouts::WaitError;
use crate::fetch::resolve::{Resolve, bare};
use crate::span::Span;
use crate::system::os_text;

pub(super) struct Opener {
    config: Arc<Config>,
    resolver: Rc<Resolver>,
}

impl Opener {
    pub(super) fn new(config: Arc<Config>) -> Self {
        Self {
            resolver: Rc::new(Resolver::new(Arc::clone(&config))),
            config,
        }
    }

    pub(super) async fn open(&self, request: &Request) -> Result<Opened, ReachError> {
        let mut clock = Clock::new(request.limit, self.config.stall_timeout);
        let opened = self.try_open(request, &mut clock).await;
        opened.map_err(|cause| clock.error(cause))
    }

    pub(super) async fn resolve(&self, request: &Request) -> Result<Vec<IpAddr>, ReachError> {
        let mut clock = Clock::new(request.limit, self.config.stall_timeout);
        match self.find(request, &mut clock).await {
            Ok(mut found) => {
                let more = timeout(RESOLUTION_DELAY, found.lookup.next()).await;
                found
                    .addresses
                    .extend(more.ok().flatten().unwrap_or_default());
                Ok(found.addresses)
            }
            Err(cause) => Err(clock.error(cause)),
        }
    }

    async fn try_open(&self, request: &Request, clock: &mut Clock) -> Result<Opened, Cause> {
        let budget = &self.config.budget;
        let mut found = self.find(request, clock).await?;
        let permit = clock.pause(budget.acquire(|| self.config.evict())).await;
        let (since, before) = (Instant::now(), clock.waited);
        let lookup = &mut found.lookup;
        let mut attempts = HappyEyeballs::new(&self.config, &found.addresses, request.port, lookup);
        let mut tries = 0;
        loop {
            let error = match clock.within(Phase::Connect, attempts.run()).await? {
                Ok(tcp) => {
                    let remote = tcp.peer_addr().ok();
                    if let Some(address) = remote {
                        self.config.known.add(request, address);
                    }
                    return Ok(Opened {
                        tcp,
                        remote,
                        permit,
                        dns: found.took,
                        connect: since.elapsed().saturating_sub(clock.waited - before),
                        waited: clock.waited,
                    });
                }
                Err(ConnectError::NoDescriptor) => {
                    let goes_on = self.config.evict()
                        || clock.pause(budget.wait_out_shortage(&mut tries)).await;
                    if goes_on {
                        continue;
                    }
                    "too many open files, and none that could be closed".to_owned()
                }
                Err(ConnectError::Refused(text)) => text,
                Err(ConnectError::Io(error)) => os_text(&error),
            };
            return Err(Failure::new(FailureKind::Connect, error).into());
        }
    }

    /// The first addresses of the host.
    async fn find(&self, request: &Request, clock: &mut Clock) -> Result<Found, Cause> {
        let host = &*request.host;
        let config = &self.config;
        let (family, denies) = (config.family, config.deny_private && !request.is_proxy);
        let mut place = None;
        let mut lookup = if let Some(rule) = Resolve::of(&config.resolve, host, request.port) {
            Lookup::known(&rule.addresses, family, denies)
        } else if let Ok(address) = bare(host).parse() {
            Lookup::known(&[address], family, denies)
        } else if let Some(addresses) = known(host) {
            Lookup::known(addresses, family, denies)
        } else {
            place = Some(clock.pause(config.budget.look_up()).await);
            self.resolver
                .look_up(host, family, denies, request.misses_since)
        };
        let since = Instant::now();
        let addresses = clock.within(Phase::Dns, lookup.next()).await?;
        let addresses = addresses.ok_or_else(|| lookup.failure(host))?;
        let took = place.is_some().then(|| since.elapsed());
        if let Some(took) = took {
            let count = addresses.len();
            log::trace!("{host}: {count} addresses in {}", Span(took));
        }
        Ok(Found {
            addresses,
            took,
            _place: place.filter(|_| !lookup.is_complete()),
            lookup,
        })
    }
}

struct Found {
    addresses: Vec<IpAddr>,
    took: Option<Duration>,
    /// Where more addresses may come from.
    lookup: Lookup,
    /// Of the look-up that still runs.
    _place: Option<OwnedSemaphorePermit>,
}

/// The time of one request.
struct Clock {
    deadline: Option<Instant>,
    stall: Option<Duration>,
    waited: Duration,
}

impl Clock {
    fn new(limit: Option<Duration>, stall: Option<Duration>) -> Self {
        Self {
            deadline: limit.and_then(|limit| Instant::now().checked_add(limit)),
            stall,
            waited: Duration::ZERO,
        }
    }

    /// Waits for what does not count.
    async fn pause<T>(&mut self, wait: impl Future<Output = T>) -> T {
        let since = Instant::now();
        let result = wait.await;
        let waited = since.elapsed();
        self.waited += waited;
        self.deadline = self.deadline.map(|at| at.checked_add(waited).unwrap_or(at));
        result
    }

    /// Waits within the limits.
    async fn within<T>(&self, phase: Phase, wait: impl Future<Output = T>) -> Result<T, Cause> {
        let stall = self
            .stall
            .and_then(|span| Some((Instant::now().checked_add(span)?, span)));
        let at = match (self.deadline, stall) {
            (Some(deadline), Some((stall, _))) => deadline.min(stall),
            (Some(at), None) | (None, Some((at, _))) => at,
            (None, None) => return Ok(wait.await),
        };
        timeout_at(at, wait).await.map_err(|_| match stall {
            Some((stall, span)) if self.deadline.is_none_or(|deadline| stall < deadline) => {
                WaitError::Stalled(span)
                    .into_failure(phase, FailureKind::Connect)
                    .into()
            }
            _ => Cause::TimedOut(phase),
        })
    }

    fn error(&self, cause: Cause) -> ReachError {
        ReachError {
            cause,
            waited: self.waited,
        }
    }
}

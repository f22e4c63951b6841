//! Looks names up: once for all requests that wait for a name, and again when the cached answer has expired.
//!
//! A look-up runs in the tasks that wait for it, and ends with the last of them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use super::Config;
use super::dns::NameServers;
use super::getaddrinfo;
use super::happy_eyeballs::MAX_ADDRESSES;
use super::lookup::{Answering, Lookup};
use super::private::refusal;
use super::system_config::{Source, SystemConfig};
use crate::fetch::options::Family;

/// How long an answer without a time to live counts.
const KEEP_ANSWER: Duration = Duration::from_secs(60);
/// How long the absence of addresses counts, and an answer at least.
const KEEP_NO_ADDRESS: Duration = Duration::from_secs(5);
const MAX_KEEP: Duration = Duration::from_secs(24 * 3600);
/// Names kept at most: about 2 MB, or 11 MB if every name has the most addresses.
const MAX_NAMES: usize = 10_000;

pub(super) type Addresses = Rc<[IpAddr]>;

/// Why there is no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Miss {
    /// The name has none.
    NoAddress,
    /// The look-up failed; the text says why.
    Unknown(Arc<str>),
    /// No descriptor was left for the look-up.
    NoDescriptor,
}

/// Addresses, and how long they count.
pub(super) type Answer = Result<(Vec<IpAddr>, Duration), Miss>;

/// The answer for one family.
#[derive(Debug)]
struct Kept {
    answer: Result<Addresses, Miss>,
    at: Instant,
    until: Instant,
}

/// What is known of a name. A cell that is not set may be waited for.
#[derive(Debug, Default)]
struct Entry {
    v4: OnceCell<Kept>,
    v6: OnceCell<Kept>,
    /// Both, from getaddrinfo.
    both: OnceCell<Answer>,
}

impl Entry {
    /// Whether it serves a request at `now` that takes no miss from before `misses_since`.
    fn is_fresh(&self, now: Instant, misses_since: Option<Instant>) -> bool {
        let kept = || [&self.v4, &self.v6].into_iter().filter_map(OnceCell::get);
        // The absence of one family counts as long as the addresses of the other.
        if kept().any(|kept| kept.answer.is_ok()) {
            return kept().all(|kept| kept.answer.is_err() || kept.until > now);
        }
        kept().all(|kept| kept.until > now && misses_since.is_none_or(|since| kept.at >= since))
    }
}

pub(super) struct Resolver {
    config: Arc<Config>,
    names: RefCell<HashMap<Box<str>, Rc<Entry>>>,
    /// Read when the first name is looked up.
    sources: std::cell::OnceCell<Sources>,
}

struct Sources {
    system: SystemConfig,
    servers: NameServers,
    prefers_v6: bool,
}

impl Resolver {
    pub(super) fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            names: RefCell::default(),
            sources: std::cell::OnceCell::new(),
        }
    }

    /// Looks `name` up. The absence of addresses is looked up again if it was found before `misses_since`.
    pub(super) fn look_up(
        self: &Rc<Self>,
        name: &str,
        family: Family,
        deny_private: bool,
        misses_since: Option<Instant>,
    ) -> Lookup {
        let entry = self.entry(name, misses_since);
        let name: Rc<str> = name.into();
        let ask = |is_v6| -> Answering {
            let (this, entry, name) = (Rc::clone(self), Rc::clone(&entry), Rc::clone(&name));
            Box::pin(async move {
                let cell = if is_v6 { &entry.v6 } else { &entry.v4 };
                let kept = cell.get_or_init(|| this.find(&entry, &name, is_v6)).await;
                kept.answer.clone()
            })
        };
        let v4 = (family != Family::V6).then(|| ask(false));
        let v6 = (family != Family::V4).then(|| ask(true));
        Lookup::pending([v4, v6], self.sources().prefers_v6, family, deny_private)
    }

    fn entry(&self, name: &str, misses_since: Option<Instant>) -> Rc<Entry> {
        let now = Instant::now();
        let mut names = self.names.borrow_mut();
        if let Some(entry) = names
            .get(name)
            .filter(|entry| entry.is_fresh(now, misses_since))
        {
            return Rc::clone(entry);
        }
        if names.len() >= MAX_NAMES {
            make_room(&mut names, now);
        }
        let entry = Rc::<Entry>::default();
        names.insert(name.into(), Rc::clone(&entry));
        entry
    }

    async fn find(&self, entry: &Entry, name: &str, is_v6: bool) -> Kept {
        let mut tries = 0;
        let answer = loop {
            let answer = self.ask(entry, name, is_v6).await;
            if answer != Err(Miss::NoDescriptor)
                || !self.config.evict() && !self.config.budget.wait_out_shortage(&mut tries).await
            {
                break answer;
            }
        };
        let at = Instant::now();
        let keep = match &answer {
            Ok((_, keep)) => (*keep).clamp(KEEP_NO_ADDRESS, MAX_KEEP),
            Err(Miss::NoAddress) => KEEP_NO_ADDRESS,
            Err(_) => Duration::ZERO,
        };
        let addresses = answer.and_then(|(found, _)| {
            let found = bounded(found.into_iter().filter(|a| a.is_ipv6() == is_v6));
            (!found.is_empty())
                .then(|| found.into())
                .ok_or(Miss::NoAddress)
        });
        Kept {
            answer: addresses,
            at,
            until: at + keep,
        }
    }

    async fn ask(&self, entry: &Entry, name: &str, is_v6: bool) -> Answer {
        let sources = self.sources();
        let source = match self.config.dns_servers.is_empty() {
            true => sources.system.source_of(name),
            false => Source::NameServers,
        };
        if let Source::System = source {
            let both = entry.both.get_or_try_init(async || {
                match by_system(name.to_owned(), self.config.family).await {
                    // This is no answer: the other family asks again.
                    Err(Miss::NoDescriptor) => Err(Miss::NoDescriptor),
                    answer => Ok(answer),
                }
            });
            return both.await?.clone();
        }
        if let Some(found) = sources
            .system
            .hosts
            .get(&*name.trim_end_matches('.').to_lowercase())
        {
            return Ok((found.clone(), KEEP_ANSWER));
        }
        sources.servers.look_up(name, is_v6).await
    }

    fn sources(&self) -> &Sources {
        self.sources.get_or_init(|| {
            let system = SystemConfig::read();
            let own = &self.config.dns_servers;
            let servers = NameServers::new(&system.resolv, own);
            if own.is_empty() {
                log::debug!("names are looked up by {}", system.description());
            } else {
                log::debug!("names are looked up at the servers of --dns-servers");
            }
            Sources {
                system,
                servers,
                prefers_v6: has_ipv6(),
            }
        })
    }
}

/// Whether there is a way to the addresses of IPv6: if not, those of IPv4 come first. Sends nothing.
fn has_ipv6() -> bool {
    UdpSocket::bind("[::]:0").is_ok_and(|socket| socket.connect("[2000::1]:53").is_ok())
}

async fn by_system(name: String, family: Family) -> Answer {
    let found = tokio::task::spawn_blocking(move || getaddrinfo::look_up(&name, family)).await;
    let found = found.unwrap_or_else(|_| Err(Miss::Unknown("the look-up panicked".into())))?;
    Ok((found, KEEP_ANSWER))
}

/// The addresses to keep of one name and family: as many of each sort as are ever tried, so that addresses that
/// `--deny-private` refuses displace no others.
fn bounded(found: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let is_private = |address: IpAddr| refusal(address).is_some();
    let mut kept: Vec<IpAddr> = Vec::new();
    for address in found {
        let same_sort = kept
            .iter()
            .filter(|kept| is_private(**kept) == is_private(address));
        if same_sort.count() < MAX_ADDRESSES && !kept.contains(&address) {
            kept.push(address);
        }
    }
    kept
}

/// Bounds the number of names: removes those that serve no request, then down to three quarters in no particular order.
/// A name that is waited for may be looked up again for others.
fn make_room(names: &mut HashMap<Box<str>, Rc<Entry>>, now: Instant) {
    names.retain(|_, entry| {
        let is_set = entry.v4.initialized() || entry.v6.initialized();
        Rc::strong_count(entry) > 1 || is_set && entry.is_fresh(now, None)
    });
    let mut surplus = names.len().saturating_sub(MAX_NAMES * 3 / 4);
    names.retain(|_, _| {
        let keep = surplus == 0;
        surplus -= usize::from(!keep);
        keep
    });
}

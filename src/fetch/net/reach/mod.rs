//! From a host to a connection: one thread looks names up and opens connections, many at once.
//!
//! [`Reach::open`] never blocks. The thread ends with the [`Reach`] or at a cancel.

pub(super) mod budget;
mod dns;
mod getaddrinfo;
mod happy_eyeballs;
mod known;
mod lookup;
mod opener;
mod private;
mod resolver;
mod special_names;
mod system_config;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tokio::runtime;
use tokio::sync::mpsc as async_mpsc;
use tokio::task::LocalSet;

use self::budget::{Budget, Permit};
use self::known::KnownAddresses;
use self::opener::Opener;
use super::idle::{Connection, Idle};
use super::io::tcp::Tcp;
use super::io::timeouts::{WaitError, cancelled};
use crate::fetch::failure::{Failure, FailureKind, Phase};
use crate::fetch::options::{Family, Options};
use crate::fetch::outcome::ConnectionInfo;
use crate::fetch::resolve::Resolve;

/// Threads for `getaddrinfo`, which blocks.
const LOOK_UP_THREADS: usize = 64;

/// What to reach.
#[derive(Debug, Clone)]
pub(in crate::fetch) struct Request {
    /// As in a URL.
    pub(in crate::fetch) host: Box<str>,
    pub(in crate::fetch) port: u16,
    /// For look-up and connecting together. Waiting for a descriptor does not count.
    pub(in crate::fetch) limit: Option<Duration>,
    /// A cached answer that the name has no address counts only if it is newer than this.
    pub(in crate::fetch) misses_since: Option<Instant>,
    /// It is a proxy: `deny_private` does not hold for it.
    pub(in crate::fetch) is_proxy: bool,
}

/// A connection.
#[derive(Debug)]
pub(in crate::fetch) struct Opened {
    /// Blocking.
    pub(in crate::fetch) tcp: TcpStream,
    /// Where it leads to.
    remote: Option<SocketAddr>,
    pub(in crate::fetch) permit: Permit,
    /// How long the look-up took; `None` where none was needed.
    pub(in crate::fetch) dns: Option<Duration>,
    pub(in crate::fetch) connect: Duration,
    /// How long it waited for a descriptor.
    pub(in crate::fetch) waited: Duration,
}

impl Opened {
    /// As a connection that lies under `key`.
    pub(super) fn into_connection(self, key: &str) -> Connection {
        let info = self.info();
        Connection::new(key, Box::new(Tcp::new(self.tcp)), info, Some(self.permit))
    }

    fn info(&self) -> ConnectionInfo {
        ConnectionInfo {
            remote_ip: self.remote.map(|remote| remote.ip()),
            dns: self.dns,
            connect: Some(self.connect),
            ..ConnectionInfo::default()
        }
    }
}

/// Why there is no connection, and how long it waited for a descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fetch) struct ReachError {
    pub(in crate::fetch) cause: Cause,
    pub(in crate::fetch) waited: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fetch) enum Cause {
    Failed(Failure),
    /// The limit of the request is over.
    TimedOut(Phase),
    Cancelled,
}

const CANCELLED: ReachError = ReachError {
    cause: Cause::Cancelled,
    waited: Duration::ZERO,
};

impl From<Failure> for Cause {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl ReachError {
    /// The failure of an attempt; `limit` is what the user set.
    pub(in crate::fetch) fn into_failure(self, limit: Duration) -> Failure {
        match self.cause {
            Cause::Failed(failure) => failure,
            Cause::TimedOut(phase) => {
                WaitError::TimedOut(limit).into_failure(phase, FailureKind::Connect)
            }
            Cause::Cancelled => cancelled(),
        }
    }
}

/// What holds for all requests.
#[derive(Debug)]
struct Config {
    family: Family,
    resolve: Vec<Resolve>,
    deny_private: bool,
    stall_timeout: Option<Duration>,
    dns_servers: Vec<SocketAddr>,
    idle: Arc<Idle>,
    budget: Arc<Budget>,
    known: KnownAddresses,
}

impl Config {
    fn evict(&self) -> bool {
        self.idle.evict()
    }
}

/// Calls back once: with [`Cause::Cancelled`] if it is dropped before.
struct Reply<T>(Option<Callback<T>>);

type Callback<T> = Box<dyn FnOnce(Result<T, ReachError>) + Send>;

impl<T> Reply<T> {
    fn send(mut self, result: Result<T, ReachError>) {
        if let Some(callback) = self.0.take() {
            callback(result);
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(callback) = self.0.take() {
            callback(Err(CANCELLED));
        }
    }
}

enum Job {
    Open(Request, Reply<Opened>),
    Resolve(Request, Reply<Vec<IpAddr>>),
}

/// The thread's handle.
#[derive(Debug)]
pub(in crate::fetch) struct Reach {
    config: Arc<Config>,
    /// `None` after a cancel.
    thread: Mutex<Option<async_mpsc::UnboundedSender<Job>>>,
}

impl Reach {
    /// Starts the thread.
    pub(super) fn new(options: &Options, idle: Arc<Idle>, budget: Arc<Budget>) -> io::Result<Self> {
        let config = Arc::new(Config {
            family: options.family,
            resolve: options.resolve.clone(),
            deny_private: options.deny_private,
            stall_timeout: options.stall_timeout.filter(|limit| !limit.is_zero()),
            dns_servers: options.dns_servers.clone(),
            idle,
            budget,
            known: KnownAddresses::default(),
        });
        let sender = start(Arc::clone(&config))?;
        Ok(Self {
            config,
            thread: Mutex::new(Some(sender)),
        })
    }

    /// Opens a connection. `reply` is called once, on the thread of this handle: at the latest when the limit is over,
    /// or at a cancel. It must not block.
    pub(in crate::fetch) fn open(
        &self,
        request: Request,
        reply: impl FnOnce(Result<Opened, ReachError>) + Send + 'static,
    ) {
        self.submit(Job::Open(request, Reply(Some(Box::new(reply)))));
    }

    /// Like [`open`](Self::open), but waits for the reply. Connects on this thread if the host has just been reached.
    pub(in crate::fetch) fn open_blocking(&self, request: Request) -> Result<Opened, ReachError> {
        if let Some(opened) = self.open_known(&request) {
            return Ok(opened);
        }
        wait(|reply| self.open(request, reply))
    }

    fn open_known(&self, request: &Request) -> Option<Opened> {
        let permit = self.config.budget.try_acquire()?;
        let since = Instant::now();
        let tcp = self.config.known.connect(request)?;
        Some(Opened {
            remote: tcp.peer_addr().ok(),
            tcp,
            permit,
            dns: None,
            connect: since.elapsed(),
            waited: Duration::ZERO,
        })
    }

    /// The addresses of a host, at least one.
    pub(in crate::fetch) fn resolve_blocking(
        &self,
        request: Request,
    ) -> Result<Vec<IpAddr>, ReachError> {
        wait(|reply| self.submit(Job::Resolve(request, Reply(Some(reply)))))
    }

    /// Ends every request, and every one that is made later. Does not block.
    pub(in crate::fetch) fn cancel(&self) {
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn submit(&self, job: Job) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = &*thread {
            // It has ended if this fails, and dropping the job is the reply.
            let _ = sender.send(job);
        }
    }
}

/// Waits for the reply to what is submitted.
fn wait<T: Send + 'static>(submit: impl FnOnce(Callback<T>)) -> Result<T, ReachError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    submit(Box::new(move |result| {
        // The receiver waits below.
        let _ = sender.send(result);
    }));
    receiver.recv().unwrap_or(Err(CANCELLED))
}

fn start(config: Arc<Config>) -> io::Result<async_mpsc::UnboundedSender<Job>> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(LOOK_UP_THREADS)
        .thread_name("fetchpool-dns")
        .build()?;
    let (sender, mut jobs) = async_mpsc::unbounded_channel();
    let run = move || {
        // Dropping the tasks replies to what has not ended.
        LocalSet::new().block_on(&runtime, async {
            let opener = Rc::new(Opener::new(config));
            while let Some(job) = jobs.recv().await {
                let opener = Rc::clone(&opener);
                tokio::task::spawn_local(async move {
                    match job {
                        Job::Open(request, reply) => reply.send(opener.open(&request).await),
                        Job::Resolve(request, reply) => {
                            reply.send(opener.resolve(&request).await);
                        }
                    }
                });
            }
        });
        // Does not wait for getaddrinfo.
        runtime.shutdown_background();
    };
    std::thread::Builder::new()
        .name("fetchpool-reach".into())
        .spawn(run)?;
    Ok(sender)
}

#[cfg(test)]
mod tests;

//! The errors of a pool. All are `Send + Sync`, so that they pass through `?`.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::sync::Exclusive;

/// Why a job gave no value.
#[derive(Debug)]
pub enum JobError {
    /// The job was cancelled before a worker began it, by its future or by a shutdown.
    Cancelled,
    /// The job panicked. Its worker lives on.
    Panicked(Panic),
    /// The pool broke before a worker began the job.
    Broken(Broken),
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("the job was cancelled before it began"),
            Self::Panicked(panic) => panic.fmt(f),
            Self::Broken(broken) => broken.fmt(f),
        }
    }
}

impl Error for JobError {}

/// The panic of a job, as a value.
pub struct Panic(Box<CaughtPanic>);

/// Boxed to keep a job's outcome small.
struct CaughtPanic {
    message: Cow<'static, str>,
    payload: Exclusive<Box<dyn Any + Send>>,
}

impl Panic {
    pub(super) fn new(payload: Box<dyn Any + Send>) -> Self {
        let message = if let Some(text) = payload.downcast_ref::<&'static str>() {
            Cow::Borrowed(*text)
        } else if let Some(text) = payload.downcast_ref::<String>() {
            Cow::Owned(text.clone())
        } else {
            Cow::Borrowed("(a payload that is not a string)")
        };
        Self(Box::new(CaughtPanic {
            message,
            payload: Exclusive::new(payload),
        }))
    }

    /// The text given to `panic!`, or a fixed text if the payload is no string.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The payload, as [`std::thread::JoinHandle::join`] gives it, for [`std::panic::resume_unwind`].
    ///
    /// Dropping a payload runs its own `Drop`, which may panic.
    #[must_use]
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.0.payload.into_inner()
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panic")
            .field("message", &self.message())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the job panicked: {}", self.message())
    }
}

/// Why a pool is broken: its initializer failed, or its last worker could not be replaced.
#[derive(Clone, Debug)]
pub struct Broken {
    reason: Arc<str>,
}

impl Broken {
    pub(super) fn new(reason: String) -> Self {
        Self {
            reason: reason.into(),
        }
    }

    /// The reason, without the words "the pool is broken".
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pool is broken: {}", self.reason)
    }
}

impl Error for Broken {}

/// Why a pool accepts no jobs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// The pool was shut down.
    ShutDown,
    /// The pool is broken.
    Broken(Broken),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShutDown => {
                f.write_str("the pool has been shut down: jobs must be submitted before that")
            }
            Self::Broken(broken) => broken.fmt(f),
        }
    }
}

impl Error for Refusal {}

/// A job that the pool did not accept, handed back with the reason.
///
/// `J` is what was submitted: a closure, the closures of a batch, or a job with its callback.
pub struct SubmitError<J> {
    job: Exclusive<J>,
    refusal: Refusal,
}

impl<J> SubmitError<J> {
    pub(super) fn new(job: J, refusal: Refusal) -> Self {
        Self {
            job: Exclusive::new(job),
            refusal,
        }
    }

    /// Why the pool refused.
    #[must_use]
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// The job, as it was submitted.
    #[must_use]
    pub fn into_job(self) -> J {
        self.job.into_inner()
    }

    /// The reason without the job. It borrows nothing, so it passes through `?`.
    #[must_use]
    pub fn into_refusal(self) -> Refusal {
        self.refusal
    }
}

impl<J> fmt::Debug for SubmitError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitError")
            .field("refusal", &self.refusal)
            .finish_non_exhaustive()
    }
}

impl<J> fmt::Display for SubmitError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)
    }
}

impl<J> Error for SubmitError<J> {}

/// Why a pool could not be built. No thread is left behind.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// Zero workers were asked for.
    NoWorkers,
    /// More workers were asked for than a pool may have.
    TooManyWorkers {
        /// How many were asked for.
        workers: usize,
        /// The limit.
        most: usize,
    },
    /// The thread name prefix holds a NUL, which a thread name cannot.
    ThreadName {
        /// The prefix as given.
        prefix: String,
    },
    /// The operating system did not start one of the threads.
    Spawn {
        /// How many were started before it. They have ended.
        started: usize,
        /// How many were asked for.
        workers: usize,
        /// The operating system's error.
        source: io::Error,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWorkers => f.write_str(
                "a pool of 0 workers can run nothing: the number of workers must be at least 1",
            ),
            Self::TooManyWorkers { workers, most } => write!(
                f,
                "a pool of {workers} workers is too large: the number of workers must be at most {most}"
            ),
            Self::ThreadName { prefix } => {
                write!(
                    f,
                    "the thread name prefix {prefix:?} holds a NUL: give one without"
                )
            }
            Self::Spawn {
                started,
                workers,
                source,
            } => {
                let next = started + 1;
                write!(
                    f,
                    "worker thread {next} of {workers} could not be started: {source}: ask for "
                )?;
                if *started > 0 {
                    write!(f, "at most {started} workers, or ")?;
                }
                f.write_str("smaller stacks, or raise the limits on threads and memory")
            }
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Spawn { source, .. } => Some(source),
            Self::NoWorkers | Self::TooManyWorkers { .. } | Self::ThreadName { .. } => None,
        }
    }
}

/// Time ran out before every future was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut {
    /// How many futures were not done.
    pub unfinished: usize,
    /// How many were given to [`as_completed`](super::as_completed), or submitted by a [`Map`](super::Map).
    pub total: usize,
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "timed out: {} (of {}) futures unfinished",
            self.unfinished, self.total
        )
    }
}

impl Error for TimedOut {}

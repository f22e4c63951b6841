//! What `wait` and `as_completed` accept.

use super::completion::AnyTask;
use super::future::ScopedFuture;

/// What can be waited for: a [`Future`](super::Future), a reference to one, or a pair of anything
/// and one of these.
///
/// A pair plays the part of Python's `future_to_url` dictionary: it keeps a value beside its future.
pub trait Waitable {
    #[doc(hidden)]
    fn handle(&self) -> Handle<'_>;
}

/// A future without its type. Only this crate can make one, so only this crate can implement
/// [`Waitable`].
pub struct Handle<'a> {
    pub(super) task: &'a dyn AnyTask,
    /// Unique among the futures that exist.
    pub(super) address: usize,
}

impl<T> Waitable for ScopedFuture<'_, T> {
    fn handle(&self) -> Handle<'_> {
        Handle {
            task: self.task(),
            address: self.address(),
        }
    }
}

impl<W: Waitable> Waitable for &W {
    fn handle(&self) -> Handle<'_> {
        (**self).handle()
    }
}

impl<K, W: Waitable> Waitable for (K, W) {
    fn handle(&self) -> Handle<'_> {
        self.1.handle()
    }
}

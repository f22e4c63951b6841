//! What can be waited for: a future, borrowed or not, alone or beside what it is about.

use super::future::ScopedFuture;
use super::watch::Watched;

/// What can be waited for: a [`Future`](super::Future), a reference to one, or a pair of anything
/// and one of these.
///
/// The pair is Python's `future_to_url` dictionary: it says what each future was about.
pub trait Waitable {
    #[doc(hidden)]
    fn handle(&self) -> Handle<'_>;
}

/// A future without its type. Nobody outside can make one, so nobody outside can implement
/// [`Waitable`].
pub struct Handle<'a> {
    pub(super) watched: &'a dyn Watched,
    /// What tells a future from all others while it exists.
    pub(super) address: usize,
}

impl<T> Waitable for ScopedFuture<'_, T> {
    fn handle(&self) -> Handle<'_> {
        Handle {
            watched: self.watched(),
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

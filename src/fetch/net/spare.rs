//! Buffers for bodies. A worker has them only while it reads a body.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::http1::head::HEAD_LIMIT;

/// The size of each: a head with one long line fits. Larger reads are not faster.
pub(super) const SIZE: usize = HEAD_LIMIT;
/// The most that are kept while they are unused.
const KEPT: usize = 64;

/// Unused buffers: a stack, so that the next body gets the one with the warmest memory.
#[derive(Debug, Default)]
pub(in crate::fetch) struct SpareBuffers(Mutex<Vec<Vec<u8>>>);

impl SpareBuffers {
    /// A buffer of [`SIZE`] bytes, with any values.
    pub(in crate::fetch) fn take(&self) -> Vec<u8> {
        let spare = self.stack().pop();
        // Zeroed memory from the allocator takes none before it is written to.
        spare.unwrap_or_else(|| vec![0; SIZE])
    }

    /// Keeps a buffer from [`take`](Self::take), or frees it.
    pub(in crate::fetch) fn give_back(&self, buffer: Vec<u8>) {
        let mut stack = self.stack();
        if stack.len() < KEPT {
            stack.push(buffer);
        }
    }

    fn stack(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        // A panic cannot leave the stack half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

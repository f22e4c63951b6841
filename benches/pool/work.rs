//! The work of a job.

use std::hint::black_box;
use std::time::Instant;

/// Nothing, or about ten microseconds of arithmetic.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    pub(crate) rounds: u32,
}

impl Work {
    pub(crate) const EMPTY: Self = Self { rounds: 0 };

    /// Measures how much arithmetic takes ten microseconds on this machine.
    pub(crate) fn ten_microseconds() -> Self {
        const ROUNDS: u32 = 1_000_000;
        let start = Instant::now();
        black_box(Self { rounds: ROUNDS }.run());
        let nanoseconds = start.elapsed().as_nanos().max(1);
        Self {
            rounds: u32::try_from(u128::from(ROUNDS) * 10_000 / nanoseconds)
                .unwrap_or(ROUNDS)
                .max(1),
        }
    }

    #[inline]
    pub(crate) fn run(self) -> u64 {
        (0..self.rounds).fold(1, |state: u64, _| {
            black_box(
                state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1),
            )
        })
    }
}

//! The times of requests: a histogram in bounded memory, exact to 1 %, and the exact maximum.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Longer attempts count as this long in the histogram.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Two digits take 30 KiB, three take 200.
const DIGITS: u8 = 2;

pub(crate) struct Times {
    spans: Histogram<u64>,
    longest: Duration,
}

impl Times {
    pub(crate) fn new() -> Self {
        let spans = Histogram::new_with_bounds(1, LONGEST.as_micros() as u64, DIGITS)
            .expect("the bounds are constants that hold the histogram's conditions");
        Self {
            spans,
            longest: Duration::ZERO,
        }
    }

    pub(crate) fn add(&mut self, span: Duration) {
        self.spans
            .saturating_record(span.as_micros().try_into().unwrap_or(u64::MAX));
        self.longest = self.longest.max(span);
    }

    pub(crate) fn count(&self) -> u64 {
        self.spans.len()
    }

    /// 0 if there are no times.
    pub(crate) fn percentile(&self, quantile: f64) -> Duration {
        let span = Duration::from_micros(self.spans.value_at_quantile(quantile));
        span.min(self.longest)
    }

    pub(crate) fn longest(&self) -> Duration {
        self.longest
    }

    /// Times in ascending order, each with the number of times that the histogram takes for equal to it.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (Duration, u64)> {
        let values = self.spans.iter_recorded();
        values.map(|value| {
            let span = Duration::from_micros(value.value_iterated_to());
            (span.min(self.longest), value.count_at_value())
        })
    }
}

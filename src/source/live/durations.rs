//! How long things took, in the buckets of a histogram.

use std::time::Duration;

/// Upper bounds of the buckets, in seconds: from a batch of a fast transform to one whose target refuses it for minutes.
pub const BUCKETS: [f64; 12] = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0];

/// How long things took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Durations {
    /// How many took up to each of the bounds, and more than the one before.
    counts: [u64; BUCKETS.len()],
    /// How many there were.
    pub count: u64,
    /// What they took together, in seconds.
    pub sum: f64,
}

impl Durations {
    /// One more.
    pub(super) fn add(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        if let Some(bucket) = BUCKETS.iter().position(|bound| seconds <= *bound) {
            self.counts[bucket] += 1;
        }
        self.count += 1;
        self.sum += seconds;
    }

    /// How many took up to each of the bounds, those of the lower ones included, beside its bound in seconds.
    pub fn up_to(&self) -> impl Iterator<Item = (f64, u64)> {
        BUCKETS.into_iter().zip(self.counts).scan(0, |sum, (bound, count)| {
            *sum += count;
            Some((bound, *sum))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_those_of_the_lower_ones() {
        let mut durations = Durations::default();
        for millis in [1, 5, 6, 1_000, 1_001, 1_000_000] {
            durations.add(Duration::from_millis(millis));
        }
        let up_to: Vec<u64> = durations.up_to().map(|(_, count)| count).collect();
        assert_eq!(up_to, [2, 3, 3, 3, 3, 3, 4, 5, 5, 5, 5, 5]);
        assert_eq!(durations.count, 6);
        assert!((durations.sum - 1002.013).abs() < 1e-9, "{}", durations.sum);
    }
}

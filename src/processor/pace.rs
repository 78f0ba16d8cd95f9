//! How fast the records of a shard are taken.
//!
//! Each record moves the time at which the next may begin. Time that was slept too long is made up for, up
//! to a bound, and idle time is not: after a pause there is no burst.

use std::collections::HashMap;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::event::{Event, Shard};

/// How far a shard may be behind its pace and still catch up: sleeps end late, by some tenths of a
/// millisecond.
const CATCHES_UP: Duration = Duration::from_millis(5);

/// Waits below this are saved up: a sleep costs more.
const SHORTEST: Duration = Duration::from_millis(1);

/// The most that is taken of one shard in a second; none: as much as there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// Records.
    pub records_per_second: Option<NonZeroU32>,
    /// Bytes of payload.
    pub bytes_per_second: Option<NonZeroU64>,
}

impl Pace {
    /// How long a record keeps its shard busy.
    fn time_of(self, payload_bytes: usize) -> Duration {
        let by_count = self.records_per_second.map_or(0.0, |rate| 1.0 / f64::from(rate.get()));
        let by_bytes = self.bytes_per_second.map_or(0.0, |rate| payload_bytes as f64 / rate.get() as f64);
        // A record of 10 MiB at 1 byte a second: 121 days.
        Duration::from_secs_f64(by_count.max(by_bytes))
    }
}

/// When the next record of each shard may begin.
#[derive(Debug)]
pub(super) struct Pacing {
    pace: Pace,
    shards: Mutex<HashMap<Shard, Arc<Mutex<EarliestStart>>>>,
}

/// The pace of one shard at work.
#[derive(Debug, Clone)]
pub(super) struct Pacer {
    pace: Pace,
    earliest_start: Arc<Mutex<EarliestStart>>,
}

/// The time at which the next record may begin; none: at once.
#[derive(Debug, Default)]
struct EarliestStart(Option<Instant>);

impl Pacing {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, shards: Mutex::default() }
    }

    /// The pacer of a shard; none if everything may go as fast as it can.
    pub(super) fn of(&self, shard: &Shard) -> Option<Pacer> {
        if self.pace == Pace::default() {
            return None;
        }
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest_start = Arc::clone(shards.entry(shard.clone()).or_default());
        Some(Pacer { pace: self.pace, earliest_start })
    }
}

impl Pacer {
    /// How long to wait before this event may begin. It counts as begun.
    pub(super) fn wait_before(&self, event: Event<'_>) -> Duration {
        let time = self.pace.time_of(event.payload.bytes().len());
        self.earliest_start.lock().unwrap_or_else(PoisonError::into_inner).wait(time, Instant::now())
    }
}

impl EarliestStart {
    fn wait(&mut self, time: Duration, now: Instant) -> Duration {
        let earliest = now.checked_sub(CATCHES_UP).unwrap_or(now);
        let begins = self.0.map_or(now, |earliest_start| earliest_start.max(earliest));
        self.0 = begins.checked_add(time);
        let wait = begins.saturating_duration_since(now);
        if wait < SHORTEST { Duration::ZERO } else { wait }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pace(records: u32, bytes: u64) -> Pace {
        Pace { records_per_second: NonZeroU32::new(records), bytes_per_second: NonZeroU64::new(bytes) }
    }

    #[test]
    fn the_slower_of_both_rates_counts() {
        assert_eq!(pace(10, 1000).time_of(50), Duration::from_millis(100));
        assert_eq!(pace(10, 1000).time_of(200), Duration::from_millis(200));
        assert_eq!(pace(0, 0).time_of(200), Duration::ZERO);
    }

    proptest! {
        /// Sleeps that end late, and pauses between batches: in no second do more begin than the rate
        /// allows, but for what is caught up, and nothing waits longer than it has to.
        #[test]
        fn in_no_second_begin_more_than_the_rate_allows(
            rate in 1u32..2000,
            delays in prop::collection::vec(prop_oneof![20 => 0u64..400, 1 => 0u64..3_000_000], 1..600),
        ) {
            let start = Instant::now();
            let mut now = start;
            let mut earliest_start = EarliestStart::default();
            let mut begun: Vec<Duration> = Vec::new();
            for delay in delays {
                let wait = earliest_start.wait(pace(rate, 0).time_of(0), now);
                let most = Duration::from_secs_f64(1.0 / f64::from(rate)) + SHORTEST;
                prop_assert!(wait <= most, "{:?}", wait);
                now += wait;
                begun.push(now - start);
                now += Duration::from_micros(delay);
            }
            let allowance = f64::from(rate) * (1.0 + (CATCHES_UP + SHORTEST).as_secs_f64()) + 1.0;
            for (first, begin) in begun.iter().enumerate() {
                let within = begun[first..].iter().take_while(|time| **time - *begin < Duration::from_secs(1)).count();
                prop_assert!(within as f64 <= allowance + 1.0, "{} began in a second", within);
            }
        }
    }
}

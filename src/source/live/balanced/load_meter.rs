//! What a shard carries, by the counts of what was read and processed of it.

use std::time::Duration;

use crate::fleet::ShardLoad;
use crate::source::live::statuses::ShardView;

/// Over how long it is measured.
const WINDOW: Duration = Duration::from_secs(10);

/// Measures what a shard carries.
#[derive(Debug)]
pub(super) struct LoadMeter {
    since: Duration,
    records: u64,
    bytes: u64,
    load: ShardLoad,
}

impl LoadMeter {
    /// Begins to measure at this time, by the counts as they are.
    pub(super) fn begin(now: Duration, view: &ShardView) -> Self {
        Self { since: now, records: view.counts.records, bytes: view.read_bytes, load: ShardLoad::default() }
    }

    /// What it carries, by the counts as they are at this time.
    pub(super) fn load(&mut self, now: Duration, view: &ShardView) -> ShardLoad {
        let took = now.saturating_sub(self.since);
        if took >= WINDOW {
            let a_second = |before: u64, after: u64| {
                let count = u128::from(after.saturating_sub(before)) * 1000 / took.as_millis().max(1);
                u64::try_from(count).unwrap_or(u64::MAX)
            };
            self.load = ShardLoad {
                records: a_second(self.records, view.counts.records),
                bytes: a_second(self.bytes, view.read_bytes),
            };
            (self.since, self.records, self.bytes) = (now, view.counts.records, view.read_bytes);
        }
        self.load
    }
}

//! How often the event that blocks a shard was tried.

use std::collections::HashMap;

use super::report::Stop;
use crate::checkpoint::Stuck;
use crate::event::Batch;

/// The first unacknowledged event of each shard, with its attempts. Kept in this process's memory; what other
/// processes saw of it stands in the checkpoint table, if there is one.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    shards: HashMap<(String, String), Blocked>,
}

/// An event that was tried and not acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Blocked {
    sequence_number: String,
    sub_sequence_number: u64,
    attempts: u32,
}

impl From<Stuck> for Blocked {
    fn from(Stuck { sequence_number, sub_sequence_number, attempts, reason: _ }: Stuck) -> Self {
        Self { sequence_number, sub_sequence_number, attempts }
    }
}

impl Attempts {
    /// The event that blocked the shard of a batch when it was last seen.
    pub(super) fn blocked(&self, batch: &Batch) -> Option<Blocked> {
        self.shards.get(&key(batch)).cloned()
    }

    /// Remembers where a batch stopped, or that the event that blocked its shard is acknowledged. Where batches of a
    /// shard are processed side by side, another one says nothing about that event.
    pub(super) fn note(&mut self, batch: &Batch, stop: Option<&Stop>) {
        match stop {
            Some(stop) => {
                let blocked = Blocked {
                    sequence_number: stop.sequence_number.clone(),
                    sub_sequence_number: stop.sub_sequence_number,
                    attempts: stop.attempts,
                };
                self.shards.insert(key(batch), blocked);
            }
            None => {
                let is_blocked_by = |blocked: &Blocked| {
                    batch.iter().any(|event| event.sequence_number.as_str() == blocked.sequence_number)
                };
                if self.shards.get(&key(batch)).is_some_and(is_blocked_by) {
                    self.shards.remove(&key(batch));
                }
            }
        }
    }
}

fn key(batch: &Batch) -> (String, String) {
    (batch.stream_arn().to_owned(), batch.shard_id().to_owned())
}

impl Blocked {
    /// How often this event was tried before.
    pub(super) fn attempts_at(&self, sequence_number: &str, sub_sequence_number: u64) -> u32 {
        let is_it = self.sequence_number == sequence_number && self.sub_sequence_number == sub_sequence_number;
        if is_it { self.attempts } else { 0 }
    }
}

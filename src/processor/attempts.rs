//! How often the record that blocks a shard was tried.

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

/// A record that was tried and not acknowledged.
///
/// Attempts are those of the record, not of one event in it: all of an aggregate comes again for each of its events, so
/// that two that are asked for in turns would never come to an end.
#[derive(Debug, Clone)]
pub(super) struct Blocked {
    sequence_number: String,
    attempts: u32,
}

impl From<Stuck> for Blocked {
    fn from(Stuck { sequence_number, sub_sequence_number: _, attempts, reason: _ }: Stuck) -> Self {
        Self { sequence_number, attempts }
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
                let blocked = Blocked { sequence_number: stop.sequence_number.clone(), attempts: stop.attempts };
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
    /// How often this record was tried before.
    pub(super) fn attempts_at(&self, sequence_number: &str) -> u32 {
        if self.sequence_number == sequence_number { self.attempts } else { 0 }
    }
}

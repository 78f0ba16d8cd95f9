//! How often the event that blocks a shard was tried.

use std::collections::HashMap;

use super::report::Stop;
use crate::event::{Batch, Event};

/// The first unacknowledged event of each shard, with its attempts. Kept in this process's memory:
/// another one, or this one started anew, counts from the beginning.
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

impl Attempts {
    /// The event that blocked the shard of a batch when it was last seen.
    pub(super) fn blocked(&self, batch: &Batch) -> Option<Blocked> {
        self.shards.get(&key(batch)).cloned()
    }

    /// Remembers where a batch stopped, or that it did not.
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
                self.shards.remove(&key(batch));
            }
        }
    }
}

fn key(batch: &Batch) -> (String, String) {
    (batch.stream_arn().to_owned(), batch.shard_id().to_owned())
}

/// The number of the attempt at hand.
pub(super) fn attempts_of(event: Event<'_>, blocked: Option<&Blocked>) -> u32 {
    match blocked {
        Some(blocked)
            if blocked.sequence_number == event.sequence_number.as_str()
                && blocked.sub_sequence_number == event.sub_sequence_number =>
        {
            blocked.attempts.saturating_add(1)
        }
        _ => 1,
    }
}

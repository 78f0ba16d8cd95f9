//! Which of several guests takes which event: all events of a partition key go to one of them, in shard order.

use std::hash::Hasher;
use std::sync::Arc;

use rustc_hash::FxHasher;

use crate::event::Batch;

/// The most guests that a batch is shared out among: a guest's number has to fit a byte.
pub const MOST_GUESTS: usize = 64;

/// The guest of each event of a batch.
#[derive(Debug, Clone)]
pub(super) struct Shares {
    /// None: there is one guest.
    guests: Option<Arc<[u8]>>,
    first: usize,
}

impl Shares {
    /// Shares the events from `first` on out among so many guests, [`MOST_GUESTS`] at most.
    pub(super) fn by_key(batch: &Batch, first: usize, guests: usize) -> Self {
        if guests < 2 {
            return Self { guests: None, first };
        }
        let guest_of = |key: &str| {
            let mut hasher = FxHasher::default();
            hasher.write(key.as_bytes());
            // The upper half: the lower bits of this hash are the weaker ones.
            ((hasher.finish() >> 32) as usize % guests) as u8
        };
        Self { guests: Some(batch.iter().skip(first).map(|event| guest_of(event.partition_key)).collect()), first }
    }

    /// The number of the guest that takes the event at `index`.
    pub(super) fn guest_of(&self, index: usize) -> usize {
        match &self.guests {
            None => 0,
            Some(guests) => usize::from(guests[index - self.first]),
        }
    }

    /// Whether one guest takes all.
    pub(super) fn is_one(&self) -> bool {
        self.guests.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Record;

    #[test]
    fn all_events_of_a_key_go_to_one_guest_and_no_guest_has_nothing_to_do() {
        let mut builder = Batch::builder("arn", "shardId-000000000000");
        for index in 0..1000 {
            let key = format!("sensor-{:04}", index % 100);
            let sequence_number = index.to_string();
            let record = Record {
                partition_key: &key,
                sequence_number: &sequence_number,
                sub_sequence_number: 0,
                arrived_at: 0,
            };
            builder.push_bytes(record, b"").expect("pushed");
        }
        let batch = builder.build();
        let shares = Shares::by_key(&batch, 100, 4);
        let mut events = [0; 4];
        for index in 100..1000 {
            assert_eq!(shares.guest_of(index), shares.guest_of(100 + index % 100));
            events[shares.guest_of(index)] += 1;
        }
        assert!(events.iter().all(|events| *events > 100), "{events:?}");
    }
}

//! Which of several workers takes which event: all events of a partition key go to one of them, in shard order.

use std::hash::Hasher;
use std::sync::Arc;

use rustc_hash::FxHasher;

use crate::event::Batch;

/// The most workers that a batch is shared out among: a worker's number has to fit a byte, and each has one of 64 bits.
pub(super) const MOST_WORKERS: usize = 64;

/// The worker of each event of a batch.
#[derive(Debug, Clone)]
pub(super) struct Shares {
    /// None: there is one worker.
    workers: Option<Arc<[u8]>>,
    first: usize,
    /// A bit for each worker that takes any event.
    busy: u64,
}

impl Shares {
    /// Shares the events from `first` on out among so many workers, [`MOST_WORKERS`] at most.
    pub(super) fn by_key(batch: &Batch, first: usize, workers: usize) -> Self {
        if workers < 2 {
            return Self { workers: None, first, busy: u64::MAX };
        }
        let worker_of = |key: &str| {
            let mut hasher = FxHasher::default();
            hasher.write(key.as_bytes());
            // The upper half: the lower bits of this hash are the weaker ones.
            ((hasher.finish() >> 32) as usize % workers) as u8
        };
        let mut busy = 0;
        let workers = batch.iter().skip(first).map(|event| {
            let worker = worker_of(event.partition_key);
            busy |= 1 << worker;
            worker
        });
        Self { workers: Some(workers.collect()), first, busy }
    }

    /// Whether this worker takes any event.
    pub(super) fn has_work(&self, number: usize) -> bool {
        self.busy & (1 << number) != 0
    }

    /// The number of the worker that takes the event at `index`.
    pub(super) fn worker_of(&self, index: usize) -> usize {
        match &self.workers {
            None => 0,
            Some(workers) => usize::from(workers[index - self.first]),
        }
    }

    /// Whether one worker takes all.
    pub(super) fn is_one(&self) -> bool {
        self.workers.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Record;

    #[test]
    fn all_events_of_a_key_go_to_one_worker_and_no_worker_has_nothing_to_do() {
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
            assert_eq!(shares.worker_of(index), shares.worker_of(100 + index % 100));
            events[shares.worker_of(index)] += 1;
        }
        assert!(events.iter().all(|events| *events > 100), "{events:?}");
        assert!((0..4).all(|worker| shares.has_work(worker)));
        let last = Shares::by_key(&batch, 999, 4);
        assert_eq!((0..4).filter(|worker| last.has_work(*worker)).collect::<Vec<_>>(), [last.worker_of(999)]);
    }
}

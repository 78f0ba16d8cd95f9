//! Instances of the transform, of which each works on one batch at a time.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::transform::{Guest, Job, Run};

/// All instances; one at least.
pub(super) struct Guests {
    first: Worker,
    others: Vec<Worker>,
}

struct Worker {
    guest: Guest,
    /// Batches that it has, or that wait for it.
    batches: AtomicUsize,
}

/// An instance, while it has a batch.
pub(super) struct Lent<'a>(&'a Worker);

impl Worker {
    fn new(guest: Guest) -> Self {
        Self { guest, batches: AtomicUsize::new(0) }
    }
}

impl Guests {
    pub(super) fn new(guest: Guest) -> Self {
        Self { first: Worker::new(guest), others: Vec::new() }
    }

    pub(super) fn add(&mut self, guests: impl IntoIterator<Item = Guest>) {
        self.others.extend(guests.into_iter().map(Worker::new));
    }

    /// The instance that has the fewest batches.
    pub(super) fn least_busy(&self) -> Lent<'_> {
        let batches = |worker: &Worker| worker.batches.load(Ordering::Relaxed);
        let least = self.others.iter().fold(
            &self.first,
            |least, worker| {
                if batches(worker) < batches(least) { worker } else { least }
            },
        );
        least.batches.fetch_add(1, Ordering::Relaxed);
        Lent(least)
    }
}

impl Lent<'_> {
    pub(super) fn run(&self, job: Job) -> Run {
        self.0.guest.run(job)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.batches.fetch_sub(1, Ordering::Relaxed);
    }
}

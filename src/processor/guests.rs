//! Instances of the transform, and which of them take part in a batch.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::transform::{Guest, Job, MOST_GUESTS, Run};

/// So many events of a batch are worth a further instance: waking it takes as long as some of the fastest calls.
const EVENTS_PER_GUEST: usize = 64;

/// All instances; one at least.
pub(super) struct Guests {
    first: Worker,
    others: Vec<Worker>,
    most_for_a_batch: NonZeroUsize,
    /// Held while instances are chosen: two batches that shared several could each wait for what the other has first.
    choosing: Mutex<()>,
}

struct Worker {
    guest: Guest,
    /// Batches that it takes part in, or that wait for it.
    batches: AtomicUsize,
}

/// Instances, while they have a batch; one at least.
pub(super) struct Lent<'a>(Vec<&'a Worker>);

impl Worker {
    fn new(guest: Guest) -> Self {
        Self { guest, batches: AtomicUsize::new(0) }
    }

    fn batches(&self) -> usize {
        self.batches.load(Ordering::Relaxed)
    }
}

impl Guests {
    pub(super) fn new(guest: Guest) -> Self {
        let most_for_a_batch = NonZeroUsize::new(MOST_GUESTS).unwrap_or(NonZeroUsize::MIN);
        Self { first: Worker::new(guest), others: Vec::new(), most_for_a_batch, choosing: Mutex::new(()) }
    }

    pub(super) fn add(&mut self, guests: impl IntoIterator<Item = Guest>) {
        self.others.extend(guests.into_iter().map(Worker::new));
    }

    /// No batch takes more than so many, so that others that come meanwhile find some.
    pub(super) fn keep_some(&mut self, most_for_a_batch: NonZeroUsize) {
        self.most_for_a_batch = most_for_a_batch;
    }

    /// As many of those that have nothing to do as are of use for so many events; if all are at work, the one with
    /// the fewest batches.
    pub(super) fn lend(&self, events: usize) -> Lent<'_> {
        // Nothing is behind this lock that could be left half done.
        let _choosing = self.choosing.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = (events / EVENTS_PER_GUEST).clamp(1, self.most_for_a_batch.get());
        let all = || std::iter::once(&self.first).chain(&self.others);
        let mut lent: Vec<&Worker> = all().filter(|worker| worker.batches() == 0).take(wanted).collect();
        if lent.is_empty() {
            lent.push(all().min_by_key(|worker| worker.batches()).unwrap_or(&self.first));
        }
        for worker in &lent {
            worker.batches.fetch_add(1, Ordering::Relaxed);
        }
        Lent(lent)
    }

    /// The one that has the fewest batches.
    pub(super) fn lend_one(&self) -> Lent<'_> {
        self.lend(1)
    }
}

impl Lent<'_> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn run(&self, job: Job) -> Run {
        let guests: Vec<&Guest> = self.0.iter().map(|worker| &worker.guest).collect();
        Guest::run(&guests, job)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        for worker in &self.0 {
            worker.batches.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

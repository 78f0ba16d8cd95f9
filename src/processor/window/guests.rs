//! Instances of a transform of windows, and which of them takes a batch.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::transform::WindowGuest;

/// All instances; one at least. A batch has one of them: the state of its window is in one place.
pub(in crate::processor) struct WindowGuests {
    first: Worker,
    others: Vec<Worker>,
}

struct Worker {
    guest: WindowGuest,
    /// Batches that it has, or that wait for it.
    batches: AtomicUsize,
}

/// An instance, while it has a batch.
pub(super) struct Lent<'a>(&'a Worker);

impl WindowGuests {
    pub(in crate::processor) fn new((first, others): (WindowGuest, Vec<WindowGuest>)) -> Self {
        let worker = |guest| Worker { guest, batches: AtomicUsize::new(0) };
        Self { first: worker(first), others: others.into_iter().map(worker).collect() }
    }

    /// The form of a state.
    pub(super) fn form(&self) -> &str {
        self.first.guest.form()
    }

    /// The one that has the fewest batches.
    pub(super) fn lend(&self) -> Lent<'_> {
        let all = std::iter::once(&self.first).chain(&self.others);
        let worker = all.min_by_key(|worker| worker.batches.load(Ordering::Relaxed)).unwrap_or(&self.first);
        worker.batches.fetch_add(1, Ordering::Relaxed);
        Lent(worker)
    }
}

impl<'a> Lent<'a> {
    pub(super) fn guest(&self) -> &'a WindowGuest {
        &self.0.guest
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.batches.fetch_sub(1, Ordering::Relaxed);
    }
}

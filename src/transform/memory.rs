//! How much the guest may be ahead of those who take what it gives: a bound in bytes.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Memory that is shared out until it is used up.
#[derive(Debug)]
pub(super) struct MemoryBudget {
    limit: usize,
    used: Mutex<usize>,
    freed: Condvar,
}

/// A share; given back when it is dropped.
#[derive(Debug)]
pub(super) struct MemoryPermit {
    memory: Arc<MemoryBudget>,
    bytes: usize,
}

impl MemoryBudget {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, used: Mutex::new(0), freed: Condvar::new() }
    }

    /// Waits until less than the limit is used. What is asked for may go beyond it: else what is larger
    /// than the limit would wait for ever.
    pub(super) fn take(self: &Arc<Self>, bytes: usize) -> MemoryPermit {
        let used = self.used();
        let mut used = self.freed.wait_while(used, |used| *used >= self.limit).unwrap_or_else(PoisonError::into_inner);
        *used += bytes;
        MemoryPermit { memory: Arc::clone(self), bytes }
    }

    /// No code panics while it holds this lock; if some ever does, the number is still right.
    fn used(&self) -> MutexGuard<'_, usize> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for MemoryPermit {
    fn drop(&mut self) {
        *self.memory.used() -= self.bytes;
        self.memory.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_finds_it_used_up_waits_until_some_is_given_back() {
        let memory = Arc::new(MemoryBudget::new(10));
        let small = memory.take(9);
        // Larger than what is left, and than the limit: it still has to get by.
        let large = memory.take(50);
        let waiting = std::thread::spawn({
            let memory = Arc::clone(&memory);
            move || drop(memory.take(1))
        });
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waiting.is_finished());
        drop(small);
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waiting.is_finished());
        drop(large);
        waiting.join().expect("it goes on");
        assert_eq!(*memory.used(), 0);
    }
}

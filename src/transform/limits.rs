//! What a guest may use.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime::ResourceLimiter;

/// The most entries that the tables of one instance may have in all. Compilers put a program's
/// function pointers there: a few thousand for the largest guests seen.
const TABLE_ELEMENTS: usize = 1_000_000;

/// The most bytes that a guest may hand to the host in one call: outputs with their keys and routes, a
/// reason, a log message. Three times what a PutRecords request can carry, and a bound is needed: a list
/// can name the same bytes any number of times, and the host would copy each.
pub(super) const HANDED_OVER: usize = 32 << 20;

/// The time that `configure` and the start of an instance may take. Lambda gives the whole start of
/// a function ten seconds.
pub(super) const START_TIME: Duration = Duration::from_secs(5);

/// What a guest may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time for one event, host calls such as a sleep included.
    pub event_time: Duration,
    /// Linear memory of one instance, in bytes.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { event_time: Duration::from_secs(1), memory: 128 << 20 }
    }
}

/// What all instances of this process have.
static GUEST_MEMORY: AtomicU64 = AtomicU64::new(0);

/// The linear memory that all instances of all transforms in this process have together, in bytes.
pub fn guest_memory() -> u64 {
    GUEST_MEMORY.load(Ordering::Relaxed)
}

/// Keeps an instance within its memory, and remembers that it wanted more.
#[derive(Debug)]
pub(super) struct MemoryLimiter {
    limit: usize,
    used: usize,
    table_elements: usize,
    refused: bool,
}

impl MemoryLimiter {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, used: 0, table_elements: 0, refused: false }
    }

    /// The linear memory that the instance has, in bytes. It never shrinks.
    #[cfg(feature = "compiler")]
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Whether growth was refused since the last call of `forget_refusal`.
    pub(super) fn refused(&self) -> bool {
        self.refused
    }

    /// A guest that coped with a refusal starts its next event with a clean slate.
    pub(super) fn forget_refusal(&mut self) {
        self.refused = false;
    }
}

impl Drop for MemoryLimiter {
    fn drop(&mut self) {
        GUEST_MEMORY.fetch_sub(self.used as u64, Ordering::Relaxed);
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // What the memory's own declaration forbids would fail later, after it was counted.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        // A component may have several memories; the limit is for all of them together.
        let wanted = self.used.saturating_add(desired.saturating_sub(current));
        let granted = wanted <= self.limit;
        if granted {
            GUEST_MEMORY.fetch_add((wanted - self.used) as u64, Ordering::Relaxed);
            self.used = wanted;
        } else {
            self.refused = true;
        }
        Ok(granted)
    }

    /// More than the address space of a guest, say: it never came to be asked about.
    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = true;
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let wanted = self.table_elements.saturating_add(desired.saturating_sub(current));
        let granted = wanted <= TABLE_ELEMENTS;
        if granted {
            self.table_elements = wanted;
        } else {
            self.refused = true;
        }
        Ok(granted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_memory_forbids_itself_counts_for_nothing() {
        let mut limiter = MemoryLimiter::new(100);
        for _ in 0..10 {
            assert!(!limiter.memory_growing(0, 60, Some(50)).expect("an answer"));
        }
        assert!(!limiter.refused());
        assert!(limiter.memory_growing(0, 50, Some(50)).expect("an answer"));
    }

    #[test]
    fn the_limit_is_for_all_memories_together() {
        let mut limiter = MemoryLimiter::new(100);
        assert!(limiter.memory_growing(0, 60, None).expect("an answer"));
        assert!(limiter.memory_growing(0, 40, None).expect("an answer"));
        assert!(!limiter.refused());
        assert!(!limiter.memory_growing(60, 61, None).expect("an answer"));
        assert!(limiter.refused());
        limiter.forget_refusal();
        assert!(!limiter.refused());
    }
}

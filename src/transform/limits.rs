//! What a guest may use.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// The most entries that the tables of one instance may have in all. Compilers put a program's
/// function pointers there: a few thousand for the largest guests seen.
const TABLE_ELEMENTS: usize = 1_000_000;

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

    /// Whether growth was refused since the last call of `forget_refusal`.
    pub(super) fn refused(&self) -> bool {
        self.refused
    }

    /// A guest that coped with a refusal starts its next event with a clean slate.
    pub(super) fn forget_refusal(&mut self) {
        self.refused = false;
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        // A component may have several memories; the limit is for all of them together.
        let wanted = self.used.saturating_add(desired.saturating_sub(current));
        let granted = wanted <= self.limit;
        if granted {
            self.used = wanted;
        } else {
            self.refused = true;
        }
        Ok(granted)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
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

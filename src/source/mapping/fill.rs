//! Where a batch ends: at so many records or payload bytes, or so much of the event's JSON.

use std::time::Duration;

/// The JSON of an event at most, in bytes.
const MAX_EVENT_BYTES: usize = 6_000_000;

/// What a record has of it besides its data and its key.
const ENVELOPE_BYTES: usize = 490;

/// How large batches become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Records, 1 to 10,000 (`BatchSize`).
    pub records: usize,
    /// Bytes of the records' data, as it is in the stream; none: as many as the event holds.
    pub bytes: Option<usize>,
    /// Records of a shard that are handed to its lanes, from the first that is not acknowledged on; none: as many as there are.
    pub in_flight: Option<usize>,
    /// How long is waited for more, from the first record on (`MaximumBatchingWindowInSeconds`).
    pub window: Duration,
}

impl Default for BatchLimits {
    /// As Lambda has it.
    fn default() -> Self {
        Self { records: 100, bytes: None, in_flight: None, window: Duration::ZERO }
    }
}

/// How full a batch is.
#[derive(Debug, Clone, Copy)]
pub struct BatchFill {
    limits: BatchLimits,
    records: usize,
    data: usize,
    bytes: usize,
}

impl BatchFill {
    /// Of an empty batch.
    pub fn new(limits: BatchLimits) -> Self {
        Self { limits, records: 0, data: 0, bytes: 0 }
    }

    /// Takes in a record of so much data and key, in bytes, if it has room. An empty batch has room for any.
    pub fn takes(&mut self, data: usize, key: usize) -> bool {
        let bytes = self.bytes + ENVELOPE_BYTES + data.div_ceil(3) * 4 + key;
        let BatchLimits { records, bytes: data_limit, in_flight, .. } = self.limits;
        let all_data = self.data.saturating_add(data);
        let is_full = self.records >= records.min(in_flight.unwrap_or(usize::MAX))
            || bytes > MAX_EVENT_BYTES
            || data_limit.is_some_and(|limit| all_data > limit);
        if self.records > 0 && is_full {
            return false;
        }
        self.data = all_data;
        self.records += 1;
        self.bytes = bytes;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many records of one size a batch takes.
    fn taken(batch_size: usize, data: usize) -> usize {
        let mut fill = BatchFill::new(BatchLimits { records: batch_size, ..BatchLimits::default() });
        (0..20_000).take_while(|_| fill.takes(data, 8)).count()
    }

    #[test]
    fn a_batch_ends_at_its_size_or_at_six_megabytes_of_json() {
        assert_eq!(taken(100, 50), 100);
        assert_eq!(taken(10_000, 0), 10_000);
        // 490 + 8 + 136 bytes each.
        assert_eq!(taken(10_000, 100), 6_000_000 / 634);
        assert_eq!(taken(10_000, 1 << 20), 4);
    }

    #[test]
    fn a_batch_ends_before_the_record_that_exceeds_its_bytes() {
        let taken = |bytes, sizes: &[usize]| {
            let mut fill = BatchFill::new(BatchLimits { bytes: Some(bytes), ..BatchLimits::default() });
            sizes.iter().take_while(|size| fill.takes(**size, 8)).count()
        };
        assert_eq!(taken(100, &[40, 60, 1]), 2);
        assert_eq!(taken(100, &[40, 61, 1]), 1, "what comes behind does not overtake it");
        assert_eq!(taken(100, &[101, 0]), 1);
        assert_eq!(taken(100, &[0, 0, 100, 0]), 4);
    }

    #[test]
    fn a_batch_has_no_more_than_may_be_in_flight() {
        let mut fill = BatchFill::new(BatchLimits { in_flight: Some(3), ..BatchLimits::default() });
        assert_eq!((0..10).take_while(|_| fill.takes(1, 1)).count(), 3);
    }

    #[test]
    fn a_record_that_is_larger_than_a_batch_is_one_by_itself() {
        assert_eq!(taken(100, 10 << 20), 1);
    }
}

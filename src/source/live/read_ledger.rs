//! What of a shard is acknowledged, while several lanes work on it: the position is before the first record that is
//! not. No I/O.

use std::collections::VecDeque;
use std::ops::Range;

use crate::checkpoint::{Acknowledged, BlockedProgress};

/// The records of a shard that were read, from the first that is not done on.
#[derive(Debug, Default)]
pub(super) struct ReadLedger {
    /// The number of the first record that is kept here, counted from the first that was read.
    first: u64,
    records: VecDeque<ReadEntry>,
    position: Option<Acknowledged>,
    /// What each lane is blocked at.
    stuck: Vec<Option<BlockedProgress>>,
}

#[derive(Debug)]
struct ReadEntry {
    sequence_number: String,
    arrived_at: u64,
    is_done: bool,
}

impl ReadLedger {
    pub(super) fn new(lanes: usize) -> Self {
        Self { stuck: vec![None; lanes], ..Self::default() }
    }

    /// Takes in the next record, and answers its number.
    pub(super) fn read(&mut self, sequence_number: &str, arrived_at: u64) -> u64 {
        self.records.push_back(ReadEntry { sequence_number: sequence_number.to_owned(), arrived_at, is_done: false });
        self.first + self.records.len() as u64 - 1
    }

    /// Records that are done with: acknowledged, or given up by the rules.
    pub(super) fn done(&mut self, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            let index = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
            if let Some(record) = index.and_then(|index| self.records.get_mut(index)) {
                record.is_done = true;
            }
        }
        while let Some(record) = self.records.pop_front_if(|record| record.is_done) {
            self.first += 1;
            self.position =
                Some(Acknowledged { sequence_number: record.sequence_number, arrived_at: record.arrived_at });
        }
    }

    /// What a lane is blocked at; none: it goes on.
    pub(super) fn stands_still(&mut self, lane: usize, at: Option<BlockedProgress>) {
        if let Some(stuck) = self.stuck.get_mut(lane) {
            *stuck = at;
        }
    }

    /// The last record that is done with all before it.
    pub(super) fn position(&self) -> Option<&Acknowledged> {
        self.position.as_ref()
    }

    /// The lowest record that a lane is blocked at.
    pub(super) fn stuck(&self) -> Option<&BlockedProgress> {
        self.stuck.iter().flatten().min_by_key(|stuck| &stuck.position)
    }

    /// How many records there are from the first that is not done on.
    pub(super) fn in_flight(&self) -> usize {
        self.records.len()
    }

    /// The arrival of the oldest record that is not done, in milliseconds since the Unix epoch.
    pub(super) fn oldest_arrival(&self) -> Option<u64> {
        self.records.front().map(|record| record.arrived_at)
    }
}

/// The numbers behind indices of a batch.
pub(super) fn numbers(of_batch: &[u64], range: Range<usize>) -> impl Iterator<Item = u64> + '_ {
    of_batch[range].iter().copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::Position;

    #[test]
    fn the_position_is_before_the_first_record_that_is_not_done() {
        let mut read_ledger = ReadLedger::new(2);
        let numbers: Vec<u64> = (10..15).map(|number| read_ledger.read(&number.to_string(), number)).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
        read_ledger.done([1, 3]);
        assert_eq!((read_ledger.position(), read_ledger.oldest_arrival()), (None, Some(10)));
        assert_eq!(read_ledger.in_flight(), 5, "also what is done behind the first that is not");
        read_ledger.done([0]);
        assert_eq!(read_ledger.position().map(|last| last.sequence_number.as_str()), Some("11"));
        assert_eq!(read_ledger.in_flight(), 3);
        read_ledger.done([2, 4]);
        assert_eq!(read_ledger.position().map(|last| last.sequence_number.as_str()), Some("14"));
        assert_eq!(read_ledger.oldest_arrival(), None);
        assert_eq!(read_ledger.read("20", 20), 5);
    }

    #[test]
    fn a_shard_stands_still_at_the_lowest_record_of_its_lanes() {
        let at = |number: &str| {
            Some(BlockedProgress {
                position: Position::new(number, 0).expect("a position"),
                attempts: 1,
                delivered: None,
                made_by: String::new(),
                code: None,
                reason: String::new(),
            })
        };
        let mut read_ledger = ReadLedger::new(3);
        read_ledger.stands_still(0, at("10"));
        read_ledger.stands_still(2, at("9"));
        assert_eq!(read_ledger.stuck().map(|stuck| stuck.position.sequence_number().as_str()), Some("9"));
        read_ledger.stands_still(2, None);
        assert_eq!(read_ledger.stuck().map(|stuck| stuck.position.sequence_number().as_str()), Some("10"));
    }

    proptest! {
        /// In whatever order records are done, the position is that of the longest prefix.
        #[test]
        fn the_position_never_passes_a_record_that_is_not_done(
            order in Just((0..60u64).collect::<Vec<_>>()).prop_shuffle(), done in 0usize..60,
        ) {
            let mut read_ledger = ReadLedger::new(1);
            (0..60u64).for_each(|number| { read_ledger.read(&(number + 100).to_string(), number); });
            for number in &order[..done] {
                read_ledger.done([*number]);
            }
            let prefix = (0..60).take_while(|number| order[..done].contains(number)).last();
            prop_assert_eq!(
                read_ledger.position().map(|last| last.sequence_number.clone()),
                prefix.map(|number| (number + 100).to_string())
            );
        }
    }
}

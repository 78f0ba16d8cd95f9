//! Batches of a file in smaller ones, where somebody wants them smaller.

use crate::event::Batch;

/// What a batch of a file holds at most; none: as much as it comes with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchBounds {
    /// Records.
    pub records: Option<usize>,
    /// Bytes of their payloads. A larger one is a batch by itself.
    pub bytes: Option<usize>,
}

impl BatchBounds {
    /// How many payloads of these sizes a batch holds, which ends behind one that says so: one at least, where there is one.
    fn fitting(self, records: impl Iterator<Item = (usize, bool)>) -> usize {
        let most_bytes = self.bytes.unwrap_or(usize::MAX);
        let (mut bytes, mut is_over) = (0usize, false);
        let fits = |(index, (size, ends)): &(usize, (usize, bool))| {
            bytes = bytes.saturating_add(*size);
            !std::mem::replace(&mut is_over, *ends) && (*index == 0 || bytes <= most_bytes)
        };
        records.enumerate().take(self.records.unwrap_or(usize::MAX).max(1)).take_while(fits).count()
    }
}

/// Cuts batches, each from its front to its end.
#[derive(Debug, Default)]
pub struct BatchCutter {
    bounds: BatchBounds,
    rest: Option<Uncut>,
}

/// What is cut.
#[derive(Debug)]
struct Uncut {
    batch: Batch,
    /// How many of its records are given.
    given: usize,
    /// Behind which of its records a batch ends; those that are not there say nothing.
    ends: Vec<bool>,
}

impl BatchCutter {
    /// Into batches of no more than this.
    pub fn new(bounds: BatchBounds) -> Self {
        Self { bounds, rest: None }
    }

    /// Takes in the next batch, when all of the last one is given, and behind which of its records one ends in any case.
    pub fn cut(&mut self, batch: Batch, ends: Vec<bool>) {
        self.rest = Some(Uncut { batch, given: 0, ends });
    }

    /// The next piece; none: another batch is due. One that is small enough is given as it is.
    pub fn next_piece(&mut self) -> Option<Batch> {
        let Uncut { batch, given, ends } = self.rest.take()?;
        if batch.is_empty() {
            return Some(batch);
        }
        let ends_behind = |index| ends.get(index).copied().unwrap_or_default();
        let record = |index| (batch.event(index).payload.bytes().len(), ends_behind(index));
        let end = given + self.bounds.fitting((given..batch.len()).map(record));
        if given == 0 && end == batch.len() {
            return Some(batch);
        }
        let piece = batch.part(given..end);
        self.rest = (end < batch.len()).then_some(Uncut { batch, given: end, ends });
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::Record;

    fn batch(sizes: &[usize]) -> Batch {
        let mut batch = Batch::builder("arn", "shard");
        for (index, size) in sizes.iter().enumerate() {
            let number = (index + 1).to_string();
            let record = Record { partition_key: "k", sequence_number: &number, sub_sequence_number: 0, arrived_at: 1 };
            batch.push_bytes(record, &vec![b'x'; *size]).expect("a number");
        }
        batch.build()
    }

    proptest! {
        /// All records in their order; no piece is larger than its bounds unless it is one record, nor goes on behind one that
        /// ends it; none has room for the next.
        #[test]
        fn pieces_are_as_large_as_their_bounds_let_them(
            sizes in prop::collection::vec(0usize..60, 0..80),
            records in prop::option::of(1usize..20),
            bytes in prop::option::of(1usize..100),
            ends in prop::collection::vec(prop::bool::weighted(0.2), 0..80),
        ) {
            let mut cutter = BatchCutter::new(BatchBounds { records, bytes });
            cutter.cut(batch(&sizes), ends.clone());
            let mut pieces: Vec<Vec<usize>> = Vec::new();
            let mut numbers = Vec::new();
            while let Some(piece) = cutter.next_piece() {
                pieces.push(piece.iter().map(|event| event.payload.bytes().len()).collect());
                numbers.extend(piece.iter().map(|event| event.sequence_number.to_string()));
            }
            prop_assert_eq!(pieces.concat(), sizes.clone());
            prop_assert_eq!(numbers, (1..=sizes.len()).map(|number| number.to_string()).collect::<Vec<_>>());
            let fits = |piece: &[usize]| {
                piece.len() <= records.unwrap_or(usize::MAX)
                    && (piece.len() == 1 || piece.iter().sum::<usize>() <= bytes.unwrap_or(usize::MAX))
            };
            if !sizes.is_empty() {
                prop_assert!(pieces.iter().all(|piece| fits(piece)), "{:?}", pieces);
            }
            let ends_behind = |index: usize| ends.get(index).copied().unwrap_or_default();
            let mut start = 0;
            for (index, piece) in pieces.iter().enumerate() {
                let end = start + piece.len();
                prop_assert!((start + 1..end).all(|next| !ends_behind(next - 1)), "{:?} {:?}", pieces, ends);
                if let Some(next) = pieces.get(index + 1) {
                    let has_room = fits(&[&piece[..], &next[..1]].concat());
                    prop_assert!(!has_room || ends_behind(end - 1), "{:?} {:?}", pieces, ends);
                }
                start = end;
            }
        }
    }
}

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
    /// How many payloads of these sizes a batch holds: one at least, where there is one.
    fn fitting(self, sizes: impl Iterator<Item = usize>) -> usize {
        let most_bytes = self.bytes.unwrap_or(usize::MAX);
        let mut bytes = 0usize;
        let fits = |(index, size): &(usize, usize)| {
            bytes = bytes.saturating_add(*size);
            *index == 0 || bytes <= most_bytes
        };
        sizes.enumerate().take(self.records.unwrap_or(usize::MAX).max(1)).take_while(fits).count()
    }
}

/// Cuts batches, each from its front to its end.
#[derive(Debug, Default)]
pub struct BatchCutter {
    bounds: BatchBounds,
    /// What is cut, and how many of its records are given.
    rest: Option<(Batch, usize)>,
}

impl BatchCutter {
    /// Into batches of no more than this.
    pub fn new(bounds: BatchBounds) -> Self {
        Self { bounds, rest: None }
    }

    /// Takes in the next batch, when all of the last one is given.
    pub fn cut(&mut self, batch: Batch) {
        self.rest = Some((batch, 0));
    }

    /// The next piece; none: another batch is due. One that is small enough is given as it is.
    pub fn next_piece(&mut self) -> Option<Batch> {
        let (batch, given) = self.rest.take()?;
        if batch.is_empty() {
            return Some(batch);
        }
        let sizes = (given..batch.len()).map(|index| batch.event(index).payload.bytes().len());
        let end = given + self.bounds.fitting(sizes);
        if given == 0 && end == batch.len() {
            return Some(batch);
        }
        let piece = batch.part(given..end);
        self.rest = Some((batch, end)).filter(|(batch, given)| *given < batch.len());
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
        /// All records in their order; no piece is larger than its bounds unless it is one record; none has room for the next.
        #[test]
        fn pieces_are_as_large_as_their_bounds_let_them(
            sizes in prop::collection::vec(0usize..60, 0..80),
            records in prop::option::of(1usize..20),
            bytes in prop::option::of(1usize..100),
        ) {
            let mut cutter = BatchCutter::new(BatchBounds { records, bytes });
            cutter.cut(batch(&sizes));
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
            for two in pieces.windows(2) {
                prop_assert!(!fits(&[&two[0][..], &two[1][..1]].concat()), "{:?}", pieces);
            }
        }
    }
}

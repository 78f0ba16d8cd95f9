//! Where to replay from, found out once for a batch.

use std::sync::OnceLock;

use super::Batch;

/// The index of the lowest sequence number from each event on, once somebody asked.
///
/// Whoever settles a batch may ask for each event that fails. Looking at all that follows each time would take hours
/// for what has a million events.
#[derive(Debug, Clone, Default)]
pub(super) struct Lowest {
    /// None where the batch is in order, as the service sends it: then it is the event itself.
    indexes: OnceLock<Option<Box<[usize]>>>,
}

impl Lowest {
    /// Returns the index of the lowest sequence number from `index` on in `batch`, which is the one that this is of.
    pub(super) fn from(&self, index: usize, batch: &Batch) -> usize {
        let indexes = self.indexes.get_or_init(|| indexes(batch));
        indexes.as_ref().map_or(index, |indexes| indexes[index])
    }
}

fn indexes(batch: &Batch) -> Option<Box<[usize]>> {
    if batch.iter().map(|event| event.sequence_number).is_sorted() {
        return None;
    }
    let mut indexes: Box<[usize]> = (0..batch.len()).collect();
    for index in (0..indexes.len().saturating_sub(1)).rev() {
        let later = indexes[index + 1];
        if batch.event(later).sequence_number < batch.event(index).sequence_number {
            indexes[index] = later;
        }
    }
    Some(indexes)
}

/// It says nothing that the events do not say.
impl PartialEq for Lowest {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Lowest {}

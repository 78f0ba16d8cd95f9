//! Copies of outputs that wait longer than what the transform gave is kept. Those of events with one output lie behind
//! each other, so that many small ones cost little.

use std::ops::Range;

use super::{OutputBody, PendingOutput};
use crate::transform::{Emission, Emissions};

/// The copies of one lane.
#[derive(Debug, Default)]
pub(super) struct Copies {
    data: Vec<u8>,
    texts: String,
    slots: Vec<CopySpan>,
}

/// A copy, by its place among all of its lane.
#[derive(Debug, Clone, Copy)]
pub(in crate::processor) struct Copied(usize);

/// Where the copy of one output lies.
#[derive(Debug)]
struct CopySpan {
    data: Range<usize>,
    partition_key: Option<Range<usize>>,
    route: Option<Range<usize>>,
}

impl Copies {
    /// Copies what is not copied yet of these parcels, which are in shard order. Outputs of an event with several stay
    /// together: what was delivered of them is told by all of them.
    pub(super) fn keep(&mut self, parcels: &mut [PendingOutput]) {
        let mut several: Option<(usize, Emissions)> = None;
        for parcel in parcels {
            let OutputBody::Emitted(emissions) = &parcel.body else { continue };
            if emissions.len() == 1 {
                parcel.body = OutputBody::Copied(self.copy(emissions.get(0)));
                continue;
            }
            let copy = match several.take() {
                Some((index, copy)) if index == parcel.index => copy,
                _ => emissions.detached(),
            };
            parcel.body = OutputBody::Emitted(copy.clone());
            several = Some((parcel.index, copy));
        }
    }

    /// Returns a copied output.
    pub(super) fn get(&self, Copied(place): Copied) -> Emission<'_> {
        let slot = &self.slots[place];
        let text = |range: &Range<usize>| &self.texts[range.clone()];
        Emission {
            data: &self.data[slot.data.clone()],
            partition_key: slot.partition_key.as_ref().map(text),
            route: slot.route.as_ref().map(text),
        }
    }

    /// Lets go of all copies: nothing waits any more.
    pub(super) fn clear(&mut self) {
        self.data.clear();
        self.texts.clear();
        self.slots.clear();
    }

    fn copy(&mut self, emission: Emission<'_>) -> Copied {
        let start = self.data.len();
        self.data.extend_from_slice(emission.data);
        let slot = CopySpan {
            data: start..self.data.len(),
            partition_key: emission.partition_key.map(|text| self.put(text)),
            route: emission.route.map(|text| self.put(text)),
        };
        self.slots.push(slot);
        Copied(self.slots.len() - 1)
    }

    fn put(&mut self, text: &str) -> Range<usize> {
        let start = self.texts.len();
        self.texts.push_str(text);
        start..self.texts.len()
    }
}

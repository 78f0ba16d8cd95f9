//! What the transform gave, kept by the group: one buffer for the outputs of hundreds of events.
//!
//! An output comes from the engine as allocations of its own. Handed over like that, they would be freed on another
//! thread than the guest's, which allocators are slow at and never reuse. So they are copied here, behind each other,
//! and freed where they were made.

use std::ops::Range;
use std::sync::Arc;

use super::bindings::Output;

/// One output of the transform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Emission<'a> {
    /// The bytes to deliver.
    pub data: &'a [u8],
    /// The key to deliver under; none: the event's own.
    pub partition_key: Option<&'a str>,
    /// The name of a route; none: the main output.
    pub route: Option<&'a str>,
}

/// The outputs of one event, in their order.
#[derive(Debug, Clone, Default)]
pub struct Emissions {
    arena: Arc<OutputArena>,
    outputs: Range<usize>,
}

/// The outputs of a group of events, behind each other.
#[derive(Debug, Default)]
pub(super) struct OutputArena {
    data: Vec<u8>,
    texts: String,
    slots: Vec<OutputSpan>,
}

/// Where one output lies.
#[derive(Debug)]
struct OutputSpan {
    data: Range<usize>,
    partition_key: Option<Range<usize>>,
    route: Option<Range<usize>>,
}

impl OutputArena {
    /// Takes the outputs of an event, and answers which of all they are.
    pub(super) fn put(&mut self, outputs: &[Output]) -> Range<usize> {
        let first = self.slots.len();
        for output in outputs {
            let start = self.data.len();
            self.data.extend_from_slice(&output.data);
            let slot = OutputSpan {
                data: start..self.data.len(),
                partition_key: output.partition_key.as_deref().map(|text| self.put_text(text)),
                route: output.route.as_deref().map(|text| self.put_text(text)),
            };
            self.slots.push(slot);
        }
        first..self.slots.len()
    }

    fn put_text(&mut self, text: &str) -> Range<usize> {
        let start = self.texts.len();
        self.texts.push_str(text);
        start..self.texts.len()
    }

    /// What is in it, in bytes: many empty outputs are not nothing.
    pub(super) fn bytes(&self) -> usize {
        self.data.len() + self.texts.len() + self.slots.len() * size_of::<OutputSpan>()
    }

    /// What it takes of memory: room that is left in its buffers, too.
    pub(super) fn held(&self) -> usize {
        self.data.capacity() + self.texts.capacity() + self.slots.capacity() * size_of::<OutputSpan>()
    }

    fn emission(&self, slot: &OutputSpan) -> Emission<'_> {
        let text = |range: &Range<usize>| &self.texts[range.clone()];
        Emission {
            data: &self.data[slot.data.clone()],
            partition_key: slot.partition_key.as_ref().map(text),
            route: slot.route.as_ref().map(text),
        }
    }
}

impl Emissions {
    pub(super) fn new(arena: &Arc<OutputArena>, outputs: Range<usize>) -> Self {
        Self { arena: Arc::clone(arena), outputs }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.outputs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    /// What they take of memory.
    pub(super) fn bytes(&self) -> usize {
        let text = |text: Option<&str>| text.map_or(0, str::len);
        let size = |emission: Emission<'_>| {
            emission.data.len() + text(emission.partition_key) + text(emission.route) + size_of::<OutputSpan>()
        };
        self.iter().map(size).sum()
    }

    /// Returns a copy that keeps nothing else of its group in memory.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self::copy_of(self.iter())
    }

    /// Returns how many share the group's outputs with this one, itself included.
    #[cfg(test)]
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.arena)
    }

    /// Returns a copy of outputs as those of one event.
    pub(crate) fn copy_of<'e>(emissions: impl ExactSizeIterator<Item = Emission<'e>> + Clone) -> Self {
        let mut arena = OutputArena::default();
        arena.data.reserve_exact(emissions.clone().map(|emission| emission.data.len()).sum());
        arena.slots.reserve_exact(emissions.len());
        for Emission { data, partition_key, route } in emissions {
            let start = arena.data.len();
            arena.data.extend_from_slice(data);
            let slot = OutputSpan {
                data: start..arena.data.len(),
                partition_key: partition_key.map(|text| arena.put_text(text)),
                route: route.map(|text| arena.put_text(text)),
            };
            arena.slots.push(slot);
        }
        Self { outputs: 0..arena.slots.len(), arena: Arc::new(arena) }
    }

    /// The output at this place among those of its event.
    ///
    /// # Panics
    /// When there is none.
    pub fn get(&self, ordinal: usize) -> Emission<'_> {
        self.arena.emission(&self.arena.slots[self.outputs.clone()][ordinal])
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Emission<'_>> + Clone {
        self.arena.slots[self.outputs.clone()].iter().map(|slot| self.arena.emission(slot))
    }
}

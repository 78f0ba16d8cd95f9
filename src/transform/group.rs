//! Verdicts that are handed over together.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::bindings::Output;
use super::emissions::{Emissions, Shelf};
use super::memory::Room;
use super::verdict::Verdict;

/// Verdicts are handed over in groups, so that the hand-over costs nothing a record, yet outputs are
/// on their way while the guest works on later events. A group is full at so many events ...
const EVENTS: usize = 512;
/// ... or so many bytes of outputs ...
const BYTES: usize = 1 << 20;
/// ... or, if it is wanted promptly, when its first event is so old.
const AGE: Duration = Duration::from_millis(100);

/// When verdicts are handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// As soon as that is worth it.
    Promptly,
    /// In groups that depend on the batch alone, never on time.
    ByContent,
}

/// What a call gave.
#[derive(Debug)]
pub(super) enum Given {
    /// Outputs, as they came from the engine.
    Outputs(Vec<Output>),
    /// Any other verdict.
    Other(Verdict),
}

impl From<Verdict> for Given {
    fn from(verdict: Verdict) -> Self {
        Given::Other(verdict)
    }
}

/// A verdict while its group is filled, and on its way.
#[derive(Debug)]
pub(super) enum Entry {
    /// These of the group's outputs.
    Outputs(Range<usize>),
    /// Any other verdict.
    Other(Verdict),
}

/// Verdicts of one guest, in the order of its events, that were not handed over yet.
#[derive(Debug)]
pub(super) struct Group {
    entries: Vec<Entry>,
    shelf: Shelf,
    /// What the entries take of memory, their outputs left out.
    bytes: usize,
    pub(super) since: Instant,
    pub(super) waited: Duration,
}

/// Verdicts of one guest that were handed over.
#[derive(Debug)]
pub(super) struct HandedOver {
    pub(super) entries: Vec<Entry>,
    pub(super) shelf: Arc<Shelf>,
    /// Time that went into them on the guest's thread: not what it waited for.
    pub(super) busy: Duration,
    /// Their share of what may be in memory.
    pub(super) room: Room,
}

impl Entry {
    /// The verdict, of a group with these outputs.
    pub(super) fn into_verdict(self, shelf: &Arc<Shelf>) -> Verdict {
        match self {
            Entry::Outputs(outputs) => Verdict::Emit(Emissions::new(shelf, outputs)),
            Entry::Other(verdict) => verdict,
        }
    }
}

impl Group {
    pub(super) fn new(now: Instant) -> Self {
        Self { entries: Vec::new(), shelf: Shelf::default(), bytes: 0, since: now, waited: Duration::ZERO }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn push(&mut self, given: Given) {
        let entry = match given {
            Given::Outputs(outputs) => Entry::Outputs(self.shelf.put(&outputs)),
            Given::Other(verdict) => {
                self.bytes += size_of_text(&verdict);
                Entry::Other(verdict)
            }
        };
        self.bytes += size_of::<Entry>();
        self.entries.push(entry);
    }

    /// What is in it, in bytes: all of an output, however little it holds.
    fn bytes(&self) -> usize {
        self.bytes + self.shelf.bytes()
    }

    /// What it takes of memory: room that is left in its buffers, too.
    pub(super) fn held(&self) -> usize {
        let entries = self.entries.len() * size_of::<Entry>();
        self.bytes - entries + self.entries.capacity() * size_of::<Entry>() + self.shelf.held()
    }

    pub(super) fn is_full(&self, now: Instant, grouping: Grouping) -> bool {
        is_full(self.entries.len(), self.bytes())
            || (grouping == Grouping::Promptly && now.saturating_duration_since(self.since) >= AGE)
    }

    /// Ends it: this much of the memory is its share.
    pub(super) fn hand_over(self, busy: Duration, room: Room) -> HandedOver {
        HandedOver { entries: self.entries, shelf: Arc::new(self.shelf), busy, room }
    }
}

/// Whether a group is large enough by what it holds.
pub(super) fn is_full(events: usize, bytes: usize) -> bool {
    events >= EVENTS || bytes >= BYTES
}

/// What a verdict takes of memory, its outputs with their keys and routes.
pub(super) fn size(verdict: &Verdict) -> usize {
    let outputs = match verdict {
        Verdict::Emit(emissions) => emissions.bytes(),
        _ => size_of_text(verdict),
    };
    outputs + size_of::<Verdict>()
}

fn size_of_text(verdict: &Verdict) -> usize {
    match verdict {
        Verdict::Retry(reason) | Verdict::Reject(reason) | Verdict::Unavailable(reason) => reason.len(),
        Verdict::Fault(fault) => fault.reason.len(),
        Verdict::Emit(_)
        | Verdict::Keep
        | Verdict::Folded
        | Verdict::Drop
        | Verdict::Undecodable
        | Verdict::Interrupted => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(data: &str, partition_key: Option<&str>, route: Option<&str>) -> Output {
        Output {
            data: data.as_bytes().to_vec(),
            partition_key: partition_key.map(str::to_owned),
            route: route.map(str::to_owned),
        }
    }

    fn group_of(outputs: &[Output]) -> Group {
        let mut group = Group::new(Instant::now());
        group.push(Given::Outputs(outputs.to_vec()));
        group
    }

    /// What a group counts is what its verdicts count.
    #[test]
    fn an_output_counts_with_its_key_its_route_and_its_place() {
        let nothing = group_of(&[]).bytes();
        let empty = group_of(&[output("", None, None)]).bytes() - nothing;
        assert!(empty >= 32, "{empty}");
        let full = group_of(&[output("data", Some("key"), Some("route"))]).bytes() - nothing;
        assert_eq!(full, empty + 4 + 3 + 5);

        let group = group_of(&[output("data", Some("key"), Some("route")), output("", None, None)]);
        let room = Arc::new(crate::transform::memory::Memory::new(1)).take(0);
        let handed_over = group.hand_over(Duration::ZERO, room);
        let entry = handed_over.entries.into_iter().next().expect("an entry");
        let verdict = entry.into_verdict(&handed_over.shelf);
        assert_eq!(size(&verdict) - size(&Verdict::Keep), full + empty);
    }

    #[test]
    fn outputs_without_data_fill_a_group_and_the_memory() {
        let outputs = vec![output("", None, None); 10_000];
        let mut group = Group::new(Instant::now());
        let mut events = 0;
        while !group.is_full(group.since, Grouping::ByContent) {
            group.push(Given::Outputs(outputs.clone()));
            events += 1;
        }
        assert!(events < 10, "{events} events of 10000 outputs each are a group");
        assert!(group.held() >= group.bytes());
        assert!(group.held() >= BYTES);
    }
}

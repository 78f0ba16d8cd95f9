//! Verdicts that are handed over together.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::bindings::Output;
use super::emissions::{Emissions, OutputArena};
use super::memory::MemoryPermit;
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
pub(super) enum CallOutcome {
    /// Outputs, as they came from the engine.
    Outputs(Vec<Output>),
    /// Any other verdict.
    Other(Verdict),
}

impl From<Verdict> for CallOutcome {
    fn from(verdict: Verdict) -> Self {
        CallOutcome::Other(verdict)
    }
}

/// A verdict while its group is filled, and on its way.
#[derive(Debug)]
pub(super) enum VerdictEntry {
    /// These of the group's outputs.
    Outputs(Range<usize>),
    /// Any other verdict.
    Other(Verdict),
}

/// Verdicts of one guest, in the order of its events, that were not handed over yet.
#[derive(Debug)]
pub(super) struct VerdictGroup {
    entries: Vec<VerdictEntry>,
    arena: OutputArena,
    /// What the entries take of memory, their outputs left out.
    bytes: usize,
    pub(super) since: Instant,
    pub(super) waited: Duration,
}

/// Verdicts of one guest that were handed over.
#[derive(Debug)]
pub(super) struct SentGroup {
    pub(super) entries: Vec<VerdictEntry>,
    pub(super) arena: Arc<OutputArena>,
    /// Time that went into them on the guest's thread: not what it waited for.
    pub(super) busy: Duration,
    /// Their share of what may be in memory.
    pub(super) permit: MemoryPermit,
}

impl VerdictEntry {
    /// The verdict, of a group with these outputs.
    pub(super) fn into_verdict(self, arena: &Arc<OutputArena>) -> Verdict {
        match self {
            VerdictEntry::Outputs(outputs) => Verdict::Emit(Emissions::new(arena, outputs)),
            VerdictEntry::Other(verdict) => verdict,
        }
    }
}

impl VerdictGroup {
    pub(super) fn new(now: Instant) -> Self {
        Self { entries: Vec::new(), arena: OutputArena::default(), bytes: 0, since: now, waited: Duration::ZERO }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn push(&mut self, given: CallOutcome) {
        let entry = match given {
            CallOutcome::Outputs(outputs) => VerdictEntry::Outputs(self.arena.put(&outputs)),
            CallOutcome::Other(verdict) => {
                self.bytes += size_of_text(&verdict);
                VerdictEntry::Other(verdict)
            }
        };
        self.bytes += size_of::<VerdictEntry>();
        self.entries.push(entry);
    }

    /// What is in it, in bytes: all of an output, however little it holds.
    fn bytes(&self) -> usize {
        self.bytes + self.arena.bytes()
    }

    /// What it takes of memory: room that is left in its buffers, too.
    pub(super) fn held(&self) -> usize {
        let entries = self.entries.len() * size_of::<VerdictEntry>();
        self.bytes - entries + self.entries.capacity() * size_of::<VerdictEntry>() + self.arena.held()
    }

    pub(super) fn is_full(&self, now: Instant, grouping: Grouping) -> bool {
        is_full(self.entries.len(), self.bytes())
            || (grouping == Grouping::Promptly && now.saturating_duration_since(self.since) >= AGE)
    }

    /// Ends it: this much of the memory is its share.
    pub(super) fn hand_over(self, busy: Duration, permit: MemoryPermit) -> SentGroup {
        SentGroup { entries: self.entries, arena: Arc::new(self.arena), busy, permit }
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

    fn group_of(outputs: &[Output]) -> VerdictGroup {
        let mut group = VerdictGroup::new(Instant::now());
        group.push(CallOutcome::Outputs(outputs.to_vec()));
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
        let permit = Arc::new(crate::transform::memory::MemoryBudget::new(1)).take(0);
        let handed_over = group.hand_over(Duration::ZERO, permit);
        let entry = handed_over.entries.into_iter().next().expect("an entry");
        let verdict = entry.into_verdict(&handed_over.arena);
        assert_eq!(size(&verdict) - size(&Verdict::Keep), full + empty);
    }

    #[test]
    fn outputs_without_data_fill_a_group_and_the_memory() {
        let outputs = vec![output("", None, None); 10_000];
        let mut group = VerdictGroup::new(Instant::now());
        let mut events = 0;
        while !group.is_full(group.since, Grouping::ByContent) {
            group.push(CallOutcome::Outputs(outputs.clone()));
            events += 1;
        }
        assert!(events < 10, "{events} events of 10000 outputs each are a group");
        assert!(group.held() >= group.bytes());
        assert!(group.held() >= BYTES);
    }
}

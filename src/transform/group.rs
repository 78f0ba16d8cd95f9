//! Verdicts that are handed over together.

use std::time::{Duration, Instant};

use super::Verdict;
use super::bindings::Emission;
use super::guest::Grouping;
use super::memory::Room;

/// Verdicts are handed over in groups, so that the hand-over costs nothing a record, yet outputs are
/// on their way while the guest works on later events. A group is full at so many events ...
const EVENTS: usize = 512;
/// ... or so many bytes of outputs ...
pub(super) const BYTES: usize = 1 << 20;
/// ... or, if it is wanted promptly, when its first event is so old.
const AGE: Duration = Duration::from_millis(100);

/// Verdicts of one guest, in the order of its events, that were not handed over yet.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) verdicts: Vec<Verdict>,
    pub(super) bytes: usize,
    pub(super) since: Instant,
    pub(super) waited: Duration,
}

/// Verdicts of one guest that were handed over.
#[derive(Debug)]
pub(super) struct HandedOver {
    pub(super) verdicts: Vec<Verdict>,
    /// Time that went into them on the guest's thread: not what it waited for.
    pub(super) busy: Duration,
    /// Their share of what may be in memory.
    pub(super) room: Room,
}

impl Group {
    pub(super) fn new(now: Instant) -> Self {
        Self { verdicts: Vec::new(), bytes: 0, since: now, waited: Duration::ZERO }
    }

    pub(super) fn push(&mut self, verdict: Verdict) {
        self.bytes += size(&verdict);
        self.verdicts.push(verdict);
    }

    pub(super) fn is_full(&self, now: Instant, grouping: Grouping) -> bool {
        is_full(self.verdicts.len(), self.bytes)
            || (grouping == Grouping::Promptly && now.saturating_duration_since(self.since) >= AGE)
    }
}

/// Whether a group is large enough by what it holds.
pub(super) fn is_full(events: usize, bytes: usize) -> bool {
    events >= EVENTS || bytes >= BYTES
}

/// What a verdict takes of memory.
pub(super) fn size(verdict: &Verdict) -> usize {
    let content = match verdict {
        Verdict::Emit(outputs) => outputs.iter().map(size_of_output).sum(),
        Verdict::Retry(reason) | Verdict::Reject(reason) | Verdict::Unavailable(reason) => reason.len(),
        Verdict::Fault(fault) => fault.reason.len(),
        Verdict::Keep | Verdict::Drop | Verdict::Undecodable | Verdict::Interrupted => 0,
    };
    content + size_of::<Verdict>()
}

/// Many empty outputs are not nothing.
fn size_of_output(output: &Emission) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    size_of::<Emission>() + output.data.len() + text(&output.partition_key) + text(&output.route)
}

//! The filter that an event passes before a guest sees it, on the thread of the worker that takes it.

use std::time::{Duration, Instant};

use super::fault::bounded;
use super::guest_time::{GuestTime, verdict_at_its_end};
use super::verdict::{Fault, FaultKind, Verdict};
use crate::event::{Batch, Event};
use crate::filter::{Filter, Judgement};

/// The filter of a pool; none: all events pass.
#[derive(Debug, Clone)]
pub(super) struct Prefilter {
    filter: Option<Filter>,
    /// The time for one event. The filter has it for itself.
    event_time: Duration,
}

impl Prefilter {
    pub(super) fn new(filter: Option<&Filter>, event_time: Duration) -> Self {
        Self { filter: filter.cloned(), event_time }
    }

    /// What becomes of an event whose turn came at this time; none: it goes on.
    pub(super) fn verdict(
        &self,
        batch: &Batch,
        event: Event<'_>,
        turn: Instant,
        time: Option<GuestTime>,
    ) -> Option<Verdict> {
        let filter = self.filter.as_ref()?;
        let interrupt_at = time.map(|time| time.interrupt_at);
        let until = turn.checked_add(self.event_time).into_iter().chain(interrupt_at).min();
        match filter.judge(batch, event, until) {
            Judgement::Keep => None,
            Judgement::Drop => Some(Verdict::Drop),
            Judgement::Unclear(reason) => Some(Verdict::Reject(bounded(reason))),
            Judgement::OutOfTime if interrupt_at.is_some_and(|at| Some(at) == until) => {
                Some(verdict_at_its_end(time, turn))
            }
            Judgement::OutOfTime => Some(Verdict::Fault(Fault {
                kind: FaultKind::Timeout,
                reason: format!("the filter took longer than {:?} (KINESIEVE_EVENT_TIMEOUT)", self.event_time),
            })),
        }
    }
}

//! One batch on its way into a window: which of its events are in the state, and how to get back to where they were.
//!
//! The state in the instance is lost with it, and after a call that failed it counts for nothing. So it is saved from
//! time to time, and made again of what was saved and the events that were folded since: a second time for each of them
//! at most, as far as failures go. Where the batch ends before its last event, or time is up, the same gives the state of
//! exactly the events before.

use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

use super::bindings::WindowTransform;
use super::fold::{ClosedFold, FoldClose, FoldOrder, StateRefused};
use super::{Window, WindowOpening};
use crate::event::Event;
use crate::transform::emissions::{Emissions, OutputArena};
use crate::transform::group::CallOutcome;
use crate::transform::guest::{self, NO_INSTANCE};
use crate::transform::instance::CallError;
use crate::transform::verdict::{FaultKind, Verdict};
use crate::transform::worker::Program;

/// The state is saved when so many events had to be folded a second time: the next failure is not to cost that again.
const REFOLDED: usize = 64;

/// The state is saved when folding took so long since the last time: as long it may take to get back, after the guests
/// were interrupted even, when there is only the reserve left.
const UNSAVED: Duration = Duration::from_millis(100);

/// Saving may take no larger part of the time than one in so many.
const SAVING: u32 = 10;

/// The guest of a window.
type WindowGuest<'a> = guest::Guest<'a, WindowTransform>;

/// What a guest of windows does with a batch: it folds the events into the state of their window.
#[derive(Debug)]
pub struct Folding {
    window: Window,
    /// What the batch began with, ...
    origin: Saved,
    /// ... and what was saved last.
    latest: Saved,
    /// The indices of all events that were folded.
    folded: Vec<usize>,
    /// Whether the instance has the state of just these.
    is_sound: bool,
    /// When it was saved last, or the first event was begun.
    saved_at: Option<Instant>,
    saving_took: Duration,
    /// Why the guest can't read its state, if it said so.
    refused: Option<String>,
    /// One comes when it is known which events are acknowledged.
    orders: std_mpsc::Receiver<FoldOrder>,
}

/// A state as bytes.
#[derive(Debug, Clone)]
struct Saved {
    /// It is of the events before this one.
    next: usize,
    state: Option<Arc<[u8]>>,
}

impl Program for Folding {
    type Exports = WindowTransform;

    fn process(&mut self, guest: &mut WindowGuest<'_>, index: usize, event: Event<'_>, turn: Instant) -> CallOutcome {
        self.saved_at.get_or_insert(turn);
        let was_there = guest.is_alive();
        if let Err(verdict) = self.be_sound(guest) {
            return verdict.into();
        }
        let mut verdict = guest.accumulate(event, turn);
        // What windows and events before this one left behind may have taken the memory. Where it has all of it, what is wrong
        // with the event itself comes again.
        if was_there && matches!(&verdict, Verdict::Fault(fault) if fault.kind == FaultKind::Memory) {
            self.is_sound = false;
            if let Err(verdict) = self.be_sound(guest) {
                return verdict.into();
            }
            verdict = guest.accumulate(event, turn);
        }
        // Whatever the guest did to its state, it is not to count.
        self.is_sound = matches!(verdict, Verdict::Folded);
        if self.is_sound {
            self.folded.push(index);
            self.save_in_time(guest, index + 1);
        }
        verdict.into()
    }

    fn end(mut self, mut guest: WindowGuest<'_>, hand_over: impl FnOnce()) {
        // What is next is said by whoever has the last verdicts.
        hand_over();
        let Ok(FoldOrder { close, answer }) = self.orders.recv() else { return };
        guest.look();
        let closed = self.close(&mut guest, close);
        drop(guest);
        // Nobody waits any more: then the fold counts for nothing, as it should.
        let _ = answer.send(closed);
    }
}

impl Folding {
    /// Goes on from the state of the events before `first`.
    pub(super) fn new(opening: WindowOpening, first: usize, orders: std_mpsc::Receiver<FoldOrder>) -> Self {
        let origin = Saved { next: first, state: opening.state };
        Self {
            window: opening.window,
            latest: origin.clone(),
            origin,
            folded: Vec::new(),
            is_sound: false,
            saved_at: None,
            saving_took: Duration::ZERO,
            refused: None,
            orders,
        }
    }

    /// Answers with the state of the events before an index, or of as many as can be had, and closes the window where
    /// that is asked for.
    fn close(&mut self, guest: &mut WindowGuest<'_>, close: FoldClose) -> Result<ClosedFold, StateRefused> {
        let FoldClose { end, ending, by } = close;
        let from = if self.latest.next <= end { self.latest.clone() } else { self.origin.clone() };
        let state = self.state_at(guest, end, &from, ending.is_some(), by);
        if let Some(reason) = self.refused.take() {
            return Err(StateRefused(reason));
        }
        let state = match state {
            Ok(state) => state,
            Err(verdict) => {
                return Ok(ClosedFold { end: from.next, state: from.state, why_not: Some(verdict), conclusion: None });
            }
        };
        let conclusion = ending.map(|ending| {
            self.is_sound = false;
            match guest.finish(ending, by) {
                Ok(CallOutcome::Outputs(outputs)) => {
                    let mut arena = OutputArena::default();
                    let all = arena.put(&outputs);
                    Verdict::Emit(Emissions::new(&Arc::new(arena), all))
                }
                Ok(CallOutcome::Other(verdict)) => verdict,
                Err(CallError::Fault(fault)) => Verdict::Fault(fault),
                Err(CallError::Interrupted) => Verdict::Interrupted,
                Err(CallError::NoInstance) => Verdict::Unavailable(NO_INSTANCE.to_owned()),
            }
        });
        Ok(ClosedFold { end, state, why_not: None, conclusion })
    }

    /// The state of the events before an index, which the instance has too, then, where it is to be closed.
    fn state_at(
        &mut self,
        guest: &mut WindowGuest<'_>,
        end: usize,
        from: &Saved,
        is_closed: bool,
        by: Option<Instant>,
    ) -> Result<Option<Arc<[u8]>>, Verdict> {
        let wanted = self.folded.partition_point(|index| *index < end);
        let is_changed = self.folded[..wanted].last().is_some_and(|last| *last >= from.next);
        if !is_changed && !is_closed {
            return Ok(from.state.clone());
        }
        self.is_sound &= wanted == self.folded.len();
        self.folded.truncate(wanted);
        if !self.is_sound {
            self.restore(guest, from, by)?;
        }
        if is_changed { self.save(guest, by).map(Some) } else { Ok(from.state.clone()) }
    }

    /// Sees to it that the instance has the state of all that was folded.
    fn be_sound(&mut self, guest: &mut WindowGuest<'_>) -> Result<(), Verdict> {
        if self.is_sound {
            return Ok(());
        }
        let until = guest.interrupt_at();
        let from = self.latest.clone();
        let refolded = self.restore(guest, &from, until)?;
        if refolded >= REFOLDED {
            self.keep(guest, until)?;
        }
        Ok(())
    }

    /// Opens the window with what was saved, folds the events since then again, and says how many those were.
    fn restore(&mut self, guest: &mut WindowGuest<'_>, from: &Saved, until: Option<Instant>) -> Result<usize, Verdict> {
        guest.be_alive(until)?;
        let opened = guest.open(self.window, from.state.as_deref(), until);
        if let Err(reason) = opened.map_err(|broke| unavailable("while it opened a window", broke))? {
            self.refused = Some(reason.clone());
            return Err(Verdict::Unavailable(StateRefused(reason).to_string()));
        }
        let batch = Arc::clone(guest.batch());
        let behind = self.folded.partition_point(|index| *index < from.next);
        for index in &self.folded[behind..] {
            let now = guest.now();
            if until.is_some_and(|until| now >= until) {
                return Err(Verdict::Interrupted);
            }
            let event = batch.event(*index);
            let again = guest.accumulate_again(event, until);
            match again.map_err(|broke| unavailable("at an event that it had folded", broke))? {
                Verdict::Folded => {}
                Verdict::Retry(reason) | Verdict::Reject(reason) => {
                    return Err(Verdict::Unavailable(format!(
                        "it had folded {}, and does not do so a second time: {reason}",
                        event.sequence_number
                    )));
                }
                other => return Err(other),
            }
        }
        self.is_sound = true;
        Ok(self.folded.len() - behind)
    }

    /// Saves the state after an event, if too much would be lost otherwise.
    fn save_in_time(&mut self, guest: &mut WindowGuest<'_>, next: usize) {
        let now = guest.now();
        let unsaved = self.saved_at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        if unsaved >= UNSAVED.max(self.saving_took * SAVING) && next < guest.batch().len() {
            // If it can't be saved now, that is seen when it has to be.
            let _ = self.keep(guest, guest.interrupt_at());
        }
    }

    /// Saves the state of all that was folded, to go back to.
    fn keep(&mut self, guest: &mut WindowGuest<'_>, until: Option<Instant>) -> Result<(), Verdict> {
        let started = guest.look();
        let state = Some(self.save(guest, until)?);
        let saved_at = guest.look();
        self.saving_took = saved_at.saturating_duration_since(started);
        self.saved_at = Some(saved_at);
        let next = self.folded.last().map_or(self.origin.next, |last| last + 1);
        self.latest = Saved { next, state };
        Ok(())
    }

    fn save(&mut self, guest: &mut WindowGuest<'_>, until: Option<Instant>) -> Result<Arc<[u8]>, Verdict> {
        let saved = guest.save(until);
        self.is_sound &= saved.is_ok();
        saved.map_err(|broke| unavailable("while it saved its state", broke))
    }
}

/// What a call that broke outside of an event means for what comes next.
fn unavailable(when: &str, broke: CallError) -> Verdict {
    match broke {
        CallError::Interrupted => Verdict::Interrupted,
        CallError::Fault(fault) => Verdict::Unavailable(format!("it broke {when}: {}", fault.reason)),
        CallError::NoInstance => Verdict::Unavailable(NO_INSTANCE.to_owned()),
    }
}

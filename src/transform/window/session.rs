//! One batch on its way into a window: which of its events are in the state, and how to get back to where they were.
//!
//! The state in the instance is lost with it, and after a call that failed it counts for nothing. So it is saved from
//! time to time, and made again of what was saved and the events that were folded since: a second time for each of them
//! at most, as far as failures go. Where the batch ends before its last event, or time is up, the same gives the state of
//! exactly the events before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Window;
use super::fold::{Close, Closed, StateRefused};
use super::instance::Broke;
use super::worker::Worker;
use crate::event::{Batch, Event, Payload};
use crate::transform::emissions::{Emissions, Shelf};
use crate::transform::group::Given;
use crate::transform::{Fault, FaultKind, Verdict};

/// The state is saved when so many events had to be folded a second time: the next failure is not to cost that again.
const REFOLDED: usize = 64;

/// The state is saved when folding took so long since the last time: as long it may take to get back, after the guests
/// were interrupted even, when there is only the reserve left.
const UNSAVED: Duration = Duration::from_millis(100);

/// Saving may take no larger part of the time than one in so many.
const SAVING: u32 = 10;

/// A batch on its way into a window.
pub(super) struct Session<'a> {
    worker: &'a mut Worker,
    batch: &'a Arc<Batch>,
    window: Window,
    interrupt_at: Option<Instant>,
    /// What the batch began with, ...
    origin: Saved,
    /// ... and what was saved last.
    latest: Saved,
    /// The indices of all events that were folded.
    folded: Vec<usize>,
    /// Whether the instance has the state of just these.
    is_sound: bool,
    /// When it was saved last, or opened.
    saved_at: Instant,
    saving_took: Duration,
    /// Why the guest can't read its state, if it said so.
    refused: Option<String>,
}

/// A state as bytes.
#[derive(Debug, Clone)]
struct Saved {
    /// It is of the events before this one.
    next: usize,
    state: Option<Arc<[u8]>>,
}

impl<'a> Session<'a> {
    /// A session that goes on from the state of the events before `first`.
    pub(super) fn new(
        worker: &'a mut Worker,
        batch: &'a Arc<Batch>,
        window: Window,
        (first, state): (usize, Option<Arc<[u8]>>),
        interrupt_at: Option<Instant>,
    ) -> Self {
        let origin = Saved { next: first, state };
        Self {
            worker,
            batch,
            window,
            interrupt_at,
            latest: origin.clone(),
            origin,
            folded: Vec::with_capacity(batch.len().saturating_sub(first)),
            is_sound: false,
            saved_at: Instant::now(),
            saving_took: Duration::ZERO,
            refused: None,
        }
    }

    /// Folds the next event.
    pub(super) fn take_up(&mut self, index: usize, event: Event<'_>, now: Instant) -> Verdict {
        if let Payload::Undecodable { .. } = event.payload {
            return Verdict::Undecodable;
        }
        if self.interrupt_at.is_some_and(|at| now >= at) {
            return Verdict::Interrupted;
        }
        let had_all_the_time = index == self.origin.next && self.worker.is_alive();
        if let Err(verdict) = self.be_sound() {
            return verdict;
        }
        let about = Some((&**self.batch, event));
        let folded = self.worker.call(about, self.interrupt_at, |instance, budget| instance.accumulate(event, budget));
        // Whatever the guest did to its state, it is not to count.
        self.is_sound = matches!(folded, Ok(Verdict::Folded));
        match folded {
            Ok(Verdict::Folded) => {
                self.folded.push(index);
                self.save_in_time(index + 1);
                Verdict::Folded
            }
            Ok(verdict) => verdict,
            Err(Broke::Fault(fault)) => Verdict::Fault(fault),
            // It would be interrupted for ever.
            Err(Broke::Interrupted) if had_all_the_time => Verdict::Fault(Fault {
                kind: FaultKind::Timeout,
                reason: "took longer than all the time that there is for a batch: give the function a longer timeout, \
                         or the transform less (KINESIEVE_EVENT_TIMEOUT)"
                    .to_owned(),
            }),
            Err(Broke::Interrupted) => Verdict::Interrupted,
        }
    }

    /// Answers with the state of the events before an index, or of as many as can be had, and closes the window where
    /// that is asked for.
    pub(super) fn close(&mut self, close: Close) -> Result<Closed, StateRefused> {
        let Close { end, ending, by } = close;
        let from = if self.latest.next <= end { self.latest.clone() } else { self.origin.clone() };
        let state = self.state_at(end, &from, ending.is_some(), by);
        if let Some(reason) = self.refused.take() {
            return Err(StateRefused(reason));
        }
        let state = match state {
            Ok(state) => state,
            Err(verdict) => {
                return Ok(Closed { end: from.next, state: from.state, why_not: Some(verdict), conclusion: None });
            }
        };
        let conclusion = ending.map(|ending| {
            self.is_sound = false;
            match self.worker.call(None, by, |instance, budget| instance.finish(ending, budget)) {
                Ok(Given::Outputs(outputs)) => {
                    let mut shelf = Shelf::default();
                    let all = shelf.put(&outputs);
                    Verdict::Emit(Emissions::new(&Arc::new(shelf), all))
                }
                Ok(Given::Other(verdict)) => verdict,
                Err(Broke::Fault(fault)) => Verdict::Fault(fault),
                Err(Broke::Interrupted) => Verdict::Interrupted,
            }
        });
        Ok(Closed { end, state, why_not: None, conclusion })
    }

    /// The state of the events before an index, which the instance has too, then, where it is to be closed.
    fn state_at(
        &mut self,
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
            self.restore(from, by)?;
        }
        if is_changed { self.save(by).map(Some) } else { Ok(from.state.clone()) }
    }

    /// Sees to it that the instance has the state of all that was folded.
    fn be_sound(&mut self) -> Result<(), Verdict> {
        if self.is_sound {
            return Ok(());
        }
        let from = self.latest.clone();
        let refolded = self.restore(&from, self.interrupt_at)?;
        if refolded >= REFOLDED {
            self.keep(self.interrupt_at)?;
        }
        Ok(())
    }

    /// Opens the window with what was saved, folds the events since then again, and says how many those were.
    fn restore(&mut self, from: &Saved, until: Option<Instant>) -> Result<usize, Verdict> {
        if !self.worker.is_alive() {
            let time_left = until.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
            self.worker.start_instance(time_left).map_err(|error| Verdict::Unavailable(error.to_string()))?;
        }
        let (batch, window) = (self.batch, self.window);
        let opened = self
            .worker
            .call(None, until, |instance, budget| instance.open(batch, window, from.state.as_deref(), budget));
        if let Err(reason) = opened.map_err(|broke| unavailable("while it opened a window", broke))? {
            self.refused = Some(reason.clone());
            return Err(Verdict::Unavailable(StateRefused(reason).to_string()));
        }
        let behind = self.folded.partition_point(|index| *index < from.next);
        for index in &self.folded[behind..] {
            if until.is_some_and(|until| Instant::now() >= until) {
                return Err(Verdict::Interrupted);
            }
            let event = batch.event(*index);
            let again =
                self.worker.call(Some((batch, event)), until, |instance, budget| instance.accumulate(event, budget));
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
    fn save_in_time(&mut self, next: usize) {
        if self.saved_at.elapsed() >= UNSAVED.max(self.saving_took * SAVING) && next < self.batch.len() {
            // If it can't be saved now, that is seen when it has to be.
            let _ = self.keep(self.interrupt_at);
        }
    }

    /// Saves the state of all that was folded, to go back to.
    fn keep(&mut self, until: Option<Instant>) -> Result<(), Verdict> {
        let started = Instant::now();
        let state = Some(self.save(until)?);
        self.saving_took = started.elapsed();
        self.saved_at = Instant::now();
        let next = self.folded.last().map_or(self.origin.next, |last| last + 1);
        self.latest = Saved { next, state };
        Ok(())
    }

    fn save(&mut self, until: Option<Instant>) -> Result<Arc<[u8]>, Verdict> {
        let saved = self.worker.call(None, until, |instance, budget| instance.save(budget));
        self.is_sound &= saved.is_ok();
        saved.map(Arc::from).map_err(|broke| unavailable("while it saved its state", broke))
    }
}

/// What a call that broke outside of an event means for what comes next.
fn unavailable(when: &str, broke: Broke) -> Verdict {
    match broke {
        Broke::Interrupted => Verdict::Interrupted,
        Broke::Fault(fault) => Verdict::Unavailable(format!("it broke {when}: {}", fault.reason)),
    }
}

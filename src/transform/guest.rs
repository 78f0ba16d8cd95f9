//! A guest at work on a batch: called event by event, started anew after it broke, with its clock and its log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Store;

use super::guest_time::{GuestTime, time_until, verdict_at_its_end};
use super::host::HostState;
use super::instance::{CallError, CallTime, Exports, Instance, InstanceTemplate, StartError};
use super::log::GuestOutput;
use super::log_budget::LogBudget;
use super::ticker::{Ticker, Timekeeping};
use super::verdict::{Fault, FaultKind, Verdict};
use crate::event::{Batch, Event};

/// What a call says that finds no instance.
pub(super) const NO_INSTANCE: &str = "there is no instance of the transform";

/// An instance while it lives, and all that it takes to make one.
pub(super) struct InstanceSlot<E: Exports> {
    /// None: there is no transform, and never an instance.
    blueprint: Option<Arc<InstanceTemplate<E>>>,
    ticker: Arc<Ticker>,
    /// None after a fault, until the next call needs one. In a box, since it is taken away for each call.
    instance: Option<Box<Instance<E>>>,
}

/// A guest, while it has a batch.
pub(super) struct Guest<'a, E: Exports> {
    slot: &'a mut InstanceSlot<E>,
    batch: Arc<Batch>,
    time: Option<GuestTime>,
    log: LogBudget,
    clock: Timekeeping,
}

impl<E: Exports> InstanceSlot<E> {
    pub(super) fn new(blueprint: Arc<InstanceTemplate<E>>, ticker: Arc<Ticker>) -> Self {
        Self { blueprint: Some(blueprint), ticker, instance: None }
    }

    /// The place of a worker without a transform.
    pub(super) fn without_transform(ticker: Arc<Ticker>) -> Self {
        Self { blueprint: None, ticker, instance: None }
    }

    /// Starts an instance, and returns the form of the state that it saves, if it saves any.
    pub(super) fn start_instance(
        &mut self,
        time_left: Duration,
        log: &LogBudget,
    ) -> Result<Option<String>, StartError> {
        let Some(blueprint) = &self.blueprint else { return Ok(None) };
        let _timekeeping = self.ticker.keep_time();
        let (start, written) = Instance::start(blueprint, time_left);
        log.write(&written, None);
        let instance = self.instance.insert(Box::new(start?));
        Ok(instance.state_form.clone())
    }

    /// Returns the guest for a batch.
    pub(super) fn guest(&mut self, batch: Arc<Batch>, time: Option<GuestTime>, log: LogBudget) -> Guest<'_, E> {
        let clock = self.ticker.keep_time();
        Guest { slot: self, batch, time, log, clock }
    }
}

impl<E: Exports> Guest<'_, E> {
    pub(super) fn batch(&self) -> &Arc<Batch> {
        &self.batch
    }

    /// The time, at most a tick ago.
    pub(super) fn now(&mut self) -> Instant {
        self.clock.now()
    }

    /// The time as it is, after something that took some.
    pub(super) fn look(&mut self) -> Instant {
        self.clock.look()
    }

    /// When guests are interrupted, whatever they do; none: never.
    pub(super) fn interrupt_at(&self) -> Option<Instant> {
        self.time.map(|time| time.interrupt_at)
    }

    /// Whether the time of guests is over.
    pub(super) fn is_time_over(&self, now: Instant) -> bool {
        self.time.is_some_and(|time| time.is_over(now))
    }

    /// Whether there is no transform.
    pub(super) fn has_no_transform(&self) -> bool {
        self.slot.blueprint.is_none()
    }

    /// The time that guests have.
    pub(super) fn time(&self) -> Option<GuestTime> {
        self.time
    }

    /// Whether there is an instance: one that was started before.
    pub(super) fn is_alive(&self) -> bool {
        self.slot.instance.is_some()
    }

    /// Starts an instance, unless there is one.
    pub(super) fn be_alive(&mut self, until: Option<Instant>) -> Result<(), Verdict> {
        if self.is_alive() { Ok(()) } else { self.start_again(until) }
    }

    #[cold]
    fn start_again(&mut self, until: Option<Instant>) -> Result<(), Verdict> {
        let now = self.look();
        let started = self.slot.start_instance(time_until(until, now), &self.log);
        let now = self.look();
        // Whether it would have started is not known then.
        if until.is_some_and(|until| now >= until) {
            return Err(Verdict::Interrupted);
        }
        started.map(drop).map_err(|error| Verdict::Unavailable(error.to_string()))
    }

    /// One call, of an instance that is there. One that broke is thrown away.
    pub(super) fn call<T>(
        &mut self,
        about: Option<Event<'_>>,
        until: Option<Instant>,
        call: impl FnOnce(&E, &mut Store<HostState>) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        let (answer, written) = self.attempt(until, call);
        self.write(&written, about);
        answer
    }

    /// The same; what the guest wrote comes along, and is not in the log yet.
    fn attempt<T>(
        &mut self,
        until: Option<Instant>,
        call: impl FnOnce(&E, &mut Store<HostState>) -> wasmtime::Result<T>,
    ) -> (Result<T, CallError>, GuestOutput) {
        let now = self.clock.now();
        let (Some(mut instance), Some(blueprint)) = (self.slot.instance.take(), &self.slot.blueprint) else {
            return (Err(CallError::NoInstance), GuestOutput::default());
        };
        let time = CallTime { now, left: time_until(until, now) };
        let (answer, written) = instance.call(&self.batch, blueprint, time, call);
        if answer.is_ok() {
            instance.has_worked = true;
            self.slot.instance = Some(instance);
        }
        (answer, written)
    }

    fn write(&self, written: &GuestOutput, about: Option<Event<'_>>) {
        if !written.is_empty() {
            self.log.write(written, about.map(|event| (&*self.batch, event)));
        }
    }

    /// One call about an event that depends on none before it, as [`Guest::call_about`]. If memory is used up in an instance that
    /// has worked before, others may have left too little: the event has another call, in a fresh one. What is wrong with the
    /// event itself comes again there. Of the first call, nothing is seen.
    ///
    /// # Errors
    /// The verdict on the event, where the call broke.
    pub(super) fn call_about_one<T>(
        &mut self,
        event: Event<'_>,
        turn: Instant,
        mut call: impl FnMut(&E, &mut Store<HostState>) -> wasmtime::Result<T>,
    ) -> Result<T, Verdict> {
        let has_worked = self.slot.instance.as_ref().is_some_and(|instance| instance.has_worked);
        let until = self.interrupt_at();
        let (answer, written) = self.attempt(until, &mut call);
        match answer {
            Err(CallError::Fault(Fault { kind: FaultKind::Memory, .. })) if has_worked => {
                self.start_again(until)?;
                self.call_about(event, turn, call)
            }
            answer => {
                self.write(&written, Some(event));
                answer.map_err(|broke| self.verdict_of(broke, turn))
            }
        }
    }

    /// One call about an event, whose turn came at this time, in the time that guests have.
    ///
    /// # Errors
    /// The verdict on the event, where the call broke.
    pub(super) fn call_about<T>(
        &mut self,
        event: Event<'_>,
        turn: Instant,
        call: impl FnOnce(&E, &mut Store<HostState>) -> wasmtime::Result<T>,
    ) -> Result<T, Verdict> {
        let answer = self.call(Some(event), self.interrupt_at(), call);
        answer.map_err(|broke| self.verdict_of(broke, turn))
    }

    /// The start of an instance between the turn and the call counts as the event's own time: what is interrupted is
    /// thrown away, so on a replay there would be such a start again.
    #[cold]
    fn verdict_of(&self, broke: CallError, turn: Instant) -> Verdict {
        match broke {
            CallError::Fault(fault) => Verdict::Fault(fault),
            CallError::Interrupted => verdict_at_its_end(self.time, turn),
            CallError::NoInstance => Verdict::Unavailable(NO_INSTANCE.to_owned()),
        }
    }
}

impl<E: Exports> Drop for Guest<'_, E> {
    fn drop(&mut self) {
        if let Some(instance) = &mut self.slot.instance {
            instance.rest();
        }
    }
}

//! One living guest: started, configured, and called until it breaks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use wasmtime::component::InstancePre;
use wasmtime::{Store, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::bindings::kinesieve::transform::types::{Event as EventParam, Outcome};
use super::bindings::{RecordTransform, RecordTransformPre};
use super::group::Given;
use super::host::HostState;
use super::limits::{HANDED_OVER, Limits, START_TIME};
use super::log::Written;
use super::ticker::ticks;
use super::{Fault, FaultKind, Verdict};
use crate::event::{Batch, Event};

/// The longest reason that is kept of what a guest says.
const REASON_BYTES: usize = 4096;

/// Why a guest did not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Its `configure` refused the settings.
    #[error("the transform refuses its settings: {0}")]
    Refused(String),
    /// It broke before its first event.
    #[error("the transform broke while it started: {0}")]
    Broken(String),
    /// The operating system gave no thread.
    #[error("no thread for the transform: {0}")]
    NoThread(String),
    /// It works on something else.
    #[error("{0}")]
    OtherWorld(&'static str),
}

/// What every new instance is made of.
#[derive(Clone)]
pub(super) struct Blueprint {
    pub(super) pre: RecordTransformPre<HostState>,
    pub(super) limits: Limits,
    pub(super) settings: Arc<[(String, String)]>,
}

impl Blueprint {
    pub(super) fn new(
        pre: InstancePre<HostState>,
        limits: Limits,
        settings: Arc<[(String, String)]>,
    ) -> wasmtime::Result<Self> {
        Ok(Self { pre: RecordTransformPre::new(pre)?, limits, settings })
    }
}

/// A guest in its own store. After a fault it must never be called again, so every call that can
/// break takes it away from the caller first: in a box, since that happens for each event.
pub(super) struct Instance {
    store: Store<HostState>,
    bindings: RecordTransform,
}

/// The outcome of one call: what it gave, and the instance if it can go on.
pub(super) struct Called {
    pub(super) given: Given,
    pub(super) survivor: Option<Box<Instance>>,
    pub(super) written: Written,
}

impl Instance {
    /// Makes an instance and configures it, all of it within the time left and [`START_TIME`].
    pub(super) fn start(blueprint: &Blueprint, time_left: Duration) -> (Result<Self, StartError>, Written) {
        let limits = blueprint.limits;
        let mut store = Store::new(blueprint.pre.engine(), HostState::new(limits.memory));
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(HANDED_OVER);
        allow(&mut store, Instant::now(), START_TIME.min(time_left));
        let started = start_in(&mut store, blueprint);
        let written = store.data().log.take();
        (started.map(|bindings| Self { store, bindings }), written)
    }

    /// Hands one event to the guest, for as long as the limit for an event and the time left allow.
    pub(super) fn process(
        mut self: Box<Self>,
        batch: &Arc<Batch>,
        event: Event<'_>,
        limits: Limits,
        now: Instant,
        time_left: Duration,
    ) -> Called {
        let is_cut_short = time_left < limits.event_time;
        allow(&mut self.store, now, limits.event_time.min(time_left));
        let state = self.store.data_mut();
        state.limiter.forget_refusal();
        if !state.batch.as_ref().is_some_and(|current| Arc::ptr_eq(current, batch)) {
            state.batch = Some(Arc::clone(batch));
        }
        let param = EventParam {
            data: event.payload.bytes(),
            partition_key: event.partition_key,
            sequence_number: event.sequence_number.as_str(),
            sub_sequence_number: event.sub_sequence_number,
            arrived_at: event.arrived_at,
        };
        let outcome = self.bindings.kinesieve_transform_transform().call_process(&mut self.store, param);
        let mut written = self.store.data().log.take();
        let given = match outcome {
            Ok(Outcome::Keep) => Verdict::Keep.into(),
            Ok(Outcome::Drop) => Verdict::Drop.into(),
            Ok(Outcome::Emit(outputs)) => Given::Outputs(outputs),
            Ok(Outcome::Retry(reason)) => Verdict::Retry(bounded(reason)).into(),
            Ok(Outcome::Reject(reason)) => Verdict::Reject(bounded(reason)).into(),
            Err(error) => {
                let verdict = if is_cut_short && is_interrupt(&error) {
                    Verdict::Interrupted
                } else {
                    let time = format!("{:?} (KINESIEVE_EVENT_TIMEOUT)", limits.event_time);
                    let fault = fault_of(&error, self.store.data(), limits, &time, &written);
                    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
                        written.add_backtrace(backtrace);
                    }
                    Verdict::Fault(fault)
                };
                return Called { given: verdict.into(), survivor: None, written };
            }
        };
        Called { given, survivor: Some(self), written }
    }

    /// Lets go of the batch, so that its memory is not held until the next one comes.
    pub(super) fn rest(&mut self) {
        self.store.data_mut().batch = None;
    }
}

fn start_in(store: &mut Store<HostState>, blueprint: &Blueprint) -> Result<RecordTransform, StartError> {
    let broken = |error: &wasmtime::Error, store: &Store<HostState>| {
        let time = format!("{START_TIME:?}");
        let fault = fault_of(error, store.data(), blueprint.limits, &time, &Written::default());
        StartError::Broken(fault.reason)
    };
    let bindings = match blueprint.pre.instantiate(&mut *store) {
        Ok(bindings) => bindings,
        Err(error) => return Err(broken(&error, store)),
    };
    let settings: Vec<(&str, &str)> =
        blueprint.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    match bindings.kinesieve_transform_transform().call_configure(&mut *store, &settings) {
        Ok(Ok(())) => Ok(bindings),
        Ok(Err(reason)) => Err(StartError::Refused(bounded(reason))),
        Err(error) => Err(broken(&error, store)),
    }
}

/// Gives the next call so much time, in the guest and in the host calls that it makes.
pub(super) fn allow(store: &mut Store<HostState>, now: Instant, budget: Duration) {
    store.set_epoch_deadline(ticks(budget));
    store.data_mut().call_ends = now + budget;
}

/// Whether a call ended because its time was over.
pub(super) fn is_interrupt(error: &wasmtime::Error) -> bool {
    matches!(error.downcast_ref::<Trap>(), Some(Trap::Interrupt))
}

/// What broke, for a person. Memory comes first: a guest that was refused memory may end in any trap.
pub(super) fn fault_of(
    error: &wasmtime::Error,
    state: &HostState,
    limits: Limits,
    time: &str,
    written: &Written,
) -> Fault {
    if state.limiter.refused() {
        let limit = ByteSize::b(limits.memory as u64).display().iec();
        let reason = format!("asked for more memory than its limit of {limit} (KINESIEVE_MEMORY_LIMIT)");
        return Fault { kind: FaultKind::Memory, reason };
    }
    if is_interrupt(error) {
        return Fault { kind: FaultKind::Timeout, reason: format!("took longer than its limit of {time}") };
    }
    let what = if let Some(exit) = error.downcast_ref::<I32Exit>() {
        format!("exited with status {}", exit.0)
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        format!("trapped: {trap}")
    } else {
        format!("failed: {}", error.root_cause())
    };
    // Languages print why they panic before they trap, and the trap itself says next to nothing.
    let last_words: Vec<&str> =
        written.lines.iter().filter(|line| line.source == "stderr").map(|line| line.text.trim()).collect();
    let reason = if last_words.is_empty() {
        what
    } else {
        bounded(format!("{what}; on standard error: {}", last_words.join(" ")))
    };
    Fault { kind: FaultKind::Trap, reason }
}

/// A reason as long as a log line or a dead letter can bear; guests may write what they like.
pub(super) fn bounded(reason: String) -> String {
    if reason.len() <= REASON_BYTES {
        return reason;
    }
    // A copy: cut in place it would keep all of its memory.
    format!("{}…", &reason[..reason.floor_char_boundary(REASON_BYTES)])
}

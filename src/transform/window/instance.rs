//! One living guest of windows: started, configured, and called until it breaks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Store;

use super::bindings::exports::kinesieve::transform::window::{
    Conclusion, Ending as EndingParam, Event as EventParam, Folding, Span,
};
use super::bindings::{WindowTransform, WindowTransformPre};
use super::{Ending, Window};
use crate::event::{Batch, Event};
use crate::transform::group::Given;
use crate::transform::host::HostState;
use crate::transform::instance::{StartError, allow, bounded, fault_of, is_interrupt};
use crate::transform::limits::{HANDED_OVER, Limits, START_TIME};
use crate::transform::log::Written;
use crate::transform::{Fault, Verdict};

/// The longest name of a state's form.
const FORM_BYTES: usize = 256;

/// What every new instance is made of.
#[derive(Clone)]
pub(super) struct Blueprint {
    pub(super) pre: WindowTransformPre<HostState>,
    pub(super) limits: Limits,
    pub(super) settings: Arc<[(String, String)]>,
}

/// A guest in its own store. After a call that broke it must never be called again.
pub(super) struct Instance {
    store: Store<HostState>,
    bindings: WindowTransform,
    /// The form of its state.
    pub(super) form: String,
}

/// The time that a call has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) limits: Limits,
    pub(super) now: Instant,
    /// Until guests have to be done, whatever they do.
    pub(super) time_left: Duration,
}

/// Why a call came to no answer.
#[derive(Debug)]
pub(super) enum Broke {
    /// The guest is broken.
    Fault(Fault),
    /// All time was over, not the call's own.
    Interrupted,
}

/// What came of a call: its answer, and the lines that the guest wrote.
pub(super) type Called<T> = (Result<T, Broke>, Written);

impl Instance {
    /// Makes an instance and configures it, all of it within the time left and [`START_TIME`].
    pub(super) fn start(blueprint: &Blueprint, time_left: Duration) -> (Result<Self, StartError>, Written) {
        let mut store = Store::new(blueprint.pre.engine(), HostState::new(blueprint.limits.memory));
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(HANDED_OVER);
        allow(&mut store, Instant::now(), START_TIME.min(time_left));
        let started = start_in(&mut store, blueprint);
        let written = store.data().log.take();
        (started.map(|(bindings, form)| Self { store, bindings, form }), written)
    }

    /// Begins with a window, or goes on with it. The inner error is the guest's own: it can't read the state.
    pub(super) fn open(
        &mut self,
        batch: &Arc<Batch>,
        window: Window,
        state: Option<&[u8]>,
        budget: Budget,
    ) -> Called<Result<(), String>> {
        self.store.data_mut().batch = Some(Arc::clone(batch));
        let span = Span { start: window.start, end: window.end };
        let opened =
            self.call(budget, |bindings, store| bindings.kinesieve_transform_window().call_open(store, span, state));
        (opened.0.map(|opened| opened.map_err(bounded)), opened.1)
    }

    /// Hands one event to the guest.
    pub(super) fn accumulate(&mut self, event: Event<'_>, budget: Budget) -> Called<Verdict> {
        let param = EventParam {
            data: event.payload.bytes(),
            partition_key: event.partition_key,
            sequence_number: event.sequence_number.as_str(),
            sub_sequence_number: event.sub_sequence_number,
            arrived_at: event.arrived_at,
        };
        let folded =
            self.call(budget, |bindings, store| bindings.kinesieve_transform_window().call_accumulate(store, param));
        let verdict = |folding| match folding {
            Folding::Folded => Verdict::Folded,
            Folding::Retry(reason) => Verdict::Retry(bounded(reason)),
            Folding::Reject(reason) => Verdict::Reject(bounded(reason)),
        };
        (folded.0.map(verdict), folded.1)
    }

    /// The state as bytes.
    pub(super) fn save(&mut self, budget: Budget) -> Called<Vec<u8>> {
        self.call(budget, |bindings, store| bindings.kinesieve_transform_window().call_save(store))
    }

    /// Closes the window.
    pub(super) fn finish(&mut self, ending: Ending, budget: Budget) -> Called<Given> {
        let ending = match ending {
            Ending::Complete => EndingParam::Complete,
            Ending::Early => EndingParam::Early,
        };
        let finished =
            self.call(budget, |bindings, store| bindings.kinesieve_transform_window().call_finish(store, ending));
        let given = |conclusion| match conclusion {
            Conclusion::Emit(outputs) => Given::Outputs(outputs),
            Conclusion::Retry(reason) => Verdict::Retry(bounded(reason)).into(),
            Conclusion::Reject(reason) => Verdict::Reject(bounded(reason)).into(),
        };
        (finished.0.map(given), finished.1)
    }

    /// Lets go of the batch, so that its memory is not held until the next one comes.
    pub(super) fn rest(&mut self) {
        self.store.data_mut().batch = None;
    }

    fn call<T>(
        &mut self,
        budget: Budget,
        call: impl FnOnce(&WindowTransform, &mut Store<HostState>) -> wasmtime::Result<T>,
    ) -> Called<T> {
        let Budget { limits, now, time_left } = budget;
        allow(&mut self.store, now, limits.event_time.min(time_left));
        self.store.data_mut().limiter.forget_refusal();
        let answer = call(&self.bindings, &mut self.store);
        let written = self.store.data().log.take();
        let answer = answer.map_err(|error| {
            if time_left < limits.event_time && is_interrupt(&error) {
                return Broke::Interrupted;
            }
            let time = format!("{:?} (KINESIEVE_EVENT_TIMEOUT)", limits.event_time);
            Broke::Fault(fault_of(&error, self.store.data(), limits, &time, &written))
        });
        (answer, written)
    }
}

fn start_in(store: &mut Store<HostState>, blueprint: &Blueprint) -> Result<(WindowTransform, String), StartError> {
    let broken = |error: &wasmtime::Error, store: &Store<HostState>| {
        let time = format!("{START_TIME:?}");
        StartError::Broken(fault_of(error, store.data(), blueprint.limits, &time, &Written::default()).reason)
    };
    let bindings = match blueprint.pre.instantiate(&mut *store) {
        Ok(bindings) => bindings,
        Err(error) => return Err(broken(&error, store)),
    };
    let settings: Vec<(&str, &str)> =
        blueprint.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let guest = bindings.kinesieve_transform_window();
    match guest.call_configure(&mut *store, &settings) {
        Ok(Ok(())) => {}
        Ok(Err(reason)) => return Err(StartError::Refused(bounded(reason))),
        Err(error) => return Err(broken(&error, store)),
    }
    match guest.call_state_form(&mut *store) {
        Ok(form) if form.is_empty() || form.len() > FORM_BYTES => Err(StartError::Broken(format!(
            "its state-form is a text of {} bytes: name its state's form in 1 to {FORM_BYTES}, as \"sums/1\"",
            form.len()
        ))),
        Ok(form) => Ok((bindings, form)),
        Err(error) => Err(broken(&error, store)),
    }
}

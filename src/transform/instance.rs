//! One living guest of any world: started, configured, and called until it breaks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::InstancePre;
use wasmtime::{Engine, Store, WasmBacktrace};

use super::artifact::Transform;
use super::fault::{bounded, fault_of, is_interrupt};
use super::host::HostState;
use super::limits::{HANDED_OVER, Limits, START_TIME};
use super::log::GuestOutput;
use super::ticker::ticks;
use super::trace::{self, SourceFolder};
use super::verdict::Fault;
use crate::error_code::ErrorCode;
use crate::event::Batch;

/// The longest name of a state's form.
const FORM_BYTES: usize = 256;

/// A call that may take longer than the clock can count to may take this long.
const FOR_EVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// Why a guest did not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Its `configure` refused the settings.
    #[error("the transform rejected its settings: {0}")]
    Refused(String),
    /// It broke before its first event.
    #[error("the transform failed while it started: {0}")]
    Broken(String),
    /// The operating system gave no thread.
    #[error("can't start a thread for the transform: {0}")]
    NoThread(String),
    /// It works on something else.
    #[error("{0}")]
    OtherWorld(&'static str),
}

impl StartError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            StartError::Refused(_) => ErrorCode::TransformSettingsRefused,
            StartError::Broken(_) => ErrorCode::TransformStartFailed,
            StartError::NoThread(_) => ErrorCode::NoThread,
            StartError::OtherWorld(_) => ErrorCode::OtherWorld,
        }
    }
}

/// What the component of a world exports, bound to one instance.
pub(super) trait Exports: Sized + Send + 'static {
    /// A component with its exports looked up.
    type Component: Send + Sync + 'static;

    /// Looks the exports up.
    fn look_up(linked: InstancePre<HostState>) -> wasmtime::Result<Self::Component>;

    /// Makes an instance.
    fn instantiate(component: &Self::Component, store: &mut Store<HostState>) -> wasmtime::Result<Self>;

    /// Hands the settings to `configure`. The inner error is the guest's own: it refuses them.
    fn configure(
        &self,
        store: &mut Store<HostState>,
        settings: &[(&str, &str)],
    ) -> wasmtime::Result<Result<(), String>>;

    /// Returns the form of the state that the guest saves; none: it saves none.
    fn state_form(&self, _store: &mut Store<HostState>) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

/// What is done to the store of a new instance before that is started.
pub(super) type Preparation = Box<dyn Fn(&mut Store<HostState>) + Send + Sync>;

/// What every new instance is made of.
pub(super) struct InstanceTemplate<E: Exports> {
    engine: Engine,
    component: E::Component,
    pub(super) limits: Limits,
    settings: Vec<(String, String)>,
    sources: SourceFolder,
    preparation: Option<Preparation>,
}

impl<E: Exports> InstanceTemplate<E> {
    pub(super) fn new(transform: &Transform, limits: Limits, settings: &[(String, String)]) -> wasmtime::Result<Self> {
        let linked = transform.linked();
        let engine = linked.engine().clone();
        let sources = transform.sources();
        let component = E::look_up(linked)?;
        Ok(Self { engine, component, limits, settings: settings.to_vec(), sources, preparation: None })
    }

    /// Returns the template of instances whose stores are prepared like this.
    #[cfg(feature = "compiler")]
    pub(super) fn prepared_by(self, preparation: Preparation) -> Self {
        Self { preparation: Some(preparation), ..self }
    }
}

/// A guest in its own store. After a call that broke it must never be called again.
pub(super) struct Instance<E> {
    store: Store<HostState>,
    exports: E,
    /// The form of the state that it saves; none: it saves none.
    pub(super) state_form: Option<String>,
    /// Whether a call came to its end: what it has of memory may be what that left behind.
    pub(super) has_worked: bool,
}

/// The time that a call has.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallTime {
    /// When it begins.
    pub(super) now: Instant,
    /// How long it is until guests have to be done, whatever they do.
    pub(super) left: Duration,
}

/// Why a call came to no answer.
#[derive(Debug)]
pub(super) enum CallError {
    /// The guest is broken.
    Fault(Fault),
    /// All time was over, not the call's own.
    Interrupted,
    /// There was no instance to call.
    NoInstance,
}

impl<E: Exports> Instance<E> {
    /// Makes an instance and configures it, all of it within the time left and [`START_TIME`].
    pub(super) fn start(
        blueprint: &InstanceTemplate<E>,
        time_left: Duration,
    ) -> (Result<Self, StartError>, GuestOutput) {
        let limits = blueprint.limits;
        let mut store = Store::new(&blueprint.engine, HostState::new(limits.memory));
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(HANDED_OVER);
        if let Some(prepare) = &blueprint.preparation {
            prepare(&mut store);
        }
        allow(&mut store, Instant::now(), START_TIME.min(time_left));
        let mut trace = Vec::new();
        let started = start_in(&mut store, blueprint, &mut trace);
        let mut written = store.data().log.take();
        written.add_trace(trace);
        (started.map(|(exports, state_form)| Self { store, exports, state_form, has_worked: false }), written)
    }

    /// One call about a batch, for as long as the limit for an event and the time left allow.
    pub(super) fn call<T>(
        &mut self,
        batch: &Arc<Batch>,
        blueprint: &InstanceTemplate<E>,
        time: CallTime,
        call: impl FnOnce(&E, &mut Store<HostState>) -> wasmtime::Result<T>,
    ) -> (Result<T, CallError>, GuestOutput) {
        let limits = blueprint.limits;
        allow(&mut self.store, time.now, limits.event_time.min(time.left));
        let state = self.store.data_mut();
        state.limiter.forget_refusal();
        if !state.batch.as_ref().is_some_and(|current| Arc::ptr_eq(current, batch)) {
            state.batch = Some(Arc::clone(batch));
        }
        let answer = call(&self.exports, &mut self.store);
        let mut written = self.store.data().log.take();
        let answer = answer.map_err(|error| {
            if time.left < limits.event_time && is_interrupt(&error) {
                return CallError::Interrupted;
            }
            let limit = format!("{:?} (KINESIEVE_EVENT_TIMEOUT)", limits.event_time);
            let fault = fault_of(&error, self.store.data(), limits, &limit, &written);
            if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
                written.add_trace(trace::of(backtrace, &blueprint.sources));
            }
            CallError::Fault(fault)
        });
        (answer, written)
    }

    /// Lets go of the batch, so that its memory is not held until the next one comes.
    pub(super) fn rest(&mut self) {
        self.store.data_mut().batch = None;
    }
}

fn start_in<E: Exports>(
    store: &mut Store<HostState>,
    blueprint: &InstanceTemplate<E>,
    trace: &mut Vec<String>,
) -> Result<(E, Option<String>), StartError> {
    let mut broken = |error: &wasmtime::Error, store: &Store<HostState>| {
        if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
            *trace = trace::of(backtrace, &blueprint.sources);
        }
        let limit = format!("{START_TIME:?}");
        StartError::Broken(fault_of(error, store.data(), blueprint.limits, &limit, &GuestOutput::default()).reason)
    };
    let exports = match E::instantiate(&blueprint.component, store) {
        Ok(exports) => exports,
        Err(error) => return Err(broken(&error, store)),
    };
    let settings: Vec<(&str, &str)> =
        blueprint.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    match exports.configure(store, &settings) {
        Ok(Ok(())) => {}
        Ok(Err(reason)) => return Err(StartError::Refused(bounded(reason))),
        Err(error) => return Err(broken(&error, store)),
    }
    match exports.state_form(store) {
        Ok(Some(form)) if form.is_empty() || form.len() > FORM_BYTES => Err(StartError::Broken(format!(
            "its state-form is a text of {} bytes: name its state's form in 1 to {FORM_BYTES}, as \"sums/1\"",
            form.len()
        ))),
        Ok(form) => Ok((exports, form)),
        Err(error) => Err(broken(&error, store)),
    }
}

/// Gives the next call so much time, in the guest and in the host calls that it makes.
fn allow(store: &mut Store<HostState>, now: Instant, budget: Duration) {
    store.set_epoch_deadline(ticks(budget));
    store.data_mut().call_ends = now.checked_add(budget).unwrap_or_else(|| now + FOR_EVER);
}

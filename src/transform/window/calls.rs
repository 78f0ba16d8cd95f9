//! The calls of a window's guest.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::Store;
use wasmtime::component::InstancePre;

use super::bindings::exports::kinesieve::transform::window::{
    Conclusion, Ending as EndingParam, Event as EventParam, Folding as FoldingAnswer, Span,
};
use super::bindings::{WindowTransform, WindowTransformPre};
use super::{Window, WindowEnding};
use crate::event::Event;
use crate::transform::fault::bounded;
use crate::transform::group::CallOutcome;
use crate::transform::guest::Guest;
use crate::transform::host::HostState;
use crate::transform::instance::{CallError, Exports};
use crate::transform::verdict::Verdict;

impl Exports for WindowTransform {
    type Component = WindowTransformPre<HostState>;

    fn look_up(linked: InstancePre<HostState>) -> wasmtime::Result<Self::Component> {
        WindowTransformPre::new(linked)
    }

    fn instantiate(component: &Self::Component, store: &mut Store<HostState>) -> wasmtime::Result<Self> {
        component.instantiate(store)
    }

    fn configure(
        &self,
        store: &mut Store<HostState>,
        settings: &[(&str, &str)],
    ) -> wasmtime::Result<Result<(), String>> {
        self.kinesieve_transform_window().call_configure(store, settings)
    }

    fn state_form(&self, store: &mut Store<HostState>) -> wasmtime::Result<Option<String>> {
        self.kinesieve_transform_window().call_state_form(store).map(Some)
    }
}

impl Guest<'_, WindowTransform> {
    /// Begins with a window, or goes on with it. The inner error is the guest's own: it can't read the state.
    pub(super) fn open(
        &mut self,
        window: Window,
        state: Option<&[u8]>,
        until: Option<Instant>,
    ) -> Result<Result<(), String>, CallError> {
        let span = Span { start: window.start, end: window.end };
        let opened =
            self.call(None, until, |exports, store| exports.kinesieve_transform_window().call_open(store, span, state));
        opened.map(|opened| opened.map_err(bounded))
    }

    /// Hands over an event whose turn came at this time.
    pub(super) fn accumulate(&mut self, event: Event<'_>, turn: Instant) -> Verdict {
        let folded = self.call_about(event, turn, |exports, store| {
            exports.kinesieve_transform_window().call_accumulate(store, param_of(event))
        });
        folded.map_or_else(|verdict| verdict, verdict_of)
    }

    /// Hands over an event that was folded before.
    pub(super) fn accumulate_again(&mut self, event: Event<'_>, until: Option<Instant>) -> Result<Verdict, CallError> {
        let folded = self.call(Some(event), until, |exports, store| {
            exports.kinesieve_transform_window().call_accumulate(store, param_of(event))
        });
        folded.map(verdict_of)
    }

    /// Returns the state as bytes.
    pub(super) fn save(&mut self, until: Option<Instant>) -> Result<Arc<[u8]>, CallError> {
        self.call(None, until, |exports, store| exports.kinesieve_transform_window().call_save(store)).map(Arc::from)
    }

    /// Closes the window.
    pub(super) fn finish(&mut self, ending: WindowEnding, until: Option<Instant>) -> Result<CallOutcome, CallError> {
        let ending = match ending {
            WindowEnding::Complete => EndingParam::Complete,
            WindowEnding::Early => EndingParam::Early,
        };
        let finished =
            self.call(None, until, |exports, store| exports.kinesieve_transform_window().call_finish(store, ending));
        finished.map(|conclusion| match conclusion {
            Conclusion::Emit(outputs) => CallOutcome::Outputs(outputs),
            Conclusion::Retry(reason) => Verdict::Retry(bounded(reason)).into(),
            Conclusion::Reject(reason) => Verdict::Reject(bounded(reason)).into(),
        })
    }
}

fn param_of(event: Event<'_>) -> EventParam<'_> {
    EventParam {
        data: event.payload.bytes(),
        partition_key: event.partition_key,
        sequence_number: event.sequence_number.as_str(),
        sub_sequence_number: event.sub_sequence_number,
        arrived_at: event.arrived_at,
    }
}

fn verdict_of(answer: FoldingAnswer) -> Verdict {
    match answer {
        FoldingAnswer::Folded => Verdict::Folded,
        FoldingAnswer::Retry(reason) => Verdict::Retry(bounded(reason)),
        FoldingAnswer::Reject(reason) => Verdict::Reject(bounded(reason)),
    }
}

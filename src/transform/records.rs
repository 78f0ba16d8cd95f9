//! The guests of records: an event, a call.

use std::iter;
use std::num::NonZeroUsize;
use std::time::Instant;

use wasmtime::Store;
use wasmtime::component::InstancePre;

use super::artifact::Transform;
use super::bindings::kinesieve::transform::types::{Event as EventParam, Outcome};
use super::bindings::{RecordTransform, RecordTransformPre};
use super::contract::World;
use super::fault::bounded;
use super::group::CallOutcome;
use super::guest::Guest;
use super::host::HostState;
use super::instance::{Exports, StartError};
use super::limits::Limits;
use super::pool::{Job, Pool, WorkerLease};
use super::run::GuestRun;
use super::verdict::Verdict;
use super::worker::Program;
use crate::event::Event;

/// What a guest of records does with a batch: a call for each event.
#[derive(Debug, Clone, Copy)]
pub struct Records;

/// So many events of a batch are worth a further worker: waking it takes as long as some of the fastest calls.
const EVENTS_PER_WORKER: usize = 64;

impl Pool<Records> {
    /// Starts so many workers, each with an instance of its own, and waits until all are configured.
    ///
    /// # Errors
    /// When the transform is none of records, refuses its settings or breaks while it starts.
    pub fn start(
        transform: &Transform,
        limits: Limits,
        settings: &[(String, String)],
        workers: NonZeroUsize,
    ) -> Result<Self, StartError> {
        if transform.world() != World::Records {
            return Err(StartError::OtherWorld(
                "it is a transform of tumbling windows, and what comes here is in none: `kinesieve run \
                 --tumbling-window 60s` plays windows over a file or a stream",
            ));
        }
        Self::start_workers(Some(transform), None, limits, settings, workers)
    }

    /// Lends as many of those workers that have nothing to do as are of use for so many events; if all are at work, the
    /// one with the fewest batches.
    pub fn lend(&self, events: usize) -> WorkerLease<'_, Records> {
        self.lend_workers(NonZeroUsize::new(events / EVENTS_PER_WORKER).unwrap_or(NonZeroUsize::MIN))
    }
}

impl WorkerLease<'_, Records> {
    /// Begins with a batch, which these workers share; a worker works on batches one after the other.
    ///
    /// Workers without a conductor have no part in it.
    pub fn run(&self, job: Job) -> GuestRun {
        self.begin(job, iter::repeat(Records))
    }
}

impl Program for Records {
    type Exports = RecordTransform;

    fn process(
        &mut self,
        guest: &mut Guest<'_, RecordTransform>,
        _index: usize,
        event: Event<'_>,
        turn: Instant,
    ) -> CallOutcome {
        if guest.has_no_transform() {
            return Verdict::Keep.into();
        }
        process_with(guest, event, turn, |exports, store, param| {
            exports.kinesieve_transform_transform().call_process(store, param)
        })
    }

    fn end(self, guest: Guest<'_, RecordTransform>, hand_over: impl FnOnce()) {
        drop(guest);
        hand_over();
    }
}

/// Has a guest process an event whose turn came at this time, by a call of its function.
pub(super) fn process_with(
    guest: &mut Guest<'_, RecordTransform>,
    event: Event<'_>,
    turn: Instant,
    mut call: impl FnMut(&RecordTransform, &mut Store<HostState>, EventParam<'_>) -> wasmtime::Result<Outcome>,
) -> CallOutcome {
    if let Err(verdict) = guest.be_alive(guest.interrupt_at()) {
        return verdict.into();
    }
    let outcome = guest.call_about_one(event, turn, |exports, store| {
        let param = EventParam {
            data: event.payload.bytes(),
            partition_key: event.partition_key,
            sequence_number: event.sequence_number.as_str(),
            sub_sequence_number: event.sub_sequence_number,
            arrived_at: event.arrived_at,
        };
        call(exports, store, param)
    });
    match outcome {
        Ok(Outcome::Keep) => Verdict::Keep.into(),
        Ok(Outcome::Drop) => Verdict::Drop.into(),
        Ok(Outcome::Emit(outputs)) => CallOutcome::Outputs(outputs),
        Ok(Outcome::Retry(reason)) => Verdict::Retry(bounded(reason)).into(),
        Ok(Outcome::Reject(reason)) => Verdict::Reject(bounded(reason)).into(),
        Err(verdict) => verdict.into(),
    }
}

impl Exports for RecordTransform {
    type Component = RecordTransformPre<HostState>;

    fn look_up(linked: InstancePre<HostState>) -> wasmtime::Result<Self::Component> {
        RecordTransformPre::new(linked)
    }

    fn instantiate(component: &Self::Component, store: &mut Store<HostState>) -> wasmtime::Result<Self> {
        component.instantiate(store)
    }

    fn configure(
        &self,
        store: &mut Store<HostState>,
        settings: &[(&str, &str)],
    ) -> wasmtime::Result<Result<(), String>> {
        self.kinesieve_transform_transform().call_configure(store, settings)
    }
}

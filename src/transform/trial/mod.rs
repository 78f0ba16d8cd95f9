//! A guest on the thread of whoever watches it: called record by record, as a worker calls it, with figures of each call.
//!
//! | file | is |
//! | --- | --- |
//! | `presence` | whether the thread is inside the guest, looked at now and then |
//! | `repeatable` | clocks and randomness that are the same each time |
//! | `stacks` | the functions that the guest is in, looked at now and then |

mod presence;
mod repeatable;
mod stacks;

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Store;

use self::repeatable::RepeatableHost;
use super::artifact::Transform;
use super::bindings::{Output, RecordTransform};
use super::contract::World;
use super::emissions::{Emissions, OutputArena};
use super::engine::Insight;
use super::group::CallOutcome;
use super::guest::{Guest, InstanceSlot};
use super::host::HostState;
use super::instance::{InstanceTemplate, StartError};
use super::limits::Limits;
use super::log_budget::LogBudget;
use super::records::process_with;
use super::verdict::Verdict;
use crate::event::{Batch, Payload};

pub use presence::{GuestPresence, PresenceShare, PresenceWatch};
pub use stacks::StackSamples;

/// The clocks and the randomness that a guest on trial gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialHost {
    /// Those of this machine, as in production.
    Real,
    /// The same each time: the time of day is when the record arrived, and randomness comes from its sequence number.
    Repeatable {
        /// The time of day while the guest starts, in milliseconds since the Unix epoch.
        started_at: u64,
    },
}

/// How a guest on trial is watched.
#[derive(Debug, Clone)]
pub struct TrialOptions {
    /// What it sees of the time and of chance.
    pub host: TrialHost,
    /// What learns when the thread is inside the guest, if anything does.
    pub presence: Option<Arc<GuestPresence>>,
    /// What learns in which functions it is, if anything does: of a transform that was loaded for that.
    pub stacks: Option<Arc<StackSamples>>,
}

impl TrialOptions {
    /// Nobody watches.
    pub fn plain(host: TrialHost) -> Self {
        Self { host, presence: None, stacks: None }
    }
}

/// A guest of records on the thread that calls it.
pub struct Trial {
    slot: InstanceSlot<RecordTransform>,
    repeatable: Option<Arc<RepeatableHost>>,
    presence: Option<Arc<GuestPresence>>,
    insight: Insight,
    usage: TrialUsage,
}

/// What all calls of a guest took together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrialUsage {
    /// The most linear memory that an instance had after a call, in bytes.
    pub memory_bytes: usize,
    /// Instructions, of a transform that was loaded to count them.
    pub instructions: u64,
}

/// A guest on trial, while it has a batch.
pub struct TrialBatch<'a> {
    guest: Guest<'a, RecordTransform>,
    batch: Arc<Batch>,
    repeatable: Option<&'a RepeatableHost>,
    presence: Option<&'a GuestPresence>,
    insight: Insight,
    usage: &'a mut TrialUsage,
}

/// What a call gave.
#[derive(Debug)]
pub struct TrialAnswer(CallOutcome);

impl Trial {
    /// Starts and configures an instance.
    ///
    /// # Errors
    /// When the transform is none of records, refuses its settings or breaks while it starts.
    pub fn start(
        transform: &Transform,
        limits: Limits,
        settings: &[(String, String)],
        options: TrialOptions,
    ) -> Result<Self, StartError> {
        if transform.world() != World::Records {
            return Err(StartError::OtherWorld(
                "it is a transform of tumbling windows, and this command takes transforms of records: `kinesieve run \
                 --tumbling-window 60s` plays windows over a file or a stream",
            ));
        }
        let insight = transform.insight();
        let TrialOptions { host, presence, stacks } = options;
        let repeatable = match host {
            TrialHost::Real => None,
            TrialHost::Repeatable { started_at } => Some(Arc::new(RepeatableHost::new(started_at))),
        };
        let preparation = {
            let (repeatable, presence) = (repeatable.clone(), presence.clone());
            move |store: &mut Store<HostState>| {
                if insight == Insight::Instructions {
                    // The engine counts, so that this is no error.
                    let _ = store.set_fuel(u64::MAX);
                }
                if let Some(repeatable) = &repeatable {
                    store.data_mut().replace(|wasi| RepeatableHost::give(repeatable, wasi));
                }
                if let Some(presence) = &presence {
                    presence::follow(presence, store);
                }
                if let Some(stacks) = &stacks {
                    stacks::follow(stacks, store);
                }
            }
        };
        let template = InstanceTemplate::new(transform, limits, settings)
            .map_err(|error| StartError::Broken(format!("{error:#}")))?
            .prepared_by(Box::new(preparation));
        let mut slot = InstanceSlot::new(Arc::new(template), transform.ticker());
        slot.start_instance(Duration::MAX, &LogBudget::of_start())?;
        Ok(Self { slot, repeatable, presence, insight, usage: TrialUsage::default() })
    }

    /// Gives it a batch. What it says about each is in the log, as far as that goes.
    pub fn begin(&mut self, batch: Arc<Batch>) -> TrialBatch<'_> {
        let log = LogBudget::of(&batch);
        TrialBatch {
            guest: self.slot.guest(Arc::clone(&batch), None, log),
            batch,
            repeatable: self.repeatable.as_deref(),
            presence: self.presence.as_deref(),
            insight: self.insight,
            usage: &mut self.usage,
        }
    }

    /// What all calls took until now.
    pub fn usage(&self) -> TrialUsage {
        self.usage
    }
}

impl TrialBatch<'_> {
    /// Calls the guest with the event at `index`, whatever became of those before it. After a fault a new instance goes on.
    ///
    /// # Panics
    /// When there is no such event.
    pub fn call(&mut self, index: usize) -> TrialAnswer {
        let event = self.batch.event(index);
        if let Some(repeatable) = self.repeatable {
            repeatable.next_record(event);
        }
        if let Payload::Undecodable { .. } = event.payload {
            return TrialAnswer(Verdict::Undecodable.into());
        }
        let turn = self.guest.now();
        let (insight, usage) = (self.insight, &mut *self.usage);
        let outcome = process_with(&mut self.guest, event, turn, |exports, store, param| {
            let before = if insight == Insight::Instructions { store.get_fuel().unwrap_or(0) } else { 0 };
            let answer = exports.kinesieve_transform_transform().call_process(&mut *store, param);
            if insight == Insight::Instructions {
                usage.instructions += before.saturating_sub(store.get_fuel().unwrap_or(before));
            }
            usage.memory_bytes = usage.memory_bytes.max(store.data().limiter.used());
            answer
        });
        if let Some(presence) = self.presence {
            presence.leave();
        }
        TrialAnswer(outcome)
    }

    /// The time, at most a tick ago: it costs next to nothing.
    pub fn now(&mut self) -> Instant {
        self.guest.now()
    }
}

impl TrialAnswer {
    /// The number of outputs and their bytes; none: the verdict is another.
    pub fn outputs(&self) -> Option<(usize, usize)> {
        match &self.0 {
            CallOutcome::Outputs(outputs) => {
                Some((outputs.len(), outputs.iter().map(|output| output.data.len()).sum()))
            }
            CallOutcome::Other(_) => None,
        }
    }

    /// The verdict; none: there are outputs.
    pub fn verdict(&self) -> Option<&Verdict> {
        match &self.0 {
            CallOutcome::Outputs(_) => None,
            CallOutcome::Other(verdict) => Some(verdict),
        }
    }

    /// Returns it as a verdict.
    pub fn into_verdict(self) -> Verdict {
        match self.0 {
            CallOutcome::Outputs(outputs) => Verdict::Emit(emissions(&outputs)),
            CallOutcome::Other(verdict) => verdict,
        }
    }
}

fn emissions(outputs: &[Output]) -> Emissions {
    let mut arena = OutputArena::default();
    let range = arena.put(outputs);
    Emissions::new(&Arc::new(arena), range)
}

//! The batch algorithm: events through the transform into sinks, and where to replay from.
//!
//! The promise: an event is acknowledged only after it was delivered, dropped by the transform's own
//! word, or dead-lettered; nothing else ever moves the position forward. It holds because a batch is
//! settled front to back, and the first event that fails in a way that counts as a retry ends it. While
//! the guest works on later events, the outputs of earlier ones are on their way. No AWS type appears
//! here.

mod attempts;
mod ends;
mod guests;
mod lanes;
mod mirroring;
mod observer;
mod outputs;
mod pace;
mod patience;
mod report;
mod settlement;
mod unpacking;
mod window;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use ends::Ends;
pub use observer::Observer;
pub use outputs::Outputs;
pub use pace::Pace;
pub use patience::RetryLimits;
pub use report::{Cause, Counts, Effort, Failure, Report, Stop, Taken};
pub use window::{Folded, MOST_STATE_BYTES, Slice, State, WindowClosed, WindowError};

use attempts::Attempts;
use guests::Guests;
use mirroring::Mirroring;
use outputs::within;
use pace::{Pacer, Pacing};
use patience::Patience;
use settlement::Settlement;
use window::WindowGuests;

use crate::checkpoint::Mirror;
use crate::dead_letter::DeadLetters;
use crate::event::{Batch, Event, Flaw, Payload, Unpacking};
use crate::sink::{Delivery, HandOver, Output};
use crate::transform::{Conductor, Grouping, Guest, Job, Verdict, WindowGuest, World};

/// When a batch has to be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// From here on the guest does not run: what it finished is still delivered.
    pub interrupt_at: Instant,
    /// By now the report is due, whatever a target is doing.
    pub answer_by: Instant,
}

/// Takes batches through one transform to its targets.
pub struct Processor {
    transform: String,
    unpacking: Unpacking,
    workforce: Workforce,
    ends: Ends,
    retry_limits: RetryLimits,
    pacing: Pacing,
    attempts: Mutex<Attempts>,
    mirror: Option<Mirror>,
    observer: Option<Arc<dyn Observer>>,
}

/// Who is at work, and at what.
enum Workforce {
    Records(Guests),
    Windows(WindowGuests),
}

impl Processor {
    /// A processor for a started transform. Without a dead-letter target an event that can't be
    /// processed blocks its shard: it is never lost in silence.
    pub fn new(guest: Guest, outputs: Outputs, dead_letters: Option<DeadLetters>) -> Self {
        Self::of_workforce(Workforce::Records(Guests::new(guest)), outputs, dead_letters)
    }

    /// The same for a transform of windows, with one instance or more: each takes the batches of some shards.
    pub fn of_windows(
        guests: (WindowGuest, Vec<WindowGuest>),
        outputs: Outputs,
        dead_letters: Option<DeadLetters>,
    ) -> Self {
        Self::of_workforce(Workforce::Windows(WindowGuests::new(guests)), outputs, dead_letters)
    }

    fn of_workforce(workforce: Workforce, outputs: Outputs, dead_letters: Option<DeadLetters>) -> Self {
        Self {
            transform: String::new(),
            unpacking: Unpacking::default(),
            workforce,
            ends: Ends::new(outputs, dead_letters),
            retry_limits: RetryLimits::default(),
            pacing: Pacing::new(Pace::default()),
            attempts: Mutex::default(),
            mirror: None,
            observer: None,
        }
    }

    /// The same, by a name for its transform: its digest.
    #[must_use]
    pub fn of_transform(self, digest: &str) -> Self {
        Self { transform: digest.to_owned(), ..self }
    }

    /// The transform's digest; empty where nobody said it.
    pub fn transform(&self) -> &str {
        &self.transform
    }

    /// What the transform works on.
    pub fn world(&self) -> World {
        match self.workforce {
            Workforce::Records(_) => World::Records,
            Workforce::Windows(_) => World::Windows,
        }
    }

    /// The same, with records taken apart and decoded in another way than by default.
    #[must_use]
    pub fn with_unpacking(self, unpacking: Unpacking) -> Self {
        Self { unpacking, ..self }
    }

    /// The same, but the transform may not ask for an event again for ever.
    #[must_use]
    pub fn with_retry_limits(self, retry_limits: RetryLimits) -> Self {
        Self { retry_limits, ..self }
    }

    /// The same, with more instances of the transform: batches, and the events of a large one, are processed side by
    /// side, those of a partition key by one instance.
    #[must_use]
    pub fn with_more_guests(mut self, guests: impl IntoIterator<Item = Guest>) -> Self {
        if let Workforce::Records(all) = &mut self.workforce {
            all.add(guests);
        }
        self
    }

    /// The same, but no batch takes more instances than this: where several come at once, each finds some.
    #[must_use]
    pub fn with_guests_for_a_batch(mut self, most: NonZeroUsize) -> Self {
        if let Workforce::Records(all) = &mut self.workforce {
            all.keep_some(most);
        }
        self
    }

    /// The same, but no faster.
    #[must_use]
    pub fn with_pace(self, pace: Pace) -> Self {
        Self { pacing: Pacing::new(pace), ..self }
    }

    /// The same, but the position of each shard is mirrored, too.
    #[must_use]
    pub fn with_mirror(self, mirror: Mirror) -> Self {
        Self { mirror: Some(mirror), ..self }
    }

    /// The same, with somebody who looks on.
    #[must_use]
    pub fn with_observer(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// Where what comes of batches ends up.
    pub fn ends(&self) -> &Ends {
        &self.ends
    }

    /// Delivers one output past the transform.
    pub async fn put(&self, output: Output<'_>, until: Option<Instant>) -> Delivery {
        let outputs = [output];
        let delivered = within(until, self.ends.outputs.main().deliver(&outputs, until)).await.unwrap_or_default();
        let unanswered = || Delivery::Failed { reason: "the target gave no answer for it".into() };
        delivered.deliveries.into_iter().next().unwrap_or_else(unanswered)
    }

    /// Makes ready what the first deliveries would have to wait for, as far as that is done in this time.
    pub async fn warm(&self, patience: Duration) {
        let outputs = self.ends.outputs.sinks().map(|(_, sink)| sink.warm());
        let dead_letters = self.ends.dead_letters.as_ref().map(DeadLetters::warm);
        let all = futures_util::future::join_all(outputs.chain(dead_letters));
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::debug!("not all connections were made within {patience:?}");
        }
    }

    /// Where positions are mirrored, if they are.
    pub fn mirror(&self) -> Option<&Mirror> {
        self.mirror.as_ref()
    }

    /// Processes events as far as it goes.
    async fn process_events(
        &self,
        batch: Arc<Batch>,
        deadline: Option<Deadline>,
        ends: &Ends,
        mirror: Option<&Mirror>,
    ) -> Report {
        let started = Instant::now();
        let Workforce::Records(workforce) = &self.workforce else {
            return self.refuse(&batch, ends, started).await;
        };
        let mut mirroring = Mirroring::new(mirror, &batch, deadline);
        let patience = Patience::new(self.retry_limits, self.attempts().blocked(&batch));
        let mut skipped = 0;
        if mirroring.skips() {
            let before = mirroring.recall().await;
            patience.others_know(before.blocked);
            skipped = before.acknowledged;
        }
        // What is gathered has to depend on the batch alone.
        let is_prompt = ends.dead_letters.as_ref().is_none_or(|letters| letters.hand_over() == HandOver::Promptly);
        // A pace is kept by one.
        let mut pacer = self.pacing.of(batch.shard());
        let guests = if pacer.is_some() { workforce.lend_one() } else { workforce.lend(batch.len() - skipped) };
        let has_dead_letters = ends.dead_letters.is_some();
        let leader = |_| -> Box<dyn Conductor> {
            Box::new(Leader { patience: patience.clone(), pacer: pacer.take(), has_dead_letters })
        };
        let mut run = guests.run(Job {
            batch: Arc::clone(&batch),
            first: skipped,
            conductors: (0..guests.len()).map(leader).collect(),
            grouping: if is_prompt { Grouping::Promptly } else { Grouping::ByContent },
            interrupt_at: deadline.map(|deadline| deadline.interrupt_at),
        });
        if self.retry_limits.depend_on_the_past() {
            // The guest is at work meanwhile.
            patience.others_know(mirroring.recall().await.blocked);
        }
        let settle_by = mirroring.settle_by();
        let dead_letters = ends.dead_letters.as_ref();
        let mut settlement = Settlement::new(&batch, &ends.outputs, dead_letters, patience, settle_by, skipped)
            .observed_by(self.observer.as_deref());
        while !settlement.is_over() {
            match within(settle_by, run.next()).await {
                Some(Some(chunk)) => {
                    let mut window = vec![chunk];
                    // All that came up while earlier outputs were on their way goes together.
                    while is_prompt && let Some(chunk) = run.next_ready() {
                        window.push(chunk);
                    }
                    settlement.settle(window).await;
                }
                Some(None) => settlement.stop_here(Cause::TransformDown, "the transform's thread ended"),
                None => settlement.stop_here(Cause::Deadline, "the transform gave no answer before the deadline"),
            }
        }
        // The guests need not go on while what was gathered is delivered.
        drop(run);
        drop(guests);
        let mut report = settlement.finish(started).await;
        if let Some(stop) = &mut report.stop {
            if stop.attempts == 1 {
                // For the first time here: others may have tried it before.
                stop.count_attempts_of(mirroring.recall().await.blocked.as_ref());
            }
            stop.log(&batch, report.counts.unacknowledged);
        }
        self.attempts().note(&batch, report.stop.as_ref());
        report.checkpoint = mirroring.note(report.stop.as_ref()).await;
        (report.effort.checkpoint, report.effort.checkpoint_troubles) = mirroring.effort();
        report
    }

    /// No code panics while it holds this lock; if some ever does, the counts are still whole.
    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leads the guest through a batch: not too fast, and no further than is of use.
struct Leader {
    patience: Patience,
    pacer: Option<Pacer>,
    has_dead_letters: bool,
}

impl Conductor for Leader {
    fn wait_before(&mut self, event: Event<'_>) -> Duration {
        self.pacer.as_ref().map_or(Duration::ZERO, |pacer| pacer.wait_before(event))
    }

    fn is_last(&self, event: Event<'_>, verdict: &Verdict) -> bool {
        match verdict {
            Verdict::Keep | Verdict::Drop | Verdict::Folded | Verdict::Emit(_) => false,
            Verdict::Retry(_) => !self.has_dead_letters || !self.patience.may_have_run_out(event),
            // With nowhere to put it, a failed event will come again, and all behind it.
            Verdict::Undecodable if matches!(event.payload, Payload::Undecodable { flaw: Flaw::Nothing, .. }) => false,
            Verdict::Reject(_) | Verdict::Fault(_) | Verdict::Undecodable => !self.has_dead_letters,
            Verdict::Interrupted | Verdict::Unavailable(_) => true,
        }
    }
}

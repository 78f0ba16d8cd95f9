//! Lambda's event source mapping: which batch comes next, given what came of the last one. No I/O.
//!
//! [`Retries`] is the state machine of one batch, from its first delivery until each of its records is done or given
//! up. [`BatchFill`] says where a batch ends, [`Windows`] where a tumbling window does, and [`describe`] what is told of records
//! that are given up.

mod description;
mod fill;
mod windows;

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

pub use description::{IncludeRecords, describe};
pub use fill::{BatchFill, BatchLimits};
pub use windows::{WindowStep, Windows, window_of};

/// When a mapping splits a batch, and when it gives one up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MappingRules {
    /// What becomes of a batch after an error.
    pub on_error: OnError,
    /// How often a batch is delivered again before it is given up (`MaximumRetryAttempts`); none: for ever.
    pub retries: Option<u32>,
    /// The age at which records are given up (`MaximumRecordAgeInSeconds`), from their arrival on; none: at no age.
    pub record_age: Option<Duration>,
}

/// What becomes of a batch after an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnError {
    /// It comes again as it is.
    #[default]
    Repeat,
    /// Its halves come, one after the other (`BisectBatchOnFunctionError`).
    Halve,
}

/// What came of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// All of it is acknowledged.
    Done,
    /// The lowest record that is not acknowledged, by its index in the batch. One that was not delivered makes it a
    /// failure of all.
    StoppedAt(usize),
    /// There was an error instead of an answer.
    Failed,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MappingStep {
    /// Deliver these records, and say what came of it.
    Deliver(BatchDelivery),
    /// These records are given up.
    Discard(DiscardedRecords),
    /// Nothing: the batch is over.
    Over,
}

/// Records to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchDelivery {
    /// Their indices in the batch.
    pub range: Range<usize>,
    /// Counted from 1, and afresh after each progress.
    pub attempt: u32,
}

/// Records that are given up: they are delivered no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscardedRecords {
    /// Their indices in the batch.
    pub range: Range<usize>,
    /// Why.
    pub condition: DiscardCondition,
    /// How often they were delivered, since the last progress.
    pub invocations: u32,
    /// Whether the last of those deliveries was answered; none: there was none.
    pub last: Option<Answered>,
}

/// Why records are given up, as Lambda calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiscardCondition {
    /// They were delivered as often as the rules allow.
    RetryAttemptsExhausted,
    /// They are older than the rules allow.
    RecordAgeExceeded,
}

impl DiscardCondition {
    /// The name in Lambda's description.
    pub fn as_str(self) -> &'static str {
        match self {
            DiscardCondition::RetryAttemptsExhausted => "RetryAttemptsExhausted",
            DiscardCondition::RecordAgeExceeded => "RecordAgeExceeded",
        }
    }
}

/// Whether a delivery that was not acknowledged was answered at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// With the position to replay from.
    ByAPosition,
    /// It ended in an error.
    ByAnError,
}

/// One batch, and what of it still has to be delivered.
///
/// What no source settles is decided so: a position at the very front of what was delivered is no progress and no
/// error, so it costs an attempt and halves nothing; halves have the attempts that their batch had; and where records
/// are too old before their first delivery, only those are given up, while after a failed one all that is left of the
/// batch is.
#[derive(Debug, Clone)]
pub struct Retries {
    rules: MappingRules,
    /// The arrival of each record, in milliseconds since the Unix epoch.
    arrivals: Vec<u64>,
    /// What the batch was taken apart into, in its order: the first is next.
    parts: VecDeque<BatchPiece>,
}

/// Records that are delivered together.
#[derive(Debug, Clone)]
struct BatchPiece {
    range: Range<usize>,
    /// Deliveries that brought nothing.
    failures: u32,
    invocations: u32,
    last: Option<Answered>,
}

impl BatchPiece {
    fn new(range: Range<usize>) -> Self {
        Self { range, failures: 0, invocations: 0, last: None }
    }

    fn discard(&self, range: Range<usize>, condition: DiscardCondition) -> MappingStep {
        MappingStep::Discard(DiscardedRecords { range, condition, invocations: self.invocations, last: self.last })
    }
}

impl Retries {
    /// A batch that was never delivered, by the arrivals of its records in milliseconds since the Unix epoch.
    pub fn new(rules: MappingRules, arrivals: Vec<u64>) -> Self {
        let whole = Some(BatchPiece::new(0..arrivals.len())).filter(|_| !arrivals.is_empty());
        Self { rules, arrivals, parts: whole.into_iter().collect() }
    }

    /// What is to be done at this time, in milliseconds since the Unix epoch. A delivery stays the answer until
    /// [`came_back`](Self::came_back) says what came of it.
    pub fn next(&mut self, now: u64) -> MappingStep {
        let Some(part) = self.parts.front_mut() else { return MappingStep::Over };
        if self.rules.retries.is_some_and(|retries| part.failures > retries) {
            let given_up = part.discard(part.range.clone(), DiscardCondition::RetryAttemptsExhausted);
            self.parts.pop_front();
            return given_up;
        }
        let is_too_old = |index: &usize| {
            let age = Duration::from_millis(now.saturating_sub(self.arrivals[*index]));
            self.rules.record_age.is_some_and(|limit| age > limit)
        };
        let too_old = part.range.clone().take_while(is_too_old).count();
        if too_old > 0 {
            let end = if part.failures > 0 { part.range.end } else { part.range.start + too_old };
            let given_up = part.discard(part.range.start..end, DiscardCondition::RecordAgeExceeded);
            part.range.start = end;
            if part.range.is_empty() {
                self.parts.pop_front();
            }
            return given_up;
        }
        MappingStep::Deliver(BatchDelivery { range: part.range.clone(), attempt: part.failures.saturating_add(1) })
    }

    /// Takes in what came of the delivery that is next, and answers which records are acknowledged by it.
    pub fn came_back(&mut self, outcome: DeliveryOutcome) -> Range<usize> {
        let Some(mut part) = self.parts.pop_front() else { return 0..0 };
        let Range { start, end } = part.range;
        part.invocations = part.invocations.saturating_add(1);
        match outcome {
            DeliveryOutcome::Done => start..end,
            DeliveryOutcome::StoppedAt(index) if index > start && index < end => {
                // The rest is a batch of its own.
                self.parts.push_front(BatchPiece::new(index..end));
                start..index
            }
            DeliveryOutcome::Failed | DeliveryOutcome::StoppedAt(_) if self.halves(outcome, &part) => {
                let middle = start + part.range.len() / 2;
                part.last = Some(Answered::ByAnError);
                self.parts.push_front(BatchPiece { range: middle..end, ..part.clone() });
                self.parts.push_front(BatchPiece { range: start..middle, ..part });
                start..start
            }
            DeliveryOutcome::Failed | DeliveryOutcome::StoppedAt(_) => {
                part.failures = part.failures.saturating_add(1);
                part.last = Some(if is_error(outcome, &part) { Answered::ByAnError } else { Answered::ByAPosition });
                self.parts.push_front(part);
                start..start
            }
        }
    }

    fn halves(&self, outcome: DeliveryOutcome, part: &BatchPiece) -> bool {
        self.rules.on_error == OnError::Halve && part.range.len() > 1 && is_error(outcome, part)
    }
}

/// A position that was not delivered counts as one.
fn is_error(outcome: DeliveryOutcome, part: &BatchPiece) -> bool {
    match outcome {
        DeliveryOutcome::Done => false,
        DeliveryOutcome::StoppedAt(index) => !part.range.contains(&index),
        DeliveryOutcome::Failed => true,
    }
}

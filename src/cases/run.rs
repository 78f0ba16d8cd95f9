//! Cases through an instance of the transform, in the engine that production runs.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::outcome::CaseOutcome;
use super::suite::{Case, CaseStep, Suite};
use super::windows;
use crate::event::{Batch, Event, InvalidSequenceNumber, Record};
use crate::transform::{
    FlowControl, Grouping, Guests, Job, Limits, LogBudget, RecordPool, StartError, Transform, Verdict,
};

/// What a guest sees as its stream.
pub(super) const STREAM_ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/test";

/// What a guest sees as its shard.
pub(super) const SHARD_ID: &str = "shardId-000000000000";

/// What came of one expectation.
#[derive(Debug)]
pub struct CaseCheck {
    /// What became of it, or why it can't be said.
    pub outcome: Result<CaseOutcome, String>,
    /// Whether that is what was expected.
    pub is_expected: bool,
}

/// Why the cases of a suite could not be run. It counts as a failure of the suite.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The transform does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It starts, though it should not have.
    #[error("the transform takes its settings, and they were to be refused")]
    NotRefused,
    /// The settings are refused, with another text.
    #[error("the transform rejected its settings with another text: {came}")]
    RefusedOtherwise {
        /// What it says.
        came: String,
    },
    /// The cases are of windows, and the transform is not.
    #[error(
        "line {line}: a step of a `window` is for a transform of tumbling windows, and this one works on records: give \
         the case an `input`"
    )]
    NoWindows {
        /// Where the case is.
        line: usize,
    },
    /// An event belongs into a later window.
    #[error(
        "line {line}: the event arrives at or after the end of the window that is open, {end}: close the window before it, \
         with a case that has \"window\": \"close\", or give it another `arrivedAt`"
    )]
    BehindWindow {
        /// Where the case is.
        line: usize,
        /// When the window ends.
        end: String,
    },
    /// The transform's thread ended.
    #[error("the transform's thread ended")]
    NoThread,
    /// An event has no position.
    #[error(transparent)]
    Position(#[from] InvalidSequenceNumber),
}

/// Runs the cases of a suite, one after the other in one instance: what one leaves behind, the next one finds, as in
/// production. After a fault, as there, a new instance goes on. `after` is called when the transform has started, and with
/// its index after each step that is no event, so that what the transform says then can be told from the rest.
///
/// # Errors
/// When the transform does not start, or starts where it was to refuse its settings.
pub async fn run(
    suite: &Suite,
    transform: &Transform,
    limits: Limits,
    mut after: impl FnMut(Option<usize>),
) -> Result<Vec<CaseCheck>, RunError> {
    let started = Guests::start(transform, limits, &suite.settings, NonZeroUsize::MIN);
    after(None);
    let guests = match (started, &suite.refused) {
        (Ok(guests), None) => guests,
        (Ok(_), Some(_)) => return Err(RunError::NotRefused),
        (Err(StartError::Refused(came)), Some(expected)) => {
            return match &expected.text {
                Some(expected) if *expected != came => Err(RunError::RefusedOtherwise { came }),
                _ => Ok(Vec::new()),
            };
        }
        (Err(error), _) => return Err(error.into()),
    };
    match guests {
        Guests::Records(pool) => records(suite, &pool).await,
        Guests::Windows(pool) => windows::run(suite, transform, limits, pool, after).await,
    }
}

async fn records(suite: &Suite, guests: &RecordPool) -> Result<Vec<CaseCheck>, RunError> {
    if let Some(step) = suite.cases.iter().find(|case| !matches!(case.step, CaseStep::Event(_))) {
        return Err(RunError::NoWindows { line: step.line });
    }
    let mut run = guests.lend(1).run(job_of(&suite.cases)?);
    let mut verdicts = Vec::with_capacity(suite.cases.len());
    while let Some(chunk) = run.next().await {
        verdicts.extend(chunk.verdicts);
    }
    let mut verdicts = verdicts.into_iter();
    Ok(suite.cases.iter().map(|case| CaseCheck::of_event(case, verdicts.next())).collect())
}

/// The events of cases, for an instance that is to see all of them.
pub(super) fn job_of(cases: &[Case]) -> Result<Job, InvalidSequenceNumber> {
    let mut batch = Batch::builder(STREAM_ARN, SHARD_ID);
    for event in cases.iter().filter_map(Case::event) {
        let record = Record {
            partition_key: &event.key,
            sequence_number: &event.sequence_number,
            sub_sequence_number: event.sub_sequence_number,
            arrived_at: event.arrived_at,
        };
        batch.push_bytes(record, event.data.bytes())?;
    }
    let batch = Arc::new(batch.build());
    let log = LogBudget::of(&batch);
    let flow_controls: Vec<Box<dyn FlowControl>> = vec![Box::new(ThroughAll)];
    Ok(Job { batch, first: 0, flow_controls, grouping: Grouping::ByContent, time: None, log })
}

impl CaseCheck {
    /// What became of an event, by the verdict on it.
    pub(super) fn of_event(case: &Case, verdict: Option<Verdict>) -> Self {
        let outcome = match verdict {
            Some(Verdict::Unavailable(reason)) => Err(reason),
            Some(verdict) => CaseOutcome::of(verdict, case.expected.as_ref()).ok_or_else(not_started_again),
            None => Err(not_started_again()),
        };
        Self::of(case, outcome)
    }

    /// What became of a case.
    pub(super) fn of(case: &Case, outcome: Result<CaseOutcome, String>) -> Self {
        // What comes of a window without a key goes under the id of the shard.
        let key = case.event().map_or(SHARD_ID, |event| event.key.as_str());
        let is_expected = match (&case.expected, &outcome) {
            (Some(expected), Ok(outcome)) => expected.allows(outcome, key),
            _ => false,
        };
        Self { outcome, is_expected }
    }
}

fn not_started_again() -> String {
    "the transform broke before, and could not be started again".to_owned()
}

/// Every case has its turn, whatever became of those before it.
struct ThroughAll;

impl FlowControl for ThroughAll {
    fn wait_before(&mut self, _event: Event<'_>) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    fn is_last(&self, _event: Event<'_>, _verdict: &Verdict) -> bool {
        false
    }
}

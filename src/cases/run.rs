//! Cases through an instance of the transform, in the engine that production runs.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::outcome::CaseOutcome;
use super::suite::Suite;
use crate::event::{Batch, Event, InvalidSequenceNumber, Record};
use crate::transform::{FlowControl, Grouping, Job, Limits, LogBudget, RecordPool, StartError, Transform, Verdict};

/// What a guest sees as its stream.
const STREAM_ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/test";

/// What a guest sees as its shard.
const SHARD_ID: &str = "shardId-000000000000";

/// What came of one expectation.
#[derive(Debug)]
pub struct CaseCheck {
    /// What became of the event; none: nothing, since the instance could not be started again.
    pub outcome: Option<CaseOutcome>,
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
    /// An event has no position.
    #[error(transparent)]
    Position(#[from] InvalidSequenceNumber),
}

/// Runs the cases of a suite, one after the other in one instance: what one leaves behind, the next one finds, as in
/// production. After a fault, as there, a new instance goes on.
///
/// # Errors
/// When the transform does not start, or starts where it was to refuse its settings.
pub async fn run(suite: &Suite, transform: &Transform, limits: Limits) -> Result<Vec<CaseCheck>, RunError> {
    let started = RecordPool::start(transform, limits, &suite.settings, NonZeroUsize::MIN);
    let guests = match (started, &suite.refused) {
        (Ok(guests), None) => guests,
        (Ok(_), Some(_)) => return Err(RunError::NotRefused),
        (Err(StartError::Refused(came)), Some(expected)) => {
            return match expected {
                Some(expected) if *expected != came => Err(RunError::RefusedOtherwise { came }),
                _ => Ok(Vec::new()),
            };
        }
        (Err(error), _) => return Err(error.into()),
    };
    let batch = Arc::new(batch_of(suite)?);
    let flow_controls: Vec<Box<dyn FlowControl>> = vec![Box::new(ThroughAll)];
    let log = LogBudget::of(&batch);
    let job = Job { batch, first: 0, flow_controls, grouping: Grouping::ByContent, time: None, log };
    let mut run = guests.lend(1).run(job);
    let mut verdicts = Vec::with_capacity(suite.cases.len());
    while let Some(chunk) = run.next().await {
        verdicts.extend(chunk.verdicts);
    }
    let mut verdicts = verdicts.into_iter();
    let came = suite.cases.iter().map(|case| {
        let expected = case.expected.as_ref();
        let outcome = verdicts.next().and_then(|verdict| CaseOutcome::of(verdict, expected));
        let is_expected = match (expected, &outcome) {
            (Some(expected), Some(outcome)) => expected.allows(outcome, &case.given.key),
            _ => false,
        };
        CaseCheck { outcome, is_expected }
    });
    Ok(came.collect())
}

fn batch_of(suite: &Suite) -> Result<Batch, InvalidSequenceNumber> {
    let mut batch = Batch::builder(STREAM_ARN, SHARD_ID);
    for case in &suite.cases {
        let given = &case.given;
        let record = Record {
            partition_key: &given.key,
            sequence_number: &given.sequence_number,
            sub_sequence_number: given.sub_sequence_number,
            arrived_at: given.arrived_at,
        };
        batch.push_bytes(record, given.data.bytes())?;
    }
    Ok(batch.build())
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

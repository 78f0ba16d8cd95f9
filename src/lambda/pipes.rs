//! An invocation by EventBridge Pipes: the same records as of an event source mapping, and the same partial answer, in
//! which a record has another name.
//!
//! Pipes takes a record's `eventID` for its name, and retries the records that an answer names
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html>). Of records behind the
//! first that is named, nothing is said there. So each from the position to replay from on is named: whether Pipes takes
//! the first for a position, or all for a list, none is lost.

use std::time::Instant;

use aws_lambda_events::streams::KinesisEventResponse;

use super::failed::FailedInvocation;
use super::handler::{HandledInvocation, handle_batch};
use super::{NOT_A_KINESIS_EVENT, WINDOW_FAILED};
use crate::event::{SequenceNumber, parse_pipes_event};
use crate::processor::{Deadline, Processor};

/// What comes of an invocation by Pipes.
pub(super) struct AnsweredPipe {
    /// The answer.
    pub(super) response: KinesisEventResponse,
    /// What became of the batch.
    pub(super) handled: HandledInvocation,
}

/// Processes the records of an array.
///
/// # Errors
/// When it is not one of records of a stream, or the transform works on windows, of which Pipes has none.
pub(super) async fn answer(
    processor: &Processor,
    body: &[u8],
    deadline: Option<Deadline>,
) -> Result<AnsweredPipe, FailedInvocation> {
    let started = Instant::now();
    let batch = parse_pipes_event(body)
        .map_err(|error| FailedInvocation::new(NOT_A_KINESIS_EVENT, error.code(), &error.to_string()))?;
    let numbers: Vec<String> = batch.iter().map(|event| event.sequence_number.as_str().to_owned()).collect();
    let handled = handle_batch(processor, batch, deadline, started)
        .await
        .map_err(|error| FailedInvocation::new(WINDOW_FAILED, error.code(), &error.to_string()))?;
    Ok(AnsweredPipe { response: response(&handled, &numbers), handled })
}

/// Names each record from the position to replay from on.
fn response(handled: &HandledInvocation, numbers: &[String]) -> KinesisEventResponse {
    let mut response = KinesisEventResponse::default();
    let Some(stop) = &handled.report.stop else { return response };
    let from = stop.replay_from.sequence_number();
    for number in numbers {
        if SequenceNumber::parse(number).is_ok_and(|number| number >= from) {
            response.add_failure(format!("{}:{number}", handled.shard.id));
        }
    }
    response
}

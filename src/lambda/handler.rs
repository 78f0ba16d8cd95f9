//! One invocation: an event's bytes in, the response out.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aws_lambda_events::streams::KinesisEventResponse;

use super::window::{self, CarriedState, StateError};
use crate::error_code::ErrorCode;
use crate::event::{Batch, EnvelopeError, Invocation, Shard, WindowPartError, parse_invocation};
use crate::processor::{Deadline, Processor, Report, WindowClosed, WindowError};

/// What became of an invocation.
#[derive(Debug)]
pub struct HandledInvocation {
    /// What became of its batch.
    pub report: Report,
    /// Where its records came from.
    pub shard: Shard,
    /// When the last of them arrived in the stream, in milliseconds since the Unix epoch; none: there was
    /// none.
    pub last_arrival: Option<u64>,
    /// From when all of its event was there to here.
    pub elapsed: Duration,
    /// What goes back with the answer to part of a window; none: it was none.
    pub carried: Option<CarriedState>,
    /// What came of the window, if it closed.
    pub closed: Option<WindowClosed>,
}

/// Why nothing came of an invocation with records: Lambda, told that it failed, sends all of it again.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// The body is no Kinesis event.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The body is half a window.
    #[error(transparent)]
    WindowPart(#[from] WindowPartError),
    /// What was handed back with the part before can't be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The window can't go on.
    #[error(transparent)]
    Window(#[from] WindowError),
}

impl HandleError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            HandleError::Envelope(error) => error.code(),
            HandleError::WindowPart(error) => error.code(),
            HandleError::State(error) => error.code(),
            HandleError::Window(error) => error.code(),
        }
    }
}

impl HandledInvocation {
    /// The response names the one sequence number to replay from, or none; `batchItemFailures` is always
    /// there, since Lambda takes a response without it for success.
    pub fn response(&self) -> KinesisEventResponse {
        let mut response = KinesisEventResponse::default();
        if let Some(stop) = &self.report.stop {
            response.add_failure(stop.replay_from.sequence_number().as_str());
        }
        response
    }
}

/// Processes the batch in an invocation's body.
///
/// # Errors
/// When the body is not a Kinesis event, or part of a window that can't go on: nothing of it was processed, and Lambda,
/// told that the invocation failed, sends all of it again.
pub async fn handle(
    processor: &Processor,
    body: &[u8],
    deadline: Option<Deadline>,
) -> Result<HandledInvocation, HandleError> {
    let started = Instant::now();
    handle_invocation(processor, parse_invocation(body)?, deadline, started).await
}

/// Processes a batch that is no part of a window, and came at this time.
pub(super) async fn handle_batch(
    processor: &Processor,
    batch: Batch,
    deadline: Option<Deadline>,
    started: Instant,
) -> Result<HandledInvocation, HandleError> {
    handle_invocation(processor, Invocation { batch, window: None }, deadline, started).await
}

async fn handle_invocation(
    processor: &Processor,
    invocation: Invocation,
    deadline: Option<Deadline>,
    started: Instant,
) -> Result<HandledInvocation, HandleError> {
    let Invocation { batch, window } = invocation;
    let last_arrival = batch.iter().last().map(|event| event.arrived_at);
    let batch = Arc::new(batch);
    let handled = match (window, processor.works_on_windows()) {
        (None, false) => {
            let shard = batch.shard().clone();
            let report = processor.process(batch, deadline).await;
            HandledInvocation { report, shard, last_arrival, elapsed: started.elapsed(), carried: None, closed: None }
        }
        (None, true) => return Err(WindowError::OfWindows.into()),
        (Some(_), false) => return Err(WindowError::OfRecords.into()),
        (Some(part), true) => {
            let slice = window::slice(part?)?;
            let shard = slice.shard.clone();
            let folded = processor.fold(batch, slice, deadline).await?;
            let carried = Some(CarriedState::new(folded.state.as_ref()));
            let (report, closed) = (folded.report, folded.closed);
            HandledInvocation { report, shard, last_arrival, elapsed: started.elapsed(), carried, closed }
        }
    };
    log(&handled);
    Ok(handled)
}

fn log(handled: &HandledInvocation) {
    let HandledInvocation { report, shard, .. } = handled;
    let counts = &report.counts;
    tracing::info!(
        shard_id = shard.id,
        records = counts.records,
        kept = counts.kept,
        dropped = counts.dropped,
        folded = counts.folded,
        emitted = counts.emitted,
        dead_lettered = counts.all_dead_lettered(),
        discarded = Some(counts.discarded).filter(|count| *count > 0),
        control = counts.control,
        skipped = counts.skipped,
        unacknowledged = counts.unacknowledged,
        replay_from = report.stop.as_ref().map(|stop| stop.replay_from.sequence_number().as_str()),
        window_outputs = handled.closed.as_ref().map(|closed| closed.outputs),
        microseconds = handled.elapsed.as_micros() as u64,
        "processed a batch",
    );
}

/// The times that a Lambda deadline leaves. Where the reserve is more than half of what is left (a
/// function with a very short timeout), half is kept: some work has to be possible. A deadline that
/// is over already is none: emulators of the runtime API send such, and keeping it would mean never
/// to process an event.
pub fn deadline(lambda_deadline: SystemTime, reserve: Duration) -> Option<Deadline> {
    let now = Instant::now();
    let left = lambda_deadline.duration_since(SystemTime::now()).ok()?;
    let reserve = reserve.min(left / 2);
    // A quarter of the reserve remains for the response itself, once targets had theirs.
    Some(Deadline { interrupt_at: now + (left - reserve), answer_by: now + (left - reserve / 4) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(timeout: Duration, reserve: Duration) -> (Duration, Duration) {
        let now = Instant::now();
        let Deadline { interrupt_at, answer_by } =
            deadline(SystemTime::now() + timeout, reserve).expect("a deadline to come");
        (interrupt_at.duration_since(now), answer_by.duration_since(now))
    }

    #[test]
    fn the_reserve_is_kept_before_the_deadline() {
        let (interrupt, answer) = left(Duration::from_secs(60), Duration::from_secs(2));
        assert_eq!((interrupt.as_secs_f64().round(), (answer.as_secs_f64() * 2.0).round()), (58.0, 119.0));
    }

    #[test]
    fn a_short_timeout_still_leaves_time_to_work() {
        let (interrupt, answer) = left(Duration::from_secs(1), Duration::from_secs(2));
        assert!(interrupt > Duration::from_millis(450) && interrupt < answer, "{interrupt:?} {answer:?}");
    }

    #[test]
    fn a_deadline_that_is_over_is_none() {
        let over = SystemTime::UNIX_EPOCH + Duration::from_secs(600);
        assert_eq!(deadline(over, Duration::from_secs(2)), None);
    }
}

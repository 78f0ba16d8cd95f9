//! One invocation: an event's bytes in, the response out.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aws_lambda_events::streams::KinesisEventResponse;

use crate::event::{Batch, EnvelopeError, Shard, parse_lambda_event};
use crate::processor::{Deadline, Processor, Report};

/// What became of an invocation.
#[derive(Debug)]
pub struct Handled {
    /// What became of its batch.
    pub report: Report,
    /// Where its records came from.
    pub shard: Shard,
    /// When the last of them arrived in the stream, in milliseconds since the Unix epoch; none: there was
    /// none.
    pub last_arrival: Option<u64>,
    /// From when all of its event was there to here.
    pub elapsed: Duration,
}

impl Handled {
    /// The response names the one sequence number to replay from, or none; `batchItemFailures` is always
    /// there, since Lambda takes a response without it for success.
    pub fn response(&self) -> KinesisEventResponse {
        let mut response = KinesisEventResponse::default();
        if let Some(stop) = &self.report.stop {
            response.add_failure(stop.replay_from.as_str());
        }
        response
    }
}

/// Processes the batch in an invocation's body.
///
/// # Errors
/// When the body is not a Kinesis event: nothing of it was processed, and Lambda, told that the
/// invocation failed, sends all of it again.
pub async fn handle(processor: &Processor, body: &[u8], deadline: Option<Deadline>) -> Result<Handled, EnvelopeError> {
    let started = Instant::now();
    Ok(handle_batch(processor, parse_lambda_event(body)?, deadline, started).await)
}

/// Processes a batch that came at this time.
pub(super) async fn handle_batch(
    processor: &Processor,
    batch: Batch,
    deadline: Option<Deadline>,
    started: Instant,
) -> Handled {
    let shard = batch.shard().clone();
    let last_arrival = batch.iter().last().map(|event| event.arrived_at);
    let report = processor.process(Arc::new(batch), deadline).await;
    let counts = &report.counts;
    tracing::info!(
        shard_id = shard.id,
        records = counts.records,
        kept = counts.kept,
        dropped = counts.dropped,
        emitted = counts.emitted,
        dead_lettered = counts.all_dead_lettered(),
        control = counts.control,
        skipped = counts.skipped,
        unacknowledged = counts.unacknowledged,
        replay_from = report.stop.as_ref().map(|stop| stop.replay_from.as_str()),
        microseconds = started.elapsed().as_micros() as u64,
        "processed a batch",
    );
    Handled { report, shard, last_arrival, elapsed: started.elapsed() }
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

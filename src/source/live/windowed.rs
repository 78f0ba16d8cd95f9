//! A lane's tumbling windows: their state from batch to batch, and how they close.

use std::sync::Arc;
use std::time::Duration;

use super::activity::BatchStage;
use super::context::{LaneContext, RunStopped};
use crate::backoff::Backoff;
use crate::checkpoint::{BlockedProgress, DeliveredOutputs};
use crate::event::{Batch, Position};
use crate::processor::{Cause, Report, Stop, WindowError};
use crate::source::mapping::{WindowStep, Windows};
use crate::timestamp::now_millis;
use crate::transform::WindowEnding;

/// How long is waited for more records of a window whose time is over. Lambda waits as long.
const LATE: Duration = Duration::from_secs(120);

/// As good as never, where nothing is waited for.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// The tumbling windows of a lane. Where the run has none, each batch is processed by itself.
pub(super) struct Windowed<'a> {
    at: LaneContext<'a>,
    windows: Option<Windows>,
}

impl<'a> Windowed<'a> {
    /// No window is open yet.
    pub(super) fn new(at: LaneContext<'a>) -> Self {
        Self { at, windows: at.run.tumbling_window.map(Windows::new) }
    }

    /// How long to wait for records before the window that is open closes without.
    pub(super) fn time_limit(&self) -> Duration {
        let Some(open) = self.windows.as_ref().and_then(Windows::open) else { return NEVER };
        Duration::from_millis(open.end.saturating_sub(now_millis())).saturating_add(LATE).min(NEVER)
    }

    /// What comes next, by the arrivals of the records that wait; none: there are no windows.
    pub(super) fn next(&mut self, arrivals: impl IntoIterator<Item = u64>) -> Option<WindowStep> {
        Some(self.windows.as_mut()?.next(arrivals))
    }

    /// One delivery, in the window that is open if there are windows.
    pub(super) async fn process(&mut self, batch: Arc<Batch>) -> Result<Report, WindowError> {
        let processor = self.at.run.processor;
        let slice = self.windows.as_ref().and_then(|windows| windows.slice(self.at.statuses.shard(), None));
        let (Some(windows), Some(slice)) = (&mut self.windows, slice) else {
            return Ok(processor.process(batch, None).await);
        };
        let folded = processor.fold(batch, slice, None).await?;
        windows.goes_on_with(folded.state);
        Ok(folded.report)
    }

    /// Closes the window that is open, if one is, for as long as it takes.
    ///
    /// # Errors
    /// When the run is stopped before that.
    pub(super) async fn close(&mut self) -> Result<(), RunStopped> {
        let shard = self.at.statuses.shard();
        let mut backoff = Backoff::default();
        let mut attempts = 0;
        loop {
            let slice = self.windows.as_ref().and_then(|windows| windows.slice(shard, Some(WindowEnding::Complete)));
            let (Some(windows), Some(slice)) = (&mut self.windows, slice) else { return Ok(()) };
            let end = slice.window.end;
            let nothing = Batch::builder(&shard.stream_arn, &shard.id).build();
            self.at.is_at(BatchStage::Processing);
            let folded = tokio::select! {
                biased;
                folded = self.at.run.processor.fold(Arc::new(nothing), slice, None) => folded,
                () = self.at.cancellation.cuts_off() => return Err(RunStopped),
            };
            match folded {
                Ok(folded) => {
                    windows.closed();
                    self.at.statuses.came_back(&folded.report);
                    self.stands_still(None);
                    return Ok(());
                }
                Err(error) => {
                    if backoff.is_worth_telling() {
                        tracing::warn!(shard_id = shard.id, "{error}; it is tried again");
                    }
                    attempts += 1;
                    // The end of the window stands in for the position of a record that is not there.
                    self.stands_still(Position::new(&end.to_string(), 0).ok().map(|position| BlockedProgress {
                        position,
                        attempts,
                        delivered: None,
                        made_by: String::new(),
                        code: Some(error.code()),
                        reason: error.to_string(),
                    }));
                    self.at.pause(&mut backoff).await?;
                }
            }
        }
    }

    /// Says that a window stays open when the run is stopped: its state is gone.
    pub(super) fn leave(&self) {
        if let Some(open) = self.windows.as_ref().and_then(Windows::open) {
            tracing::warn!(
                shard_id = self.at.statuses.shard().id,
                start = open.start,
                end = open.end,
                "the window that was open came to nothing: run again from its start, --from at-timestamp",
            );
        }
    }

    fn stands_still(&self, stuck: Option<BlockedProgress>) {
        let LaneContext { index, statuses, read_ledger, .. } = self.at;
        let mut read_ledger = read_ledger.borrow_mut();
        read_ledger.stands_still(index, stuck);
        let position = read_ledger.position().map(|last| last.sequence_number.as_str());
        statuses.is_done_up_to(position, read_ledger.stuck(), read_ledger.oldest_arrival());
    }
}

/// What a batch is blocked at of which nothing came.
pub(super) fn stop_at_first(batch: &Batch, attempt: u32, error: &WindowError) -> Option<Stop> {
    let first = batch.iter().next()?;
    tracing::warn!(shard_id = batch.shard_id(), "{error}");
    Some(Stop {
        index: 0,
        position: Position::of(first),
        replay_from: batch.lowest_from(0).into(),
        attempts: attempt,
        delivered: DeliveredOutputs::NONE,
        cause: Cause::TransformDown,
        reason: error.to_string(),
    })
}

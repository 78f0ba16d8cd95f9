//! A lane's tumbling windows: their state from batch to batch, and how they close.

use std::sync::Arc;
use std::time::Duration;

use super::lane::{Lane, LaneEnd};
use super::page::now;
use crate::backoff::Backoff;
use crate::checkpoint::{DeliveredOutputs, Stuck};
use crate::event::{Batch, Position};
use crate::processor::{Cause, Report, Stop, WindowError};
use crate::transform::Ending;

/// How long is waited for more records of a window whose time is over. Lambda waits as long.
const LATE: Duration = Duration::from_secs(120);

/// As good as never, where nothing is waited for.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

impl Lane<'_> {
    /// How long to wait for records before the window that is open closes without.
    pub(super) fn patience(&self) -> Duration {
        let Some(open) = self.windows.as_ref().and_then(|windows| windows.open()) else { return NEVER };
        Duration::from_millis(open.end.saturating_sub(now())).saturating_add(LATE).min(NEVER)
    }

    /// One delivery, in the window that is open if there are windows.
    pub(super) async fn process(&mut self, batch: Arc<Batch>) -> Result<Report, WindowError> {
        let processor = self.context.processor;
        let slice = self.windows.as_ref().and_then(|windows| windows.slice(self.board.shard(), None));
        let (Some(windows), Some(slice)) = (&mut self.windows, slice) else {
            return Ok(processor.process(batch, None).await);
        };
        let folded = processor.fold(batch, slice, None).await?;
        windows.goes_on_with(folded.state);
        Ok(folded.report)
    }

    /// Closes the window that is open, if one is, for as long as it takes.
    pub(super) async fn close_window(&mut self) -> LaneEnd {
        let shard = self.board.shard();
        let mut backoff = Backoff::default();
        let mut attempts = 0;
        loop {
            let slice = self.windows.as_ref().and_then(|windows| windows.slice(shard, Some(Ending::Complete)));
            let (Some(windows), Some(slice)) = (&mut self.windows, slice) else { return LaneEnd::Finished };
            let end = slice.window.end;
            let nothing = Batch::builder(&shard.stream_arn, &shard.id).build();
            match self.context.processor.fold(Arc::new(nothing), slice, None).await {
                Ok(folded) => {
                    windows.closed();
                    self.board.came_back(&folded.report);
                    self.stands_still(None);
                    return LaneEnd::Finished;
                }
                Err(error) => {
                    tracing::warn!(shard_id = shard.id, "{error}; it is tried again");
                    attempts += 1;
                    // The end of the window stands in for the position of a record that is not there.
                    self.stands_still(Position::new(&end.to_string(), 0).ok().map(|position| Stuck {
                        position,
                        attempts,
                        delivered: None,
                        made_by: String::new(),
                        reason: error.to_string(),
                    }));
                    if self.pause(&mut backoff).await.is_err() {
                        return LaneEnd::Stopped;
                    }
                }
            }
        }
    }

    /// Says that a window stays open when the run is stopped: its state is gone.
    pub(super) fn leave_window(&self) {
        if let Some(open) = self.windows.as_ref().and_then(|windows| windows.open()) {
            tracing::warn!(
                shard_id = self.board.shard().id,
                start = open.start,
                end = open.end,
                "the window that was open came to nothing: run again from its start, --from at-timestamp",
            );
        }
    }

    fn stands_still(&self, at: Option<Stuck>) {
        let mut ledger = self.ledger.borrow_mut();
        ledger.stands_still(self.index, at);
        let position = ledger.position().map(|last| last.sequence_number.as_str());
        self.board.is_done_up_to(position, ledger.stuck(), ledger.oldest_arrival());
    }
}

/// What a batch stands still at of which nothing came.
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

//! The records of a file in tumbling windows, as an event source mapping would send them.

use std::sync::Arc;
use std::time::Duration;

use super::input::RecordInput;
use super::{FileEnd, is_in_vain};
use crate::cli::error::CommandError;
use crate::cli::progress::ProgressDisplay;
use crate::event::Batch;
use crate::processor::{Counts, Processor, WindowError};
use crate::settings::SettingsError;
use crate::source::mapping::{WindowStep, Windows};
use crate::stdout;
use crate::transform::WindowEnding;

/// Checks that windows are played exactly where the transform works on them.
pub(super) fn check(processor: &Processor, length: Option<Duration>) -> Result<(), SettingsError> {
    let message = match (processor.works_on_windows(), length) {
        (true, None) => "the transform works on tumbling windows: say how long they are, as with --tumbling-window 60s",
        (false, Some(_)) if processor.transform().is_empty() => {
            "--tumbling-window is for a transform of the world window-transform, and there is none: leave it out"
        }
        (false, Some(_)) => {
            "--tumbling-window is for a transform of the world window-transform, and this one works on records: leave it \
             out"
        }
        _ => return Ok(()),
    };
    Err(SettingsError::Contradiction(message.to_owned()))
}

/// Processes batch after batch, each in its windows, up to the first event that is not acknowledged. The last window
/// closes with the input.
pub(super) async fn process_all(
    mut source: RecordInput,
    processor: &Processor,
    length: Duration,
    progress: &ProgressDisplay,
    counts: &mut Counts,
) -> Result<FileEnd, CommandError> {
    let mut windows = Windows::new(length);
    let mut last: Option<Batch> = None;
    while let Some(batch) = source.next_batch().await? {
        if stdout::failure().is_some() {
            return Ok(FileEnd::Unread);
        }
        // Each shard has windows of its own.
        if let Some(before) = last.take_if(|before| before.shard() != batch.shard()) {
            close(processor, &mut windows, &before, counts).await?;
            windows = Windows::new(length);
        }
        let mut next = 0;
        while next < batch.len() {
            match windows.next(batch.iter().skip(next).map(|event| event.arrived_at)) {
                WindowStep::End => close(processor, &mut windows, &batch, counts).await?,
                WindowStep::Records(records) => {
                    let part = batch.part(next + records.start..next + records.end);
                    next += records.end;
                    let Some(slice) = windows.slice(batch.shard(), None) else { break };
                    let folded = processor.fold(Arc::new(part), slice, None).await?;
                    *counts += &folded.report.counts;
                    if let Some(stop) = folded.report.stop {
                        return Ok(FileEnd::Stopped(stop));
                    }
                    windows.goes_on_with(folded.state);
                }
            }
        }
        progress.update(source.bytes_read(), counts.records);
        if is_in_vain(&source) {
            return Ok(FileEnd::Unread);
        }
        last = Some(batch);
    }
    if let Some(batch) = last {
        close(processor, &mut windows, &batch, counts).await?;
    }
    Ok(FileEnd::Whole)
}

/// Closes the window that is open, without records.
async fn close(
    processor: &Processor,
    windows: &mut Windows,
    of_shard: &Batch,
    counts: &mut Counts,
) -> Result<(), WindowError> {
    if let Some(slice) = windows.slice(of_shard.shard(), Some(WindowEnding::Complete)) {
        let nothing = Batch::builder(of_shard.stream_arn(), of_shard.shard_id()).build();
        let folded = processor.fold(Arc::new(nothing), slice, None).await?;
        *counts += &folded.report.counts;
    }
    windows.closed();
    Ok(())
}

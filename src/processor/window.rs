//! Batches of tumbling windows: events into a state that travels from one batch to the next, and outputs of it when the
//! window closes.
//!
//! The promise holds for an event as ever: it is acknowledged when it is in the state that is handed back, or
//! dead-lettered. The state says how far it goes, so an event that comes again after all is not folded a second time.
//!
//! A window that closes is an event of its own, whose payload is the state: its outputs are delivered, or it is
//! dead-lettered, by the same rules. Until that is done nothing of the last batch is acknowledged, and the state to go
//! on from is the one that came. Whoever replays may keep either state: they are the same.

use std::sync::Arc;
use std::time::Instant;

use super::report::{Cause, Counts, Failure, Report, Stop};
use super::run::BatchRun;
use super::settlement::Settlement;
use super::time::{half_way, within};
use super::unpacking::unpack;
use super::{Deadline, Processor};
use crate::error_code::ErrorCode;
use crate::event::{Batch, Position, Record, Shard};
use crate::transform::{
    ClosedFold, FoldClose, Folding, Grouping, Guests, Job, StateRefused, Verdict, VerdictChunk, Window, WindowEnding,
    WindowOpening, WorkerLease, World,
};

/// The most bytes that a state may have, as the transform saves it. Lambda takes 1 MB of JSON, in which they are base64.
pub const MOST_STATE_BYTES: usize = 700_000;

/// Part of a window: what comes with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowSlice {
    /// The window that all events of the batch are in.
    pub window: Window,
    /// The shard, which a batch without records does not say.
    pub shard: Shard,
    /// What was handed back with the batch before; none: the window begins.
    pub state: Option<WindowState>,
    /// Whether, and how, the window closes with this batch.
    pub ending: Option<WindowEnding>,
}

/// The state of a window between two batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowState {
    /// The form of its bytes, by the transform's own name.
    pub form: String,
    /// The last event that is done with; none: none is.
    pub through: Option<Position>,
    /// What the transform saved; none: no event was folded.
    pub bytes: Option<Arc<[u8]>>,
}

/// Returns how many events at the front of a batch are not behind a position.
fn reaches(position: &Position, batch: &Batch) -> usize {
    let here = (position.sequence_number(), position.sub_sequence_number());
    batch.iter().take_while(|event| (event.sequence_number, event.sub_sequence_number) <= here).count()
}

/// What came of part of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldedBatch {
    /// What became of the events.
    pub report: Report,
    /// What the next batch has to come with; none: the window is closed, or nothing of it is there yet.
    pub state: Option<WindowState>,
    /// What came of the window, if it closed.
    pub closed: Option<WindowClosed>,
}

/// What came of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowClosed {
    /// Outputs that were delivered.
    pub outputs: u64,
    /// Why its state was dead-lettered, if it was.
    pub dead_lettered: Option<Failure>,
    /// Whether it failed for good, and was given up.
    pub discarded: bool,
}

/// Why nothing came of part of a window: all of it has to come again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The transform is for records.
    #[error(
        "the batch is part of a tumbling window, and the transform works on records: set the window of the event source \
         mapping to 0 (TumblingWindow in the template), or run a transform of the world window-transform"
    )]
    OfRecords,
    /// The transform is for windows.
    #[error(
        "the transform works on tumbling windows, and the batch is in none: give the event source mapping a window \
         (TumblingWindow in the template), or run a transform of the world record-transform"
    )]
    OfWindows,
    /// The state is another transform's.
    #[error(
        "the state of the window has the form {found:?}, and the transform takes {takes:?}: let the transform that saved \
         it close the window before another one takes over"
    )]
    OtherForm {
        /// The form of the state.
        found: String,
        /// The form that the transform takes.
        takes: String,
    },
    /// The transform can't read the state.
    #[error(transparent)]
    Refused(#[from] StateRefused),
    /// The state has become too large.
    #[error(
        "the state of the window has {bytes} bytes, and Lambda carries {MOST_STATE_BYTES} of them: let the transform fold \
         into less, or make the window shorter (TumblingWindow in the template)"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The transform gave no state at all.
    #[error("the transform's thread gave no state of the window in time: nothing of the batch was folded")]
    NoState,
    /// The window could not be closed, and there is no record to name.
    #[error("the window can't be closed: {cause}: {reason}")]
    NotClosed {
        /// What stands in the way.
        cause: Cause,
        /// The reason as text for a person.
        reason: String,
    },
}

impl WindowError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            WindowError::OfRecords => ErrorCode::WindowForRecords,
            WindowError::OfWindows => ErrorCode::RecordsForWindows,
            WindowError::OtherForm { .. } => ErrorCode::WindowStateForm,
            WindowError::Refused(refused) => refused.code(),
            WindowError::TooLarge { .. } => ErrorCode::WindowStateTooLarge,
            WindowError::NoState => ErrorCode::WindowStateMissing,
            WindowError::NotClosed { .. } => ErrorCode::WindowNotClosed,
        }
    }
}

/// How far a part of a batch came.
struct PartProgress {
    bytes: Option<Arc<[u8]>>,
    through: Option<Position>,
    conclusion: Option<Verdict>,
}

impl Processor {
    /// Returns whether the transform works on windows, and not on records.
    pub fn works_on_windows(&self) -> bool {
        self.world() == World::Windows
    }

    /// Folds a batch into its window as far as it goes, and closes the window where that is asked for.
    ///
    /// # Errors
    /// When nothing came of it: nothing is acknowledged then, and all of it has to come again with the same state.
    pub async fn fold(
        &self,
        batch: Arc<Batch>,
        slice: WindowSlice,
        deadline: Option<Deadline>,
    ) -> Result<FoldedBatch, WindowError> {
        let Guests::Windows(pool) = &self.guests else { return Err(WindowError::OfRecords) };
        let started = Instant::now();
        let guest = pool.lend();
        let WindowSlice { window, shard, state: came, ending } = slice;
        if let Some(state) = &came
            && state.form != pool.form()
        {
            return Err(WindowError::OtherForm { found: state.form.clone(), takes: pool.form().to_owned() });
        }
        // What an answer names where the window can't be closed.
        let front = batch.iter().next().map(|event| (Position::of(event), batch.lowest_from(0).into()));
        let mut run = BatchRun::begin(self, &self.destinations, None, &batch, deadline);
        let (through, bytes) = came.clone().map_or((None, None), |state| (state.through, state.bytes));
        let mut part = PartProgress { bytes, through, conclusion: None };
        let mut rest = Some(batch);
        while let Some(records) = rest {
            if run.stop().is_some() {
                run.leave(&records);
                break;
            }
            let unpacked = unpack(self.unpacking, records).await;
            rest = unpacked.rest;
            let ending = ending.filter(|_| rest.is_none());
            part = self.fold_part(&mut run, &guest, unpacked.batch, window, part, ending).await?;
        }
        drop(guest);
        let PartProgress { bytes, through, conclusion } = part;
        let Some(conclusion) = conclusion else {
            if let Some(too_large) = bytes.as_ref().map(|bytes| bytes.len()).filter(|size| *size > MOST_STATE_BYTES) {
                return Err(WindowError::TooLarge { bytes: too_large });
            }
            let has_state = bytes.is_some() || through.is_some();
            let state = has_state.then(|| WindowState { form: pool.form().to_owned(), through, bytes });
            return Ok(FoldedBatch { report: run.finish(started).await, state, closed: None });
        };
        let closing = closing_batch(&shard, window, through.as_ref(), bytes.as_deref());
        let mut came_of_it = self.conclude(&closing, conclusion, &run).await;
        let mut report = run.finish(started).await;
        report.statistics += std::mem::take(&mut came_of_it.statistics);
        match came_of_it.stop {
            None => {
                let Counts { outputs, output_bytes, .. } = came_of_it.counts;
                report.counts.outputs += outputs;
                report.counts.output_bytes += output_bytes;
                let discarded = came_of_it.counts.discarded > 0;
                let dead_lettered = came_of_it.first_dead_letter.filter(|_| !discarded);
                let closed = WindowClosed { outputs, dead_lettered, discarded };
                Ok(FoldedBatch { report, state: None, closed: Some(closed) })
            }
            Some(stop) => match front {
                Some((first, replay_from)) => Ok(FoldedBatch {
                    report: nothing_done(report, stop, first, replay_from),
                    state: came,
                    closed: None,
                }),
                None => Err(WindowError::NotClosed { cause: stop.cause, reason: stop.reason }),
            },
        }
    }

    /// Folds the events of a part as far as it goes, behind what came of the part before.
    async fn fold_part(
        &self,
        run: &mut BatchRun<'_>,
        guest: &WorkerLease<'_, Folding>,
        part: Arc<Batch>,
        window: Window,
        before: PartProgress,
        ending: Option<WindowEnding>,
    ) -> Result<PartProgress, WindowError> {
        let PartProgress { bytes, through, conclusion: _ } = before;
        let skipped = through.as_ref().map_or(0, |through| reaches(through, &part));
        if skipped > 0 {
            tracing::info!(shard_id = part.shard_id(), events = skipped, "already in the state of their window");
        }
        let is_prompt = run.destinations.hands_over_dead_letters_promptly();
        let job = Job {
            batch: Arc::clone(&part),
            first: skipped,
            flow_controls: vec![Box::new(run.flow_control(self.pacing.of(part.shard())))],
            grouping: if is_prompt { Grouping::Promptly } else { Grouping::ByContent },
            time: run.time.guest_time(),
            log: run.log.clone(),
        };
        let mut fold = guest.fold(job, WindowOpening { window, state: bytes });
        let settle_by = run.time.settle_by();
        let mut settlement = Settlement::begin(run, &part, skipped);
        while !settlement.is_over() {
            match within(settle_by, fold.next()).await {
                Some(Some(chunk)) => {
                    let mut chunks = vec![chunk];
                    while is_prompt && let Some(chunk) = fold.next_ready() {
                        chunks.push(chunk);
                    }
                    settlement.settle(chunks).await;
                }
                Some(None) => settlement.no_more_verdicts(),
                None => settlement.stop_here(Cause::Deadline, "the transform gave no answer before the deadline"),
            }
        }
        let end = settlement.end();
        let ending = ending.filter(|_| !settlement.has_stopped());
        // Some of the reserve is for what comes of the window.
        let by = half_way(settle_by);
        let closed = within(settle_by, fold.close(FoldClose { end, ending, by })).await;
        let Some(ClosedFold { end, state, why_not, conclusion }) = closed.transpose()?.flatten() else {
            return Err(WindowError::NoState);
        };
        let conclusion = match why_not {
            None => conclusion,
            // All events are in the state that came, and the window alone is in the way.
            Some(why_not) if end == part.len() => Some(why_not),
            Some(Verdict::Unavailable(reason)) => {
                settlement.stop_at(end, Cause::TransformDown, &reason);
                None
            }
            Some(_) => {
                settlement.stop_at(end, Cause::Deadline, "time was up before the state was saved");
                None
            }
        };
        settlement.finish().await;
        run.end_part(&part, skipped);
        let last = (end > skipped).then(|| part.event(end - 1));
        Ok(PartProgress { bytes: state, through: last.map(Position::of).or(through), conclusion })
    }

    /// Delivers what came of a window, or dead-letters its state: an event of its own, in the time of the batch.
    async fn conclude(&self, closing: &Batch, conclusion: Verdict, of: &BatchRun<'_>) -> Report {
        let started = Instant::now();
        let destinations = self.destinations.for_what_is_in_no_stream();
        let mut run = BatchRun::within(self, &destinations, closing, of.time);
        let mut settlement = Settlement::begin(&mut run, closing, 0);
        let mut chunk = VerdictChunk::default();
        chunk.verdicts.push(conclusion);
        settlement.settle(vec![chunk]).await;
        settlement.finish().await;
        run.end_part(closing, 0);
        run.finish(started).await
    }
}

/// The event that the closing of a window is: its payload is the state, and its position that of the last event in it;
/// the end of the window, where there is none.
fn closing_batch(shard: &Shard, window: Window, through: Option<&Position>, state: Option<&[u8]>) -> Batch {
    let mut batch = Batch::builder(&shard.stream_arn, &shard.id);
    let end = window.end.to_string();
    let (sequence_number, sub_sequence_number) = through
        .map_or((end.as_str(), 0), |through| (through.sequence_number().as_str(), through.sub_sequence_number()));
    let record = Record { partition_key: &shard.id, sequence_number, sub_sequence_number, arrived_at: window.end };
    // Both are sequence numbers: one was checked, the other is a number.
    let pushed = batch.push_bytes(record, state.unwrap_or_default());
    debug_assert!(pushed.is_ok(), "{pushed:?}");
    batch.build()
}

/// What came of a batch whose window could not be closed with it.
fn nothing_done(report: Report, stop: Stop, first: Position, replay_from: Position) -> Report {
    let Counts { records, bytes, .. } = report.counts;
    Report {
        stop: Some(Stop {
            index: 0,
            position: first,
            replay_from,
            reason: format!("the window can't be closed: {}", stop.reason),
            ..stop
        }),
        counts: Counts { records, bytes, unacknowledged: records, ..Counts::default() },
        first_dead_letter: None,
        checkpoint: None,
        statistics: report.statistics,
    }
}

//! Batches of tumbling windows: events into a state that travels from one batch to the next, and outputs of it when the
//! window closes.
//!
//! The promise holds for an event as ever: it is acknowledged when it is in the state that is handed back, or
//! dead-lettered. The state says how far it goes, so an event that comes again after all is not folded a second time.
//!
//! A window that closes is an event of its own, whose payload is the state: its outputs are delivered, or it is
//! dead-lettered, by the same rules. Until that is done nothing of the last batch is acknowledged, and the state to go
//! on from is the one that came. Whoever replays may keep either state: they are the same.

mod guests;

use std::sync::Arc;
use std::time::Instant;

use super::outputs::{half_way, within};
use super::patience::Patience;
use super::report::{Cause, Counts, Failure, Report, Stop};
use super::settlement::Settlement;
use super::{Deadline, Ends, Leader, Processor, Workforce};
use crate::dead_letter::Cutting;
use crate::event::{Batch, Position, Record, Shard, Unpacked};
use crate::sink::HandOver;
use crate::transform::{
    Chunk, Close, Closed, Ending, FoldJob, Grouping, StateRefused, Verdict, Window, WindowGuest, World,
};

pub(super) use guests::WindowGuests;

/// The most bytes that a state may have, as the transform saves it. Lambda takes 1 MB of JSON, in which they are base64.
pub const MOST_STATE_BYTES: usize = 700_000;

/// Part of a window: what comes with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// The window that all events of the batch are in.
    pub window: Window,
    /// The shard, which a batch without records does not say.
    pub shard: Shard,
    /// What was handed back with the batch before; none: the window begins.
    pub state: Option<State>,
    /// Whether, and how, the window closes with this batch.
    pub ending: Option<Ending>,
}

/// The state of a window between two batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
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
pub struct Folded {
    /// What became of the events.
    pub report: Report,
    /// What the next batch has to come with; none: the window is closed, or nothing of it is there yet.
    pub state: Option<State>,
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
        /// The same, for a person.
        reason: String,
    },
}

/// How far a part of a batch came.
struct Part {
    report: Report,
    bytes: Option<Arc<[u8]>>,
    through: Option<Position>,
    conclusion: Option<Verdict>,
}

impl Processor {
    /// Whether the transform works on windows, and not on records.
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
        slice: Slice,
        deadline: Option<Deadline>,
    ) -> Result<Folded, WindowError> {
        let Workforce::Windows(guests) = &self.workforce else { return Err(WindowError::OfRecords) };
        let lent = guests.lend();
        let guest = lent.guest();
        let Slice { window, shard, state: came, ending } = slice;
        if let Some(state) = &came
            && state.form != guest.form()
        {
            return Err(WindowError::OtherForm { found: state.form.clone(), takes: guest.form().to_owned() });
        }
        let (through, bytes) = came.clone().map_or((None, None), |state| (state.through, state.bytes));
        // What an answer names where the window can't be closed.
        let first = batch.iter().next().map(|event| event.sequence_number.as_str().to_owned());
        let blocked = self.attempts().blocked(&batch);
        let Unpacked { batch, mut rest } = self.unpack(batch).await;
        let lowest = (!batch.is_empty()).then(|| batch.lowest_from(0).as_str().to_owned());
        let part_ending = |rest: &Option<Arc<Batch>>| ending.filter(|_| rest.is_none());
        let mut part = self.fold_part(guest, batch, window, (bytes, through), part_ending(&rest), deadline).await?;
        while let Some(records) = rest {
            if part.report.stop.is_some() {
                part.report.leave(&records);
                break;
            }
            let unpacked = self.unpack(records).await;
            rest = unpacked.rest;
            let before = (part.bytes, part.through);
            let next = self.fold_part(guest, unpacked.batch, window, before, part_ending(&rest), deadline).await?;
            part.report.go_on_with(next.report);
            part = Part { report: part.report, ..next };
        }
        drop(lent);
        let Part { mut report, bytes, through, conclusion } = part;
        let form = guests.form().to_owned();
        let Some(conclusion) = conclusion else {
            if let Some(too_large) = bytes.as_ref().map(|bytes| bytes.len()).filter(|size| *size > MOST_STATE_BYTES) {
                return Err(WindowError::TooLarge { bytes: too_large });
            }
            let has_state = bytes.is_some() || through.is_some();
            return Ok(Folded { report, state: has_state.then_some(State { form, through, bytes }), closed: None });
        };
        let closing = closing_batch(&shard, window, through.as_ref(), bytes.as_deref());
        let patience = Patience::new(self.retry_limits, blocked);
        let mut came_of_it = self.conclude(&closing, conclusion, patience, deadline).await;
        self.attempts().note(&closing, came_of_it.stop.as_ref());
        report.effort += std::mem::take(&mut came_of_it.effort);
        match came_of_it.stop {
            None => {
                let Counts { outputs, output_bytes, .. } = came_of_it.counts;
                report.counts.outputs += outputs;
                report.counts.output_bytes += output_bytes;
                let closed = WindowClosed { outputs, dead_lettered: came_of_it.first_dead_letter };
                Ok(Folded { report, state: None, closed: Some(closed) })
            }
            Some(stop) => match (first, lowest) {
                (Some(first), Some(lowest)) => {
                    Ok(Folded { report: nothing_done(report, stop, first, lowest), state: came, closed: None })
                }
                _ => Err(WindowError::NotClosed { cause: stop.cause, reason: stop.reason }),
            },
        }
    }

    /// Folds the events of a batch as far as it goes.
    async fn fold_part(
        &self,
        guest: &WindowGuest,
        batch: Arc<Batch>,
        window: Window,
        (bytes, through): (Option<Arc<[u8]>>, Option<Position>),
        ending: Option<Ending>,
        deadline: Option<Deadline>,
    ) -> Result<Part, WindowError> {
        let started = Instant::now();
        let dead_letters = self.ends.dead_letters.as_ref();
        let patience = Patience::new(self.retry_limits, self.attempts().blocked(&batch));
        patience.others_know(None);
        let skipped = through.as_ref().map_or(0, |through| reaches(through, &batch));
        if skipped > 0 {
            tracing::info!(shard_id = batch.shard_id(), events = skipped, "already in the state of their window");
        }
        let is_prompt = dead_letters.is_none_or(|letters| letters.hand_over() == HandOver::Promptly);
        let mut fold = guest.fold(FoldJob {
            batch: Arc::clone(&batch),
            first: skipped,
            window,
            state: bytes,
            conductor: Box::new(Leader {
                patience: patience.clone(),
                pacer: self.pacing.of(batch.shard()),
                has_dead_letters: dead_letters.is_some(),
            }),
            grouping: if is_prompt { Grouping::Promptly } else { Grouping::ByContent },
            interrupt_at: deadline.map(|deadline| deadline.interrupt_at),
        });
        let answer_by = deadline.map(|deadline| deadline.answer_by);
        let mut settlement = Settlement::new(&batch, &self.ends.outputs, dead_letters, patience, answer_by, skipped)
            .observed_by(self.observer.as_deref());
        while !settlement.is_over() {
            match within(answer_by, fold.next()).await {
                Some(Some(chunk)) => {
                    let mut chunks = vec![chunk];
                    while is_prompt && let Some(chunk) = fold.next_ready() {
                        chunks.push(chunk);
                    }
                    settlement.settle(chunks).await;
                }
                Some(None) => settlement.stop_here(Cause::TransformDown, "the transform's thread ended"),
                None => settlement.stop_here(Cause::Deadline, "the transform gave no answer before the deadline"),
            }
        }
        let end = settlement.end();
        let ending = ending.filter(|_| !settlement.has_stopped());
        // Some of the reserve is for what comes of the window.
        let by = half_way(answer_by);
        let closed = within(answer_by, fold.close(Close { end, ending, by })).await;
        let Some(Closed { end, state, why_not, conclusion }) = closed.transpose()?.flatten() else {
            return Err(WindowError::NoState);
        };
        let conclusion = match why_not {
            None => conclusion,
            // All events are in the state that came, and the window alone stands still.
            Some(why_not) if end == batch.len() => Some(why_not),
            Some(Verdict::Unavailable(reason)) => {
                settlement.stop_at(end, Cause::TransformDown, &reason);
                None
            }
            Some(_) => {
                settlement.stop_at(end, Cause::Deadline, "time was up before the state was saved");
                None
            }
        };
        let report = settlement.finish(started).await;
        if let Some(stop) = &report.stop {
            stop.log(&batch, report.counts.unacknowledged);
        }
        self.attempts().note(&batch, report.stop.as_ref());
        let last = (end > skipped).then(|| batch.event(end - 1));
        let through = last.map(Position::of).or(through);
        Ok(Part { report, bytes: state, through, conclusion })
    }

    /// Delivers what came of a window, or dead-letters its state.
    async fn conclude(
        &self,
        closing: &Batch,
        conclusion: Verdict,
        patience: Patience,
        deadline: Option<Deadline>,
    ) -> Report {
        let started = Instant::now();
        patience.others_know(None);
        let answer_by = deadline.map(|deadline| deadline.answer_by);
        // The state of a window is in no stream.
        let dead_letters =
            self.ends.dead_letters.as_ref().map(|letters| letters.clone().with_cutting(Cutting::NowhereElse));
        let dead_letters = dead_letters.as_ref();
        let mut settlement = Settlement::new(closing, &self.ends.outputs, dead_letters, patience, answer_by, 0);
        let mut chunk = Chunk::default();
        chunk.verdicts.push(conclusion);
        settlement.settle(vec![chunk]).await;
        let report = settlement.finish(started).await;
        if let Some(stop) = &report.stop {
            stop.log(closing, 0);
        }
        report
    }

    /// What came of a batch that is in no window, where the transform works on those.
    pub(super) async fn refuse(&self, batch: &Batch, ends: &Ends, started: Instant) -> Report {
        let patience = Patience::new(self.retry_limits, None);
        let mut settlement = Settlement::new(batch, &ends.outputs, None, patience, None, 0);
        if !batch.is_empty() {
            settlement.stop_here(Cause::TransformDown, &WindowError::OfWindows.to_string());
        }
        settlement.finish(started).await
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
fn nothing_done(report: Report, stop: Stop, first: String, lowest: String) -> Report {
    let Counts { records, bytes, .. } = report.counts;
    Report {
        stop: Some(Stop {
            index: 0,
            sequence_number: first,
            sub_sequence_number: 0,
            replay_from: lowest,
            reason: format!("the window can't be closed: {}", stop.reason),
            ..stop
        }),
        counts: Counts { records, bytes, unacknowledged: records, ..Counts::default() },
        first_dead_letter: None,
        checkpoint: None,
        effort: report.effort,
    }
}

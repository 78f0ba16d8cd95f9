//! Line after line into the stream, up to the first that is not put.

use std::time::{Duration, Instant};

use super::input::{InputEnd, PutInput};
use super::record::{LineReader, PutRecord};
use crate::cli::interrupt::Interrupt;
use crate::cli::progress::ProgressDisplay;
use crate::cli::rate_limit::RateLimit;
use crate::event::Shard;
use crate::sink::{Delivery, Output, Sink, deliver_all};

/// A record of more than this goes by itself, after all before it: by default a stream refuses it, and then
/// nothing behind it may be put already.
const LARGE: usize = 1 << 20;

/// Records that are put at once. How many depends on how long the last ones took, so that neither Ctrl-C nor
/// the progress waits for long.
const AT_ONCE: std::ops::RangeInclusive<usize> = 100..=10_000;
const SHORT: Duration = Duration::from_millis(500);
const LONG: Duration = Duration::from_secs(2);

/// When somebody should know that the stream takes nothing.
const NOTICEABLE: Duration = Duration::from_secs(10);

/// Puts records.
pub(super) struct Putter<'a> {
    pub(super) sink: &'a dyn Sink,
    pub(super) rate: Option<RateLimit>,
    pub(super) progress: &'a ProgressDisplay,
    pub(super) interrupt: Interrupt,
    pub(super) tally: PutCounts,
}

/// What was put.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PutCounts {
    pub(super) records: u64,
    /// Of data.
    pub(super) bytes: u64,
    /// How often a record went again after it was refused.
    pub(super) retries: u64,
    /// All lines up to this one are put, as far as they are records and were asked for.
    pub(super) up_to_line: u64,
}

/// Why not all was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PutStop {
    /// A line is no record.
    NoRecord { line: u64, reason: String },
    /// A record was not put.
    NotPut {
        line: u64,
        reason: String,
        /// The stream never takes it.
        is_for_good: bool,
        /// How many behind it are put already.
        put_behind: u64,
        /// The service's code for an error that stays.
        lasting_error: Option<String>,
    },
    /// The input can't be read on, or was none.
    Broken { reason: String },
    /// Ctrl-C.
    Interrupted,
}

impl Putter<'_> {
    /// Puts all lines of the input; none: all are put.
    pub(super) async fn put_all(&mut self, mut input: PutInput, reader: &mut LineReader) -> Option<PutStop> {
        let mut at_once = *AT_ONCE.start();
        let mut is_first = true;
        loop {
            let gathered = input.gather(&mut self.interrupt).await;
            if let Some(first) = gathered.batches.first().filter(|_| std::mem::take(&mut is_first))
                && let Err(reason) = reader.look_at(first.event(0).payload.bytes())
            {
                return Some(PutStop::Broken { reason });
            }
            let (records, no_record) = reader.records(&gathered.batches);
            let mut rest = records.as_slice();
            while !rest.is_empty() {
                let most = self.rate.as_ref().map_or(at_once, |rate| rate.at_once().min(at_once));
                let (now, later) = rest.split_at(together(rest, most));
                rest = later;
                if !self.may_go(now.len()).await {
                    return Some(PutStop::Interrupted);
                }
                let started = Instant::now();
                let stop = self.put(now).await;
                if stop.is_some() {
                    return stop;
                }
                at_once = adapted(at_once, started.elapsed());
                self.progress.update(gathered.bytes_read, self.tally.records);
            }
            if let Some((line, reason)) = no_record {
                return Some(PutStop::NoRecord { line, reason });
            }
            match gathered.end {
                None => {}
                Some(InputEnd::Whole) => return None,
                Some(InputEnd::Broken(reason)) => return Some(PutStop::Broken { reason }),
                Some(InputEnd::Interrupted) => return Some(PutStop::Interrupted),
            }
        }
    }

    /// Waits until so many records may go; false: they may not any more.
    async fn may_go(&mut self, records: usize) -> bool {
        let wait = self.rate.as_mut().map_or(Duration::ZERO, |rate| rate.wait(records, Instant::now()));
        if wait.is_zero() {
            return !self.interrupt.is_asked();
        }
        self.interrupt.or(tokio::time::sleep(wait)).await.is_some()
    }

    /// Puts some records, and counts them.
    async fn put(&mut self, records: &[PutRecord<'_>]) -> Option<PutStop> {
        // A stream knows nothing of where a record came from.
        let shard = Shard { stream_arn: String::new(), id: String::new() };
        let outputs: Vec<Output<'_>> = records
            .iter()
            .map(|record| Output {
                data: &record.data,
                partition_key: &record.partition_key,
                explicit_hash_key: record.explicit_hash_key.as_ref(),
                has_chosen_key: false,
                route: None,
                shard: &shard,
                sequence_number: record.sequence_number,
                sub_sequence_number: 0,
                ordinal: 0,
            })
            .collect();
        let mut delivering = Box::pin(deliver_all(self.sink, &outputs, None));
        let answer = match tokio::time::timeout(NOTICEABLE, &mut delivering).await {
            Ok(answer) => answer,
            Err(_) => {
                self.progress.say(&format_args!(
                    "{} on the way since {} s: the stream is slow, refuses records, or can't be reached; this goes on \
                     until it takes nothing for a minute",
                    lines(records),
                    NOTICEABLE.as_secs()
                ));
                delivering.await
            }
        };
        self.tally.retries += answer.retries;
        let mut stop = None;
        // An answer that is too short says nothing of the rest.
        let said_nothing = Delivery::Failed { reason: "the stream gave no answer for it".into() };
        let deliveries = answer.deliveries.into_iter().chain(std::iter::repeat(said_nothing));
        for (record, delivery) in records.iter().zip(deliveries) {
            let (reason, is_for_good) = match delivery {
                Delivery::Delivered => {
                    self.tally.records += 1;
                    self.tally.bytes += record.data.len() as u64;
                    match &mut stop {
                        None => self.tally.up_to_line = record.line,
                        Some(PutStop::NotPut { put_behind, .. }) => *put_behind += 1,
                        Some(_) => {}
                    }
                    continue;
                }
                Delivery::Failed { reason } => (reason, false),
                Delivery::Undeliverable { reason } => (reason, true),
            };
            stop.get_or_insert_with(|| PutStop::NotPut {
                line: record.line,
                reason: reason.to_string(),
                is_for_good,
                put_behind: 0,
                lasting_error: answer.lasting_error.clone(),
            });
        }
        stop
    }
}

/// From which line to which, for a person.
fn lines(records: &[PutRecord<'_>]) -> String {
    match records {
        [] => "nothing".to_owned(),
        [only] => format!("line {}", only.line),
        [first, .., last] => format!("lines {} to {}", first.line, last.line),
    }
}

/// How many of the records are put together: a large one by itself.
fn together(records: &[PutRecord<'_>], most: usize) -> usize {
    let is_large = |record: &PutRecord<'_>| record.bytes() > LARGE;
    match records.iter().take(most).position(is_large) {
        Some(0) => 1,
        Some(before) => before,
        None => most.min(records.len()),
    }
}

/// How many records to put at once, after so many took so long.
fn adapted(at_once: usize, took: Duration) -> usize {
    let next = if took > LONG {
        at_once / 2
    } else if took < SHORT {
        at_once * 2
    } else {
        at_once
    };
    next.clamp(*AT_ONCE.start(), *AT_ONCE.end())
}

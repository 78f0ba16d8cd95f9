//! An invocation by Firehose: its records through the transform, and an answer for each.
//!
//! The answer is the main output: what the transform gives for a record is its new data. Routes lead to their targets as
//! ever, and are delivered to before the answer says so. Firehose itself is the place of records that can't be
//! processed: it keeps them beside what it delivers.

mod gathering;
mod response;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use futures_util::stream::{self, StreamExt};

use super::failed::FailedInvocation;
use super::handler::HandledInvocation;
use crate::error_code::ErrorCode;
use crate::event::{Batch, FirehoseRecord, FirehoseRecords, PartNumbering, Position, Shard, parse_firehose_event};
use crate::processor::{Deadline, Processor, Report};
use crate::settings::Pack;
use crate::timestamp::now_millis;
use gathering::{FailedRecords, GatheredRecord, RecordGatherer};
pub use response::FirehoseResponse;

/// The name under which Lambda reports an invocation by Firehose that has to come again.
const FIREHOSE_FAILED: &str = "Kinesieve.FirehoseFailed";

/// What stands in the place of a shard where all of an event's are meant.
const ALL_SHARDS: &str = "shardId-000000000000";

/// How many shards of an event are worked on at a time.
const SHARDS_AT_ONCE: usize = 8;

/// What became of an invocation by Firehose.
#[derive(Debug)]
pub(super) struct FirehoseOutcome {
    /// What became of its records.
    pub(super) handled: HandledInvocation,
    /// The answer, or why there is none: the transform asks for a record again, or time is up. Firehose, told that the
    /// invocation failed, sends all of it again.
    pub(super) response: Result<FirehoseResponse, FailedInvocation>,
}

/// Processes the records in an invocation's body, and answers for each.
///
/// # Errors
/// When the body is not an event of Firehose.
pub(super) async fn answer(
    processor: &Processor,
    body: &[u8],
    pack: Pack,
    deadline: Option<Deadline>,
) -> Result<FirehoseOutcome, FailedInvocation> {
    let started = Instant::now();
    if processor.works_on_windows() {
        let message = "the transform works on tumbling windows, and Firehose has none: run one of the world \
                       record-transform";
        return Err(FailedInvocation::new(FIREHOSE_FAILED, ErrorCode::RecordsForWindows, message));
    }
    let FirehoseRecords { delivery_stream_arn, records, batches, without_id, without_arrival } =
        parse_firehose_event(body, now_millis())
            .map_err(|error| FailedInvocation::new(FIREHOSE_FAILED, ErrorCode::InvalidFirehoseEvent, &error))?;
    if without_id > 0 {
        tracing::error!(
            records = without_id,
            "records without a recordId are left out: there is no answering for them"
        );
    }
    if without_arrival > 0 {
        tracing::warn!(
            records = without_arrival,
            "records do not say when they arrived: the time of the invocation stands in"
        );
    }
    let last_arrival = batches.iter().flat_map(Batch::iter).map(|event| event.arrived_at).max();
    let shards: Vec<ShardOutcome> = stream::iter(batches)
        .map(|batch| process(processor, batch, pack, deadline))
        .buffered(SHARDS_AT_ONCE)
        .collect()
        .await;
    let stopped = shards.iter().zip(0..).find_map(|(shard, batch)| stopped_at(&records, batch, shard));
    let (mut gathered, reports): (Vec<_>, Vec<_>) =
        shards.into_iter().map(|shard| (shard.gathered, shard.report)).unzip();
    let response = match stopped {
        Some(failed) => Err(failed),
        None => {
            let answers = records.into_iter().map(|record| {
                let of_record = gathered.get_mut(record.batch).and_then(|shard| shard.remove(&record.position));
                (record.id, record.field, of_record)
            });
            Ok(FirehoseResponse::for_records(answers))
        }
    };
    let report = Report::of_all(reports);
    log(&report);
    Ok(FirehoseOutcome {
        handled: HandledInvocation {
            report,
            // What becomes of the invocation is counted for the delivery stream as a whole.
            shard: Shard { stream_arn: delivery_stream_arn, id: ALL_SHARDS.to_owned() },
            last_arrival,
            elapsed: started.elapsed(),
            carried: None,
            closed: None,
        },
        response,
    })
}

/// What became of the records of one shard.
struct ShardOutcome {
    report: Report,
    numbering: PartNumbering,
    gathered: HashMap<Position, GatheredRecord>,
}

async fn process(processor: &Processor, batch: Batch, pack: Pack, deadline: Option<Deadline>) -> ShardOutcome {
    let numbering = batch.numbering();
    let gatherer = Arc::new(RecordGatherer::new(pack, numbering));
    let failed = Arc::new(FailedRecords::new(numbering));
    let destinations = processor.destinations().with_answer(Arc::clone(&gatherer) as _, Arc::clone(&failed) as _);
    let report = processor.process_into(&destinations, Arc::new(batch), deadline).await;
    ShardOutcome { report, numbering, gathered: gatherer.take(&failed) }
}

/// Returns what fails the invocation, if the records of a shard do.
fn stopped_at(records: &[FirehoseRecord], batch: usize, shard: &ShardOutcome) -> Option<FailedInvocation> {
    let stop = shard.report.stop.as_ref()?;
    let event = &stop.position;
    let at = FirehoseRecord::position_of(shard.numbering, event.sequence_number(), event.sub_sequence_number());
    let is_it = |record: &&FirehoseRecord| record.batch == batch && at == record.position;
    let id = records.iter().find(is_it).map_or("", |record| &record.id);
    let message = format!("record {id:?} of Firehose: {}: {}", stop.cause, stop.reason);
    Some(FailedInvocation::new(FIREHOSE_FAILED, stop.cause.code(), &message))
}

fn log(report: &Report) {
    let counts = &report.counts;
    tracing::info!(
        records = counts.records,
        kept = counts.kept,
        dropped = counts.dropped,
        emitted = counts.emitted,
        failed = counts.all_dead_lettered(),
        control = counts.control,
        unacknowledged = counts.unacknowledged,
        "processed records of Firehose",
    );
}

//! An invocation by Firehose: its records through the transform, and an answer for each.
//!
//! The answer is the main output: what the transform gives for a record is its new data. Routes lead to their targets as
//! ever, and are delivered to before the answer says so. Firehose itself is the place of records that can't be
//! processed: it keeps them beside what it delivers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;
use serde_json::{Map, Value};

use super::failed::FailedInvocation;
use super::handler::HandledInvocation;
use crate::error_code::ErrorCode;
use crate::event::{FirehoseRecords, parse_firehose_event};
use crate::processor::{Deadline, Processor, Report};
use crate::settings::Pack;
use crate::sink::{Delivery, Output, Sink, SinkFuture, SinkResponse};

/// The name under which Lambda reports an invocation by Firehose that has to come again.
const FIREHOSE_FAILED: &str = "Kinesieve.FirehoseFailed";

/// What Lambda lets a function answer at most, in bytes: 6 MB, and a little less for what is around it.
const MOST_BYTES: usize = 6_000_000 - 1_000;

/// What an answer has besides its data and its keys, in bytes.
const ENVELOPE_BYTES: usize = 120;

/// The answer to Firehose.
#[derive(Debug, Serialize)]
pub struct FirehoseResponse {
    records: Vec<RecordAnswer>,
}

/// What became of one record.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordAnswer {
    record_id: String,
    result: RecordOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<RecordMetadata>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum RecordOutcome {
    Ok,
    Dropped,
    ProcessingFailed,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordMetadata {
    partition_keys: Map<String, Value>,
}

/// What is gathered for one record.
#[derive(Debug, Default)]
struct GatheredRecord {
    data: Vec<u8>,
    has_output: bool,
    /// The keys that the transform set, if it set any.
    partition_key: Option<String>,
    /// What keeps it from being answered.
    trouble: Option<&'static str>,
}

/// Gathers the outputs of each record, by its position.
#[derive(Debug)]
struct RecordGatherer {
    pack: Pack,
    /// The key that each record came with.
    own_keys: HashMap<String, String>,
    records: Mutex<HashMap<String, GatheredRecord>>,
}

/// Remembers the records that can't be processed, by position.
#[derive(Debug, Default)]
struct FailedRecords(Mutex<Vec<String>>);

impl Sink for RecordGatherer {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        for output in outputs {
            let position = output.sequence_number.as_str();
            let record = records.entry(position.to_owned()).or_default();
            record.data.extend_from_slice(output.data);
            if self.pack == Pack::Lines && !output.data.ends_with(b"\n") {
                record.data.push(b'\n');
            }
            let is_own = self.own_keys.get(position).is_some_and(|own| own == output.partition_key);
            let key = Some(output.partition_key).filter(|_| !is_own).map(str::to_owned);
            if record.has_output && record.partition_key != key {
                record.trouble = Some("its outputs have different partition keys, and Firehose has one place for it");
            }
            record.partition_key = key;
            record.has_output = true;
        }
        Box::pin(std::future::ready(SinkResponse::of_all(outputs.len(), Delivery::Delivered)))
    }
}

impl Sink for FailedRecords {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
        let positions = outputs.iter().map(|output| output.sequence_number.as_str().to_owned());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(positions);
        Box::pin(std::future::ready(SinkResponse::of_all(outputs.len(), Delivery::Delivered)))
    }
}

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
    let FirehoseRecords { ids, batch, without_id } = parse_firehose_event(body)
        .map_err(|error| FailedInvocation::new(FIREHOSE_FAILED, ErrorCode::InvalidFirehoseEvent, &error))?;
    if without_id > 0 {
        tracing::error!(
            records = without_id,
            "records without a recordId are left out: there is no answering for them"
        );
    }
    let own_keys =
        batch.iter().map(|event| (event.sequence_number.to_string(), event.partition_key.to_owned())).collect();
    let gatherer = Arc::new(RecordGatherer { pack, own_keys, records: Mutex::default() });
    let failed = Arc::<FailedRecords>::default();
    let destinations = processor.destinations().with_answer(Arc::clone(&gatherer) as _, Arc::clone(&failed) as _);
    let shard = batch.shard().clone();
    let last_arrival = batch.iter().last().map(|event| event.arrived_at);
    let report = processor.process_into(&destinations, Arc::new(batch), deadline).await;
    log(&report);
    let response = match &report.stop {
        Some(stop) => {
            let number = stop.position.sequence_number();
            let message = format!("record {number} of Firehose: {}: {}", stop.cause, stop.reason);
            Err(FailedInvocation::new(FIREHOSE_FAILED, stop.cause.code(), &message))
        }
        None => Ok(respond(ids, &gatherer, &failed)),
    };
    Ok(FirehoseOutcome {
        handled: HandledInvocation {
            report,
            shard,
            last_arrival,
            elapsed: started.elapsed(),
            carried: None,
            closed: None,
        },
        response,
    })
}

fn respond(ids: Vec<String>, gatherer: &RecordGatherer, failed: &FailedRecords) -> FirehoseResponse {
    let mut gathered = std::mem::take(&mut *gatherer.records.lock().unwrap_or_else(PoisonError::into_inner));
    for position in failed.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        gathered.entry(position.clone()).or_default().trouble = Some("it could not be processed");
    }
    let answers = (1..).zip(ids).map(|(number, id): (u64, String)| (id, gathered.remove(&number.to_string())));
    FirehoseResponse { records: within_bounds(answers) }
}

/// Answers that fit together: what there is no room for, Firehose keeps with what failed.
fn within_bounds(records: impl Iterator<Item = (String, Option<GatheredRecord>)>) -> Vec<RecordAnswer> {
    let mut bytes = 0;
    let mut without_room = 0u64;
    let mut answers = Vec::new();
    for (record_id, gathered) in records {
        bytes += ENVELOPE_BYTES + record_id.len();
        let failed =
            |record_id| RecordAnswer { record_id, result: RecordOutcome::ProcessingFailed, data: None, metadata: None };
        let answer = match gathered {
            None => RecordAnswer { record_id, result: RecordOutcome::Dropped, data: None, metadata: None },
            Some(GatheredRecord { trouble: Some(why), .. }) => {
                tracing::warn!(record_id, "ProcessingFailed: {why}");
                failed(record_id)
            }
            Some(GatheredRecord { data, partition_key, .. }) => {
                let metadata = partition_key.map(|key| RecordMetadata { partition_keys: partition_keys(&key) });
                let size = data.len().div_ceil(3) * 4 + metadata.as_ref().map_or(0, RecordMetadata::bytes);
                if bytes + size > MOST_BYTES {
                    without_room += 1;
                    failed(record_id)
                } else {
                    bytes += size;
                    let data = Some(base64_simd::STANDARD.encode_to_string(data));
                    RecordAnswer { record_id, result: RecordOutcome::Ok, data, metadata }
                }
            }
        };
        answers.push(answer);
    }
    if without_room > 0 {
        tracing::warn!(
            records = without_room,
            "ProcessingFailed: an answer has room for 6 MB: give the delivery stream a smaller buffer for its function"
        );
    }
    answers
}

impl RecordMetadata {
    fn bytes(&self) -> usize {
        serde_json::to_vec(&self.partition_keys).map_or(0, |text| text.len() + 40)
    }
}

/// The keys for dynamic partitioning that a partition key stands for: those of a JSON object of texts, or one named
/// `partitionKey`.
fn partition_keys(key: &str) -> Map<String, Value> {
    match serde_json::from_str::<Map<String, Value>>(key) {
        Ok(keys) if keys.values().all(Value::is_string) && !keys.is_empty() => keys,
        _ => Map::from_iter([("partitionKey".to_owned(), key.into())]),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(data: Vec<u8>, partition_key: Option<&str>) -> Option<GatheredRecord> {
        Some(GatheredRecord { data, partition_key: partition_key.map(str::to_owned), ..GatheredRecord::default() })
    }

    #[test]
    fn keys_are_those_of_an_object_or_one() {
        let text = |key: &str| Value::Object(partition_keys(key)).to_string();
        assert_eq!(text("device-7"), r#"{"partitionKey":"device-7"}"#);
        assert_eq!(text(r#"{"site":"a","year":"2026"}"#), r#"{"site":"a","year":"2026"}"#);
        assert_eq!(text("{}"), r#"{"partitionKey":"{}"}"#);
        assert_eq!(text(r#"{"n":1}"#), r#"{"partitionKey":"{\"n\":1}"}"#);
    }

    #[test]
    fn what_there_is_no_room_for_failed_by_itself() {
        let large = || gathered(vec![b'x'; 1_400_000], Some("k"));
        let records = [large(), large(), None, large(), large(), gathered(b"small".to_vec(), None)];
        let answers = within_bounds((0..).zip(records).map(|(id, record): (u8, _)| (id.to_string(), record)));
        use RecordOutcome::{Dropped, Ok, ProcessingFailed};
        let results: Vec<RecordOutcome> = answers.iter().map(|answer| answer.result).collect();
        assert_eq!(results, [Ok, Ok, Dropped, Ok, ProcessingFailed, Ok]);
        let text = serde_json::to_vec(&FirehoseResponse { records: answers }).expect("JSON");
        assert!(text.len() <= 6_000_000, "{}", text.len());
    }
}

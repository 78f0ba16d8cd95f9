//! The answer to Firehose: for each record, what became of it.

use serde::Serialize;
use serde_json::{Map, Value};

use super::gathering::GatheredRecord;
use crate::event::DataField;

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
    kafka_record_value: Option<String>,
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

impl FirehoseResponse {
    /// Returns the answer for records: each with its id, the field of its data, and what came of it; none: nothing did.
    /// What there is no room for, Firehose keeps with what failed.
    pub(super) fn for_records(records: impl Iterator<Item = (String, DataField, Option<GatheredRecord>)>) -> Self {
        Self { records: within_bounds(records) }
    }
}

fn within_bounds(records: impl Iterator<Item = (String, DataField, Option<GatheredRecord>)>) -> Vec<RecordAnswer> {
    let mut bytes = 0;
    let mut without_room = 0u64;
    let mut answers = Vec::new();
    for (record_id, field, gathered) in records {
        bytes += ENVELOPE_BYTES + record_id.len();
        let failed = |record_id| RecordAnswer::without_data(record_id, RecordOutcome::ProcessingFailed);
        let answer = match gathered {
            None => RecordAnswer::without_data(record_id, RecordOutcome::Dropped),
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
                    let text = base64_simd::STANDARD.encode_to_string(data);
                    let (data, kafka_record_value) = match field {
                        DataField::Data => (Some(text), None),
                        DataField::KafkaRecordValue => (None, Some(text)),
                    };
                    RecordAnswer { record_id, result: RecordOutcome::Ok, data, kafka_record_value, metadata }
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

impl RecordAnswer {
    fn without_data(record_id: String, result: RecordOutcome) -> Self {
        Self { record_id, result, data: None, kafka_record_value: None, metadata: None }
    }
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
        let answers =
            within_bounds((0..).zip(records).map(|(id, record): (u8, _)| (id.to_string(), DataField::Data, record)));
        use RecordOutcome::{Dropped, Ok, ProcessingFailed};
        let results: Vec<RecordOutcome> = answers.iter().map(|answer| answer.result).collect();
        assert_eq!(results, [Ok, Ok, Dropped, Ok, ProcessingFailed, Ok]);
        let text = serde_json::to_vec(&FirehoseResponse { records: answers }).expect("JSON");
        assert!(text.len() <= 6_000_000, "{}", text.len());
    }
}

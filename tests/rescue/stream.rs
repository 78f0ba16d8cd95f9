//! A stream of one shard whose oldest records may be gone.

use serde_json::{Value, json};

use crate::support::events::{SHARD_ID, STREAM_ARN, arrived_at, sequence_number};
use crate::support::stub::Stub;

/// What the shard holds, and how it gives it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shard {
    /// The index of the oldest record that is still there.
    pub(super) oldest: usize,
    /// How many records there ever were.
    pub(super) count: usize,
    /// Records of a page at most.
    pub(super) page: usize,
    /// Whether an iterator at a record that is gone is refused; otherwise it is at the oldest.
    pub(super) refuses_gone: bool,
    /// The data of the record at an index.
    pub(super) data: fn(usize) -> Vec<u8>,
}

impl Shard {
    pub(super) fn of(count: usize) -> Self {
        Self { oldest: 0, count, page: 1_000, refuses_gone: false, data: |index| format!("keep {index}").into_bytes() }
    }

    pub(super) fn start(self) -> Stub {
        Stub::start(move |operation, body| self.answer(operation, &serde_json::from_str(body).unwrap_or_default()))
    }

    pub(super) fn answer(&self, operation: &str, body: &Value) -> (u16, String) {
        let refused = |code: &str| (400, json!({ "__type": code, "message": "refused" }).to_string());
        if body["StreamARN"] != STREAM_ARN {
            return refused("ResourceNotFoundException");
        }
        let answer = match operation {
            "ListShards" => json!({ "Shards": [{
                "ShardId": SHARD_ID,
                "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": "1" },
                "SequenceNumberRange": { "StartingSequenceNumber": sequence_number(0) },
            }] }),
            "GetShardIterator" if body["ShardId"] != SHARD_ID => return refused("ResourceNotFoundException"),
            "GetShardIterator" => {
                let named = (0..self.count).find(|&index| body["StartingSequenceNumber"] == sequence_number(index));
                let next = match (body["ShardIteratorType"].as_str(), named) {
                    (Some("AT_SEQUENCE_NUMBER"), Some(index)) if index < self.oldest && self.refuses_gone => {
                        return refused("InvalidArgumentException");
                    }
                    (Some("AT_SEQUENCE_NUMBER"), Some(index)) => index.max(self.oldest),
                    (Some("AFTER_SEQUENCE_NUMBER"), Some(index)) => (index + 1).max(self.oldest),
                    (Some("TRIM_HORIZON"), _) => self.oldest,
                    _ => return refused("InvalidArgumentException"),
                };
                json!({ "ShardIterator": next.to_string() })
            }
            "GetRecords" => self.page(body),
            _ => return refused("UnknownOperationException"),
        };
        (200, answer.to_string())
    }

    fn page(&self, body: &Value) -> Value {
        let next: usize = body["ShardIterator"].as_str().and_then(|text| text.parse().ok()).expect("an iterator");
        let limit = body["Limit"].as_u64().map_or(self.page, |limit| self.page.min(limit as usize));
        let end = (next + limit).min(self.count);
        let record = |index| {
            json!({
                "SequenceNumber": sequence_number(index), "PartitionKey": "key",
                "Data": base64_simd::STANDARD.encode_to_string((self.data)(index)),
                "ApproximateArrivalTimestamp": arrived_at(index) as f64 / 1000.0,
            })
        };
        let records: Vec<Value> = (next..end).map(record).collect();
        let behind = if end < self.count { 1000 } else { 0 };
        json!({ "Records": records, "NextShardIterator": end.to_string(), "MillisBehindLatest": behind })
    }
}

//! A stream, a queue and a table at one stub, one of which gets into trouble after its first answer.

use std::time::Duration;

use serde_json::{Value, json};

use crate::live::faults::page;
use crate::support::events::sequence_number;
use crate::support::stub::Stub;

pub const QUEUE_ARN: &str = "arn:aws:sqs:eu-west-1:123456789012:out";

/// Records of a shard, all there from the start.
const RECORDS: usize = 5;

/// Longer than anybody waits for an answer here.
const HANGS: Duration = Duration::from_secs(120);

/// The services around a run.
pub struct World {
    stub: Stub,
}

impl World {
    /// `place` is in `trouble`: the names are those of the tables.
    pub fn in_trouble(place: &str, trouble: &str, shards: usize) -> Self {
        let services = Services { place: place.to_owned(), trouble: trouble.to_owned(), shards };
        Self { stub: Stub::start(move |operation, body| services.answer(operation, &parsed(body))) }
    }

    pub fn endpoint(&self) -> String {
        self.stub.endpoint()
    }
}

fn parsed(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_default()
}

/// What answers.
struct Services {
    place: String,
    trouble: String,
    shards: usize,
}

impl Services {
    fn answer(&self, operation: &str, body: &Value) -> (u16, String) {
        let iterator = body["ShardIterator"].as_str().unwrap_or_default();
        let is_in_trouble = match operation {
            "SendMessageBatch" => self.place == "destination",
            "GetRecords" => self.place == "stream" && iterator == "read",
            "UpdateItem" => self.place == "table",
            _ => false,
        };
        if is_in_trouble {
            return self.in_trouble(operation);
        }
        let answer = match operation {
            "ListShards" => json!({ "Shards": (0..self.shards).map(listed).collect::<Vec<_>>() }),
            "GetShardIterator" => json!({ "ShardIterator": body["ShardIteratorType"] }),
            "GetRecords" if iterator == "TRIM_HORIZON" => page(0..RECORDS, Some("read"), 0),
            "GetRecords" => page(0..0, Some("read"), 0),
            "SendMessageBatch" => {
                let entries = body["Entries"].as_array().cloned().unwrap_or_default();
                let taken = |entry: &Value| json!({ "Id": entry["Id"], "MessageId": "id", "MD5OfMessageBody": "md5" });
                json!({ "Successful": entries.iter().map(taken).collect::<Vec<_>>(), "Failed": [] })
            }
            "GetItem" | "UpdateItem" => json!({}),
            _ => return (400, json!({ "__type": "UnknownOperationException" }).to_string()),
        };
        (200, answer.to_string())
    }

    fn in_trouble(&self, operation: &str) -> (u16, String) {
        let code = match &self.trouble[..] {
            "throttled" if operation == "SendMessageBatch" => "ThrottlingException",
            "throttled" => "ProvisionedThroughputExceededException",
            "denied" => "AccessDeniedException",
            "expired" => "ExpiredTokenException",
            "gone" if operation == "SendMessageBatch" => "QueueDoesNotExist",
            "gone" => "ResourceNotFoundException",
            "hanging" => {
                std::thread::sleep(HANGS);
                "InternalFailure"
            }
            trouble => panic!("no service is ever {trouble}"),
        };
        (400, json!({ "__type": code, "message": "on purpose" }).to_string())
    }
}

fn listed(index: usize) -> Value {
    json!({
        "ShardId": format!("shardId-{index:012}"),
        "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": "1" },
        "SequenceNumberRange": { "StartingSequenceNumber": sequence_number(0) },
    })
}

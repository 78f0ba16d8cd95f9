//! A Kinesis stream of one shard: PutRecords, and reading it from GetShardIterator on.

use serde_json::{Value, json};

use super::http::{Answer, Request};
use super::json::{
    answer, base64, body, bytes, entries, error_answer, lie_of_results, operation, text, unknown_operation,
};
use super::{Details, Front, Lie, Luck, Put, Store};
use crate::support::events::{arrived_at, sequence_number};

/// A record of a stream that takes large ones.
pub(super) const MOST_OF_A_RECORD: usize = 10 << 20;

const MOST_RECORDS: usize = 500;
const MOST_BYTES: usize = 10 << 20;
const MOST_KEY_CHARACTERS: usize = 256;
const MOST_READ_RECORDS: usize = 10_000;
const MOST_READ_BYTES: usize = 10 << 20;
const SHARD_ID: &str = "shardId-000000000000";

pub(super) struct Kinesis;

impl Front for Kinesis {
    fn read(&self, request: &Request) -> Result<Option<Vec<Put>>, Answer> {
        if operation(request) != "PutRecords" {
            return Ok(None);
        }
        let body = body(request)?;
        let put = |record: &Value| {
            let partition_key = Some(text(record, "PartitionKey")?.to_owned());
            Ok(Put { partition_key, data: bytes(record, "Data")?, details: Details::Record })
        };
        entries(&body, "Records")?.iter().map(put).collect::<Result<_, Answer>>().map(Some)
    }

    fn apply(&self, request: &Request, puts: Vec<Put>, store: &mut Store, luck: &mut Luck) -> Result<Answer, Answer> {
        match operation(request) {
            "PutRecords" => {
                check(&puts, store.record_limit)?;
                Ok(put_records(puts, store, luck))
            }
            "ListShards" => Ok(list_shards()),
            "GetShardIterator" => get_shard_iterator(&body(request)?, store),
            "GetRecords" => get_records(&body(request)?, store),
            _ => Err(unknown_operation(request)),
        }
    }

    fn error(&self, status: u16, code: &str, message: &str) -> Answer {
        error_answer(status, code, message)
    }

    fn lie(&self, lie: Lie, answer: Answer) -> Answer {
        lie_of_results(lie, answer, "Records", "SequenceNumber", "FailedRecordCount")
    }

    fn passing_errors(&self) -> &'static [(u16, &'static str)] {
        &[
            (400, "ProvisionedThroughputExceededException"),
            (400, "LimitExceededException"),
            (400, "ExpiredTokenException"),
            (500, "InternalFailure"),
            (503, "ServiceUnavailable"),
        ]
    }
}

fn check(puts: &[Put], record_limit: usize) -> Result<(), Answer> {
    let key = |put: &Put| put.partition_key.clone().unwrap_or_default();
    let size = |put: &Put| put.data.len() + key(put).len();
    let keys_are_right = puts.iter().all(|put| (1..=MOST_KEY_CHARACTERS).contains(&key(put).chars().count()));
    if !(1..=MOST_RECORDS).contains(&puts.len()) {
        Err(error_answer(400, "ValidationException", "a request has 1 to 500 records"))
    } else if !keys_are_right {
        Err(error_answer(400, "ValidationException", "a partition key has 1 to 256 characters"))
    } else if puts.iter().any(|put| size(put) > record_limit) {
        Err(error_answer(400, "InvalidArgumentException", "a record is larger than the stream allows"))
    } else if puts.iter().map(size).sum::<usize>() > MOST_BYTES {
        Err(error_answer(400, "InvalidArgumentException", "a request has at most 10 MiB"))
    } else {
        Ok(())
    }
}

fn put_records(puts: Vec<Put>, store: &mut Store, luck: &mut Luck) -> Answer {
    let mut failed = 0;
    let results: Vec<Value> = puts
        .into_iter()
        .map(|put| match luck.refused_record(&["ProvisionedThroughputExceededException", "InternalFailure"]) {
            Some(code) => {
                failed += 1;
                json!({ "ErrorCode": code, "ErrorMessage": "on purpose" })
            }
            None => {
                store.puts.push(put);
                json!({ "SequenceNumber": sequence_number(store.puts.len() - 1), "ShardId": SHARD_ID })
            }
        })
        .collect();
    answer(&json!({ "FailedRecordCount": failed, "Records": results }))
}

fn list_shards() -> Answer {
    answer(&json!({ "Shards": [{
        "ShardId": SHARD_ID,
        "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": u128::MAX.to_string() },
        "SequenceNumberRange": { "StartingSequenceNumber": sequence_number(0) },
    }] }))
}

/// An iterator is the index of the next record, in words.
fn get_shard_iterator(body: &Value, store: &Store) -> Result<Answer, Answer> {
    let invalid = |message: &str| error_answer(400, "InvalidArgumentException", message);
    if text(body, "ShardId")? != SHARD_ID {
        return Err(error_answer(400, "ResourceNotFoundException", "there is no such shard"));
    }
    let named = || {
        let number = text(body, "StartingSequenceNumber")?;
        let place = (0..store.puts.len()).find(|&index| sequence_number(index) == number);
        place.ok_or_else(|| invalid("the shard has no such sequence number"))
    };
    let next = match text(body, "ShardIteratorType")? {
        "TRIM_HORIZON" => 0,
        "LATEST" => store.puts.len(),
        "AT_SEQUENCE_NUMBER" => named()?,
        "AFTER_SEQUENCE_NUMBER" => named()? + 1,
        _ => return Err(invalid("the type of the iterator is not known here")),
    };
    Ok(answer(&json!({ "ShardIterator": iterator(next) })))
}

fn get_records(body: &Value, store: &Store) -> Result<Answer, Answer> {
    let invalid = || error_answer(400, "InvalidArgumentException", "the iterator or the limit is wrong");
    let next = text(body, "ShardIterator")?.strip_prefix("next-").and_then(|index| index.parse::<usize>().ok());
    let next = next.filter(|&next| next <= store.puts.len()).ok_or_else(invalid)?;
    let limit = body["Limit"].as_u64().map_or(MOST_READ_RECORDS, |limit| limit as usize);
    if !(1..=MOST_READ_RECORDS).contains(&limit) {
        return Err(invalid());
    }
    let mut bytes = 0;
    let fits = |put: &&Put| {
        bytes += put.data.len();
        bytes <= MOST_READ_BYTES || bytes == put.data.len()
    };
    let page: Vec<&Put> = store.puts[next..].iter().take(limit).take_while(fits).collect();
    let end = next + page.len();
    let records: Vec<Value> = page
        .into_iter()
        .zip(next..)
        .map(|(put, index)| {
            json!({
                "SequenceNumber": sequence_number(index),
                "ApproximateArrivalTimestamp": arrived_at(index) as f64 / 1000.0,
                "Data": base64(&put.data),
                "PartitionKey": put.partition_key,
            })
        })
        .collect();
    let behind = if end < store.puts.len() { 1000 } else { 0 };
    Ok(answer(&json!({ "Records": records, "NextShardIterator": iterator(end), "MillisBehindLatest": behind })))
}

fn iterator(next: usize) -> String {
    format!("next-{next}")
}

//! A Firehose delivery stream: PutRecordBatch.

use serde_json::{Value, json};

use super::http::{Answer, Request};
use super::json::{answer, body, bytes, entries, error_answer, lie_of_results, operation, unknown_operation};
use super::{Details, Front, Lie, Luck, Put, Store};

const MOST_RECORDS: usize = 500;
const MOST_BYTES: usize = 4 << 20;
const MOST_OF_A_RECORD: usize = 1000 << 10;

pub(super) struct Firehose;

impl Front for Firehose {
    fn read(&self, request: &Request) -> Result<Option<Vec<Put>>, Answer> {
        if operation(request) != "PutRecordBatch" {
            return Ok(None);
        }
        let body = body(request)?;
        let put = |record: &Value| {
            bytes(record, "Data").map(|data| Put { partition_key: None, data, details: Details::Record })
        };
        entries(&body, "Records")?.iter().map(put).collect::<Result<_, Answer>>().map(Some)
    }

    fn apply(&self, request: &Request, puts: Vec<Put>, store: &mut Store, luck: &mut Luck) -> Result<Answer, Answer> {
        if operation(request) != "PutRecordBatch" {
            return Err(unknown_operation(request));
        }
        let invalid = |message: &str| Err(error_answer(400, "InvalidArgumentException", message));
        if !(1..=MOST_RECORDS).contains(&puts.len()) {
            return invalid("a request has 1 to 500 records");
        }
        if puts.iter().any(|put| put.data.len() > MOST_OF_A_RECORD) {
            return invalid("a record has at most 1000 KiB");
        }
        if puts.iter().map(|put| put.data.len()).sum::<usize>() > MOST_BYTES {
            return invalid("a request has at most 4 MiB");
        }
        let mut failed = 0;
        let results: Vec<Value> = puts
            .into_iter()
            .map(|put| match luck.refused_record(&["ServiceUnavailableException", "InternalFailure"]) {
                Some(code) => {
                    failed += 1;
                    json!({ "ErrorCode": code, "ErrorMessage": "on purpose" })
                }
                None => {
                    store.puts.push(put);
                    json!({ "RecordId": store.puts.len().to_string() })
                }
            })
            .collect();
        Ok(answer(&json!({ "FailedPutCount": failed, "Encrypted": false, "RequestResponses": results })))
    }

    fn error(&self, status: u16, code: &str, message: &str) -> Answer {
        error_answer(status, code, message)
    }

    fn lie(&self, lie: Lie, answer: Answer) -> Answer {
        lie_of_results(lie, answer, "RequestResponses", "RecordId", "FailedPutCount")
    }

    fn passing_errors(&self) -> &'static [(u16, &'static str)] {
        &[
            (503, "ServiceUnavailableException"),
            (400, "LimitExceededException"),
            (400, "ThrottlingException"),
            (400, "ExpiredTokenException"),
            (500, "InternalFailure"),
        ]
    }
}

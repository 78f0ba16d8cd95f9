//! An EventBridge event bus: PutEvents.

use serde_json::{Value, json};

use super::http::{Answer, Request};
use super::json::{answer, body, entries, error_answer, lie_of_results, operation, unknown_operation};
use super::{Details, Front, Lie, Luck, Put, Store};

const MOST_ENTRIES: usize = 10;
/// A request has less.
const BYTES: usize = 1 << 20;

pub(super) struct EventBridge;

impl Front for EventBridge {
    fn read(&self, request: &Request) -> Result<Option<Vec<Put>>, Answer> {
        if operation(request) != "PutEvents" {
            return Ok(None);
        }
        Ok(Some(entries(&body(request)?, "Entries")?.iter().map(put).collect()))
    }

    fn apply(&self, request: &Request, puts: Vec<Put>, store: &mut Store, luck: &mut Luck) -> Result<Answer, Answer> {
        if operation(request) != "PutEvents" {
            return Err(unknown_operation(request));
        }
        let body = body(request)?;
        let entries = entries(&body, "Entries")?;
        let invalid = |message: &str| Err(error_answer(400, "ValidationException", message));
        if !(1..=MOST_ENTRIES).contains(&entries.len()) {
            return invalid("a request has 1 to 10 entries");
        }
        if entries.iter().map(size).sum::<usize>() >= BYTES {
            return invalid("Total size of the entries in the request is over the limit.");
        }
        let mut failed = 0;
        let results: Vec<Value> = entries
            .iter()
            .zip(puts)
            .map(|(entry, put)| {
                let refusal = check(entry).err();
                match refusal.or_else(|| luck.refused_record(&["ThrottlingException", "InternalFailure"])) {
                    Some(code) => {
                        failed += 1;
                        json!({ "ErrorCode": code, "ErrorMessage": "on purpose" })
                    }
                    None => {
                        store.puts.push(put);
                        json!({ "EventId": format!("event-{}", store.puts.len()) })
                    }
                }
            })
            .collect();
        Ok(answer(&json!({ "FailedEntryCount": failed, "Entries": results })))
    }

    fn error(&self, status: u16, code: &str, message: &str) -> Answer {
        error_answer(status, code, message)
    }

    fn lie(&self, lie: Lie, answer: Answer) -> Answer {
        lie_of_results(lie, answer, "Entries", "EventId", "FailedEntryCount")
    }

    fn passing_errors(&self) -> &'static [(u16, &'static str)] {
        &[
            (400, "ThrottlingException"),
            (400, "ExpiredTokenException"),
            (500, "InternalException"),
            (503, "ServiceUnavailable"),
        ]
    }
}

fn text<'a>(entry: &'a Value, member: &str) -> &'a str {
    entry[member].as_str().unwrap_or_default()
}

fn put(entry: &Value) -> Put {
    let own = |member: &str| text(entry, member).to_owned();
    let details = Details::Event { source: own("Source"), detail_type: own("DetailType"), bus: own("EventBusName") };
    Put { partition_key: None, data: own("Detail").into_bytes(), details }
}

/// What is wrong with an entry by itself.
fn check(entry: &Value) -> Result<(), &'static str> {
    if ["Source", "DetailType", "Detail"].iter().any(|member| text(entry, member).is_empty()) {
        return Err("InvalidArgument");
    }
    match serde_json::from_str::<Value>(text(entry, "Detail")) {
        Ok(Value::Object(_)) => Ok(()),
        _ => Err("MalformedDetail"),
    }
}

/// What an entry weighs in a request.
fn size(entry: &Value) -> usize {
    ["Source", "DetailType", "Detail"].iter().map(|member| text(entry, member).len()).sum()
}

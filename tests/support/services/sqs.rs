//! An SQS queue: SendMessageBatch here, reading it in a file of its own. A queue whose name ends in
//! `.fifo` is one.

mod reading;

use std::collections::HashSet;

use serde_json::{Value, json};

use super::http::{Answer, Request};
use super::json::{body, entries, operation, text, unknown_operation};
use super::{Details, Front, Lie, Luck, Put, Store};

pub(super) use reading::{Message, return_messages};

const MOST_ENTRIES: usize = 10;
const MOST_BYTES: usize = 1 << 20;
const MOST_ATTRIBUTES: usize = 10;
const MOST_ID_CHARACTERS: usize = 128;

pub(super) struct Sqs;

impl Front for Sqs {
    fn read(&self, request: &Request) -> Result<Option<Vec<Put>>, Answer> {
        if operation(request) != "SendMessageBatch" {
            return Ok(None);
        }
        entries(&body(request)?, "Entries")?.iter().map(put).collect::<Result<_, Answer>>().map(Some)
    }

    fn apply(&self, request: &Request, puts: Vec<Put>, store: &mut Store, luck: &mut Luck) -> Result<Answer, Answer> {
        let body = body(request)?;
        match operation(request) {
            "SendMessageBatch" => send(&body, puts, store, luck),
            "ReceiveMessage" => reading::receive(&body, &mut store.messages),
            "DeleteMessage" => reading::delete(&body, &mut store.messages),
            "DeleteMessageBatch" => reading::delete_batch(&body, &mut store.messages, luck),
            "GetQueueUrl" => {
                let (host, name) = (request.header("host").unwrap_or_default(), text(&body, "QueueName")?);
                Ok(answer(&json!({ "QueueUrl": format!("http://{host}/123456789012/{name}") })))
            }
            _ => Err(unknown_operation(request)),
        }
    }

    fn error(&self, status: u16, code: &str, message: &str) -> Answer {
        error(status, code, message)
    }

    fn lie(&self, lie: Lie, answer: Answer) -> Answer {
        let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
        let taken = body["Successful"].as_array().cloned().unwrap_or_default();
        let with = |name: &str, value: &str| {
            let change = |entry: &Value| {
                let mut entry = entry.clone();
                entry[name] = value.into();
                entry
            };
            taken.iter().map(change).collect::<Vec<Value>>()
        };
        match lie {
            Lie::Fewer => batch_answer(&taken[1..], &[]),
            Lie::Empty => batch_answer(&[], &[]),
            Lie::Neither => batch_answer(&with("MessageId", ""), &[]),
            Lie::Both => batch_answer(&taken, &with("Code", "InternalFailure")),
            Lie::Unnamed => batch_answer(&with("Id", "another"), &[]),
            Lie::Endless(_) => answer,
        }
    }

    fn passing_errors(&self) -> &'static [(u16, &'static str)] {
        &[
            (400, "RequestThrottled"),
            (400, "ThrottlingException"),
            (400, "ExpiredTokenException"),
            (500, "InternalFailure"),
            (503, "ServiceUnavailable"),
        ]
    }
}

fn answer(body: &Value) -> Answer {
    Answer::new(200, "application/x-amz-json-1.0", body.to_string())
}

/// An error has two names: its own, and the one that it had in the protocol before this one, by which
/// clients still know it.
fn error(status: u16, code: &str, message: &str) -> Answer {
    let old_name = match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
        "BatchEntryIdsNotDistinct"
        | "BatchRequestTooLong"
        | "EmptyBatchRequest"
        | "InvalidBatchEntryId"
        | "TooManyEntriesInBatchRequest"
        | "UnsupportedOperation" => format!("AWS.SimpleQueueService.{code}"),
        _ => code.to_owned(),
    };
    let whose = if status < 500 { "Sender" } else { "Receiver" };
    let body = json!({ "__type": format!("com.amazonaws.sqs#{code}"), "message": message });
    Answer::new(status, "application/x-amz-json-1.0", body.to_string())
        .with("x-amzn-query-error", format!("{old_name};{whose}"))
}

pub(super) fn put(entry: &Value) -> Result<Put, Answer> {
    let attribute = |name: &str| entry["MessageAttributes"][name]["StringValue"].as_str();
    let own = |member: &str| entry[member].as_str().map(str::to_owned);
    let body = text(entry, "MessageBody")?.as_bytes();
    let decoded = match attribute("encoding") {
        Some("base64") => base64_simd::STANDARD.decode_to_vec(body).ok(),
        _ => None,
    };
    Ok(Put {
        partition_key: attribute("partitionKey").map(str::to_owned),
        data: decoded.unwrap_or_else(|| body.to_vec()),
        details: Details::Message { group_id: own("MessageGroupId"), deduplication_id: own("MessageDeduplicationId") },
    })
}

fn send(body: &Value, puts: Vec<Put>, store: &mut Store, luck: &mut Luck) -> Result<Answer, Answer> {
    let entries = entries(body, "Entries")?;
    check_batch(entries)?;
    if entries.iter().map(size).sum::<usize>() > MOST_BYTES {
        return Err(error(400, "BatchRequestTooLong", "a request has at most 1 MiB"));
    }
    let is_fifo = text(body, "QueueUrl")?.ends_with(".fifo");
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (entry, put) in entries.iter().zip(puts) {
        let id = &entry["Id"];
        if let Err((code, message)) = check_entry(entry, is_fifo) {
            failed.push(json!({ "Id": id, "SenderFault": true, "Code": code, "Message": message }));
        } else if let Some(code) = luck.refused_record(&["InternalFailure", "ServiceUnavailable"]) {
            failed.push(json!({ "Id": id, "SenderFault": false, "Code": code, "Message": "on purpose" }));
        } else {
            // A message that comes again is answered like the first time, and nothing is added.
            let earlier = store.puts.iter().position(|earlier| is_fifo && is_same_message(earlier, &put));
            let place = earlier.unwrap_or_else(|| {
                store.puts.push(put);
                store.messages.push(Message::new(entry.clone()));
                store.messages.len() - 1
            });
            successful.push(json!({ "Id": id, "MessageId": message_id(place) }));
        }
    }
    Ok(batch_answer(&successful, &failed))
}

pub(super) fn is_same_message(left: &Put, right: &Put) -> bool {
    match (&left.details, &right.details) {
        (Details::Message { deduplication_id: left, .. }, Details::Message { deduplication_id: right, .. }) => {
            left == right
        }
        _ => false,
    }
}

fn message_id(place: usize) -> String {
    format!("message-{place}")
}

/// A list without entries is left out, as the service does.
fn batch_answer(successful: &[Value], failed: &[Value]) -> Answer {
    let mut body = json!({});
    for (name, list) in [("Successful", successful), ("Failed", failed)] {
        if !list.is_empty() {
            body[name] = list.into();
        }
    }
    answer(&body)
}

/// What holds for every batch, of messages to send or to delete.
pub(super) fn check_batch(entries: &[Value]) -> Result<(), Answer> {
    let ids: Vec<&str> = entries.iter().map(|entry| entry["Id"].as_str().unwrap_or_default()).collect();
    let is_valid = |id: &&str| {
        (1..=80).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if entries.is_empty() {
        Err(error(400, "EmptyBatchRequest", "there are no entries"))
    } else if entries.len() > MOST_ENTRIES {
        Err(error(400, "TooManyEntriesInBatchRequest", "a request has at most 10 entries"))
    } else if !ids.iter().all(is_valid) {
        Err(error(400, "InvalidBatchEntryId", "an id has 1 to 80 letters, digits, hyphens and underscores"))
    } else if ids.iter().collect::<HashSet<_>>().len() < ids.len() {
        Err(error(400, "BatchEntryIdsNotDistinct", "an id is there twice"))
    } else {
        Ok(())
    }
}

/// What is wrong with an entry by itself: a code and a message.
pub(super) fn check_entry(entry: &Value, is_fifo: bool) -> Result<(), (&'static str, &'static str)> {
    let body = entry["MessageBody"].as_str().unwrap_or_default();
    if body.is_empty() || !body.chars().all(is_taken) {
        return Err(("InvalidMessageContents", "the body is empty, or has characters that are not allowed"));
    }
    if attributes(entry).count() > MOST_ATTRIBUTES {
        return Err(("InvalidParameterValue", "a message has at most 10 attributes"));
    }
    if !attributes(entry).all(|(name, value)| is_attribute(name, value)) {
        return Err(("InvalidParameterValue", "an attribute has a wrong name, a wrong type or no value"));
    }
    let is_id =
        |id: &str| (1..=MOST_ID_CHARACTERS).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    let (group, deduplication) = (entry["MessageGroupId"].as_str(), entry["MessageDeduplicationId"].as_str());
    if is_fifo && (group.is_none() || deduplication.is_none()) {
        return Err(("MissingParameter", "a queue of this type wants a group id and a deduplication id"));
    }
    if !is_fifo && deduplication.is_some() {
        return Err(("InvalidParameterValue", "a queue of this type takes no deduplication id"));
    }
    if ![group, deduplication].into_iter().flatten().all(is_id) {
        return Err(("InvalidParameterValue", "an id has 1 to 128 letters, digits and punctuation marks"));
    }
    Ok(())
}

fn attributes(entry: &Value) -> impl Iterator<Item = (&String, &Value)> {
    entry["MessageAttributes"].as_object().into_iter().flatten()
}

fn is_attribute(name: &str, value: &Value) -> bool {
    let is_name = (1..=256).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let has_value = match value["DataType"].as_str().and_then(|kind| kind.split('.').next()) {
        Some("String" | "Number") => {
            value["StringValue"].as_str().is_some_and(|text| !text.is_empty() && text.chars().all(is_taken))
        }
        Some("Binary") => value["BinaryValue"].as_str().is_some_and(|bytes| !bytes.is_empty()),
        _ => false,
    };
    is_name && has_value
}

/// The characters of XML 1.0: there is no way to send others.
fn is_taken(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// What an entry weighs in a request.
pub(super) fn size(entry: &Value) -> usize {
    let length = |value: &Value, member: &str| value[member].as_str().map_or(0, str::len);
    let bytes = |value: &Value| {
        let encoded = value["BinaryValue"].as_str().unwrap_or_default();
        base64_simd::STANDARD.decode_to_vec(encoded).map_or(0, |bytes| bytes.len())
    };
    let attributes = attributes(entry)
        .map(|(name, value)| name.len() + length(value, "DataType") + length(value, "StringValue") + bytes(value));
    length(entry, "MessageBody") + attributes.sum::<usize>()
}

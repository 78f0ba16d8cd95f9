//! An SNS topic: PublishBatch, in the query protocol. A topic whose name ends in `.fifo` is one. What holds for a message
//! of SQS holds for one of SNS.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::http::{Answer, Request, form_pairs};
use super::sqs::{check_batch, check_entry, is_same_message, put, size};
use super::{Front, Lie, Luck, Put, Store};

/// What a topic takes that was told to take as much, of a message and of a request.
const MOST_BYTES: usize = 1 << 20;

pub(super) struct Sns;

impl Front for Sns {
    fn read(&self, request: &Request) -> Result<Option<Vec<Put>>, Answer> {
        let form = form_pairs(&request.body);
        if form.get("Action").map(String::as_str) != Some("PublishBatch") {
            return Ok(None);
        }
        entries(&form).iter().map(put).collect::<Result<_, Answer>>().map(Some)
    }

    fn apply(&self, request: &Request, puts: Vec<Put>, store: &mut Store, luck: &mut Luck) -> Result<Answer, Answer> {
        let form = form_pairs(&request.body);
        let text = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if text("Action") != "PublishBatch" {
            return Err(error(400, "InvalidAction", "it is not stubbed"));
        }
        let is_fifo = text("TopicArn").ends_with(".fifo");
        let entries = entries(&form);
        check_batch(&entries).map_err(as_query)?;
        let most = store.record_limit.min(MOST_BYTES);
        if entries.iter().map(size).sum::<usize>() > most {
            return Err(match &entries[..] {
                [_] => error(400, "InvalidParameter", "Invalid parameter: Message too long"),
                _ => error(400, "BatchRequestTooLong", "all messages of a request are too long"),
            });
        }
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (entry, put) in entries.iter().zip(puts) {
            let id = entry["Id"].as_str().unwrap_or_default();
            if let Err((_, message)) = check_entry(entry, is_fifo) {
                failed.push(failure(id, "InvalidParameter", message, true));
            } else if let Some(code) = luck.refused_record(&["InternalError", "Throttled"]) {
                failed.push(failure(id, code, "on purpose", false));
            } else {
                // A message that comes again is answered like the first time, and nothing is added.
                let earlier = store.puts.iter().position(|earlier| is_fifo && is_same_message(earlier, &put));
                let place = earlier.unwrap_or_else(|| {
                    store.puts.push(put);
                    store.puts.len() - 1
                });
                successful.push(success(id, &format!("message-{place}")));
            }
        }
        Ok(answer(&successful.concat(), &failed.concat()))
    }

    fn error(&self, status: u16, code: &str, message: &str) -> Answer {
        error(status, code, message)
    }

    fn lie(&self, lie: Lie, answer: Answer) -> Answer {
        let text = String::from_utf8(answer.body.clone()).expect("text");
        let taken: Vec<&str> = text
            .split_once("<Successful>")
            .and_then(|(_, rest)| rest.split_once("</Successful>"))
            .map(|(list, _)| list.split("<Id>").skip(1).filter_map(|rest| rest.split('<').next()).collect())
            .unwrap_or_default();
        let all = |of: &dyn Fn(&str) -> String| taken.iter().map(|id| of(id)).collect::<String>();
        let right = all(&|id| success(id, "message"));
        match lie {
            Lie::Fewer => self::answer(&taken[1..].iter().map(|id| success(id, "message")).collect::<String>(), ""),
            Lie::Empty => self::answer("", ""),
            Lie::Neither => self::answer(&all(&|id| success(id, "")), ""),
            Lie::Both => self::answer(&right, &all(&|id| failure(id, "InternalError", "on purpose", false))),
            Lie::Unnamed => self::answer(&all(&|_| success("another", "message")), ""),
            Lie::Endless(_) => answer,
        }
    }

    fn passing_errors(&self) -> &'static [(u16, &'static str)] {
        &[
            (400, "Throttling"),
            (429, "Throttled"),
            (400, "KMSThrottling"),
            (403, "ExpiredToken"),
            (500, "InternalError"),
            (503, "ServiceUnavailable"),
        ]
    }

    fn lasting_status(&self) -> u16 {
        403
    }
}

/// The entries of a request, as those of SQS are written.
fn entries(form: &BTreeMap<String, String>) -> Vec<Value> {
    let entry = |number: usize| {
        let of = |member: &str| form.get(&format!("PublishBatchRequestEntries.member.{number}.{member}")).cloned();
        let id = of("Id")?;
        let mut attributes = json!({});
        for number in 1.. {
            let of = |member: &str| of(&format!("MessageAttributes.entry.{number}.{member}"));
            let Some(name) = of("Name") else { break };
            attributes[name] = json!({ "DataType": of("Value.DataType"), "StringValue": of("Value.StringValue") });
        }
        Some(json!({
            "Id": id,
            "MessageBody": of("Message").unwrap_or_default(),
            "MessageAttributes": attributes,
            "MessageGroupId": of("MessageGroupId"),
            "MessageDeduplicationId": of("MessageDeduplicationId"),
        }))
    };
    (1..).map_while(entry).collect()
}

/// An error of SQS, in the protocol of SNS.
fn as_query(answer: Answer) -> Answer {
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let code = body["__type"].as_str().and_then(|name| name.rsplit('#').next()).unwrap_or_default();
    error(answer.status, code, body["message"].as_str().unwrap_or_default())
}

fn success(id: &str, message_id: &str) -> String {
    format!("<member><Id>{id}</Id><MessageId>{message_id}</MessageId></member>")
}

fn failure(id: &str, code: &str, message: &str, is_senders: bool) -> String {
    format!(
        "<member><Id>{id}</Id><Code>{code}</Code><Message>{message}</Message><SenderFault>{is_senders}</SenderFault>\
         </member>"
    )
}

fn answer(successful: &str, failed: &str) -> Answer {
    let body = format!(
        "<PublishBatchResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishBatchResult>\
         <Successful>{successful}</Successful><Failed>{failed}</Failed></PublishBatchResult>\
         <ResponseMetadata><RequestId>6b562146</RequestId></ResponseMetadata></PublishBatchResponse>"
    );
    Answer::new(200, "text/xml", body)
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    let whose = if status < 500 { "Sender" } else { "Receiver" };
    let body = format!(
        "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>{whose}</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>6b562146</RequestId></ErrorResponse>"
    );
    Answer::new(status, "text/xml", body)
}

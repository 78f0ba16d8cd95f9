//! Enhanced fan-out: at a stub that plays the event stream, and at an emulator as far as that goes.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use serde_json::{Value, json};

use super::faults::page;
use super::{Run, put};
use crate::support::events::{STREAM_ARN, sequence_number};
use crate::support::kinesis_local::KinesisLocal;
use crate::support::stub::read_request;

/// A stream whose subscriptions end after a few events.
struct Fanout {
    port: u16,
    subscriptions: Arc<Mutex<Vec<Value>>>,
    /// Whether somebody registered a consumer.
    is_registered: Arc<Mutex<bool>>,
}

impl Fanout {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let subscriptions = Arc::<Mutex<Vec<Value>>>::default();
        let seen = Arc::clone(&subscriptions);
        let is_registered = Arc::<Mutex<bool>>::default();
        let registered = Arc::clone(&is_registered);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                // A client that goes away is its own affair.
                let _ = serve(&connection, &registered, &seen);
            }
        });
        Self { port, subscriptions, is_registered }
    }
}

fn serve(
    mut connection: &TcpStream,
    is_registered: &Mutex<bool>,
    subscriptions: &Mutex<Vec<Value>>,
) -> std::io::Result<()> {
    let (operation, body) = read_request(connection)?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut is_registered = is_registered.lock().expect("unpoisoned");
    let consumer = json!({
        "ConsumerName": "analysts",
        "ConsumerARN": format!("{STREAM_ARN}/consumer/analysts:1"),
        "ConsumerStatus": "ACTIVE",
        "ConsumerCreationTimestamp": 1,
        "StreamARN": STREAM_ARN,
    });
    let (status, answer) = match operation.as_str() {
        "ListShards" => (
            200,
            json!({ "Shards": [
            {
                "ShardId": "shardId-000000000000",
                "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": "1" },
                "SequenceNumberRange": { "StartingSequenceNumber": "0", "EndingSequenceNumber": "9223372036854775807" },
            },
            {
                "ShardId": "shardId-000000000001",
                "ParentShardId": "shardId-000000000000",
                "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": "1" },
                "SequenceNumberRange": { "StartingSequenceNumber": "0" },
            },
        ] }),
        ),
        "DescribeStreamConsumer" if *is_registered => (200, json!({ "ConsumerDescription": consumer })),
        "DescribeStreamConsumer" => (400, json!({ "__type": "ResourceNotFoundException", "message": "none" })),
        "RegisterStreamConsumer" => {
            *is_registered = true;
            (200, json!({ "Consumer": consumer }))
        }
        "SubscribeToShard" => return subscription(connection, body, subscriptions),
        _ => (400, json!({ "__type": "UnknownOperationException" })),
    };
    let answer = answer.to_string();
    let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
    connection.write_all((head + &answer).as_bytes())
}

/// The events of one subscription, up to its end.
fn subscription(mut connection: &TcpStream, body: Value, subscriptions: &Mutex<Vec<Value>>) -> std::io::Result<()> {
    let mut subscriptions = subscriptions.lock().expect("unpoisoned");
    let nth = subscriptions.len();
    let is_child = body["ShardId"] == "shardId-000000000001";
    subscriptions.push(body);
    let event = |records: std::ops::Range<usize>, children: Value| {
        let mut event = page(records.clone(), None, 0);
        let last = records.end.saturating_sub(1);
        event["ContinuationSequenceNumber"] =
            if children.is_null() { sequence_number(last).into() } else { Value::Null };
        event["ChildShards"] = children;
        event
    };
    let children = json!([{
        "ShardId": "shardId-000000000001",
        "ParentShards": ["shardId-000000000000"],
        "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": "1" },
    }]);
    let events = match (is_child, nth) {
        (_, 1) => {
            let busy = json!({ "__type": "ResourceInUseException", "message": "too soon" }).to_string();
            let head = format!("HTTP/1.1 400 Said\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", busy.len());
            return connection.write_all((head + &busy).as_bytes());
        }
        // The first ends as after five minutes.
        (false, 0) => vec![event(0..3, Value::Null), event(3..5, Value::Null)],
        (false, _) => vec![event(5..6, Value::Null), event(6..8, children)],
        (true, _) => vec![event(8..10, Value::Null), event(10..10, Value::Null)],
    };
    let mut bytes =
        b"HTTP/1.1 200 Said\r\nContent-Type: application/vnd.amazon.eventstream\r\nConnection: close\r\n\r\n".to_vec();
    let mut push = |kind: &str, payload: &Value| {
        let message = Message::new(payload.to_string().into_bytes())
            .add_header(Header::new(":message-type", HeaderValue::String("event".into())))
            .add_header(Header::new(":event-type", HeaderValue::String(kind.to_owned().into())))
            .add_header(Header::new(":content-type", HeaderValue::String("application/x-amz-json-1.1".into())));
        write_message_to(&message, &mut bytes).expect("a frame");
    };
    push("initial-response", &json!({}));
    events.iter().for_each(|event| push("SubscribeToShardEvent", event));
    connection.write_all(&bytes)
}

#[test]
fn a_consumer_is_registered_its_subscriptions_renewed_and_children_follow() {
    let stub = Fanout::start();
    let run = Run::of(format!("http://127.0.0.1:{}", stub.port));
    let arguments = ["--mode", "enhanced", "--consumer", "analysts", "--from", "trim-horizon", "--until", "count=10"];
    let (code, log) = run.end(STREAM_ARN, &arguments);
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(run.delivered(), (0..10).map(|index| format!("keep {index}")).collect::<Vec<_>>());
    let subscriptions = stub.subscriptions.lock().expect("unpoisoned").clone();
    let starts: Vec<&Value> = subscriptions.iter().map(|subscription| &subscription["StartingPosition"]).collect();
    let renewed = json!({ "Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": sequence_number(4) });
    assert_eq!(starts, [&json!({ "Type": "TRIM_HORIZON" }), &renewed, &renewed, &json!({ "Type": "TRIM_HORIZON" })]);
    assert!(subscriptions.iter().all(|body| body["ConsumerARN"] == format!("{STREAM_ARN}/consumer/analysts:1")));
    assert_eq!(subscriptions[3]["ShardId"], "shardId-000000000001");
    assert!(log.contains("deregister-stream-consumer"), "{log}");
}

/// Whoever may not register consumers can be given one.
#[test]
fn a_consumer_that_exists_is_taken_by_its_arn_and_nothing_is_asked_about_it() {
    let stub = Fanout::start();
    let run = Run::of(format!("http://127.0.0.1:{}", stub.port));
    let consumer = format!("{STREAM_ARN}/consumer/analysts:1");
    // Others call the mode so.
    let arguments = ["--mode", "extended", "--from", "trim-horizon", "--until", "count=10", "--consumer"];
    let (code, log) = run.end(STREAM_ARN, &[&arguments[..], &[&consumer]].concat());
    assert_eq!((code, run.delivered().len()), (Some(0), 10), "{log}");
    let subscriptions = stub.subscriptions.lock().expect("unpoisoned").clone();
    assert!(subscriptions.iter().all(|body| body["ConsumerARN"] == consumer), "{subscriptions:?}");
    assert!(!*stub.is_registered.lock().expect("unpoisoned") && !log.contains("deregister-stream-consumer"), "{log}");

    let of_another = "arn:aws:kinesis:eu-west-1:123456789012:stream/others/consumer/analysts:1";
    let (code, log) = run.end(STREAM_ARN, &[&arguments[..], &[of_another]].concat());
    assert_eq!(code, Some(1), "{log}");
    assert!(
        log.contains("it is one of arn:aws:kinesis:eu-west-1:123456789012:stream/others") && log.contains("K519"),
        "{log}"
    );
}

#[test]
fn an_emulator_that_pushes_is_read_too() {
    let server = KinesisLocal::start(&[("in", 1)]);
    for index in 0..5 {
        put(&server.config(), "in", "key", &format!("keep {index}"));
    }
    let run = Run::of(server.endpoint());
    let arguments = ["--mode", "enhanced", "--consumer", "analysts", "--from", "trim-horizon", "--until", "now"];
    let (code, log) = run.end("in", &arguments);
    assert_eq!((code, run.delivered().len()), (Some(0), 5), "{log}");
}

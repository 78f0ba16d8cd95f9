//! From the leases of the KCL to rows, and on with a run or the function.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{Record, ShardIteratorType};
use kinesieve::event::AggregateWriter;
use serde_json::{Value, json};

use super::{at, objects, said};
use crate::support::events::event_of;
use crate::support::positions::Positions;
use crate::support::runtime_api::RuntimeApi;
use crate::support::stub::Stub;
use crate::support::{block_on, guest_file, in_lambda, kinesieve, stderr, stdout};

const TIME_LIMIT: Duration = Duration::from_secs(60);

/// An explicit hash key of each of three shards.
const HASH_KEYS: [&str; 3] =
    ["0", "170141183460469231731687303715884105728", "340000000000000000000000000000000000000"];

/// A stream of three shards, an application that read it, and a table for what comes after.
struct Application {
    positions: Positions,
    stream: String,
    leases: String,
}

fn shard(number: u8) -> String {
    format!("shardId-{number:012}")
}

impl Application {
    fn new() -> Self {
        let positions = Positions::new();
        let (stream, leases) = (format!("stream-{}", positions.name), format!("leases-{}", positions.name));
        positions.moto.create_stream(&stream, 3);
        let key = KeySchemaElement::builder().attribute_name("leaseKey").key_type(KeyType::Hash);
        let attribute =
            AttributeDefinition::builder().attribute_name("leaseKey").attribute_type(ScalarAttributeType::S);
        let create = positions
            .client()
            .create_table()
            .table_name(&leases)
            .key_schema(key.build().expect("a key"))
            .attribute_definitions(attribute.build().expect("an attribute"))
            .billing_mode(BillingMode::PayPerRequest);
        block_on(create.send()).expect("a table");
        Self { positions, stream, leases }
    }

    /// Puts a record into a shard, and answers its sequence number.
    fn put(&self, shard_number: u8, data: &[u8]) -> String {
        let client = aws_sdk_kinesis::Client::new(&self.positions.moto.config());
        let hash_key = HASH_KEYS[usize::from(shard_number)];
        let put = client.put_record().stream_name(&self.stream).partition_key("key").explicit_hash_key(hash_key);
        let answer = block_on(put.data(Blob::new(data)).send()).expect("put");
        assert_eq!(answer.shard_id, shard(shard_number));
        answer.sequence_number
    }

    fn lease(&self, shard_number: u8, checkpoint: &str, sub_sequence_number: u64) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let number = |number: u64| AttributeValue::N(number.to_string());
        let item = HashMap::from([
            ("leaseKey".to_owned(), text(&shard(shard_number))),
            ("leaseCounter".to_owned(), number(12)),
            ("leaseOwner".to_owned(), text("worker-1")),
            ("checkpoint".to_owned(), text(checkpoint)),
            ("checkpointSubSequenceNumber".to_owned(), number(sub_sequence_number)),
            ("entityType".to_owned(), text("LEASE")),
        ]);
        self.put_item(item);
    }

    fn put_item(&self, item: HashMap<String, AttributeValue>) {
        let request = self.positions.client().put_item().table_name(&self.leases).set_item(Some(item));
        block_on(request.send()).expect("an item");
    }

    fn import(&self, arguments: &[&str]) -> Output {
        let flags = ["import", "--from-kcl", &self.leases, "--to", &self.positions.name, "--stream", &self.stream];
        let arguments = [&flags[..], &["--wait", "1s"], arguments].concat();
        at(&self.positions.moto.endpoint(), &arguments).output().expect("it runs")
    }

    /// The rows, each by its shard, without the names.
    fn rows(&self) -> Vec<(String, Value)> {
        let rows = objects(&said(&self.positions, &["export"]));
        let split = |mut row: Value| {
            let fields = row.as_object_mut().expect("an object");
            let shard = fields.remove("shardId").expect("a shard");
            assert_eq!(fields.remove("streamId"), Some(self.stream.clone().into()));
            (shard.as_str().expect("text").to_owned(), row)
        };
        rows.into_iter().map(split).collect()
    }

    fn records(&self, shard_number: u8) -> Vec<Record> {
        let client = aws_sdk_kinesis::Client::new(&self.positions.moto.config());
        let iterator = client.get_shard_iterator().stream_name(&self.stream).shard_id(shard(shard_number));
        let iterator =
            block_on(iterator.shard_iterator_type(ShardIteratorType::TrimHorizon).send()).expect("an iterator");
        let page = client.get_records().set_shard_iterator(iterator.shard_iterator);
        block_on(page.send()).expect("records").records
    }

    /// All records of a shard, as a mapping sends them that starts at the oldest.
    fn event(&self, shard_number: u8) -> Vec<u8> {
        let arn = format!("arn:aws:kinesis:eu-west-1:123456789012:stream/{}", self.stream);
        event_of(self.records(shard_number).into_iter().map(|record| {
            json!({
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": record.partition_key,
                    "sequenceNumber": record.sequence_number,
                    "data": base64_simd::STANDARD.encode_to_string(record.data.as_ref()),
                    "approximateArrivalTimestamp":
                        record.approximate_arrival_timestamp.expect("a time").as_secs_f64(),
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": format!("{}:{}", shard(shard_number), record.sequence_number),
                "eventName": "aws:kinesis:record",
                "awsRegion": "eu-west-1",
                "eventSourceARN": arn,
            })
        }))
    }
}

/// An application that broke off: inside an aggregate of the first shard, behind a record of the second, and before it began
/// with the third; a shard before them it had read to its end.
fn broken_off() -> Application {
    let application = Application::new();
    application.put(0, b"keep first");
    let mut aggregate = AggregateWriter::default();
    for number in 0..3 {
        aggregate.push("key", format!("keep user {number}").as_bytes());
    }
    application.lease(0, &application.put(0, &aggregate.finish()), 0);
    application.put(0, b"keep last");
    application.lease(1, &application.put(1, b"keep done"), 0);
    application.put(1, b"keep new");
    application.put(2, b"keep other");
    application.lease(2, "TRIM_HORIZON", 0);
    application.lease(9, "SHARD_END", 0);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    application.put_item(HashMap::from([
        ("leaseKey".to_owned(), text("worker-1")),
        ("entityType".to_owned(), text("WORKER_METRIC_STATS")),
    ]));
    application
}

fn delivered(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let data = |line: &str| serde_json::from_str::<Value>(line).expect(line)["data"].as_str().expect("text").to_owned();
    let mut data: Vec<String> = text.lines().map(data).collect();
    data.sort_unstable();
    data
}

#[test]
fn each_lease_becomes_the_row_that_means_the_same() {
    let application = broken_off();
    let dry = application.import(&["--dry-run"]);
    assert_eq!(dry.status.code(), Some(0), "{}", stderr(&dry));
    assert!(stdout(&dry).contains("4 rows would be written"), "{}", stdout(&dry));
    assert_eq!(application.rows(), []);

    let output = application.import(&["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let (first, second) = (application.records(0), application.records(1));
    let within = json!({ "within": { "sequenceNumber": first[1].sequence_number, "userRecord": 1 } });
    let expected = [
        (shard(0), within),
        (shard(1), json!({ "after": second[0].sequence_number })),
        (shard(2), json!({ "startAt": "TRIM_HORIZON" })),
        (shard(9), json!({ "shardEnd": true })),
    ];
    assert_eq!(application.rows(), expected);
    assert!(stderr(&output).contains("1 item"), "{}", stderr(&output));

    let text = stdout(&output);
    let start = text.split("StartingPositionTimestamp ").nth(1).and_then(|rest| rest.split(')').next()).expect(&text);
    let arrived = first[1].approximate_arrival_timestamp.expect("a time").secs();
    let start: i64 = start.parse().expect("seconds");
    assert!((arrived - 65..=arrived).contains(&start), "{start} and {arrived}");
    let again = application.import(&["--yes"]);
    assert!(stdout(&again).starts_with("nothing to write: 4 rows have that position already\n"), "{}", stdout(&again));
}

#[test]
fn a_run_goes_on_where_the_application_ended() {
    let application = broken_off();
    assert_eq!(application.import(&["--yes"]).status.code(), Some(0));
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.ndjson");
    let mut run = kinesieve(&["run", "--input", &application.stream, "--until", "now", "--from", "checkpoint"]);
    run.args(["--checkpoint-table", &application.positions.name, "--to-checkpoint"]);
    run.arg("--output").arg(format!("file:{}", out.display())).arg("--transform").arg(guest_file("scripted"));
    run.env("AWS_ENDPOINT_URL", application.positions.moto.endpoint()).env("AWS_REGION", "eu-west-1");
    let output = run.env("AWS_ACCESS_KEY_ID", "id").env("AWS_SECRET_ACCESS_KEY", "key").output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(delivered(&out), ["keep last", "keep new", "keep other", "keep user 1", "keep user 2"]);
}

/// The mapping starts somewhat before the positions, and the function skips what was done.
#[test]
fn the_function_goes_on_where_the_application_ended() {
    let application = broken_off();
    assert_eq!(application.import(&["--yes"]).status.code(), Some(0));
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.ndjson");
    let api = RuntimeApi::with_invocations((0..3).map(|shard| application.event(shard)).collect(), TIME_LIMIT);
    let mut function = in_lambda(&api)
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", format!("file:{}", out.display()))
        .env("KINESIEVE_CHECKPOINT_TABLE", &application.positions.name)
        .env("KINESIEVE_CHECKPOINT_TIMEOUT", "5s")
        .env("KINESIEVE_SKIP_ACKNOWLEDGED", "true")
        .env("AWS_ENDPOINT_URL", application.positions.moto.endpoint())
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key")
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    for _ in 0..3 {
        let posted = api.next_post(TIME_LIMIT);
        assert_eq!(posted.body, r#"{"batchItemFailures":[]}"#);
    }
    let _ = function.kill();
    let _ = function.wait();
    assert_eq!(delivered(&out), ["keep last", "keep new", "keep other", "keep user 1", "keep user 2"]);
    let last = |shard: u8| application.records(shard).last().map(|record| record.sequence_number.clone());
    let after = |shard_number: u8| (shard(shard_number), json!({ "after": last(shard_number) }));
    assert_eq!(application.rows(), [after(0), after(1), after(2), (shard(9), json!({ "shardEnd": true }))]);
}

#[test]
fn a_shard_that_was_to_begin_at_an_unknown_time_needs_a_word() {
    let application = Application::new();
    application.lease(0, "LATEST", 0);
    let refused = application.import(&["--yes"]);
    assert_eq!((refused.status.code(), application.rows()), (Some(1), vec![]));
    assert!(stderr(&refused).contains("--latest-as") && stderr(&refused).contains("K415"), "{}", stderr(&refused));
    let time = "2026-11-20T18:30:00Z";
    let output = application.import(&["--yes", "--latest-as", time]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(application.rows(), [(shard(0), json!({ "startAt": format!("AT_TIMESTAMP={time}") }))]);
    assert!(stdout(&output).contains("at 2026-11-20T18:29:00Z"), "{}", stdout(&output));
}

#[test]
fn a_position_that_there_is_keeps_all_of_them_from_being_written() {
    let application = broken_off();
    let set = ["set", "--stream", &application.stream, "--shard", &shard(1), "--trim-horizon", "--yes"];
    said(&application.positions, &set);
    let output = application.import(&["--yes"]);
    assert_eq!((output.status.code(), application.rows().len()), (Some(1), 1));
    assert!(stderr(&output).contains("K413"), "{}", stderr(&output));
    assert_eq!(application.import(&["--yes", "--overwrite"]).status.code(), Some(0));
    assert_eq!(application.rows().len(), 4);
}

#[test]
fn a_record_that_has_expired_is_named_and_nothing_is_taken_for_done_that_may_not_be() {
    let application = Application::new();
    application.lease(0, "0", 0);
    application.put(0, b"keep");
    let output = application.import(&["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("has expired in 1 shard (shardId-000000000000)"), "{}", stderr(&output));
    let within = json!({ "within": { "sequenceNumber": "0", "userRecord": 1 } });
    assert_eq!(application.rows(), [(shard(0), within)]);
}

/// Three thousand leases cost two scans, two requests to the stream each, and a write each.
#[test]
fn thousands_of_leases_take_no_more_requests_than_they_need() {
    const LEASES: usize = 3_000;
    const PAGE: usize = 1_000;

    let lease = |number: usize| {
        json!({
            "leaseKey": { "S": format!("shardId-{number:012}") }, "leaseCounter": { "N": "7" },
            "checkpoint": { "S": (4_966 + number).to_string() }, "checkpointSubSequenceNumber": { "N": "0" },
        })
    };
    let service = Stub::start(move |operation, body| {
        let body: Value = serde_json::from_str(body).expect("JSON");
        let answer = match operation {
            "Scan" => {
                let start = body["ExclusiveStartKey"]["leaseKey"]["S"].as_str();
                let start: usize = start.map_or(0, |key| key.parse().expect("a number"));
                let items: Vec<Value> = (start..start + PAGE).map(lease).collect();
                let more = start + PAGE < LEASES;
                let key = json!({ "leaseKey": { "S": (start + PAGE).to_string() } });
                json!({ "Items": items, "LastEvaluatedKey": if more { key } else { Value::Null } })
            }
            "ListShards" => {
                let range = json!({ "StartingSequenceNumber": "1" });
                let hashes = json!({ "StartingHashKey": "0", "EndingHashKey": "1" });
                let shard = |number: usize| json!({ "ShardId": format!("shardId-{number:012}"), "SequenceNumberRange": range, "HashKeyRange": hashes });
                json!({ "Shards": (0..LEASES).map(shard).collect::<Vec<_>>() })
            }
            "GetShardIterator" => json!({ "ShardIterator": body["StartingSequenceNumber"] }),
            "GetRecords" => {
                let record = json!({
                    "SequenceNumber": body["ShardIterator"], "Data": "eA==", "PartitionKey": "key",
                    "ApproximateArrivalTimestamp": 1_545_084_650.987,
                });
                json!({ "Records": [record], "MillisBehindLatest": 0 })
            }
            "Query" | "UpdateItem" => json!({}),
            _ => return (400, r#"{"__type": "AccessDeniedException"}"#.to_owned()),
        };
        (200, answer.to_string())
    });
    let arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/readings";
    let arguments = ["import", "--from-kcl", "leases", "--to", "positions", "--stream", arn, "--wait", "1s", "--yes"];
    let started = Instant::now();
    let output = at(&service.endpoint(), &arguments).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(started.elapsed() < TIME_LIMIT, "{:?}", started.elapsed());
    assert!(stdout(&output).starts_with("3000 rows were written to positions\n"), "{}", stdout(&output));
    assert!(stdout(&output).contains("2018-12-17T22:09:50Z"), "{}", stdout(&output));
    let asked = service.operations();
    let count = |name: &str| asked.iter().filter(|operation| *operation == name).count();
    assert_eq!([count("Scan"), count("ListShards"), count("Query")], [2 * LEASES / PAGE, 1, 1]);
    assert_eq!([count("GetShardIterator"), count("GetRecords"), count("UpdateItem")], [LEASES; 3]);
}

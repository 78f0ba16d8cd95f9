//! `kinesieve status`: what the checkpoint table says, for a person and for a program.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_kinesis::primitives::Blob;
use kinesieve::checkpoint::{Acknowledged, ShardProgress};
use kinesieve::event::Shard;
use serde_json::Value;

use crate::support::events::SHARD_ID;
use crate::support::positions::{Positions, STREAM, key, note, stuck_at, up_to};
use crate::support::stub::Stub;
use crate::support::{block_on, kinesieve, stderr, stdout};

fn status(positions: &Positions, arguments: &[&str]) -> Command {
    let mut command = kinesieve(&["status", "--checkpoint-table", &positions.name]);
    command
        .args(arguments)
        .env("AWS_ENDPOINT_URL", positions.moto.endpoint())
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key");
    command
}

/// The lines of JSON, and the exit code.
fn objects(positions: &Positions, arguments: &[&str]) -> (Vec<Value>, Option<i32>) {
    let output = status(positions, &[&["--json"], arguments].concat()).output().expect("it runs");
    let objects = stdout(&output).lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    (objects, output.status.code())
}

#[test]
fn a_program_reads_all_that_the_table_says() {
    let positions = Positions::new();
    let checkpoint_writer = positions.checkpoint_writer();
    assert_eq!(objects(&positions, &[]), (vec![], Some(0)));
    note(&checkpoint_writer, up_to("4966"));
    let (rows, code) = objects(&positions, &[]);
    assert_eq!((rows.len(), code), (1, Some(0)));
    let row = &rows[0];
    assert_eq!([&row["streamId"], &row["shardId"], &row["sequenceNumber"]], [STREAM, SHARD_ID, "4966"]);
    assert_eq!((&row["safeToResume"], &row["stuck"], row.get("lag")), (&true.into(), &Value::Null, None));
    assert_eq!(row["lastArrivalAt"], "2018-12-17T22:10:50.987Z");
    assert!(row["behindMilliseconds"].as_u64().is_some() && row["writtenAt"].is_string());

    note(&checkpoint_writer, stuck_at("4967", 3));
    let (rows, code) = objects(&positions, &["--stream", STREAM]);
    assert_eq!((rows.len(), code), (1, Some(3)), "a shard that stands still is no success");
    assert_eq!((&rows[0]["stuck"]["sequenceNumber"], &rows[0]["stuck"]["attempts"]), (&"4967".into(), &3.into()));
    assert_eq!(objects(&positions, &["--stream", "another"]), (vec![], Some(0)));

    let side_by_side = positions.mirror_with(|options| options.parallelization_factor = 2);
    note(&side_by_side, up_to("5000"));
    let (rows, _) = objects(&positions, &[]);
    assert_eq!((&rows[0]["safeToResume"], &rows[0]["highWaterMark"]), (&false.into(), &"5000".into()));
}

#[test]
fn a_person_reads_what_a_shard_stands_still_at() {
    let positions = Positions::new();
    note(&positions.checkpoint_writer(), stuck_at("4967", 3));
    let output = status(&positions, &[]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3));
    let text = stdout(&output);
    assert!(text.contains("blocked at 4967 after 3 attempts: the table is being rebuilt"), "{text}");
    assert!(!text.contains('\u{1b}'), "colours, and no terminal: {text}");
}

#[test]
fn the_stream_says_how_much_is_behind_a_position() {
    let positions = Positions::new();
    let stream = format!("lag-{}", positions.name);
    positions.moto.create_stream(&stream, 1);
    let kinesis = aws_sdk_kinesis::Client::new(&positions.moto.config());
    let mut numbers = Vec::new();
    for _ in 0..5 {
        let put = kinesis.put_record().stream_name(&stream).partition_key("key").data(Blob::new("x"));
        let answer = block_on(put.send()).expect("put");
        numbers.push((answer.shard_id, answer.sequence_number));
    }
    let reaches = |index: usize| {
        let (shard, number) = numbers[index].clone();
        let progress = ShardProgress {
            shard: Shard { stream_arn: format!("arn:aws:kinesis:eu-west-1:123456789012:stream/{stream}"), id: shard },
            acknowledged: Some(Acknowledged { sequence_number: number, arrived_at: 0 }),
            stuck: None,
        };
        note(&positions.checkpoint_writer(), progress);
        let (rows, code) = objects(&positions, &["--lag"]);
        assert_eq!(code, Some(0));
        rows[0]["lag"].clone()
    };
    let lag = reaches(1);
    assert_eq!((&lag["records"], &lag["isComplete"]), (&3.into(), &true.into()));
    assert_eq!(reaches(4), serde_json::json!({ "milliseconds": 0, "records": 0, "isComplete": true }));
}

/// A stream that can't be asked takes nothing away from what the table says.
#[test]
fn a_stream_that_is_gone_is_named_beside_its_row() {
    let positions = Positions::new();
    note(&positions.checkpoint_writer(), up_to("4966"));
    let (rows, code) = objects(&positions, &["--lag"]);
    let error = rows[0]["lagError"].as_str().expect("an error");
    assert!(error.contains("kinesis:GetShardIterator") && error.contains(STREAM), "{error}");
    assert_eq!((&rows[0]["sequenceNumber"], code), (&"4966".into(), Some(0)));
}

/// The row of a stream's shard.
fn row_of(stream: &str) -> ShardProgress {
    let arn = format!("arn:aws:kinesis:eu-west-1:123456789012:stream/{stream}");
    ShardProgress { shard: Shard { stream_arn: arn, id: SHARD_ID.to_owned() }, ..up_to("4966") }
}

#[test]
fn a_shard_without_a_row_has_no_position_yet() {
    let positions = Positions::new();
    let stream = format!("unread-{}", positions.name);
    positions.moto.create_stream(&stream, 3);
    let said = |rows: &[Value]| -> Vec<(String, bool)> {
        let shard = |row: &Value| {
            (row["shardId"].as_str().expect("text").to_owned(), row["hasRow"].as_bool().expect("whether it has a row"))
        };
        rows.iter().map(shard).collect()
    };
    let shard = |number: u8, has_row| (format!("shardId-{number:012}"), has_row);
    let (rows, code) = objects(&positions, &["--stream", &stream]);
    assert_eq!((said(&rows), code), (vec![shard(0, false), shard(1, false), shard(2, false)], Some(0)));
    note(&positions.checkpoint_writer(), row_of(&stream));
    let (rows, code) = objects(&positions, &[]);
    assert_eq!((said(&rows), code), (vec![shard(0, false), shard(1, false), shard(2, true)], Some(0)));
    assert_eq!((&rows[2]["sequenceNumber"], &rows[1]["sequenceNumber"]), (&"4966".into(), &Value::Null));

    let output = status(&positions, &[]).output().expect("it runs");
    let text = stdout(&output);
    assert_eq!(text.matches("no position yet").count(), 2, "{text}");
}

/// A row by a text of its own says nothing of its stream, unless somebody does.
#[test]
fn a_stream_that_is_written_by_a_text_of_its_own_is_asked_by_its_name() {
    let positions = Positions::new();
    let stream = format!("aliased-{}", positions.name);
    positions.moto.create_stream(&stream, 3);
    let form = format!("{stream}=my text");
    let writer = positions.mirror_with(|options| options.stream_id = form.parse().expect("a form"));
    note(&writer, row_of(&stream));
    let said = |arguments: &[&str]| -> Vec<(Value, Value)> {
        let (rows, code) = objects(&positions, arguments);
        assert_eq!(code, Some(0), "{rows:?}");
        rows.iter().map(|row| (row["streamId"].clone(), row["hasRow"].clone())).collect()
    };
    let row = |has_row: bool| (Value::from("my text"), Value::from(has_row));
    assert_eq!(said(&[]), [row(true)], "nobody says which stream that is");
    let form = ["--checkpoint-stream-id", &form];
    assert_eq!(said(&form), [row(false), row(false), row(true)]);
    assert_eq!(said(&[&form[..], &["--stream", &stream]].concat()), [row(false), row(false), row(true)]);
}

/// What the stream refuses takes nothing away from what the table says, and is said once.
#[test]
fn where_the_stream_does_not_list_its_shards_the_rows_are_shown_and_a_line_says_so() {
    let positions = Positions::new();
    note(&positions.checkpoint_writer(), up_to("4966"));
    let denied = Stub::start(|_, _| {
        let refusal = serde_json::json!({ "__type": "AccessDeniedException", "message": "not you \u{1b}[2J" });
        (400, refusal.to_string())
    });
    // An answer with a token that leads to no end.
    let endless = Stub::start(|_, _| (200, serde_json::json!({ "Shards": [], "NextToken": "again" }).to_string()));
    let cases = [
        (denied.endpoint(), "AccessDeniedException"),
        (endless.endpoint(), "it does not come to an end"),
        ("http://127.0.0.1:1".to_owned(), "kinesis:ListShards: "),
    ];
    for (endpoint, reason) in cases {
        let with_stream = |arguments| {
            status(&positions, arguments).env("AWS_ENDPOINT_URL_KINESIS", &endpoint).output().expect("it runs")
        };
        let output = with_stream(&[]);
        let text = stdout(&output);
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.contains("4966") && !text.contains('\u{1b}'), "{text:?}");
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("does not say which shards it has")).collect();
        assert!(matches!(lines[..], [line] if line.contains(reason)), "{text}");
        let output = with_stream(&["--json"]);
        assert_eq!((stdout(&output).lines().count(), output.status.code()), (1, Some(0)));
        assert!(stderr(&output).contains(reason), "{}", stderr(&output));
    }
}

#[test]
fn a_table_of_something_else_is_not_taken_for_an_empty_one() {
    let positions = Positions::missing();
    let key = |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("a key");
    let attribute =
        |name| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build();
    let create = positions
        .client()
        .create_table()
        .table_name(&positions.name)
        .key_schema(key("LockID", KeyType::Hash))
        .attribute_definitions(attribute("LockID").expect("an attribute"))
        .billing_mode(BillingMode::PayPerRequest);
    block_on(create.send()).expect("a table");
    for arguments in [&[][..], &["--json"], &["--stream", "readings"]] {
        let output = status(&positions, arguments).output().expect("it runs");
        assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()));
        let message = stderr(&output);
        assert!(message.contains("its keys are LockID (HASH): they have to be StreamID (HASH)"), "{message}");
        assert!(message.contains("K411"), "{message}");
    }
}

/// Whoever may read the rows, and may not look at the table.
#[test]
fn without_a_look_at_the_table_its_first_item_says_what_it_is() {
    let read = |item: Value| {
        let table = Stub::start(move |operation, _| match operation {
            "Scan" => (200, serde_json::json!({ "Items": [item.clone()] }).to_string()),
            "DescribeTable" => (400, serde_json::json!({ "__type": "AccessDeniedException" }).to_string()),
            _ => (200, serde_json::json!({ "Shards": [] }).to_string()),
        });
        let mut command = kinesieve(&["status", "--checkpoint-table", "positions", "--json"]);
        command.env("AWS_ENDPOINT_URL", table.endpoint()).env("AWS_REGION", "eu-west-1");
        command.env("AWS_ACCESS_KEY_ID", "id").env("AWS_SECRET_ACCESS_KEY", "key").output().expect("it runs")
    };
    let row = read(serde_json::json!({ "StreamID": { "S": "readings" }, "ShardID": { "S": SHARD_ID } }));
    assert_eq!((row.status.code(), stdout(&row).lines().count()), (Some(0), 1), "{}", stderr(&row));
    let other = read(serde_json::json!({ "LockID": { "S": "a" }, "StreamID": { "N": "1" } }));
    assert_eq!(other.status.code(), Some(1));
    assert!(stderr(&other).contains("has the attributes LockID, StreamID, and not the keys"), "{}", stderr(&other));
}

/// A lease that ended long ago holds nothing.
#[test]
fn a_lease_that_has_ended_is_told_as_ended() {
    let positions = Positions::new();
    note(&positions.checkpoint_writer(), up_to("4966"));
    for (end, words, has_ended) in [
        ("2020-11-21T07:31:00.123456789Z", "lease ended", true),
        ("2999-11-21T07:31:00Z", "held by connect-1, lease until 2999", false),
        ("at some time", "held by connect-1, lease until at some time", false),
    ] {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let request = positions
            .client()
            .update_item()
            .table_name(&positions.name)
            .set_key(Some(key()))
            .update_expression("SET ClientID = :client, LeaseTimeout = :end")
            .expression_attribute_values(":client", text("connect-1"))
            .expression_attribute_values(":end", text(end));
        block_on(request.send()).expect("a lease");
        let (rows, _) = objects(&positions, &[]);
        assert_eq!(rows[0]["heldBy"]["leaseTimeout"], end);
        assert_eq!(rows[0]["heldBy"]["hasEnded"], has_ended, "{end}");
        let output = status(&positions, &[]).output().expect("it runs");
        let said = stdout(&output);
        assert!(said.contains(words) && said.contains("held by") != has_ended, "{end}: {said}");
    }
}

#[test]
fn a_table_that_is_missing_is_named() {
    let output = status(&Positions::missing(), &[]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains("the checkpoint table positions-") && message.contains("the table does not exist"),
        "{message}"
    );
    let wrong = kinesieve(&["status", "--checkpoint-table", "a b"]).output().expect("it runs");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("table/NAME"), "{}", stderr(&wrong));
}

#[test]
fn a_watcher_is_told_again_and_again() {
    let positions = Positions::new();
    note(&positions.checkpoint_writer(), up_to("1"));
    let mut watcher =
        status(&positions, &["--json", "--watch", "1"]).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(watcher.stdout.take().expect("a pipe")).lines();
    let mut next = || {
        let line = lines.next().expect("a line").expect("text");
        serde_json::from_str::<Value>(&line).expect("JSON")["sequenceNumber"].clone()
    };
    assert_eq!(next(), "1");
    note(&positions.checkpoint_writer(), up_to("20"));
    assert!((0..60).any(|_| next() == "20"), "the row moved, and the watcher was not told");
    let _ = watcher.kill();
    let _ = watcher.wait();
}

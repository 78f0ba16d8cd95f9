//! What is wrong is said, with what to do about it.

use std::path::Path;

use serde_json::{Value, json};

use super::{NOWHERE, letter, outputs, redrive};
use crate::support::events::sequence_number;
use crate::support::moto::Moto;
use crate::support::stub::Stub;
use crate::support::{error_line, guest_file, kinesieve, stderr};

#[test]
fn what_can_not_be_read_back_is_wrong_usage() {
    for (from, said) in [
        ("arn:aws:firehose:eu-west-1:123456789012:deliverystream/d", "name the S3 bucket that it delivers to"),
        ("stdout", "name the file that it was written to"),
        ("none", "name a file"),
        ("arn:aws:sqs:eu-west-1:123456789012:a/b", "letters, digits"),
    ] {
        let output = redrive(NOWHERE, from, "keep", Path::new("out")).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
    for flag in [["--kind", "bad"], ["--since", "noon"]] {
        let output = redrive(NOWHERE, "-", "keep", Path::new("out")).args(flag).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(flag[1]), "{}", stderr(&output));
    }
}

#[test]
fn settings_that_would_mix_or_never_end_are_refused() {
    let queue = "arn:aws:sqs:eu-west-1:123456789012:redrive-loop";
    let place = "arn:aws:s3:::redrive-loop/dead";
    for (from, flags) in [
        (queue, &["--dead-letter", queue][..]),
        (queue, &["--route", "side=arn:aws:sqs:eu-west-1:123456789012:redrive-loop"]),
        (place, &["--dead-letter", "arn:aws:s3:::redrive-loop/dead/again"]),
        (place, &["--dead-letter", "arn:aws:s3:::redrive-loop"]),
    ] {
        let output = redrive(NOWHERE, from, "keep", Path::new("out")).args(flags).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains("name another place to write to"), "{}", stderr(&output));
    }
    let output = kinesieve(&["redrive", "--from", "-", "--json", "--transform"])
        .arg(guest_file("keep"))
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--output"), "{}", stderr(&output));
    let output =
        kinesieve(&["redrive", "--from", queue, "--transform"]).arg(guest_file("keep")).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("say with --output where it is to go"), "{}", stderr(&output));
    let output = redrive(NOWHERE, "-", "keep", Path::new("out"))
        .args(["--since", "2026-11-20T00:00:00Z", "--until", "2026-11-19T00:00:00Z"])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--since is not before --until"), "{}", stderr(&output));
}

#[test]
fn a_place_that_is_not_there_is_named_with_what_to_do() {
    let moto = Moto::shared();
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing.ndjson").display().to_string();
    for (from, action, remedy) in [
        (missing.as_str(), "", "No such file"),
        ("arn:aws:s3:::redrive-missing/dead", "s3:ListBucket", "there is no bucket of this name"),
        ("arn:aws:sqs:eu-west-1:123456789012:redrive-missing", "sqs:ReceiveMessage", "it does not exist"),
        ("arn:aws:kinesis:eu-west-1:123456789012:stream/redrive-missing", "kinesis:ListShards", "it does not exist"),
    ] {
        let out = folder.path().join("out");
        let output = redrive(&moto.endpoint(), from, "keep", &out).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let said = stderr(&output);
        assert!([from, action, remedy].iter().all(|part| error_line(&said).contains(part)), "{said}");
    }
}

#[test]
fn a_bucket_needs_a_region() {
    let output = redrive(NOWHERE, "arn:aws:s3:::bucket/dead", "keep", Path::new("out"))
        .env_remove("AWS_REGION")
        .env("AWS_CONFIG_FILE", "/nowhere")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("in which region arn:aws:s3:::bucket/dead is: set AWS_REGION or --region;"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_permission_that_lacks_is_named() {
    let stub = Stub::start(|_, _| (403, r#"{"__type":"AccessDeniedException","message":"not authorized"}"#.to_owned()));
    let folder = tempfile::tempdir().expect("a folder");
    for (from, action) in [
        ("arn:aws:sqs:eu-west-1:123456789012:dead", "sqs:ReceiveMessage"),
        ("arn:aws:kinesis:eu-west-1:123456789012:stream/dead", "kinesis:ListShards"),
    ] {
        let output = redrive(&stub.endpoint(), from, "keep", &folder.path().join("out")).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let said =
            format!("the dead letters of {from}: {action}: AccessDeniedException: not authorized: allow {action}");
        assert!(stderr(&output).contains(&said), "{}", stderr(&output));
    }
    let denied = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    let stub = Stub::start(move |_, _| (403, denied.to_owned()));
    let output = redrive(&stub.endpoint(), "arn:aws:s3:::bucket/dead", "keep", &folder.path().join("out"))
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let said = "arn:aws:s3:::bucket/dead: s3:ListBucket: AccessDenied: Access Denied: allow s3:ListBucket on it";
    assert!(stderr(&output).contains(said), "{}", stderr(&output));
}

/// All that follows would be run again as well.
#[test]
fn a_queue_that_deletes_nothing_ends_the_run_at_once() {
    let stub = Stub::start(|operation, _| match operation {
        "ReceiveMessage" => {
            let message = |index: usize| json!({ "MessageId": format!("m-{index}"), "ReceiptHandle": "handle", "Body": letter(index, &[]) });
            (200, json!({ "Messages": [message(0), message(1)] }).to_string())
        }
        "DeleteMessage" => (403, r#"{"__type":"AccessDenied","message":"no"}"#.to_owned()),
        _ => (200, "{}".to_owned()),
    });
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let from = "arn:aws:sqs:eu-west-1:123456789012:dead";
    let output = redrive(&stub.endpoint(), from, "keep", &out).output().expect("it runs");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("0 messages deleted from the queue, 1 left in it"), "{said}");
    assert!(said.contains("allow sqs:DeleteMessage on it"), "{said}");
    assert_eq!(outputs(&out).len(), 1);
    assert_eq!(stub.operations(), ["ReceiveMessage", "DeleteMessage", "ChangeMessageVisibilityBatch"]);
}

/// A slow transform can outlive an iterator, a page may be empty while others follow, and shards may be listed
/// in pages.
#[test]
fn a_stream_is_read_on_where_its_iterator_expired() {
    let page = |records: Vec<Value>, next: Option<&str>, behind: u64| json!({ "Records": records, "NextShardIterator": next, "MillisBehindLatest": behind });
    let record = |index: usize, arrived: u64| {
        let data = base64_simd::STANDARD.encode_to_string(letter(index, &[]));
        json!({
            "SequenceNumber": format!("100{index}"), "PartitionKey": "k", "Data": data,
            "ApproximateArrivalTimestamp": arrived,
        })
    };
    let shards = |id: &str, token: Option<&str>| {
        let range = json!({ "StartingHashKey": "0", "EndingHashKey": "1" });
        let positions = json!({ "StartingSequenceNumber": "1" });
        let shard = json!({ "ShardId": id, "HashKeyRange": range, "SequenceNumberRange": positions });
        json!({ "Shards": [shard], "NextToken": token })
    };
    const IN_2100: u64 = 4_102_444_800;
    let stub = Stub::start(move |operation, body| {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        let answer = match (operation, text("NextToken").as_str(), text("ShardIterator").as_str()) {
            ("ListShards", "", _) => shards("shardId-0", Some("more")),
            ("ListShards", ..) => shards("shardId-1", None),
            ("GetShardIterator", ..) => {
                json!({ "ShardIterator": format!("{} {}", text("ShardId"), text("StartingSequenceNumber")) })
            }
            (_, _, "shardId-0 ") => page(vec![record(0, 1), record(1, 2)], Some("expired"), 9000),
            (_, _, "expired") => return (400, r#"{"__type":"ExpiredIteratorException","message":"old"}"#.to_owned()),
            (_, _, "shardId-0 1001") => page(Vec::new(), Some("later"), 9000),
            (_, _, "later") => page(vec![record(2, 3)], None, 0),
            // What comes in long after the start is another run's.
            _ => page(vec![record(3, 4), record(4, IN_2100)], Some("on"), 0),
        };
        (200, answer.to_string())
    });
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let from = "arn:aws:kinesis:eu-west-1:123456789012:stream/dead";
    let output = redrive(&stub.endpoint(), from, "keep", &out).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let positions: Vec<String> = outputs(&out).into_iter().map(|(position, _)| position).collect();
    assert_eq!(positions, (0..4).map(sequence_number).collect::<Vec<_>>());
}

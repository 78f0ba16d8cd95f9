//! Letters that are too large for their target: whatever becomes of them there, the event comes back.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::{NOWHERE, at, file_of, letter, redrive};
use crate::support::events::{Data, SHARD_ID, STREAM_ARN, event_of, record, sequence_number};
use crate::support::kinesis_local::KinesisLocal;
use crate::support::moto::Moto;
use crate::support::services::{Faults, Service, Stub};
use crate::support::{block_on, guest_file, stderr, stub};

const LARGE: &str = "arn:aws:s3:::out/large";

/// The largest record that Kinesis takes, but for its key.
const LARGEST: usize = (10 << 20) - 256;

/// Bytes that no text is, so that the scripted guest rejects them, and that don't become shorter by compressing them.
fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut dice = fastrand::Rng::with_seed(seed);
    std::iter::once(0xff).chain((1..bytes).map(|_| dice.u8(..))).collect()
}

/// What does become shorter.
fn text(bytes: usize) -> Vec<u8> {
    b"reject \xff {\"reading\": 17.5, \"device\": \"device-7\"} ".iter().copied().cycle().take(bytes).collect()
}

/// A small record, one of 800,000 bytes, of noise and of what becomes shorter, and the largest.
fn payloads() -> Vec<Vec<u8>> {
    vec![noise(10, 1), noise(800_000, 2), text(800_000), noise(LARGEST, 3)]
}

/// Services that each have one place.
struct Services {
    kinesis: Stub,
    firehose: Stub,
    queue: Stub,
    bucket: Stub,
}

impl Services {
    fn start() -> Self {
        let start = |service| Stub::start(service, Faults::default(), 1);
        Self {
            kinesis: start(Service::Kinesis),
            firehose: start(Service::Firehose),
            queue: start(Service::Sqs),
            bucket: start(Service::S3),
        }
    }

    fn lead<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("AWS_ENDPOINT_URL_KINESIS", self.kinesis.endpoint())
            .env("AWS_ENDPOINT_URL_FIREHOSE", self.firehose.endpoint())
            .env("AWS_ENDPOINT_URL_SQS", self.queue.endpoint())
            .env("AWS_ENDPOINT_URL_S3", self.bucket.endpoint())
    }

    /// Runs these payloads through the scripted guest, which can process none of them.
    fn dead_letter(&self, folder: &Path, payloads: &[Vec<u8>], arguments: &[&str]) -> Output {
        let input = folder.join("event.json");
        let records = payloads.iter().enumerate();
        let records = records.map(|(index, data)| record(index, "device-7", &Data::Bytes(data.clone())));
        std::fs::write(&input, event_of(records)).expect("written");
        let mut command = at(NOWHERE, &["run", "--output", "none", "--transform"]);
        command.args([guest_file("scripted").as_os_str(), "--input".as_ref(), input.as_os_str()]).args(arguments);
        self.lead(&mut command).output().expect("it runs")
    }

    fn redrive(&self, folder: &Path, from: &str, arguments: &[&str]) -> Output {
        let out = folder.join("out.ndjson");
        let _ = std::fs::remove_file(&out);
        self.lead(redrive(NOWHERE, from, "keep", &out).args(arguments)).output().expect("it runs")
    }
}

/// What was delivered to the file of a redrive, by position.
fn delivered(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let text = std::fs::read_to_string(folder.join("out.ndjson")).unwrap_or_default();
    let output = |line: &str| {
        let output: Value = serde_json::from_str(line).expect("JSON");
        let data = match (output["data"].as_str(), output["dataBase64"].as_str()) {
            (Some(text), _) => text.as_bytes().to_vec(),
            (None, encoded) => base64_simd::STANDARD.decode_to_vec(encoded.expect("data")).expect("base64"),
        };
        assert_eq!(output["partitionKey"], "device-7");
        (output["sequenceNumber"].as_str().expect("a position").to_owned(), data)
    };
    let mut outputs: Vec<_> = text.lines().map(output).collect();
    outputs.sort();
    outputs
}

fn expected(payloads: &[Vec<u8>]) -> Vec<(String, Vec<u8>)> {
    payloads.iter().enumerate().map(|(index, data)| (sequence_number(index), data.clone())).collect()
}

/// Without what fills a terminal.
fn assert_same(found: &[(String, Vec<u8>)], expected: &[(String, Vec<u8>)], said: &str) {
    let sizes = |outputs: &[(String, Vec<u8>)]| -> Vec<(String, usize)> {
        outputs.iter().map(|(position, data)| (position.clone(), data.len())).collect()
    };
    assert_eq!(sizes(found), sizes(expected), "{said}");
    assert!(found == expected, "the bytes are others\n{said}");
}

/// In which form each letter was, in the order in which they come.
fn forms(output: &Output) -> Vec<String> {
    let lines = crate::support::stdout(output);
    let form = |line: &str| {
        let outcome: Value = serde_json::from_str(line).expect("JSON");
        outcome["form"].as_str().unwrap_or("whole").to_owned()
    };
    lines.lines().map(form).collect()
}

#[test]
fn a_record_of_any_size_is_dead_lettered_to_every_target_and_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (payloads, file) = (payloads(), folder.join("dead.ndjson").display().to_string());
    let stream = "arn:aws:kinesis:eu-west-1:123456789012:stream/out";
    let wide_stream = (stream, ["whole", "whole", "whole", "large"], 10 << 20);
    let narrow_stream = (stream, ["whole", "large", "compressed", "large"], 1 << 20);
    let queue = "arn:aws:sqs:eu-west-1:123456789012:out";
    let firehose = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/out";
    for (target, in_forms, record_limit) in [
        wide_stream,
        narrow_stream,
        (queue, narrow_stream.1, 1 << 20),
        (firehose, narrow_stream.1, 1 << 20),
        ("arn:aws:s3:::out/dead", ["whole"; 4], 1 << 20),
        (&format!("file:{file}"), ["whole"; 4], 1 << 20),
        ("stdout", ["whole"; 4], 1 << 20),
    ] {
        let services = Services::start();
        services.kinesis.set_record_limit(record_limit);
        let output = services.dead_letter(folder, &payloads, &["--dead-letter", target, "--dead-letter-large", LARGE]);
        assert_eq!(output.status.code(), Some(0), "{target}: {}", stderr(&output));
        let from = match target {
            "stdout" => {
                std::fs::write(&file, &output.stdout).expect("written");
                &file
            }
            // It delivers to wherever it is told to, letters behind each other.
            _ if target == firehose => {
                let letters: Vec<Vec<u8>> = services.firehose.puts().into_iter().map(|put| put.data).collect();
                std::fs::write(&file, letters.concat()).expect("written");
                &file
            }
            _ => target,
        };
        let dry = services.redrive(folder, from, &["--dry-run", "--json", "--large", LARGE]);
        assert_eq!(dry.status.code(), Some(0), "{target}: {}", stderr(&dry));
        assert_eq!(forms(&dry), in_forms, "{target}");
        services.queue.return_messages();
        let output = services.redrive(folder, from, &["--large", LARGE]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{target}: {said}");
        assert_same(&delivered(folder), &expected(&payloads), &format!("{target}: {said}"));
        if target == queue {
            // A replay writes the same objects again.
            let objects = services.bucket.objects();
            services.dead_letter(folder, &payloads, &["--dead-letter", target, "--dead-letter-large", LARGE]);
            assert!(!objects.is_empty() && services.bucket.objects() == objects);
        }
        let _ = std::fs::remove_file(&file);
    }
}

/// Records in a stream that has them, too large for a queue.
#[test]
fn what_was_cut_is_fetched_from_the_stream_it_came_from() {
    let server = KinesisLocal::start(&[("in", 2)]);
    let stream = server.arn("in");
    let payloads = [noise(800_000, 4), noise(10, 5), noise(900_000, 6)];
    let client = aws_sdk_kinesis::Client::new(&server.config());
    for data in &payloads {
        let blob = aws_sdk_kinesis::primitives::Blob::new(data.clone());
        let request = client.put_record().stream_name("in").partition_key("device-7").data(blob);
        block_on(request.send()).expect("put");
    }
    let services = Services::start();
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let queue = "arn:aws:sqs:eu-west-1:123456789012:out";
    let arguments = ["run", "--input", &stream, "--from", "trim-horizon", "--until", "now", "--output", "none"];
    let mut command = at(NOWHERE, &arguments);
    command.args(["--dead-letter", queue, "--transform"]).arg(guest_file("scripted"));
    let output = services.lead(&mut command).env("AWS_ENDPOINT_URL_KINESIS", server.endpoint()).output();
    let output = output.expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let letters: Vec<Value> =
        services.queue.puts().iter().map(|put| serde_json::from_slice(&put.data).expect("JSON")).collect();
    assert_eq!(letters.iter().filter(|letter| letter["dataCut"] == true).count(), 2);

    let out = folder.join("out.ndjson");
    let mut command = redrive(NOWHERE, queue, "keep", &out);
    let output = services.lead(&mut command).env("AWS_ENDPOINT_URL_KINESIS", server.endpoint()).output();
    let output = output.expect("it runs");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("(cut: 65536 of 800000 bytes)"), "{said}");
    let found: Vec<Vec<u8>> = delivered(folder).into_iter().map(|(_, data)| data).collect();
    assert!(found == payloads, "{said}");
    assert!(said.contains("3 messages deleted from the queue, 0 left in it"), "{said}");
}

/// A letter whose data was cut: of the record at this index, with this data.
fn cut(index: usize, data: &[u8]) -> String {
    let sha256 = <sha2::Sha256 as sha2::Digest>::digest(data);
    let sha256: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    let front = base64_simd::STANDARD.encode_to_string(&data[..1]);
    letter(
        index,
        &[
            ("dataBase64", front.into()),
            ("dataCut", true.into()),
            ("dataBytes", data.len().into()),
            ("dataSha256", sha256.into()),
        ],
    )
}

/// Each of the records of a stream that has gone on: throttled, behind an empty page, trimmed, and another than it was.
#[test]
fn of_a_cut_letter_is_said_what_the_stream_has_of_it() {
    let throttled = std::sync::atomic::AtomicBool::new(true);
    let answers = stub::Stub::start(move |operation, body| {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        assert_eq!(body["StreamARN"], STREAM_ARN);
        let page = |index: usize, data: &str, next: Option<&str>, behind: u64| {
            let record = json!({
                "SequenceNumber": sequence_number(index), "PartitionKey": "key",
                "Data": base64_simd::STANDARD.encode_to_string(data), "ApproximateArrivalTimestamp": 1,
            });
            let records = if data.is_empty() { json!([]) } else { json!([record]) };
            (200, json!({ "Records": records, "NextShardIterator": next, "MillisBehindLatest": behind }).to_string())
        };
        let refused = |code: &str| (400, json!({ "__type": code, "message": "on purpose" }).to_string());
        let number = body["StartingSequenceNumber"].as_str().unwrap_or_default();
        match (operation, body["ShardIterator"].as_str()) {
            ("GetShardIterator", _) if number == sequence_number(5) => refused("ResourceNotFoundException"),
            ("GetShardIterator", _) if number == sequence_number(6) => refused("InvalidArgumentException"),
            ("GetShardIterator", _) => {
                assert_eq!(
                    (&body["ShardIteratorType"], &body["ShardId"]),
                    (&json!("AT_SEQUENCE_NUMBER"), &json!(SHARD_ID))
                );
                (200, json!({ "ShardIterator": number }).to_string())
            }
            (_, Some("next")) => page(1, "keep 1", None, 0),
            (_, Some(from)) => match (0..5).find(|&index| from == sequence_number(index)) {
                Some(0) if throttled.swap(false, std::sync::atomic::Ordering::Relaxed) => {
                    refused("ProvisionedThroughputExceededException")
                }
                Some(0) => page(0, "keep 0", Some("more"), 9000),
                Some(1) => page(1, "", Some("next"), 9000),
                // Trimmed: what is read is younger, or there is nothing.
                Some(2) => page(3, "keep 3", Some("more"), 9000),
                Some(3) => page(3, "", Some("more"), 0),
                _ => page(4, "another", Some("more"), 9000),
            },
            _ => refused("UnknownOperationException"),
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let lines: Vec<String> = (0..7).map(|index| cut(index, format!("keep {index}").as_bytes())).collect();
    let from = file_of(folder.path(), &lines).display().to_string();
    let out = folder.path().join("out.ndjson");
    let output = redrive(&answers.endpoint(), &from, "keep", &out).output().expect("it runs");
    let said = stderr(&output).replace(&sequence_number(0)[..40], "49590338...").replace(&from, "FILE");
    assert_eq!(output.status.code(), Some(3), "{said}");
    insta::assert_snapshot!(said.split("\n7 dead letters").next().expect("lines"), @r"
    49590338...0000000000000000  shardId-000000000002  delivered  1 output (was: rejected: reading out of range) (cut: 1 of 6 bytes)
    49590338...0000000000000001  shardId-000000000002  delivered  1 output (was: rejected: reading out of range) (cut: 1 of 6 bytes)
    49590338...0000000000000002  shardId-000000000002  cut  the record is no longer in the stream (was: rejected: reading out of range) (cut: 1 of 6 bytes)
    49590338...0000000000000003  shardId-000000000002  cut  the record is no longer in the stream (was: rejected: reading out of range) (cut: 1 of 6 bytes)
    49590338...0000000000000004  shardId-000000000002  cut  the record is in the stream, and holds nothing of this size and SHA-256: give --decode and --decode-limit as they were when it was dead-lettered (was: rejected: reading out of range) (cut: 1 of 6 bytes)
    49590338...0000000000000005  shardId-000000000002  cut  the record is no longer in the stream (was: rejected: reading out of range) (cut: 1 of 6 bytes)
    49590338...0000000000000006  shardId-000000000002  cut  kinesis:GetShardIterator: InvalidArgumentException: on purpose (was: rejected: reading out of range) (cut: 1 of 6 bytes)
    ");
    assert!(said.contains("  cut                  5\n"), "{said}");
    let text = std::fs::read_to_string(&out).expect("outputs");
    assert_eq!(text.lines().count(), 2);
}

#[test]
fn what_may_not_be_cut_stops_its_shard_and_says_what_to_set() {
    let services = Services::start();
    let folder = tempfile::tempdir().expect("a folder");
    let queue = "arn:aws:sqs:eu-west-1:123456789012:out";
    let payloads = [noise(10, 1), noise(800_000, 2), noise(10, 3)];
    let output =
        services.dead_letter(folder.path(), &payloads, &["--dead-letter", queue, "--dead-letter-cut", "false"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    for part in [
        "it is not cut (KINESIEVE_DEAD_LETTER_CUT=false",
        "set KINESIEVE_DEAD_LETTER_LARGE to an S3 prefix",
        &sequence_number(1),
    ] {
        assert!(said.contains(part), "{said}");
    }
    let letters = services.queue.puts();
    assert!(letters.iter().all(|letter| !letter.data.windows(10).any(|part| part == b"\"dataCut\":")));
}

/// The pointer would lead nowhere.
#[test]
fn a_pointer_is_written_only_after_its_object() {
    let services = Services::start();
    services.bucket.set_faults(Faults { always: Some("AccessDenied"), ..Faults::default() });
    let folder = tempfile::tempdir().expect("a folder");
    let queue = "arn:aws:sqs:eu-west-1:123456789012:out";
    let arguments = ["--dead-letter", queue, "--dead-letter-large", LARGE];
    let output = services.dead_letter(folder.path(), &[noise(800_000, 2)], &arguments);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("KINESIEVE_DEAD_LETTER_LARGE: "), "{said}");
    assert!(said.contains("AccessDenied"), "{said}");
    assert!(services.queue.puts().is_empty());
}

/// The message may be all that there is of the event.
#[test]
fn a_large_letter_that_fails_again_is_not_cut_and_stays_in_its_queue() {
    let services = Services::start();
    let folder = tempfile::tempdir().expect("a folder");
    let queue = "arn:aws:sqs:eu-west-1:123456789012:out";
    let arguments = ["--dead-letter", queue, "--dead-letter-large", LARGE];
    services.dead_letter(folder.path(), &[noise(800_000, 2)], &arguments);
    let stream = "arn:aws:kinesis:eu-west-1:123456789012:stream/again";
    services.kinesis.set_record_limit(1 << 20);
    let out = folder.path().join("out.ndjson");
    let again = |arguments: &[&str]| {
        services.queue.return_messages();
        let mut command = redrive(NOWHERE, queue, "scripted", &out);
        services.lead(command.args(["--dead-letter", stream]).args(arguments)).output().expect("it runs")
    };
    let output = again(&["--large", LARGE]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("failed again"), "{said}");
    assert!(said.contains("it is not cut (KINESIEVE_DEAD_LETTER_CUT=false, or redrive)"), "{said}");
    assert!(said.contains("0 messages deleted from the queue, 1 left in it"), "{said}");
    assert!(services.kinesis.puts().is_empty());
    // With a place for it, it is written there, and off the queue.
    let output = again(&["--dead-letter-large", LARGE]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(services.kinesis.puts().len(), 1);
}

#[test]
fn a_letter_leads_to_no_object_but_below_the_prefix_that_was_named() {
    let services = Services::start();
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let dead = format!("file:{}", folder.join("dead.ndjson").display());
    let queue = "arn:aws:sqs:eu-west-1:123456789012:out";
    let arguments = ["--dead-letter", queue, "--dead-letter-large", LARGE];
    services.dead_letter(folder, &[noise(800_000, 2)], &arguments);
    let message = String::from_utf8(services.queue.puts()[0].data.clone()).expect("JSON");
    let letter: Value = serde_json::from_str(&message).expect("JSON");
    let address = letter["dataAt"].as_str().expect("an address");
    let with_address = |address: &str| {
        let mut letter = letter.clone();
        letter["dataAt"] = address.into();
        letter.to_string()
    };
    let lines = [
        with_address(address),
        with_address(&address.replace("/large/", "/large/../large/")),
        with_address(&address.replace("/out/", "/other/")),
        with_address(&format!("{address}.gone")),
    ];
    std::fs::write(folder.join("dead.ndjson"), lines.join("\n")).expect("written");
    let output = services.redrive(folder, &dead, &["--large", LARGE]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert_eq!(delivered(folder).len(), 1, "{said}");
    assert_eq!(said.matches("its pointer is not followed, since it is not below").count(), 2, "{said}");
    assert_eq!(said.matches("  not fetched  the object that it points to is not there").count(), 1, "{said}");
    assert!(said.contains("  not fetched          3\n"), "{said}");
    // Without a prefix, nothing is followed.
    let output = services.redrive(folder, &dead, &[]);
    assert_eq!(stderr(&output).matches("name with --large the prefix").count(), 4, "{}", stderr(&output));
    // What is there has to be what the letter says.
    let key = address.strip_prefix("s3://out/").expect("in the bucket");
    let client = aws_sdk_s3::Client::new(&services.bucket.config_with(std::time::Duration::from_secs(30)));
    let other = message.replace(r#""dataAt""#, r#""dataBase64":"eA==","dataElsewhere""#);
    let request = client.put_object().bucket("out").key(key).body(other.into_bytes().into());
    block_on(request.send()).expect("put");
    let output = services.redrive(folder, &dead, &["--large", LARGE]);
    assert!(stderr(&output).contains("the letter says another SHA-256 or another size"), "{}", stderr(&output));
}

/// Outputs go to keys that stream and shard are part of.
#[test]
fn no_letter_chooses_the_keys_of_others() {
    let services = Services::start();
    let folder = tempfile::tempdir().expect("a folder");
    let lines = [
        letter(0, &[("shardId", "../../x".into())]),
        letter(1, &[("streamArn", "arn:aws:kinesis:eu-west-1:123456789012:stream/..".into())]),
        letter(2, &[("sequenceNumber", "../1".into())]),
        letter(3, &[]),
    ];
    let from = file_of(folder.path(), &lines).display().to_string();
    let mut command = at(NOWHERE, &["redrive", "--from", &from, "--output", "arn:aws:s3:::out/outputs", "--transform"]);
    let output = services.lead(command.arg(guest_file("keep"))).output().expect("it runs");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    for line in [
        ":1  malformed  it is a dead letter whose shardId is wrong: ",
        ":2  malformed  it is a dead letter whose streamArn is wrong: ",
        ":3  malformed  it is a dead letter whose sequenceNumber is wrong: ",
    ] {
        assert!(said.contains(line), "{line} is not in\n{said}");
    }
    let keys: Vec<String> = services.bucket.objects().into_keys().collect();
    assert_eq!(keys.len(), 1);
    assert!(keys[0].starts_with(&format!("outputs/readings/{SHARD_ID}/")), "{keys:?}");
}

/// Nor does an event that was made by hand.
#[test]
fn no_event_chooses_the_keys_of_others() {
    let services = Services::start();
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("event.json");
    let event = String::from_utf8(event_of([record(0, "key", &"keep".into())])).expect("JSON");
    std::fs::write(&input, event.replace(SHARD_ID, "../../x").replace("stream/readings", "stream/.."))
        .expect("written");
    let mut command = at(NOWHERE, &["run", "--output", "arn:aws:s3:::out/outputs", "--transform"]);
    command.args([guest_file("keep").as_os_str(), "--input".as_ref(), input.as_os_str()]);
    let output = services.lead(&mut command).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let keys: Vec<String> = services.bucket.objects().into_keys().collect();
    assert!(keys.len() == 1 && keys[0].starts_with("outputs/%2E%2E/..%2F..%2Fx/"), "{keys:?}");
}

/// Whoever may put objects below the prefix chooses their names.
#[test]
fn an_object_whose_key_leads_elsewhere_is_not_read() {
    let services = Services::start();
    let client = aws_sdk_s3::Client::new(&services.bucket.config_with(std::time::Duration::from_secs(30)));
    for (key, index) in [("dead/a.ndjson", 0), ("dead/../b.ndjson", 1), ("dead/./c.ndjson", 2)] {
        let request = client.put_object().bucket("out").key(key).body(letter(index, &[]).into_bytes().into());
        block_on(request.send()).expect("put");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let output = services.redrive(folder.path(), "arn:aws:s3:::out/dead", &[]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("s3://out/dead/../b.ndjson  malformed  its key is not read: a part of it is `.` or `..`"),
        "{said}"
    );
    assert!(said.contains("  malformed            2\n"), "{said}");
}

/// With nothing of ours in between.
#[test]
fn a_queue_and_a_bucket_of_another_make_take_large_letters() {
    let moto = Moto::shared();
    moto.create_bucket("redrive-large");
    let queue = moto.create_queue("redrive-large-queue");
    let (large, data) = ("arn:aws:s3:::redrive-large/large", noise(900_000, 8));
    let records = vec![record(0, "device-7", &Data::Bytes(data.clone()))];
    super::dead_letter(&moto.endpoint(), records, &queue, &[("KINESIEVE_DEAD_LETTER_LARGE", large)]);
    assert_eq!(moto.objects("redrive-large").len(), 1);
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.ndjson");
    let output = redrive(&moto.endpoint(), &queue, "keep", &out).args(["--large", large]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_same(&delivered(folder.path()), &[(sequence_number(0), data)], &stderr(&output));
}

#[test]
fn large_letters_and_what_is_read_are_not_to_mix() {
    let output = redrive(NOWHERE, "arn:aws:s3:::out/large/in", "keep", Path::new("out"))
        .args(["--dead-letter", "stdout", "--dead-letter-large", LARGE])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("name another place to write to"), "{}", stderr(&output));
    let output = redrive(NOWHERE, "-", "keep", Path::new("out")).args(["--large", "stdout"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("use arn:aws:s3:::BUCKET/PREFIX"), "{}", stderr(&output));
}

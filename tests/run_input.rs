//! What `kinesieve run --input` is: told by its content, its name, and what is there.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::services::{Faults, Service, Stub};
use crate::support::{error_line, guest_file, kinesieve, stderr, stdout};

fn run(folder: &Path, input: &str) -> Command {
    let mut command = kinesieve(&["run", "--input", input, "--transform"]);
    command.arg(guest_file("keep")).current_dir(folder);
    command
}

/// The data of the outputs.
fn data(output: &Output) -> Vec<String> {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    let data = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        line["data"].as_str().expect("text").to_owned()
    };
    stdout(output).lines().map(data).collect()
}

const FIREHOSE: &str = r#"{"invocationId": "556b67a3-48fc-4385-af49-e133aade9cb9", "deliveryStreamArn":
    "arn:aws:firehose:eu-central-1:123456789012:deliverystream/d", "region": "eu-central-1", "records": [
    {"recordId": "49640912821178817833517986466168945147170627572855734274000000",
     "approximateArrivalTimestamp": 1684864917398, "data": "eyJuIjoxfQ=="},
    {"recordId": "49640912821178817833517986466168945147170627572855734274000001",
     "approximateArrivalTimestamp": 1684864917398, "data": "eyJuIjoyfQ=="}]}"#;

const PIPES: &str = r#"[{"kinesisSchemaVersion": "1.0", "partitionKey": "k",
    "sequenceNumber": "49590338271490256608559692538361571095921575989136588898", "data": "eyJuIjoxfQ==",
    "approximateArrivalTimestamp": 1545084650.987, "eventSource": "aws:kinesis"}]"#;

const GET_RECORDS: &str = r#"{"Records": [
    {"SequenceNumber": "49590338271490256608559692538361571095921575989136588898", "Data": "eyJuIjoxfQ==",
     "PartitionKey": "a", "EncryptionType": "NONE"}], "NextShardIterator": "AAA", "MillisBehindLatest": 0}"#;

#[test]
fn a_file_is_its_records_in_whatever_form_it_holds_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = (r#"{"n":1}"#, r#"{"n":2}"#);
    for (content, expected) in [
        (
            "[\n  {\n    \"n\": 1\n  },\n  {\n    \"n\": 2\n  }\n]\n",
            &["{\n    \"n\": 1\n  }", "{\n    \"n\": 2\n  }"][..],
        ),
        (r#"[{"n":1},{"n":2}]"#, &[one, two]),
        ("[1,2]\n[3]\n", &["[1,2]", "[3]"]),
        ("[2018-12-17] started\n", &["[2018-12-17] started"]),
        ("\u{feff}{\"n\":1}\n{\"n\":2}\n", &[one, two]),
        ("{\"n\":1}", &[one]),
        (FIREHOSE, &[one, two]),
        (PIPES, &[one]),
        (GET_RECORDS, &[one]),
    ] {
        let compact = content.replace("\n    ", "");
        for content in [content, &compact] {
            std::fs::write(folder.path().join("input"), content).expect("written");
            let output = run(folder.path(), "input").output().expect("it runs");
            if content == compact && content.starts_with("[\n") {
                continue;
            }
            assert_eq!(data(&output), expected, "{content}");
        }
    }
}

#[test]
fn what_holds_no_records_is_refused_and_named() {
    let folder = tempfile::tempdir().expect("a folder");
    for (content, named) in [
        (&br#"{"Records":[{"messageId":"1","body":"secret","eventSource":"aws:sqs"}]}"#[..], "an event of SQS"),
        (br#"{"version":"0","detail-type":"secret","source":"a","detail":{}}"#, "an event of EventBridge"),
        (b"[\n  {\"secret\": 1},\n  {\"sec", "not whole"),
        (b"PAR1\x15\x00secret", "a Parquet file"),
        (b"Obj\x01secret\0", "an Avro file"),
        (b"PK\x03\x04secret\0", "a zip archive"),
    ] {
        std::fs::write(folder.path().join("input"), content).expect("written");
        let output = run(folder.path(), "input").output().expect("it runs");
        let said = stderr(&output);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""), "{said}");
        assert!(error_line(&said).contains(named) && !said.contains("secret"), "{said}");
    }
}

fn gzipped(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).expect("into memory");
    encoder.finish().expect("into memory")
}

#[test]
fn what_is_compressed_is_read_as_what_is_inside_from_standard_input_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = b"{\"n\":1}\n{\"n\":2}\n";
    let padded = [gzipped(&lines[..8]), gzipped(&lines[8..]), vec![0; 512]].concat();
    let zstandard = ruzstd::encoding::compress_to_vec(&lines[..], ruzstd::encoding::CompressionLevel::Fastest);
    for packed in [gzipped(lines), padded, zstandard] {
        std::fs::write(folder.path().join("readings.ndjson.gz"), &packed).expect("written");
        let output = run(folder.path(), "readings.ndjson.gz").output().expect("it runs");
        assert_eq!(data(&output), [r#"{"n":1}"#, r#"{"n":2}"#]);
        let mut child = run(folder.path(), "-")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        child.stdin.take().expect("an input").write_all(&packed).expect("it reads");
        assert_eq!(data(&child.wait_with_output().expect("it ends")), [r#"{"n":1}"#, r#"{"n":2}"#]);
    }
}

#[test]
fn a_compressed_file_that_breaks_off_ends_behind_the_records_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut random = fastrand::Rng::with_seed(11);
    let lines: String = (0..20_000).map(|_| format!("{}\n", random.u64(..))).collect();
    let packed = gzipped(lines.as_bytes());
    std::fs::write(folder.path().join("readings.ndjson.gz"), &packed[..packed.len() / 2]).expect("written");
    let output = run(folder.path(), "readings.ndjson.gz").output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).lines().count() > 8_000, "{}", stderr(&output));
    assert!(error_line(&stderr(&output)).contains("compressed with gzip, and broken: it ends too early"));
}

/// Runs a command, and looks at the most memory that it had, in KiB.
fn with_peak_memory(command: &mut Command) -> (Output, u64) {
    let mut child = command.spawn().expect("it runs");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("it is ours").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = peak.max(now.unwrap_or_default());
        std::thread::sleep(Duration::from_millis(5));
    }
    (child.wait_with_output().expect("it ends"), peak)
}

/// Hundreds of megabytes out of one, as lines, as one line and as an array.
#[test]
fn a_bomb_takes_no_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let filler = |beginning: &[u8], fill: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(beginning).expect("into memory");
        let chunk = fill.repeat((1 << 20) / fill.len());
        (0..600).for_each(|_| encoder.write_all(&chunk).expect("into memory"));
        encoder.finish().expect("into memory")
    };
    for (beginning, fill) in [(&b"x\n"[..], &b"\n"[..]), (b"{\"a\":\"", b"x"), (b"[\"", b"x"), (b"[1", b"   ")] {
        std::fs::write(folder.path().join("bomb.gz"), filler(beginning, fill)).expect("written");
        let mut command = run(folder.path(), "bomb.gz");
        command.args(["--output", "none"]).stdout(Stdio::null()).stderr(Stdio::piped());
        let (output, peak_kib) = with_peak_memory(&mut command);
        let beginning = String::from_utf8_lossy(beginning);
        assert!(peak_kib < 500 << 10, "{beginning}: {} MB", peak_kib >> 10);
        let is_lines = beginning.starts_with('x');
        assert_eq!(output.status.code(), Some(if is_lines { 0 } else { 1 }), "{beginning}: {}", stderr(&output));
    }
}

/// The error, and how long it took to say so.
fn quickly_refused(folder: &Path, input: &str, variables: &[(&str, &str)]) -> String {
    let started = Instant::now();
    let output = run(folder, input)
        .envs(variables.iter().copied())
        .env("HOME", folder)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    error_line(&stderr(&output)).to_owned()
}

#[test]
fn a_name_of_nothing_says_at_once_what_it_was_taken_for() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("readings.ndjson"), "").expect("written");
    for input in ["data.ndjsn", "./missing", "missing.json", "missing/readings"] {
        let said = quickly_refused(folder.path(), input, &[]);
        assert!(said.contains(&format!("input {input}: No such file")), "{said}");
        assert_eq!(said.contains(&format!("stream:{input}")), !input.contains('/'), "{said}");
    }
    let said = quickly_refused(folder.path(), "readigs.ndjson", &[]);
    assert!(said.contains("(did you mean readings.ndjson?)"), "{said}");
    // No region, no credentials, and no such stream.
    let said = quickly_refused(folder.path(), "redings", &[]);
    assert!(said.contains("in which region the stream redings is") && said.contains("no file of this name"), "{said}");
    let region = ("AWS_REGION", "eu-west-1");
    let said = quickly_refused(folder.path(), "redings", &[region]);
    assert!(said.contains("no AWS credentials") && said.contains("(did you mean readings.ndjson?)"), "{said}");
    let arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/redings";
    let said = quickly_refused(folder.path(), arn, &[region]);
    assert!(said.contains("no AWS credentials") && !said.contains("no file of this name"), "{said}");
}

/// The metadata service of an instance, behind an address that nobody answers at.
#[test]
fn who_asks_for_credentials_does_not_wait_for_long() {
    let folder = tempfile::tempdir().expect("a folder");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let metadata = format!("http://{}", silent.local_addr().expect("an address"));
    for region in [None, Some("eu-west-1")] {
        let started = Instant::now();
        let mut command = run(folder.path(), "redings");
        command.env("HOME", folder.path()).env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata);
        if let Some(region) = region {
            command.env("AWS_REGION", region);
        }
        let output = command.output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        error_line(&stderr(&output));
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    }
}

#[test]
fn files_of_one_name_do_not_replace_each_others_objects_and_a_replay_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let bucket = Stub::start(Service::S3, Faults::default(), 1);
    let deliver = |day: &str| {
        let path = folder.path().join(day);
        std::fs::create_dir_all(&path).expect("made");
        std::fs::write(path.join("readings.ndjson"), format!("{{\"day\":\"{day}\"}}\n")).expect("written");
        let output = run(&path, "readings.ndjson")
            .args(["--output", "arn:aws:s3:::out/prefix"])
            .env("AWS_ENDPOINT_URL_S3", bucket.endpoint())
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "a")
            .env("AWS_SECRET_ACCESS_KEY", "b")
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    };
    for (day, objects) in [("monday", 1), ("tuesday", 2), ("monday", 2), ("tuesday", 2)] {
        deliver(day);
        let keys: Vec<String> = bucket.objects().into_keys().collect();
        assert_eq!(keys.len(), objects, "{keys:?}");
        assert!(keys.iter().all(|key| key.contains("prefix/readings/shardId-")), "{keys:?}");
    }
}

/// Each batch is an object of the bucket.
#[test]
fn batches_of_a_file_are_as_large_as_they_may_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = |index: usize| if index == 5000 { "y".repeat(200_000) } else { format!("{index:09}") };
    let lines: Vec<String> = (0..100_000).map(line).collect();
    std::fs::write(folder.path().join("in.ndjson"), lines.join("\n")).expect("written");
    for (bounds, is_as_large) in [
        (&["--batch-bytes", "90000"][..], (|batch: &[&str]| batch.len() <= 10_000) as fn(&[&str]) -> bool),
        (&["--max-in-flight", "3000"], |batch| batch.len() <= 3000),
        // Nothing is behind the line that ends it.
        (&["--batch-check", "text.endsWith('99')"], |batch| {
            batch.iter().position(|line| line.ends_with("99")) == Some(batch.len() - 1)
        }),
    ] {
        let bucket = Stub::start(Service::S3, Faults::default(), 1);
        let output = run(folder.path(), "in.ndjson")
            .args(["--output", "arn:aws:s3:::out", "--pack", "lines"])
            .args(bounds)
            .env("AWS_ENDPOINT_URL_S3", bucket.endpoint())
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "a")
            .env("AWS_SECRET_ACCESS_KEY", "b")
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let mut all = Vec::new();
        for object in bucket.objects().into_values() {
            let text = String::from_utf8_lossy(&object).into_owned();
            let batch: Vec<&str> = text.lines().collect();
            let bytes: usize = batch.iter().map(|line| line.len()).sum();
            assert!(is_as_large(&batch), "{bounds:?}: {} records", batch.len());
            assert!(bounds[0] != "--batch-bytes" || batch.len() == 1 || bytes <= 90_000, "{bytes} bytes");
            all.extend(batch.into_iter().map(str::to_owned));
        }
        all.sort_unstable();
        let mut expected = lines.clone();
        expected.sort_unstable();
        assert!(all == expected, "{bounds:?}: {} lines of {}", all.len(), expected.len());
    }
}

/// It is said now and then, with the position and without the payload, and at the end how often.
#[test]
fn what_a_batch_check_can_not_judge_is_counted_in_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines: String = (0..100_000).map(|index| format!("secret-{index}\n")).collect();
    std::fs::write(folder.path().join("in.ndjson"), lines).expect("written");
    let output = run(folder.path(), "in.ndjson")
        .args(["--output", "file:out", "--batch-check", "json.end || size == 0"])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stderr(&output);
    let first = said.lines().find(|line| line.contains("no batch ends behind it")).expect(&said);
    assert!(first.contains("--batch-check can't judge this record: its payload is no JSON"), "{first}");
    assert!(first.contains("unclear=1") && first.contains("sequence_number="), "{first}");
    assert!(said.contains("unclear=100000"), "{said}");
    assert!(!said.contains("secret"), "{said}");
    assert!(said.matches("no batch ends behind it").count() < 60, "{said}");
    let delivered = std::fs::read_to_string(folder.path().join("out")).expect("a file");
    assert_eq!(delivered.lines().count(), 100_000);
}

#[test]
fn records_arrive_when_a_field_of_theirs_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |input: &str, text: &str, arguments: &[&str]| {
        std::fs::write(folder.path().join(input), text).expect("written");
        let mut command = kinesieve(&["run", "--input", input, "--arrived-at", "/at", "--transform"]);
        command.arg(guest_file("scripted")).args(arguments).current_dir(folder.path()).output().expect("it runs")
    };
    let show = |text: &str| {
        let output = run("lines.ndjson", text, &["--show"]);
        stdout(&output) + &stderr(&output)
    };
    // The scripted guest rejects them, and dead letters say when a record arrived.
    let dead = |input: &str, text: &str| {
        let output = run(input, text, &["--dead-letter", "stdout"]);
        let arrived = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            line["arrivedAt"].as_str().expect("a time").to_owned()
        };
        (output.status.code(), stdout(&output).lines().map(arrived).collect::<Vec<_>>(), stderr(&output))
    };
    let lines = "{\"at\":\"2026-11-20T17:00:01.250Z\"}\n\n{\"at\":1795194002}\n{\"at\":1795194003500}\n";
    let times = ["2026-11-20T17:00:01.25Z", "2026-11-20T17:00:02Z", "2026-11-20T17:00:03.5Z"];
    let (code, arrived, said) = dead("lines.ndjson", lines);
    assert_eq!((code, arrived.as_slice()), (Some(0), times.map(str::to_owned).as_slice()), "{said}");
    let (code, arrived, said) =
        dead("array.json", &format!("[{}]", lines.trim().replace("\n\n", ",").replace('\n', ",")));
    assert_eq!((code, arrived.as_slice()), (Some(0), times.map(str::to_owned).as_slice()), "{said}");
    // An event has times of its own, which the field wins over.
    let (code, arrived, said) = dead("pipes.json", &PIPES.replace("eyJuIjoxfQ==", "eyJhdCI6MTc5NTE5NDAwMn0="));
    assert_eq!((code, arrived.as_slice()), (Some(0), [times[1].to_owned()].as_slice()), "{said}");

    // What is before a record without a time is done first.
    let (code, arrived, said) = dead("bad.ndjson", &format!("{lines}{{\"at\":\"noon\"}}\n"));
    assert_eq!((code, arrived.len()), (Some(1), 3), "{said}");
    assert!(error_line(&said).contains("input bad.ndjson: line 5: /at is a text that is no time since 1970"), "{said}");
    let (code, _, said) = dead("bad.json", "[{\"at\":1795194002},\n{}]");
    assert!(
        code == Some(1) && said.contains("input bad.json: element 2: it has no /at, which is to be its time"),
        "{said}"
    );
    assert!(show(lines).contains("record 1: "), "{}", show(lines));

    for (arguments, expected) in [
        (&["run", "--input", "stream:s", "--arrived-at", "/at"][..], "--arrived-at is for the records of a file"),
        (&["run", "--input", "bad.json", "--from-stream", "--arrived-at", "/at"], "leave one of the two out"),
        (&["run", "--input", "bad.json", "--arrived-at", "at"], "\"at\" is no JSON pointer"),
    ] {
        let mut command = kinesieve(arguments);
        let output = command.arg("--transform").arg(guest_file("keep")).current_dir(folder.path()).output();
        let said = stderr(&output.expect("it runs"));
        assert!(said.contains(expected), "{expected:?} is not in {said}");
    }
}

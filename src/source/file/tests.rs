use std::io::{self, Write};
use std::os::fd::AsRawFd;

use super::unpacked::tests::{gzipped, zstandard};
use super::*;

fn payloads(content: &str) -> Result<Vec<String>, String> {
    payloads_in(content.as_bytes(), Format::Auto)
}

fn payloads_in(content: &[u8], format: Format) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("input");
    std::fs::write(&path, content).expect("written");
    let mut source = FileSource::open(&path, format).map_err(|error| error.to_string())?;
    let mut payloads = Vec::new();
    while let Some(batch) = source.next_batch().map_err(|error| error.to_string())? {
        payloads.extend(batch.iter().map(|event| String::from_utf8_lossy(event.payload.bytes()).into_owned()));
    }
    assert_eq!(source.bytes_read(), content.len() as u64, "{content:?}");
    Ok(payloads)
}

const LAMBDA_EVENT: &str = r#"{"Records":[{"eventID":"shardId-000000000000:1","eventSourceARN":"arn","kinesis":
    {"partitionKey":"k","sequenceNumber":"1","data":"SGVsbG8=","approximateArrivalTimestamp":1.5}}]}"#;
const GET_RECORDS: &str = r#"{"Records":[{"SequenceNumber":"1","PartitionKey":"k","Data":"SGVsbG8=",
    "ApproximateArrivalTimestamp":1.5}],"NextShardIterator":"AAA="}"#;

#[test]
fn documents_are_told_apart_however_they_are_laid_out() {
    for document in [LAMBDA_EVENT, GET_RECORDS] {
        let value: serde_json::Value = serde_json::from_str(document).expect("JSON");
        let compact = value.to_string();
        let pretty = serde_json::to_string_pretty(&value).expect("JSON");
        for text in [document, &compact, &pretty, &format!("\n\n{compact}\n"), &format!("\u{feff}{pretty}")] {
            assert_eq!(payloads(text), Ok(vec!["Hello".to_owned()]), "{text}");
        }
    }
}

#[test]
fn everything_else_that_is_text_is_lines() {
    for lines in ["one\ntwo", "{\"a\":1}\n{\"b\":2}\n", "[2018-12-17] started\n[2018-12-18] ended\n", "[1,2]\n[3]\n"] {
        let expected: Vec<String> = lines.lines().map(str::to_owned).collect();
        assert_eq!(payloads(lines), Ok(expected));
    }
    assert_eq!(payloads(""), Ok(Vec::new()));
    assert_eq!(payloads("\u{feff}one\n"), Ok(vec!["one".to_owned()]));
    // Seconds, if each blank line meant looking at all before it.
    assert_eq!(payloads(&"\n".repeat(1_000_000)), Ok(Vec::new()));
}

fn sizes(mut source: FileSource) -> Vec<usize> {
    let mut sizes = Vec::new();
    while let Some(batch) = source.next_batch().expect("readable") {
        sizes.push(batch.len());
    }
    sizes
}

/// What was read to tell the format is part of the first batch, as all that is behind it.
#[test]
fn looking_at_the_format_takes_no_batch_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("input");
    let lines = "{\"a\":1}\n".repeat(25_000);
    for content in [lines.clone(), format!("\u{feff}{lines}"), format!("\n\r\n{lines}"), format!("plain\n{lines}")] {
        std::fs::write(&path, &content).expect("written");
        let rest = 5_000 + usize::from(content.starts_with("plain"));
        let source = FileSource::open(&path, Format::Auto).expect("lines");
        assert_eq!(sizes(source), [10_000, 10_000, rest], "{:?}", &content[..10]);
        let source = FileSource::open(&path, Format::Auto).expect("lines").in_batches_of(20_000, usize::MAX);
        assert_eq!(sizes(source), [20_000, rest], "{:?}", &content[..10]);
    }
    std::fs::write(&path, &lines).expect("written");
    assert_eq!(sizes(FileSource::open(&path, Format::Lines).expect("lines")), [10_000, 10_000, 5_000]);
}

#[test]
fn what_is_at_hand_in_a_pipe_is_one_batch() {
    for lines in ["one\ntwo\nthree\n", "{\"a\":1}\n{\"b\":2}\n[3]\n", "\none\n\ntwo\nthree"] {
        for format in [Format::Auto, Format::Lines] {
            let (reader, mut writer) = io::pipe().expect("a pipe");
            writer.write_all(lines.as_bytes()).expect("written");
            let path = format!("/dev/fd/{}", reader.as_raw_fd());
            let source = FileSource::open(Path::new(&path), format).expect("lines");
            drop((reader, writer));
            assert_eq!(source.bytes(), None);
            let expected: &[usize] = if lines.ends_with('\n') { &[3] } else { &[2, 1] };
            assert_eq!(sizes(source), expected, "{format:?} {lines:?}");
        }
    }
}

#[test]
fn what_is_in_no_form_is_said_with_what_to_do() {
    let one_line = LAMBDA_EVENT.replace('\n', "");
    for (content, what, remedy) in [
        ("{\n \"a\": 1\n}", "one JSON object over several lines", "jq -c"),
        ("{\n \"a\": 1\n}\n{\n \"a\": 2\n}\n", "several JSON documents", "jq -c"),
        (&LAMBDA_EVENT[..100], "not whole", "--input-format lines"),
        ("[\n  {\n \"a\": 1\n},\n", "not whole", "--input-format lines"),
        ("[\n  1,,\n2]", "not whole: at line 2 column 5, a value is expected", "--input-format lines"),
        ("{started}\n", "not whole: at line 1 column 2, a name in double quotes is expected", "--input-format lines"),
        (&format!("{one_line}\n{{}}"), "several JSON documents", "--input-format lines"),
        ("\u{0}\u{1}binary", "binary", "convert"),
        (r#"{"Records":[{"eventSource":"aws:sqs","eventID":"1"}]}"#, "an event of SQS", "--input-format lines"),
        ("{\n\"awslogs\":\n{\"data\":\"H4sI\"}}", "CloudWatch Logs", "--input-format lines"),
        ("{\"key1\":\"value1\",\"key2\":\"value2\",\"key3\":\"value3\"}\n\n", "test event", "--input-format lines"),
        (r#"[{"eventSource":"aws:sqs","body":"x"}]"#, "a record of SQS", "--input-format array"),
        (r#"[{"SequenceNumber":"1","Data":"","PartitionKey":"k"}]"#, "records of Kinesis", "jq '{Records: .}'"),
        ("<?xml version=\"1.0\"?>\n<a>1</a>\n", "XML", "convert"),
    ] {
        let message = payloads(content).expect_err(content);
        assert!(message.contains(what) && message.contains(remedy), "{message}");
        assert!(!message.ends_with('.'), "{message}");
    }
    let missing = FileSource::open(Path::new("/nowhere/input"), Format::Auto).err().map(|error| error.to_string());
    assert!(missing.is_some_and(|message| message.contains("/nowhere/input")));
}

/// A stream may well carry events of other services. That many of them stand in a file says that they are payloads.
#[test]
fn many_events_of_other_services_are_lines() {
    let event = r#"{"version":"0","detail-type":"EC2 State","source":"aws.ec2","detail":{}}"#;
    assert!(payloads(event).is_err_and(|message| message.contains("EventBridge")));
    assert_eq!(payloads(&format!("{event}\n\n\n{event}\n")), Ok(vec![event.to_owned(); 2]));
    assert_eq!(payloads_in(event.as_bytes(), Format::Lines), Ok(vec![event.to_owned()]));
    assert_eq!(payloads_in(format!("[{event}]").as_bytes(), Format::Auto), Ok(vec![event.to_owned()]));
}

#[test]
fn elements_of_an_array_are_records_however_it_is_laid_out() {
    let expected = |texts: &[&str]| Ok(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    assert_eq!(payloads(r#"[{"n":1},{"n":2}]"#), expected(&[r#"{"n":1}"#, r#"{"n":2}"#]));
    assert_eq!(payloads("\n\u{feff}".trim_start()), expected(&[]));
    assert_eq!(payloads("\u{feff}[1, \"two\" ,null]\n\n"), expected(&["1", "\"two\"", "null"]));
    let pretty = "[\n  {\n    \"n\": 1.0\n  },\n  {\n    \"n\": 2\n  }\n]\n";
    assert_eq!(payloads(pretty), expected(&["{\n    \"n\": 1.0\n  }", "{\n    \"n\": 2\n  }"]));
    assert_eq!(payloads("[]"), expected(&[]));
    assert_eq!(payloads_in(b"[1]\n", Format::Lines), expected(&["[1]"]));
    assert_eq!(payloads_in(b"[1]\n", Format::Array), expected(&["1"]));
    assert!(payloads_in(b"{}", Format::Array).is_err_and(|message| message.contains("no JSON array")));
}

#[test]
fn an_array_comes_in_batches_as_lines_do_and_ends_with_what_is_wrong_behind_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("input");
    let element = format!("{{\"text\":\"{}\"}}", "x".repeat(900));
    let whole = format!("[{}]", vec![element; 25_000].join(",\n"));
    std::fs::write(&path, &whole).expect("written");
    let batches = sizes(FileSource::open(&path, Format::Auto).expect("an array"));
    assert_eq!(batches.iter().sum::<usize>(), 25_000);
    assert!(batches.iter().all(|size| *size <= 5_000), "{batches:?}");
    let source = FileSource::open(&path, Format::Auto).expect("an array").in_batches_of(20_000, usize::MAX);
    assert_eq!(sizes(source), [20_000, 5_000]);
    // Too long to be known as cut off before the first record.
    std::fs::write(&path, &whole[..whole.len() - 10]).expect("written");
    let mut source = FileSource::open(&path, Format::Auto).expect("an array").in_batches_of(20_000, usize::MAX);
    let size = |batch: Result<Option<Batch>, SourceError>| batch.map(|batch| batch.map(|batch| batch.len()));
    assert!(matches!(size(source.next_batch()), Ok(Some(20_000))));
    assert!(matches!(size(source.next_batch()), Ok(Some(4_999))));
    let message = size(source.next_batch()).expect_err("cut off").to_string();
    assert!(message.contains("cut off behind element 24999"), "{message}");
}

#[test]
fn what_is_compressed_is_told_by_what_is_inside() {
    let lines = "{\"a\":1}\n{\"b\":2}\n";
    for content in [lines, LAMBDA_EVENT, GET_RECORDS, "[1,2]", "plain"] {
        let expected = payloads(content);
        for packed in [gzipped(content.as_bytes()), zstandard(content.as_bytes())] {
            assert_eq!(payloads_in(&packed, Format::Auto), expected, "{content}");
        }
    }
    for format in [Format::Auto, Format::Lines] {
        assert_eq!(payloads_in(&gzipped(lines.as_bytes()), format), payloads(lines));
    }
    let twice = gzipped(&gzipped(lines.as_bytes()));
    assert!(payloads_in(&twice, Format::Auto).is_err_and(|message| message.contains("compressed twice")));
}

#[test]
fn lines_before_a_break_of_a_compressed_file_come_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("readings.ndjson.gz");
    let mut random = fastrand::Rng::with_seed(7);
    let lines: String = (0..50_000).map(|_| format!("{}\n", random.u64(..))).collect();
    let packed = gzipped(lines.as_bytes());
    std::fs::write(&path, &packed[..packed.len() / 2]).expect("written");
    let mut source = FileSource::open(&path, Format::Auto).expect("lines");
    assert_eq!(source.bytes(), Some(packed.len() as u64 / 2));
    let mut records = 0;
    let message = loop {
        match source.next_batch() {
            Ok(Some(batch)) => records += batch.len(),
            Ok(None) => panic!("it ends well"),
            Err(error) => break error.to_string(),
        }
    };
    assert!((20_000..30_000).contains(&records), "{records}");
    assert!(message.contains("gzip") && message.contains("too early"), "{message}");
    assert_eq!(source.bytes_read(), packed.len() as u64 / 2);
}

#[test]
fn records_of_pipes_are_decoded_and_keep_what_they_say() {
    let record = |more: &str, number: &str| {
        format!(
            r#"{{"kinesisSchemaVersion":"1.0","partitionKey":"k","sequenceNumber":"{number}","data":"SGVsbG8=",
            "approximateArrivalTimestamp":1545084650.987,{more}"eventSource":"aws:kinesis"}}"#
        )
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pipes.json");
    let open = |content: &str| {
        std::fs::write(&path, content).expect("written");
        FileSource::open(&path, Format::Auto)
    };
    let stream = "arn:aws:kinesis:eu-west-1:123456789012:stream/in";
    let from = |shard: &str, number: &str| {
        record(&format!(r#""eventID":"{shard}:{number}","eventSourceARN":"{stream}","#), number)
    };
    let mut source = open(&format!("[{}]", record("", "17"))).expect("records");
    let batch = source.next_batch().expect("readable").expect("a batch");
    let event = batch.event(0);
    assert_eq!((event.payload.bytes(), event.partition_key), (&b"Hello"[..], "k"));
    assert_eq!((event.sequence_number.as_str(), event.arrived_at), ("17", 1_545_084_650_987));
    assert_eq!((batch.shard(), event.is_arrival_assumed), (&local_shard(&path), false));
    let without_time = record("", "17").replace("approximateArrivalTimestamp", "another");
    let mut source = open(&format!("[{without_time}]")).expect("records");
    let batch = source.next_batch().expect("readable").expect("a batch");
    assert!(batch.event(0).is_arrival_assumed && batch.event(0).arrived_at > 1_545_084_650_987);
    let several = [from("shard-1", "1"), from("shard-1", "2"), from("shard-2", "3")].join(",");
    let mut source = open(&format!("[{several}]")).expect("records");
    for (shard, records) in [("shard-1", 2), ("shard-2", 1)] {
        let batch = source.next_batch().expect("readable").expect("a batch");
        assert_eq!((batch.shard_id(), batch.stream_arn(), batch.len()), (shard, stream, records));
    }
    assert!(source.next_batch().expect("readable").is_none());
    let mut source = open(&format!("[{},{{\"data\":\"\"}}]", record("", "1"))).expect("records");
    assert!(source.next_batch().is_ok_and(|batch| batch.is_some_and(|batch| batch.len() == 1)));
    let message = source.next_batch().expect_err("no record").to_string();
    assert!(message.contains("element 2") && message.contains("\"partitionKey\""), "{message}");
}

#[test]
fn an_event_of_firehose_is_its_records() {
    let event = r#"{"invocationId":"1","deliveryStreamArn":"arn:aws:firehose:eu-west-1:123456789012:deliverystream/d",
        "region":"eu-west-1","records":[{"recordId":"a","approximateArrivalTimestamp":1,"data":"SGVsbG8="}]}"#;
    assert_eq!(payloads(event), Ok(vec!["Hello".to_owned()]));
    assert_eq!(payloads(&event.replace('\n', "")), Ok(vec!["Hello".to_owned()]));
    assert_eq!(payloads_in(event.as_bytes(), Format::Firehose), Ok(vec!["Hello".to_owned()]));
    let without_id = event.replace("recordId", "id");
    assert!(payloads(&without_id).is_err_and(|message| message.contains("no \"recordId\"")));
}

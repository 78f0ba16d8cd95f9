//! Payloads that are wrapped, hold several events, or are something else: through the program, from outside.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use flate2::write::{DeflateEncoder, ZlibEncoder};
use serde_json::{Value, json};

use super::gzipped;
use super::sources::{at, outputs, run};
use crate::support::events::{Data, event_of, record, sequence_number};
use crate::support::runtime_api::RuntimeApi;
use crate::support::{guest_file, in_lambda, kinesieve, stderr};

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).expect("into memory");
    encoder.finish().expect("into memory")
}

fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).expect("into memory");
    encoder.finish().expect("into memory")
}

fn lz4(data: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(data).expect("into memory");
    encoder.finish().expect("into memory")
}

fn snappy_framed(data: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(data).expect("into memory");
    encoder.into_inner().expect("into memory")
}

fn snappy_raw(data: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(data).expect("not too large")
}

fn base64(data: &[u8]) -> Vec<u8> {
    base64_simd::STANDARD.encode_to_string(data).into_bytes()
}

/// Runs the scripted guest over payloads of one record each.
fn run_over(payloads: &[&[u8]], arguments: &[&str]) -> (Option<i32>, String, Vec<(String, String)>) {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("event.json");
    let records = (0..).zip(payloads).map(|(index, data)| record(index, "key", &Data::Bytes(data.to_vec())));
    std::fs::write(&input, event_of(records)).expect("written");
    run(&input, arguments)
}

fn places(expected: &[(usize, usize, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(index, sub, text)| (at(*index, *sub), (*text).to_owned())).collect()
}

#[test]
fn each_compression_of_a_shipper_is_undone() {
    let payload = b"keep 1 0.10";
    let wrapped: [(&str, Vec<u8>); 8] = [
        ("gzip", gzipped(payload)),
        ("zlib", zlib(payload)),
        ("deflate", deflate(payload)),
        ("deflate", zlib(payload)),
        ("snappy", snappy_framed(payload)),
        ("snappy", snappy_raw(payload)),
        ("lz4", lz4(payload)),
        ("base64", base64(payload)),
    ];
    let expected = places(&[(0, 0, "keep 1 0.10")]);
    for (decode, wrapped) in &wrapped {
        let (code, said, outputs) = run_over(&[wrapped], &["--decode", decode]);
        assert_eq!((code, &outputs), (Some(0), &expected), "{decode}: {said}");
    }
    let marked = [gzipped(payload), zlib(payload), lz4(payload), snappy_framed(payload), payload.to_vec()];
    let marked: Vec<&[u8]> = marked.iter().map(Vec::as_slice).collect();
    let (code, said, outputs) = run_over(&marked, &["--decode", "auto"]);
    assert_eq!((code, outputs.len()), (Some(0), 5), "{said}");
    assert!(outputs.iter().all(|(_, text)| text == "keep 1 0.10"), "{outputs:?}");
}

#[test]
fn lines_of_a_record_have_its_position_and_are_acknowledged_with_it() {
    let lines = gzipped(b"keep one\r\n\nkeep two\n");
    let (code, said, outputs) = run_over(&[&lines, b"keep three\nkeep four"], &["--decode", "auto+lines"]);
    let expected = places(&[(0, 0, "keep one"), (0, 1, "keep two"), (1, 0, "keep three"), (1, 1, "keep four")]);
    assert_eq!((code, outputs), (Some(0), expected), "{said}");
    assert!(said.contains("4 records in"), "{said}");

    let body =
        event_of([record(0, "key", &"keep one\nkeep two".into()), record(1, "key", &"keep a\nretry b\nkeep c".into())]);
    let api = RuntimeApi::with_invocation(body, Duration::from_secs(60));
    let mut function = in_lambda(&api)
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", "none")
        .env("KINESIEVE_DECODE", "lines")
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let posted = api.next_post(Duration::from_secs(60));
    let _ = function.kill();
    let _ = function.wait();
    assert_eq!(posted.body, format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"{}"}}]}}"#, sequence_number(1)));
}

/// A line that failed is run again by itself, in its place, and is not taken apart once more.
#[test]
fn a_line_is_run_again_in_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let dead = folder.path().join("dead.ndjson");
    let target = format!("file:{}", dead.display());
    let (code, said, outputs) =
        run_over(&[b"keep one\nreject two\nkeep three"], &["--decode", "lines", "--dead-letter", &target]);
    assert_eq!((code, outputs), (Some(0), places(&[(0, 0, "keep one"), (0, 2, "keep three")])), "{said}");
    let again = folder.path().join("again.ndjson");
    let redriven = kinesieve(&["redrive", "--from", &dead.display().to_string(), "--transform"])
        .arg(guest_file("keep"))
        .args(["--decode", "lines", "--output", &format!("file:{}", again.display())])
        .output()
        .expect("it runs");
    assert_eq!(redriven.status.code(), Some(0), "{}", stderr(&redriven));
    assert_eq!(self::outputs(&again), places(&[(0, 1, "reject two")]));
}

#[test]
fn what_a_decoder_is_not_for_passes_or_is_dead_lettered() {
    let message = json!({
        "messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s", "subscriptionFilters": ["all"],
        "policyLevel": "ACCOUNT_LEVEL_POLICY", "logEvents": [{ "id": "3", "message": "m" }],
    });
    let message = gzipped(message.to_string().as_bytes());
    let broken = &gzipped(b"keep broken")[..20];
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("event.json");
    let payloads: [&[u8]; 3] = [&message, b"no message", broken];
    let records = (0..).zip(payloads).map(|(index, data)| record(index, "key", &Data::Bytes(data.to_vec())));
    std::fs::write(&input, event_of(records)).expect("written");
    for (other, letters) in [("pass", 1), ("dead-letter", 2)] {
        let output = kinesieve(&["run", "--transform"])
            .arg(guest_file("keep"))
            .arg("--input")
            .arg(&input)
            .args(["--decode", "cloudwatch-logs-full", "--decode-other", other, "--dead-letter", "stdout"])
            .args(["--output", &format!("file:{}", folder.path().join(other).display())])
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let outputs = outputs(&folder.path().join(other));
        let event: Value = serde_json::from_str(&outputs[0].1).expect("JSON");
        assert_eq!(
            (&event["subscriptionFilters"], &event["policyLevel"]),
            (&json!(["all"]), &"ACCOUNT_LEVEL_POLICY".into())
        );
        assert_eq!(outputs.get(1).map(|(_, text)| &**text), (other == "pass").then_some("no message"));
        let found: Vec<Value> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| serde_json::from_str(line).expect("a letter"))
            .collect();
        assert_eq!(found.len(), letters, "{other}");
        assert!(found.iter().all(|letter| letter["kind"] == "decode"), "{found:?}");
    }
}

#[test]
fn a_chain_that_is_none_is_refused_before_anything_runs() {
    let refused = |decode: &str| {
        let output = kinesieve(&["run", "--transform"])
            .arg(guest_file("keep"))
            .args(["--input", "-", "--decode", decode])
            .stdin(Stdio::null())
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        stderr(&output)
    };
    assert!(refused("lines+gzip").contains("lines makes several records of one, so write it last"));
    assert!(refused("brotli").contains("\"brotli\" is no decoder: use none, or one of auto, gzip,"));
}

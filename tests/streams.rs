//! `kinesieve streams`: which streams there are, and what they are.

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::kinesis_local::KinesisLocal;
use crate::support::stub::Stub;
use crate::support::{kinesieve, stderr, stdout};

fn streams(endpoint: &str, arguments: &[&str]) -> Output {
    let mut command: Command = kinesieve(&["streams"]);
    command
        .args(arguments)
        .env("AWS_ENDPOINT_URL_KINESIS", endpoint)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key");
    command.output().expect("it runs")
}

fn objects(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn arn(name: &str) -> String {
    format!("arn:aws:kinesis:eu-west-1:123456789012:stream/{name}")
}

fn summary(name: &str, consumers: usize) -> Value {
    json!({ "StreamDescriptionSummary": {
        "StreamName": name,
        "StreamARN": arn(name),
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": { "StreamMode": "ON_DEMAND" },
        "RetentionPeriodHours": 48,
        "StreamCreationTimestamp": 1,
        "EnhancedMonitoring": [],
        "EncryptionType": "KMS",
        "KeyId": "alias/aws/kinesis",
        "OpenShardCount": 4,
        "ConsumerCount": consumers,
    } })
}

fn refusal(code: &str) -> (u16, String) {
    (400, json!({ "__type": code, "message": "not now, or not for you" }).to_string())
}

/// Names in pages of a hundred.
fn page(names: &[String], body: &Value) -> (u16, String) {
    let after = body["ExclusiveStartStreamName"].as_str().unwrap_or_default();
    let rest: Vec<&String> = names.iter().filter(|name| name.as_str() > after).collect();
    let page: Vec<&&String> = rest.iter().take(100).collect();
    (200, json!({ "StreamNames": page, "HasMoreStreams": rest.len() > page.len() }).to_string())
}

#[test]
fn a_thousand_streams_are_listed_in_a_while_though_requests_are_throttled() {
    let names: Vec<String> = (0..1000).map(|number| format!("stream-{number:04}")).collect();
    let throttled = Mutex::new(BTreeSet::new());
    let (now, most) = (AtomicUsize::new(0), Arc::<AtomicUsize>::default());
    let seen = Arc::clone(&most);
    let stub = Stub::start(move |operation, body| {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        match operation {
            "ListStreams" => page(&names, &body),
            "DescribeStreamSummary" => {
                seen.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
                now.fetch_sub(1, Ordering::Relaxed);
                let name = body["StreamName"].as_str().expect("a name").to_owned();
                // Each tenth is refused at first.
                if name.ends_with('7') && throttled.lock().expect("unpoisoned").insert(name.clone()) {
                    return refusal("LimitExceededException");
                }
                (200, summary(&name, 0).to_string())
            }
            _ => refusal("UnknownOperationException"),
        }
    });
    let started = Instant::now();
    let output = streams(&stub.endpoint(), &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(started.elapsed() < Duration::from_secs(120), "{:?}", started.elapsed());
    let rows = objects(&output);
    let listed: Vec<&str> = rows.iter().map(|row| row["name"].as_str().expect("a name")).collect();
    assert_eq!((listed.len(), listed[0], listed[999], listed.is_sorted()), (1000, "stream-0000", "stream-0999", true));
    assert!(rows.iter().all(|row| row["openShards"] == 4 && row["refused"] == json!([])), "{}", rows[7]);
    let most = most.load(Ordering::Relaxed);
    assert!((2..=8).contains(&most), "{most} at once");
    // A stream without consumers is not asked for them.
    let asked = stub.operations();
    let count = |operation: &str| asked.iter().filter(|asked| *asked == operation).count();
    assert_eq!((count("ListStreams"), count("DescribeStreamSummary"), count("ListStreamConsumers")), (10, 1100, 0));
}

#[test]
fn what_is_denied_is_named_and_the_rest_is_shown() {
    let names: Vec<String> = ["hidden", "orders", "readings"].map(str::to_owned).to_vec();
    let stub = Stub::start(move |operation, body| {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        match (operation, body["StreamName"].as_str()) {
            ("ListStreams", _) => page(&names, &body),
            ("DescribeStreamSummary", Some("hidden")) => refusal("AccessDeniedException"),
            ("DescribeStreamSummary", Some(name)) => (200, summary(name, 2).to_string()),
            ("ListStreamConsumers", _) if body["StreamARN"] == arn("orders") => refusal("AccessDeniedException"),
            ("ListStreamConsumers", _) => {
                let consumer = |name: &str| {
                    json!({
                        "ConsumerName": name,
                        "ConsumerARN": format!("{}/consumer/{name}:1", arn("readings")),
                        "ConsumerStatus": "ACTIVE",
                        "ConsumerCreationTimestamp": 1,
                    })
                };
                // Two pages.
                let answer = match body["NextToken"].as_str() {
                    None => json!({ "Consumers": [consumer("b")], "NextToken": "more" }),
                    Some(_) => json!({ "Consumers": [consumer("a")] }),
                };
                (200, answer.to_string())
            }
            _ => refusal("UnknownOperationException"),
        }
    });
    let output = streams(&stub.endpoint(), &[]);
    let (text, said) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(0), "{said}");
    let lines: Vec<Vec<&str>> =
        text.lines().map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()).collect();
    assert_eq!(lines[1], ["hidden", "-", "-", "-", "-", "-"]);
    assert_eq!(lines[2], ["orders", "on-demand", "4", "2 days", "alias/aws/kinesis", "-"]);
    assert_eq!(lines[3], ["readings", "on-demand", "4", "2 days", "alias/aws/kinesis", "a, b"]);
    assert!(said.contains("kinesis:DescribeStreamSummary is refused for hidden, so - stands there"), "{said}");
    assert!(said.contains("kinesis:ListStreamConsumers is refused for"), "{said}");
    let rows = objects(&streams(&stub.endpoint(), &["--json", "--like", "ORD"]));
    assert_eq!((rows.len(), &rows[0]["name"], &rows[0]["consumers"]), (1, &"orders".into(), &Value::Null));
    assert_eq!(rows[0]["refused"][0]["action"], "kinesis:ListStreamConsumers");
    let output = streams(&stub.endpoint(), &["--like", "nobody's"]);
    assert_eq!((stdout(&output).as_str(), output.status.code()), ("no stream has \"nobody's\" in its name\n", Some(0)));
}

#[test]
fn without_the_permission_to_list_the_statement_is_named() {
    let stub = Stub::start(|_, _| refusal("AccessDeniedException"));
    let output = streams(&stub.endpoint(), &[]);
    let said = stderr(&output);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""), "{said}");
    let statement = r#"{"Action":["kinesis:ListStreams","kinesis:DescribeStreamSummary","kinesis:ListStreamConsumers"],"Effect":"Allow","Resource":"*"}"#;
    assert!(said.contains("kinesis:ListStreams is not allowed") && said.contains(statement), "{said}");
}

#[test]
fn an_emulator_lists_its_streams() {
    let server = KinesisLocal::start(&[("readings", 2), ("orders", 1)]);
    let rows = objects(&streams(&server.endpoint(), &["--json"]));
    let said: Vec<_> = rows.iter().map(|row| (row["name"].clone(), row["openShards"].clone())).collect();
    assert_eq!(said, [("orders".into(), 1.into()), ("readings".into(), 2.into())] as [(Value, Value); 2]);
    assert_eq!((&rows[1]["arn"], &rows[1]["encryption"]), (&server.arn("readings").into(), &"none".into()));
}

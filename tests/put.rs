//! `kinesieve put`: lines into a stream, and what is said of those that don't get there.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::kinesis_local::KinesisLocal;
use crate::support::process::wait_until;
use crate::support::services::{Faults, Service, Stub};
use crate::support::{guest_file, kinesieve, stderr};

/// The command against an endpoint.
fn put_to(endpoint: &str, stream: &str, arguments: &[&str]) -> Command {
    let mut command = kinesieve(&["put", "--stream", stream]);
    command
        .args(arguments)
        .env("AWS_ENDPOINT_URL_KINESIS", endpoint)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key");
    command
}

fn put(stub: &Stub, arguments: &[&str]) -> Command {
    put_to(&stub.endpoint(), "readings", arguments)
}

fn stream() -> Stub {
    Stub::start(Service::Kinesis, Faults::default(), 0)
}

/// Starts it, with its standard input in our hands.
fn piped(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
}

fn with_input(command: &mut Command, input: &[u8]) -> Output {
    let mut child = piped(command);
    // One that stops early does not read to the end.
    let _ = child.stdin.take().expect("an input").write_all(input);
    child.wait_with_output().expect("it ends")
}

/// Keys and data of what was put, in its order.
fn pairs(stub: &Stub) -> Vec<(String, String)> {
    let text = |data: Vec<u8>| String::from_utf8(data).expect("text");
    stub.puts().into_iter().map(|put| (put.partition_key.expect("a key"), text(put.data))).collect()
}

fn data(stub: &Stub) -> Vec<String> {
    pairs(stub).into_iter().map(|(_, data)| data).collect()
}

/// What is said below the figures.
fn said(output: &Output) -> String {
    let said = stderr(output);
    let behind_counts = said.lines().skip_while(|line| !line.starts_with("  retries")).skip(1);
    behind_counts.filter(|line| *line != "for more: kinesieve explain K302").collect::<Vec<_>>().join("\n")
}

#[test]
fn lines_are_put_under_the_key_that_is_asked_for() {
    let stub = stream();
    let lines = b"{\"device\":{\"id\":\"a\"}}\n\n{\"device\":{\"id\":7}}\r\n{\"device\":{\"id\":true}}";
    let output = with_input(&mut put(&stub, &["--key", "/device/id"]), lines);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let expected = [("a", r#"{"device":{"id":"a"}}"#), ("7", r#"{"device":{"id":7}}"#)];
    let expected: Vec<_> = expected.iter().map(|(key, data)| ((*key).to_owned(), (*data).to_owned())).collect();
    assert_eq!(pairs(&stub)[..2], expected);
    assert_eq!(pairs(&stub)[2].0, "true");
    assert!(stderr(&output).starts_with("3 records put into readings in "), "{}", stderr(&output));
    assert!(stderr(&output).contains("  bytes    62\n  retries  0"), "{}", stderr(&output));

    let stub = stream();
    let output = with_input(&mut put(&stub, &["-", "--constant-key", "one"]), b"x\ny\n");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(pairs(&stub), [("one", "x"), ("one", "y")].map(|(key, data)| (key.to_owned(), data.to_owned())));

    let stub = stream();
    with_input(&mut put(&stub, &[]), "x\n".repeat(50).as_bytes());
    let keys: BTreeMap<String, String> = pairs(&stub).into_iter().collect();
    assert_eq!(keys.len(), 50, "random keys differ");
}

#[test]
fn what_the_stream_refuses_goes_again_and_the_order_of_a_key_stays() {
    let faults = Faults { refused_record: 0.2, refused_request: 0.1, slow: 0.1, ..Faults::default() };
    let stub = Stub::start(Service::Kinesis, faults, 11);
    let lines: String = (0..2000).map(|number| format!("{{\"id\":\"{}\",\"n\":{number}}}\n", number % 100)).collect();
    let output = with_input(&mut put(&stub, &["--key", "/id"]), lines.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for (key, data) in pairs(&stub) {
        let number = serde_json::from_str::<serde_json::Value>(&data).expect("JSON")["n"].as_u64().expect("a number");
        assert!(last.insert(key, number).is_none_or(|earlier| earlier < number), "{number} overtook");
    }
    assert_eq!(stub.puts().len(), 2000, "nothing is lost, and nothing put twice");
    assert!(stderr(&output).starts_with("2000 records put"), "{}", stderr(&output));
    let sent: usize = stub.requests().iter().map(Vec::len).sum();
    assert!(stderr(&output).contains(&format!("  retries  {}", sent - 2000)), "{}", stderr(&output));
}

#[test]
fn what_run_wrote_is_put_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let outputs = folder.path().join("out.ndjson");
    let mut run = kinesieve(&["run", "--input", "-", "--output", &format!("file:{}", outputs.display())]);
    run.arg("--transform").arg(guest_file("keep"));
    let run = with_input(&mut run, b"caf\xc3\xa9\n\xff\n\n{\"a\":1}\n");
    assert_eq!(run.status.code(), Some(0), "{}", stderr(&run));

    let stub = stream();
    let output = put(&stub, &[&outputs.display().to_string()]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let puts: Vec<_> = stub.puts().into_iter().map(|put| (put.partition_key.expect("a key"), put.data)).collect();
    let expected = [("1", &b"caf\xc3\xa9"[..]), ("2", b"\xff"), ("4", b"{\"a\":1}")];
    assert_eq!(puts, expected.map(|(key, data)| (key.to_owned(), data.to_vec())));
}

#[test]
fn a_line_of_a_pipe_is_put_as_it_comes() {
    let stub = stream();
    let mut child = piped(&mut put(&stub, &[]));
    let mut input = child.stdin.take().expect("an input");
    for (count, line) in (1..).zip(["one\n", "two\nthree, in part", "\n"]) {
        input.write_all(line.as_bytes()).expect("it reads");
        wait_until("the line is put", || stub.puts().len() == count);
    }
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), data(&stub).len()), (Some(0), 3), "{}", stderr(&output));
}

#[test]
fn a_line_without_the_key_is_named_and_the_rest_can_be_put_from_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("lines.ndjson");
    std::fs::write(&file, "{\"id\":1}\n{\"id\":2}\n{\"no\":3}\nnot json\n{\"id\":5}\n").expect("written");
    let stub = stream();
    let put_from = |line: &str| {
        let file = file.display().to_string();
        put(&stub, &[&file, "--key", "/id", "--from-line", line]).output().expect("it runs")
    };
    let output = put_from("1");
    assert_eq!(output.status.code(), Some(1));
    let message = said(&output);
    assert!(message.contains("lines.ndjson is no record: it has no /id, which is to be its key"), "{message}");
    assert!(message.starts_with("line 3 of "), "{message}");
    assert!(message.contains("--from-line 3 once it is mended, or behind it with --from-line 4"), "{message}");
    assert_eq!(data(&stub), ["{\"id\":1}", "{\"id\":2}"]);

    let output = put_from("4");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).starts_with("line 4 of ") && said(&output).contains("it is not JSON"), "{}", said(&output));
    assert!(said(&output).contains("nothing before it is put"), "{}", said(&output));
    assert_eq!(put_from("5").status.code(), Some(0));
    assert_eq!(data(&stub), ["{\"id\":1}", "{\"id\":2}", "{\"id\":5}"]);
    let output = put_from("6");
    assert_eq!(output.status.code(), Some(0));
    assert!(said(&output).contains("has no lines from line 6 on"), "{}", said(&output));
}

#[test]
fn a_line_without_an_explicit_hash_key_is_named_and_quotes_nothing() {
    for (value, told) in [
        ("", "it has no /hash, which is to be its explicit hash key: a whole number from 0 to 2^128 - 1"),
        (",\"hash\":\"hunter2\"", "/hash is no number; an explicit hash key is a whole number from 0 to 340282"),
        (",\"hash\":-31337", "/hash is a negative number"),
        (",\"hash\":31337.5", "/hash is a number with a fraction or an exponent"),
        (",\"hash\":\"340282366920938463463374607431768211456\"", "/hash is a number beyond 2^128 - 1"),
    ] {
        let stub = stream();
        let input = format!("{{\"id\":1,\"hash\":7}}\n{{\"id\":2{value}}}\n{{\"id\":3,\"hash\":\"8\"}}\n");
        let arguments = ["--key", "/id", "--explicit-hash-key", "/hash"];
        let output = with_input(&mut put(&stub, &arguments), input.as_bytes());
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let message = said(&output);
        assert!(message.starts_with(&format!("line 2 of standard input is no record: {told}")), "{message}");
        assert!(message.contains("--from-line 2 once it is mended, or behind it with --from-line 3"), "{message}");
        assert!(!message.contains("hunter2") && !message.contains("31337"), "{message}");
        assert_eq!(pairs(&stub).into_iter().map(|(key, _)| key).collect::<Vec<_>>(), ["1"]);
    }
}

/// By default a stream takes 1 MiB, some take 10.
#[test]
fn a_record_that_is_too_large_stops_before_anything_behind_it() {
    let (large, huge) = ("x".repeat(1 << 20), "x".repeat((10 << 20) + 1));
    let stub = stream();
    stub.set_record_limit(1 << 20);
    let input = format!("one\n{large}\nthree\n");
    let output = with_input(&mut put(&stub, &[]), input.as_bytes());
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let message = said(&output);
    assert!(message.starts_with("line 2 of standard input was not put: InvalidArgumentException"), "{message}");
    assert!(
        message.ends_with("all before it is put; go on with --from-line 2, or behind it with --from-line 3"),
        "{message}"
    );
    assert_eq!(data(&stub), ["one"]);
    let output = with_input(&mut put(&stub, &["--from-line", "3"]), input.as_bytes());
    assert_eq!((output.status.code(), data(&stub).join(" ")), (Some(0), "one three".to_owned()));

    let stub = stream();
    let output = with_input(&mut put(&stub, &[]), format!("{large}\n{huge}\n").as_bytes());
    assert_eq!((output.status.code(), stub.puts().len()), (Some(1), 1), "{}", stderr(&output));
    assert!(said(&output).contains("line 2 is longer than the largest Kinesis record"), "{}", said(&output));
    assert!(said(&output).contains("go on with --from-line 2"), "{}", said(&output));
}

/// Below 1 MiB nobody knows beforehand what a stream refuses: the rest of its request is put by then.
#[test]
fn what_is_put_behind_a_refused_record_is_counted() {
    let stub = stream();
    stub.set_record_limit(100);
    let output = with_input(&mut put(&stub, &[]), format!("one\n{}\nthree\nfour\n", "x".repeat(200)).as_bytes());
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert_eq!(stub.puts().len(), 3);
    let told = "go on with --from-line 2, or behind it with --from-line 3: 2 records behind it that are put already then \
                come twice";
    assert!(said(&output).ends_with(told), "{}", said(&output));
}

#[test]
fn a_stream_that_is_not_there_or_may_not_be_written_to_is_said_with_what_to_do() {
    let refused = |code| {
        let stub = Stub::start(Service::Kinesis, Faults { always: Some(code), ..Faults::default() }, 0);
        let output = with_input(&mut put(&stub, &[]), b"one\n");
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stub.requests().len() == 1, "it asked again");
        said(&output)
    };
    let message = refused("ResourceNotFoundException");
    assert!(message.contains("stream readings not found in eu-west-1"), "{message}");
    let message = refused("AccessDeniedException");
    let statement = r#"{"Effect": "Allow", "Action": "kinesis:PutRecords", "Resource": "arn:aws:kinesis:eu-west-1:*:stream/readings"}"#;
    assert!(message.contains(statement), "{message}");
}

#[test]
fn a_permission_that_is_taken_away_leaves_a_line_to_go_on_from() {
    let stub = stream();
    let mut child = piped(&mut put(&stub, &[]));
    let mut input = child.stdin.take().expect("an input");
    input.write_all(b"one\ntwo\n").expect("it reads");
    wait_until("the lines are put", || stub.puts().len() == 2);
    stub.set_faults(Faults { always: Some("AccessDeniedException"), ..Faults::default() });
    input.write_all(b"three\nfour\n").expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(said(&output).starts_with("line 3 of standard input was not put"), "{}", said(&output));
    assert!(said(&output).ends_with("go on with --from-line 3"), "{}", said(&output));
}

#[test]
fn wrong_usage_is_told_before_anything_is_read() {
    for (arguments, told) in [
        (&["--stream", ""][..], "invalid stream \"\": a name has 1 to 128"),
        (&["--stream", "arn:aws:sqs:eu-west-1:123456789012:q"], "arn:aws:kinesis:REGION:ACCOUNT:stream/NAME"),
        (&["--stream", "s", "--key", "device"], "use a JSON pointer, as /device/id"),
        (&["--stream", "s", "--key", "/a", "--constant-key", "b"], "cannot be used with"),
        (&["--stream", "s", "--constant-key", ""], "a stream takes 1 to 256"),
        (&["--stream", "s", "--explicit-hash-key", "hash"], "use a JSON pointer, as /device/hash"),
        (&["--stream", "s", "--explicit-hash-key=-1"], "\"-1\" is a negative number"),
        (&["--stream", "s", "--explicit-hash-key", "340282366920938463463374607431768211456"], "beyond 2^128 - 1"),
        (&["--stream", "s", "--rate", "0"], "--rate"),
        (&["--stream", "s", "--from-line", "0"], "--from-line"),
        (&[], "--stream"),
    ] {
        let output = kinesieve(&["put"]).args(arguments).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(told), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn who_asks_and_where_has_to_be_known() {
    let folder = tempfile::tempdir().expect("a folder");
    let bare = |arguments: &[&str]| {
        let mut command = kinesieve(&["put", "--stream"]);
        command.args(arguments).env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", folder.path());
        let output = with_input(&mut command, b"one\n");
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        stderr(&output)
    };
    assert!(bare(&["readings"]).contains("set AWS_REGION"));
    let message = bare(&["arn:aws:kinesis:eu-west-1:123456789012:stream/readings"]);
    assert!(message.contains("no AWS credentials: set AWS_PROFILE"), "{message}");
    assert!(bare(&["readings", "/nowhere/lines"]).contains("input /nowhere/lines: No such file"));
}

#[test]
fn an_input_that_is_no_lines_is_not_put() {
    let stub = stream();
    for (input, told) in
        [(&b"{\n  \"a\": 1\n}\n"[..], "jq -c"), (b"\x1f\x8b\x08\x00\n", "gunzip"), (b"\x00\x01\n", "binary")]
    {
        let output = with_input(&mut put(&stub, &[]), input);
        assert_eq!((output.status.code(), stub.puts().len()), (Some(1), 0));
        assert!(said(&output).contains(told), "{}", said(&output));
    }
    let output = with_input(&mut put(&stub, &["--input-format", "lines", "--order", "none"]), b"{\n}\n");
    assert_eq!((output.status.code(), data(&stub).len()), (Some(0), 2));
}

#[test]
fn no_more_are_put_than_the_rate_allows() {
    let stub = stream();
    let started = Instant::now();
    let output = with_input(&mut put(&stub, &["--rate", "50"]), "x\n".repeat(60).as_bytes());
    assert_eq!((output.status.code(), stub.puts().len()), (Some(0), 60), "{}", stderr(&output));
    assert!(started.elapsed() >= Duration::from_millis(1100), "{:?}", started.elapsed());
    assert!(stub.requests().iter().all(|request| request.len() <= 5));
}

/// An input that never ends must not fill the memory while the stream takes nothing.
#[test]
fn no_more_is_read_than_can_be_put() {
    let stub = Stub::start(Service::Kinesis, Faults { hangs: 1.0, ..Faults::default() }, 0);
    let mut child = piped(&mut put(&stub, &[]));
    let mut input = child.stdin.take().expect("an input");
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let writer = std::thread::spawn(move || {
        let line = format!("{}\n", "x".repeat(999));
        while input.write_all(line.as_bytes()).is_ok() {
            count.fetch_add(line.len(), Ordering::Relaxed);
        }
    });
    wait_until("a request is on its way", || !stub.requests().is_empty());
    wait_until("the input has to wait", || {
        let before = written.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(500));
        written.load(Ordering::Relaxed) == before
    });
    assert!(written.load(Ordering::Relaxed) < 24 << 20, "{} bytes were read", written.load(Ordering::Relaxed));
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    writer.join().expect("no panic");
}

#[test]
fn ctrl_c_lets_arrive_what_is_on_its_way_and_says_where_to_go_on() {
    let stub = stream();
    let mut child = piped(&mut put(&stub, &["--rate", "1"]));
    child.stdin.as_mut().expect("an input").write_all(b"one\n\ntwo\nthree\n").expect("it reads");
    wait_until("the first line is put", || !stub.puts().is_empty());
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("it runs");
    assert!(kill.success());
    // Its standard input stays open: it does not wait for that.
    let input = child.stdin.take();
    let output = child.wait_with_output().expect("it ends");
    drop(input);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(said(&output).starts_with("interrupted: all up to line "), "{}", said(&output));
    let line: usize = said(&output).rsplit(' ').next().and_then(|line| line.parse().ok()).expect("a line");
    assert_eq!(line, [2, 4, 5][stub.puts().len() - 1]);
}

#[test]
fn help_teaches() {
    let output = kinesieve(&["put", "--help"]).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    for taught in
        ["/device/id", "tail -F app.log", "Exit codes:", "kinesis:PutRecords", "--from-line", "KINESIEVE_ORDER"]
    {
        assert!(text.contains(taught), "{taught} is not in\n{text}");
    }
}

#[test]
fn a_stream_of_two_shards_has_all_lines_each_key_in_its_order() {
    let kinesis = KinesisLocal::start(&[("readings", 2)]);
    let lines: String = (0..60).map(|number| format!("{{\"id\":\"d{}\",\"n\":{number}}}\n", number % 6)).collect();
    let output = with_input(&mut put_to(&kinesis.endpoint(), "readings", &["--key", "/id"]), lines.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let records = kinesis.records("readings");
    let mut by_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in &records {
        let data = String::from_utf8(record.data.clone()).expect("text");
        by_key.entry(record.partition_key.clone()).or_default().push(data);
    }
    assert_eq!((records.len(), by_key.len()), (60, 6));
    for (key, data) in by_key {
        let expected: Vec<String> =
            lines.lines().filter(|line| line.contains(&format!("\"{key}\""))).map(str::to_owned).collect();
        assert_eq!(data, expected, "{key}");
    }
    let shards: std::collections::BTreeSet<&str> = records.iter().map(|record| record.shard.as_str()).collect();
    assert_eq!(shards.len(), 2);

    let missing = with_input(&mut put_to(&kinesis.endpoint(), "nowhere", &[]), b"x\n");
    assert_eq!(missing.status.code(), Some(1), "{}", stderr(&missing));
    assert!(said(&missing).contains("stream nowhere not found in eu-west-1"), "{}", said(&missing));
}

#[test]
fn an_explicit_hash_key_decides_the_shard_and_keeps_the_partition_key() {
    let kinesis = KinesisLocal::start(&[("pointed", 2), ("constant", 2)]);
    let put = |stream: &str, arguments: &[&str], lines: &str| {
        let output = with_input(&mut put_to(&kinesis.endpoint(), stream, arguments), lines.as_bytes());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    };
    let shards = |stream: &str| -> BTreeMap<String, (String, String)> {
        let text = |data: Vec<u8>| String::from_utf8(data).expect("text");
        let records = kinesis.records(stream).into_iter();
        records.map(|record| (text(record.data), (record.shard, record.partition_key))).collect()
    };
    let (first, second) = ("shardId-000000000000".to_owned(), "shardId-000000000001".to_owned());
    // Side by side, they are one number in floating point.
    let border = kinesis.first_hash_keys("pointed")[1];
    let hash_keys = [
        ("0".to_owned(), &first),
        (format!("\"{}\"", u128::MAX), &second),
        ((border - 1).to_string(), &first),
        (border.to_string(), &second),
        (format!("\"{}\"", border - 1), &first),
        (format!("\"0{border}\""), &second),
    ];
    let line = |hash_key: &str| format!("{{\"id\":\"one\",\"hash\":{hash_key}}}");
    let lines: String = hash_keys.iter().map(|(hash_key, _)| line(hash_key) + "\n").collect();
    put("pointed", &["--key", "/id", "--explicit-hash-key", "/hash"], &lines);
    let placed = shards("pointed");
    assert_eq!(placed.len(), hash_keys.len(), "{placed:?}");
    for (hash_key, shard) in hash_keys {
        assert_eq!(placed[&line(&hash_key)], (shard.clone(), "one".to_owned()), "{hash_key}");
    }

    let lines: String = (0..20).map(|number| format!("{number}\n")).collect();
    put("constant", &["--explicit-hash-key", "340282366920938463463374607431768211455"], &lines);
    let placed = shards("constant");
    assert!(placed.len() == 20 && placed.values().all(|(shard, _)| *shard == second), "{placed:?}");
    let keys: std::collections::BTreeSet<_> = placed.values().map(|(_, key)| key).collect();
    assert_eq!(keys.len(), 20, "partition keys stay random");
}

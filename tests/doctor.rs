//! `kinesieve doctor`: what a deployment needs, looked at with the credentials at hand.

mod role;
mod streams;

use std::process::Command;

use serde_json::{Value, json};

use crate::support::events::STREAM_ARN;
use crate::support::moto::Moto;
use crate::support::positions::Positions;
use crate::support::services::{Faults, Service, Stub};
use crate::support::{guest_file, kinesieve, stderr, stdout, stub};

const ACCOUNT: &str = "123456789012";

/// The command at a server, for a transform that this machine can run.
fn doctor(moto: &Moto, stream: &str, arguments: &[&str]) -> Command {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let mut command =
        kinesieve(&["doctor", "--json", "--architecture", architecture, "--stream", stream, "--transform"]);
    command
        .arg(guest_file("keep"))
        .args(arguments)
        .env("AWS_ENDPOINT_URL", moto.endpoint())
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key");
    command
}

/// What is found, and the exit code.
fn findings(command: &mut Command) -> (Vec<Value>, Option<i32>) {
    let output = command.output().expect("it runs");
    let findings = stdout(&output).lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    (findings, output.status.code())
}

/// What was looked at, of those with this verdict.
fn of_verdict<'a>(findings: &'a [Value], verdict: &str) -> Vec<&'a str> {
    let with_verdict = findings.iter().filter(|finding| finding["verdict"] == verdict);
    with_verdict.map(|finding| finding["what"].as_str().expect("text")).collect()
}

#[test]
fn where_all_is_there_nothing_is_missing_and_nothing_is_put_anywhere() {
    let positions = Positions::new();
    let moto = &positions.moto;
    let stream = moto.create_stream("doctor-in", 2);
    let output = moto.create_stream("doctor-out", 1);
    let queue = moto.create_queue("doctor-dead");
    moto.create_bucket("doctor-bucket");
    let firehose = moto.create_firehose("doctor-firehose", "doctor-bucket");
    let topic = moto.create_topic("doctor-topic");
    let bus = moto.create_event_bus("doctor-bus");
    let arguments = [
        ["--output", &output],
        ["--dead-letter", &queue],
        ["--dead-letter-large", "arn:aws:s3:::doctor-bucket/large"],
        ["--route", "a=arn:aws:s3:::doctor-bucket/prefix"],
        ["--route", &format!("b={firehose}")],
        ["--route", &format!("c={topic}")],
        ["--route", &format!("d={bus}")],
        ["--checkpoint-table", &positions.name],
        ["--skip-acknowledged", "true"],
    ];
    let (found, code) = findings(&mut doctor(moto, &stream, arguments.as_flattened()));
    assert_eq!((of_verdict(&found, "missing"), of_verdict(&found, "unknown"), code), (vec![], vec![], Some(0)));
    let fine = of_verdict(&found, "ok").join("\n");
    for looked_at in [
        "stream doctor-in: ACTIVE, 2 open shards",
        "kinesis:GetRecords on",
        &format!("kinesis:PutRecords on {output}"),
        &format!("sqs:SendMessage on {queue}"),
        "s3:PutObject on arn:aws:s3:::doctor-bucket/prefix/*",
        "s3:PutObject on arn:aws:s3:::doctor-bucket/large/*",
        &format!("dead letters of up to 1.0 MiB: what {queue} does not take goes to arn:aws:s3:::doctor-bucket/large"),
        "firehose:PutRecordBatch on",
        &format!("sns:Publish on {topic}"),
        &format!("events:PutEvents on {bus}"),
        &format!("dynamodb:UpdateItem on arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/{}", positions.name),
        "dynamodb:GetItem on",
        "it starts with its settings (sha256:",
    ] {
        assert!(fine.contains(looked_at), "{looked_at} is not in\n{fine}");
    }
    assert!(moto.stream_records("doctor-out").is_empty());
    for queue in ["doctor-dead", "doctor-topic", "doctor-bus"] {
        assert!(moto.take_messages(queue).is_empty(), "{queue}");
    }
    assert!(moto.objects("doctor-bucket").values().all(Vec::is_empty), "{:?}", moto.objects("doctor-bucket").keys());
    let items = crate::support::block_on(positions.client().scan().table_name(&positions.name).send());
    assert_eq!(items.expect("an answer").count, 0);
}

#[test]
fn what_is_not_there_is_named() {
    let moto = Moto::shared();
    let queue = format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:nobodys");
    let (found, code) =
        findings(&mut doctor(&moto, STREAM_ARN, &["--output", &queue, "--checkpoint-table", "nobodys-table"]));
    let missing = of_verdict(&found, "missing").join("\n");
    for name in [STREAM_ARN, &queue, "checkpoint table nobodys-table"] {
        let lines = missing.lines().filter(|line| line.contains(name)).count();
        assert_eq!(lines, 1, "{name} in\n{missing}");
    }
    assert_eq!(code, Some(3));
    let made = ["--output", "none", "--checkpoint-table", "nobodys-table", "--checkpoint-create", "true"];
    let (found, _) = findings(&mut doctor(&moto, STREAM_ARN, &made));
    assert!(of_verdict(&found, "ok").join("\n").contains("not there yet, the function makes it"));
}

#[test]
fn a_destination_that_is_the_stream_that_is_read_is_named() {
    let moto = Moto::shared();
    let stream = moto.create_stream("doctor-loop", 1);
    let (found, code) = findings(&mut doctor(&moto, &stream, &["--output", &stream]));
    let named = format!("output: {stream} is the stream that the function reads");
    assert!(of_verdict(&found, "missing").contains(&&*named), "{found:?}");
    assert_eq!(code, Some(3));
}

#[test]
fn what_gives_records_up_is_a_warning() {
    let moto = Moto::start();
    let stream = moto.create_stream("doctor-discards", 1);
    let (found, code) = findings(&mut doctor(&moto, &stream, &["--output", "stdout", "--dead-letter", "discard"]));
    assert!(of_verdict(&found, "care").contains(&"dead letters: discard"), "{found:?}");
    assert_eq!(code, Some(0));
}

#[test]
fn dead_letters_that_do_not_fit_are_told_beforehand() {
    let moto = Moto::shared();
    let queue = moto.create_queue("doctor-small");
    let advice = |arguments: &[&str]| {
        let arguments = [&["--output", "none", "--dead-letter", &queue], arguments].concat();
        let (found, _) = findings(&mut doctor(&moto, STREAM_ARN, &arguments));
        let letters =
            |finding: &&Value| finding["what"].as_str().is_some_and(|what| what.starts_with("dead letters of"));
        let letters = found.iter().find(letters).expect("something of dead letters");
        assert_eq!(letters["verdict"], "care");
        letters["reason"].as_str().expect("advice").to_owned()
    };
    assert!(advice(&[]).contains("only the stream has the rest"), "{}", advice(&[]));
    assert!(advice(&["--dead-letter-cut", "false"]).contains("stops its shard"));
}

/// No event of Lambda holds a record above about 4.4 MiB.
#[test]
fn a_stream_that_takes_records_which_fit_in_no_event_is_told_with_what_to_do() {
    let moto = Moto::shared();
    for (kibibytes, is_told) in [(1024, false), (4505, false), (4506, true), (10_240, true)] {
        let stream = stub::Stub::start(move |operation, _| {
            let answer = match operation {
                "DescribeStreamSummary" => json!({ "StreamDescriptionSummary": {
                    "StreamName": "readings", "StreamARN": STREAM_ARN, "StreamStatus": "ACTIVE",
                    "RetentionPeriodHours": 24, "StreamCreationTimestamp": 1_545_084_650, "EnhancedMonitoring": [],
                    "OpenShardCount": 1, "MaxRecordSizeInKiB": kibibytes,
                } }),
                _ => json!({ "Shards": [] }),
            };
            (200, answer.to_string())
        });
        let mut command = doctor(&moto, STREAM_ARN, &["--output", "none"]);
        let (found, _) = findings(command.env("AWS_ENDPOINT_URL_KINESIS", stream.endpoint()));
        let finding = found
            .iter()
            .find(|finding| finding["what"].as_str().is_some_and(|what| what.starts_with("records of up to")));
        assert_eq!(finding.is_some(), is_told, "{kibibytes}: {found:?}");
        let Some(finding) = finding else { continue };
        let advice = finding["reason"].as_str().expect("advice");
        assert_eq!(finding["verdict"], "care");
        assert!(
            advice.contains("MaxRecordSizeInKiB to 4505 or less") && advice.contains("kinesieve rescue"),
            "{advice}"
        );
    }
}

#[test]
fn a_permission_that_is_missing_comes_with_the_statement_that_grants_it() {
    let denied = || Faults { always: Some("AccessDeniedException"), ..Faults::default() };
    let (kinesis, table) = (Stub::start(Service::Kinesis, denied(), 1), Stub::start(Service::DynamoDb, denied(), 1));
    let (sns, events) = (
        Stub::start(Service::Sns, Faults { always: Some("AuthorizationError"), ..Faults::default() }, 1),
        Stub::start(Service::EventBridge, denied(), 1),
    );
    let moto = Moto::shared();
    let output = format!("arn:aws:kinesis:eu-west-1:{ACCOUNT}:stream/out");
    let topic = format!("arn:aws:sns:eu-west-1:{ACCOUNT}:out");
    let bus = format!("arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/out");
    let arguments = [
        ["--output", &output],
        ["--route", &format!("a={topic}")],
        ["--route", &format!("b={bus}")],
        ["--checkpoint-table", "positions"],
    ];
    let mut command = doctor(&moto, STREAM_ARN, arguments.as_flattened());
    command.env("AWS_ENDPOINT_URL_SNS", sns.endpoint()).env("AWS_ENDPOINT_URL_EVENTBRIDGE", events.endpoint());
    command.env("AWS_ENDPOINT_URL_KINESIS", kinesis.endpoint()).env("AWS_ENDPOINT_URL_DYNAMODB", table.endpoint());
    let (found, code) = findings(&mut command);
    let grants: Vec<String> =
        found.iter().filter_map(|finding| finding.get("grant")).map(ToString::to_string).collect();
    let table_arn = format!("arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/positions");
    let statement =
        |action: &str, resource: &str| format!(r#"{{"Action":"{action}","Effect":"Allow","Resource":"{resource}"}}"#);
    let expected = [
        statement("kinesis:DescribeStreamSummary", STREAM_ARN),
        statement("kinesis:DescribeStream", STREAM_ARN),
        statement("kinesis:ListShards", STREAM_ARN),
        statement("kinesis:ListStreams", "*"),
        statement("kinesis:PutRecords", &output),
        statement("sns:Publish", &topic),
        statement("events:PutEvents", &bus),
        statement("dynamodb:UpdateItem", &table_arn),
    ];
    assert_eq!((grants, code), (expected.to_vec(), Some(3)));
    // Whether the output is there need not be known to the function.
    assert_eq!(
        of_verdict(&found, "unknown"),
        [
            format!("output: {output}"),
            format!("route a: {topic}"),
            format!("route b: {bus}"),
            "checkpoint table positions".to_owned(),
        ]
    );
}

#[test]
fn a_transform_for_another_architecture_is_missing() {
    let moto = Moto::shared();
    let folder = tempfile::tempdir().expect("a folder");
    let precompiled = folder.path().join("transform.cwasm").display().to_string();
    let built = kinesieve(&["build", &guest_file("keep").display().to_string()])
        .args(["--target", "arm64", "--output", &precompiled])
        .output()
        .expect("it runs");
    assert!(built.status.success(), "{}", stderr(&built));
    for (architecture, verdict) in [("x86_64", "missing"), ("arm64", "ok")] {
        let mut command = kinesieve(&["doctor", "--json", "--output", "none", "--stream", STREAM_ARN]);
        command.args(["--transform", &precompiled, "--architecture", architecture]);
        command
            .env("AWS_ENDPOINT_URL", moto.endpoint())
            .env("AWS_ACCESS_KEY_ID", "id")
            .env("AWS_SECRET_ACCESS_KEY", "key");
        let (found, _) = findings(&mut command);
        assert_eq!(found[0]["verdict"], verdict, "{}", found[0]);
    }
}

#[test]
fn without_credentials_that_anyone_takes_nothing_else_is_asked() {
    let mut command = doctor(&Moto::shared(), STREAM_ARN, &["--output", "none"]);
    let (found, code) = findings(command.env("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1"));
    assert_eq!(of_verdict(&found, "missing"), ["credentials"]);
    assert_eq!((found.last().map(|last| last["what"].clone()), code), (Some("credentials".into()), Some(3)));
}

/// What of a deployment can't be seen in its settings: how the function gets its records.
#[test]
fn the_mapping_of_a_deployed_function_is_looked_at() {
    let moto = Moto::shared();
    let mapping = |uuid: &str, source: &str, types: Value| {
        json!({
            "UUID": uuid, "EventSourceArn": source, "State": "Enabled", "StartingPosition": "TRIM_HORIZON",
            "BatchSize": 1000, "BisectBatchOnFunctionError": true, "FunctionResponseTypes": types,
        })
    };
    let told = |answer: (u16, String)| {
        let lambda = stub::Stub::start(move |_, _| answer.clone());
        let mut command = doctor(&moto, STREAM_ARN, &["--output", "none", "--function", "readings"]);
        let (found, _) = findings(command.env("AWS_ENDPOINT_URL_LAMBDA", lambda.endpoint()));
        let of_mapping =
            |finding: &&Value| finding["what"].as_str().is_some_and(|what| what.contains("source mapping"));
        found.iter().filter(of_mapping).cloned().collect::<Vec<Value>>()
    };
    let mappings = |mappings: &[Value]| (200, json!({ "EventSourceMappings": mappings }).to_string());
    let reports = json!(["ReportBatchItemFailures"]);

    let one = told(mappings(&[mapping("a", STREAM_ARN, reports.clone())]));
    let fine = "event source mapping a: Enabled, shared reads, made to start at TRIM_HORIZON";
    assert_eq!(of_verdict(&one, "ok"), [fine]);
    assert!(one[1]["reason"].as_str().expect("advice").contains("makes another one"), "{one:?}");
    let silent = told(mappings(&[mapping("a", STREAM_ARN, json!([]))]));
    assert_eq!(of_verdict(&silent, "missing"), ["event source mapping a"]);
    let consumer = format!("{STREAM_ARN}/consumer/kinesieve:1545084650");
    let other = mapping("c", &format!("{STREAM_ARN}-2"), json!([]));
    let two = [mapping("a", STREAM_ARN, reports.clone()), mapping("b", &consumer, reports), other];
    let two = told(mappings(&two));
    assert!(two[0]["reason"].as_str().expect("advice").contains("processed more than once"), "{two:?}");
    assert!(of_verdict(&two, "ok").iter().any(|what| what.contains("b: Enabled, enhanced fan-out")), "{two:?}");
    assert_eq!(of_verdict(&told(mappings(&[])), "care").len(), 1);

    let error = |code: &str| (400, json!({ "__type": code, "message": "no" }).to_string());
    let denied = told(error("AccessDeniedException"));
    assert!(denied[0]["reason"].as_str().expect("a reason").contains("lambda:ListEventSourceMappings"), "{denied:?}");
    assert_eq!(of_verdict(&denied, "unknown").len(), 1);
    assert_eq!(of_verdict(&told(error("ResourceNotFoundException")), "missing").len(), 1);
    // Pages without an end are left.
    let endless = told((200, json!({ "EventSourceMappings": [], "NextMarker": "again" }).to_string()));
    assert_eq!(of_verdict(&endless, "care").len(), 1);
}

#[test]
fn a_stream_that_is_none_is_refused_at_once() {
    let queue = format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:queue");
    let output = doctor(&Moto::shared(), &queue, &["--output", "none"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("stream/NAME"), "{}", stderr(&output));
}

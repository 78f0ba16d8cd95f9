//! Every field of every form.

use std::path::Path;

use super::*;
use crate::connector::ConnectorFile;
use crate::connector::tests::keys;

/// The settings that come of a text, and the names of what is left out. What is printed is a right connector file.
fn imported(text: &str) -> (Vec<String>, Vec<String>) {
    let (form, imported) = import(text).expect(text);
    let file = imported.text(form.name());
    let read = ConnectorFile::of(Path::new("c.yaml"), &file, &keys()).expect(&file);
    let settings = read.given().iter().map(|given| format!("{}={}", given.flag, given.values.join(" ")));
    let left_out = imported.left_out.iter().map(|(name, reason)| {
        assert!(file.contains(reason.as_str()) && !reason.is_empty(), "{name}");
        name.clone()
    });
    (settings.collect(), left_out.collect())
}

fn settings(text: &str) -> Vec<String> {
    imported(text).0
}

fn left_out(text: &str) -> Vec<String> {
    imported(text).1
}

fn refused(text: &str) -> String {
    match import(text) {
        Err(error) => error.to_string(),
        Ok((_, imported)) => panic!("{text}: {imported:?}"),
    }
}

/// A field of the object, as it is in a whole one.
fn of_object(field: &str) -> (Vec<String>, Vec<String>) {
    imported(&format!(r#"{{"type": "aws-kinesis", {field}}}"#))
}

#[test]
fn each_attribute_of_a_data_connector_object() {
    let (set, left): (&[&str], &[&str]) = (&[], &[]);
    for (field, set, left) in [
        (r#""stream": "test""#, &["input=stream:test"][..], left),
        (r#""maxRecordsPerShardPerSecond": 1000"#, &["max-records-per-shard-per-second=1000"], left),
        (r#""maxBytesPerShardPerSecond": 1000000"#, &["max-bytes-per-shard-per-second=1000000B"], left),
        (r#""maxBytesPerShardPerSecond": 0"#, set, left),
        (r#""dataProcessingMethodId": "m.1""#, &["transform=transform.wasm"], left),
        (r#""id": "dc.1""#, set, &["id"][..]),
        (r#""credentials": {"user": "AKIA", "password": "hunter2"}"#, set, &["credentials"]),
        (r#""region": "us-west-2""#, &["region=us-west-2"], left),
        (r#""shards": 2"#, set, &["shards"]),
        (r#""disabled": true"#, set, &["disabled"]),
        (r#""disabled": false"#, set, left),
    ] {
        let found = of_object(field);
        assert_eq!((found.0.as_slice(), found.1.as_slice()), (&owned(set)[..], &owned(left)[..]), "{field}");
    }
    // An update has no type.
    assert_eq!(imported(r#"{"shards": 2, "maxRecordsPerShardPerSecond": 10}"#).1, ["shards", "type"]);
    for (text, said) in [
        (r#"{"type": "mqtt", "stream": "a"}"#, "1:10: type has to be aws-kinesis"),
        (r#"{"type": "aws-kinesis", "shards": -1}"#, "1:35: shards takes a whole number"),
        (r#"{"type": "aws-kinesis", "strem": "a"}"#, "1:25: unknown attribute strem: there are type, id"),
        (r#"{"type": "aws-kinesis", "credentials": {"token": 1}}"#, "unknown attribute credentials.token"),
        (r#"{"type": "aws-kinesis", "disabled": "maybe"}"#, "disabled takes true or false"),
        (r#"{"stream": ["a"]}"#, "stream takes a value, and this is a list"),
    ] {
        assert!(refused(text).contains(said), "{}", refused(text));
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn each_field_of_connections_of_the_flow_service() {
    let base = r#"{"name": "n", "description": "d", "connectionSpec": {"id": "i", "version": "1.0"},
        "auth": {"specName": "Aws Kinesis authentication credentials",
        "params": {"accessKeyId": "AKIA", "secretKey": "hunter2", "region": "us-east-2"}}}"#;
    assert_eq!(settings(base), ["region=us-east-2"]);
    assert_eq!(left_out(base), ["name", "description", "connectionSpec", "auth.params"]);
    let source = |params: &str| {
        format!(r#"{{"name": "n", "baseConnectionId": "b", "data": {{"format": "json"}}, "params": {{{params}}}}}"#)
    };
    assert_eq!(
        settings(&source(r#""stream": "s", "dataType": "raw", "reset": "latest""#)),
        ["input=stream:s", "from=latest"]
    );
    assert_eq!(settings(&source(r#""stream": "s", "reset": "earliest""#))[1], "from=trim-horizon");
    assert_eq!(settings(&source(r#""stream": "s", "iteratorType": "TRIM_HORIZON""#))[1], "from=trim-horizon");
    assert_eq!(settings(&source(r#""stream": "s""#))[1], "from=trim-horizon", "the default of the platform");
    assert_eq!(left_out(r#"{"baseConnectionId": "b", "data": {"format": "delimited"}}"#)[1], "data.format");
    assert!(refused(&source(r#""reset": "middle""#)).contains("reset takes latest or earliest"));
    assert!(refused(&source(r#""strem": "a""#)).contains("unknown field params.strem"));
    assert!(refused(r#"{"auth": {"params": {"password": "x"}}}"#).contains("unknown field auth.params.password"));
}

/// A field of the input.
fn of_input(field: &str) -> (Vec<String>, Vec<String>) {
    imported(&format!("input:\n  label: ''\n  aws_kinesis:\n    start_from_oldest: false\n    {field}\n"))
}

#[test]
fn each_field_of_an_input() {
    let latest = "from=latest";
    for (field, expected) in [
        ("streams: [foo]", "input=stream:foo"),
        ("streams: ['foo, bar', 'baz:0']", "input=stream:foo,stream:bar,stream:baz:0"),
        (
            "streams: ['arn:aws:kinesis:eu-west-1:111122223333:stream/a:12']",
            "input=arn:aws:kinesis:eu-west-1:111122223333:stream/a:12",
        ),
        ("streams: ['arn:aws:kinesis:*:111122223333:stream/a']", "input=arn:aws:kinesis:*:111122223333:stream/a"),
        ("streams: ['${STREAM:readings}']", "input=stream:${STREAM:readings}"),
        ("batching: {count: 10}", "batch-size=10"),
        ("batching: {count: 50000}", "batch-size=10000"),
        ("batching: {byte_size: 5000}", "batch-bytes=5000"),
        ("batching: {byte_size: 99999999999}", "batch-bytes=1073741824"),
        ("checkpoint_limit: 1024", "max-in-flight=1024"),
        ("batching: {check: 'this.type == \"end\"'}", "batch-check=json.type == \"end\""),
        ("batching: {period: 1m}", "batch-window=1m"),
        ("batching: {processors: [{archive: {format: lines}}]}", "pack=lines"),
        ("batching: {processors: [{archive: {format: json_array}}]}", "pack=array"),
        ("batching: {processors: [{archive: {format: concatenate}}]}", "pack=concatenate"),
        ("dynamodb: {table: positions}", "checkpoint-table=positions"),
        ("dynamodb: {create: true}", "checkpoint-create=true"),
        ("commit_period: 5s", "checkpoint-period=5s"),
        ("region: eu-west-1", "region=eu-west-1"),
        ("endpoint: http://localhost:4566", "endpoint-url=http://localhost:4566"),
        ("credentials: {profile: p}", "profile=p"),
        ("credentials: {from_ec2_role: true}", "credentials-from-ec2-role=true"),
        (
            "credentials: {role: 'arn:aws:iam::111122223333:role/r'}",
            "credentials-role=arn:aws:iam::111122223333:role/r",
        ),
        ("dynamodb: {region: eu-west-1}", "checkpoint-region=eu-west-1"),
        ("dynamodb: {endpoint: 'http://localhost:8000'}", "checkpoint-endpoint-url=http://localhost:8000"),
        ("dynamodb: {credentials: {profile: p}}", "checkpoint-credentials-profile=p"),
        ("tcp: {connect_timeout: 5s}", "tcp-connect-timeout=5s"),
        ("tcp: {connect_timeout: 10m}", "tcp-connect-timeout=5m"),
        ("tcp: {tcp_user_timeout: 5s}", "tcp-user-timeout=5s"),
        ("tcp: {keep_alive: {idle: 20s}}", "tcp-keep-alive-idle=20s"),
        ("tcp: {keep_alive: {interval: 250ms}}", "tcp-keep-alive-interval=1s"),
        ("tcp: {keep_alive: {count: 3}}", "tcp-keep-alive-count=3"),
        ("dynamodb: {tcp: {connect_timeout: 5s}}", "checkpoint-tcp-connect-timeout=5s"),
        ("dynamodb: {tcp: {keep_alive: {idle: 20s}}}", "checkpoint-tcp-keep-alive-idle=20s"),
        ("dynamodb: {tcp: {keep_alive: {interval: 20s}}}", "checkpoint-tcp-keep-alive-interval=20s"),
        ("dynamodb: {tcp: {keep_alive: {count: 3}}}", "checkpoint-tcp-keep-alive-count=3"),
        ("dynamodb: {tcp: {tcp_user_timeout: 5s}}", "checkpoint-tcp-user-timeout=5s"),
        ("steal_grace_period: 2s", "steal-grace-period=2s"),
        ("rebalance_period: 30s", "rebalance-period=30s"),
        ("lease_period: 30s", "lease-period=30s"),
    ] {
        let (set, left) = of_input(field);
        assert_eq!(set[0], expected, "{field}");
        assert!(left.is_empty(), "{field}: {left:?}");
    }
    let provisioned =
        "dynamodb: {create: true, billing_mode: PROVISIONED, read_capacity_units: 5, write_capacity_units: 7}";
    assert!(of_input(provisioned).0.contains(&"checkpoint-capacity=5,7".to_owned()));
    for (field, left) in [
        ("credentials: {id: a, secret: hunter2, token: t}", "credentials"),
        ("credentials: {role: r}", "credentials.role"),
        ("credentials: {role_external_id: e}", "credentials.role_external_id"),
        ("tcp: {keep_alive: {idle: -1s}}", "tcp.keep_alive.idle"),
        ("dynamodb: {billing_mode: PROVISIONED, create: false}", "dynamodb.billing_mode"),
        ("dynamodb: {credentials: {id: a, secret: hunter2}}", "dynamodb.credentials"),
        ("batching: {check: 'this.type != \"end\"'}", "batching.check"),
        ("batching: {processors: [{archive: {format: tar}}]}", "batching.processors"),
        ("batching: {processors: [{mapping: root = this}]}", "batching.processors"),
    ] {
        assert_eq!(of_input(field).1, [left], "{field}");
    }
    // The defaults, as the documentation prints them, are not worth a word.
    let defaults = "dynamodb: {table: '', create: false, billing_mode: PAY_PER_REQUEST, read_capacity_units: 0, region: '', \
                    tcp: {connect_timeout: 0s, keep_alive: {idle: 15s, interval: 15s, count: 9}, tcp_user_timeout: 0s}, \
                    credentials: {profile: '', id: '', from_ec2_role: ''}}";
    assert_eq!(of_input(defaults), (vec![latest.to_owned()], Vec::new()));
    assert_eq!(of_input("auto_replay_nacks: true").1, [""; 0]);
    let given_up = ["dead-letter=discard".to_owned(), "max-attempts=1".to_owned()];
    assert!(given_up.iter().all(|setting| of_input("auto_replay_nacks: false").0.contains(setting)));
    assert_eq!(of_input("batching: {count: 0, byte_size: 0, period: '', check: ''}").1, [""; 0]);
}

#[test]
fn an_input_starts_where_it_did() {
    let start = |text: &str| settings(text).into_iter().find(|setting| setting.starts_with("from="));
    assert_eq!(start("aws_kinesis: {streams: [a]}").as_deref(), Some("from=trim-horizon"));
    assert_eq!(start("inputs: {aws_kinesis: {start_from_oldest: false}}").as_deref(), Some("from=latest"));
    let with_table = "input: {aws_kinesis: {dynamodb: {table: positions}, start_from_oldest: false}}";
    assert_eq!(
        settings(with_table),
        ["checkpoint-table=positions", "from=checkpoint", "to-checkpoint=true", "or=latest"]
    );
    assert_eq!(left_out(with_table), [""; 0]);
}

#[test]
fn the_rows_of_a_table_are_found_as_they_are_written() {
    let arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/a";
    let open = "arn:aws:kinesis:*:111122223333:stream/b";
    for (streams, form) in [
        ("[a, 'b:1']", None),
        (&format!("['{arn}:0', '{arn}:1']"), Some("arn".to_owned())),
        (&format!("['{open}']"), Some(format!("{open}={open}"))),
        (&format!("'c, {open}:0,{open}:1,{arn}'"), Some(format!("{open}={open},{arn}={arn}"))),
    ] {
        let text = format!(
            "aws_kinesis: {{streams: {streams}, dynamodb: {{table: positions}}, batching: {{count: 5}}, commit_period: 5s}}"
        );
        let set = settings(&text);
        let found = set.iter().find_map(|setting| setting.strip_prefix("checkpoint-stream-id="));
        assert_eq!(found, form.as_deref(), "{set:?}");
        assert!(set.contains(&"checkpoint-period=5s".to_owned()), "{set:?}");
    }
}

#[test]
fn what_stands_around_an_input_and_what_is_no_field_of_it() {
    let text = "input:\n  label: readings\n  aws_kinesis: &it {streams: [a]}\n  processors: []\npipeline: {}\noutput: {}\nlogger: {}\n";
    assert_eq!(left_out(text), ["label", "processors", "pipeline", "output", "logger"]);
    for (field, said) in [
        ("streems: [a]", "5:5: unknown field streems: an input has streams, dynamodb"),
        ("streams: [{a: b}]", "streams takes a value, and this is a mapping"),
        ("streams: ['a:x']", "streams: invalid stream \"a:x\": \"x\" is neither the number of a shard"),
        ("dynamodb: {tabel: a}", "unknown field dynamodb.tabel"),
        ("dynamodb: {billing_mode: MONTHLY}", "billing_mode takes PROVISIONED or PAY_PER_REQUEST"),
        ("tcp: {keepalive: 1}", "unknown field tcp.keepalive"),
        ("credentials: {password: hunter2}", "unknown field credentials.password"),
        ("batching: {size: 1}", "unknown field batching.size"),
        ("batching: {processors: lines}", "batching.processors takes a list"),
        ("auto_replay_nacks: perhaps", "auto_replay_nacks takes true or false"),
    ] {
        let text = format!("input:\n  label: ''\n  aws_kinesis:\n    region: ''\n    {field}\n");
        let message = refused(&text);
        assert!(message.contains(said) && !message.contains("hunter2"), "{field}: {message}");
    }
}

/// A component with these elements.
fn component(elements: &str) -> String {
    format!(
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: readings\n  namespace: default\nspec:\n  type: \
         bindings.aws.kinesis\n  version: v1\n  metadata:\n{elements}"
    )
}

fn element(name: &str, value: &str) -> String {
    format!("  - name: {name}\n    value: {value}\n")
}

#[test]
fn each_name_of_a_component() {
    let one = |name: &str, value: &str| {
        let (set, mut left) = imported(&component(&element(name, value)));
        assert_eq!(left.remove(0), "metadata.name");
        (set, left)
    };
    assert_eq!(one("streamName", "s"), (owned(&["input=stream:s"]), vec![]));
    assert_eq!(one("mode", "shared"), (owned(&["mode=shared"]), vec![]));
    assert_eq!(one("region", "v"), (owned(&["region=v"]), vec![]));
    assert_eq!(one("endpoint", "v"), (owned(&["endpoint-url=v"]), vec![]));
    assert_eq!(one("mode", "extended"), (owned(&["mode=enhanced"]), vec![]));
    for (name, left) in [
        ("consumerName", "consumerName"),
        ("direction", "direction"),
        ("accessKey", "accessKey, secretKey, sessionToken"),
        ("secretKey", "accessKey, secretKey, sessionToken"),
        ("sessionToken", "accessKey, secretKey, sessionToken"),
    ] {
        assert_eq!(one(name, "v"), (vec![], owned(&[left])), "{name}");
    }
    let whole = component(
        &[
            element("streamName", "s"),
            element("consumerName", "c"),
            element("mode", "extended"),
            element("accessKey", "AKIA"),
            element("secretKey", "hunter2"),
            element("sessionToken", "'*****************'"),
        ]
        .concat(),
    );
    assert_eq!(settings(&whole), ["input=stream:s", "consumer=c", "mode=enhanced"]);
    assert_eq!(left_out(&whole), ["metadata.name", "accessKey, secretKey, sessionToken"]);
    let secret = "  - name: secretKey\n    secretKeyRef: {name: store, key: k}\n  - name: region\n    secretKeyRef: {name: store}\n";
    assert_eq!(left_out(&component(secret))[1..], ["accessKey, secretKey, sessionToken", "region"]);
}

#[test]
fn a_masked_token_is_no_yaml_until_it_is_in_quotes() {
    let message = refused(&component(&element("sessionToken", "*****************")));
    assert!(message.starts_with("11:") && message.contains("in quotes"), "{message}");
}

#[test]
fn what_is_no_component_of_kinesis() {
    assert!(
        refused(&component("").replace("kinesis", "sqs")).contains("7:9: spec.type has to be bindings.aws.kinesis")
    );
    assert!(refused(&component(&element("mode", "fast"))).contains("mode takes shared or extended"));
    assert!(refused(&component(&element("strem", "a"))).contains("unknown name strem"));
    assert!(refused(&component("  - value: a\n")).contains("has a name and a value"));
    assert!(refused("kind: Pod\n").contains("kind has to be Component"));
}

#[test]
fn no_secret_comes_along_and_no_other_file_does() {
    for text in [
        r#"{"type": "aws-kinesis", "credentials": {"user": "u", "password": "hunter2"}}"#.to_owned(),
        component(&element("secretKey", "hunter2")),
        "aws_kinesis: {credentials: {id: i, secret: hunter2}}".to_owned(),
        r#"{"auth": {"params": {"secretKey": "hunter2"}}}"#.to_owned(),
    ] {
        let (form, imported) = import(&text).expect(&text);
        assert!(!imported.text(form.name()).contains("hunter2"), "{text}");
    }
    for text in ["", "a: b", "[]", "hello"] {
        assert!(refused(text).contains("none of the files that can be imported"), "{text}");
    }
    // Foreign names are on one line of a comment.
    let text = "aws_kinesis: {}\n\"a\\nb: c\": 1\n";
    let (form, imported) = import(text).expect(text);
    assert!(imported.text(form.name()).lines().all(|line| line.starts_with(['#', '{']) || line.starts_with("from")));
}

/// The rows of the tables in the documentation: the heading above, the example, what becomes of it, and what is there instead.
fn rows_of_the_documentation() -> Vec<[String; 4]> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/how-to/come-from-other-tools.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let mut heading = "";
    let mut rows = Vec::new();
    for line in page.lines() {
        if let Some(found) = line.strip_prefix("## ") {
            heading = found;
        }
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if let ([_, example, becomes, instead], true) = (cells.as_slice(), line.starts_with("| "))
            && example.starts_with('`')
        {
            let code = |cell: &str| cell.trim_matches('`').to_owned();
            rows.push([heading.to_owned(), code(example), code(becomes), (*instead).to_owned()]);
        }
    }
    rows
}

/// A file of the form that a heading is about, with one part.
fn file_of_form(heading: &str, part: &str) -> String {
    match heading {
        "From a data connector object" => {
            format!(r#"{{"type": "aws-kinesis", {}}}"#, part.replace(r#""type": "aws-kinesis""#, r#""shards": 1"#))
        }
        "From a connection of the Flow Service API" => format!(r#"{{"baseConnectionId": "b", {part}}}"#),
        "From Redpanda Connect" => {
            let fields = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')).unwrap_or(part);
            let start = if part.contains("start_from_oldest") { "" } else { "start_from_oldest: true, " };
            format!("input: {{aws_kinesis: {{{start}{fields}}}}}")
        }
        "From Dapr" => {
            let Content::Map(fields) = document::read(part).expect(part).content else { panic!("{part}") };
            let elements = fields.iter().map(|entry| {
                element(&entry.key, &format!("{:?}", text("", &entry.value).expect(part).unwrap_or_default()))
            });
            component(&elements.collect::<String>())
        }
        other => panic!("a table below an unknown heading: {other}"),
    }
}

#[test]
fn every_row_of_the_documentation_is_true() {
    let rows = rows_of_the_documentation();
    assert!(rows.len() > 60, "{}", rows.len());
    for [heading, example, becomes, instead] in rows {
        let (mut found, left) = imported(&file_of_form(&heading, &example));
        let expected: Vec<String> = if becomes.is_empty() {
            assert!(
                !instead.is_empty() && (!left.is_empty() || example.contains("\"type\"")),
                "{example}: nothing is said instead"
            );
            Vec::new()
        } else {
            let file = ConnectorFile::of(Path::new("c.yaml"), &becomes, &keys()).expect(&becomes);
            file.given().iter().map(|given| format!("{}={}", given.flag, given.values.join(" "))).collect()
        };
        // The start is in every file of these forms, and in the examples of it alone.
        if !becomes.contains("from:") {
            found.retain(|setting| setting != "from=trim-horizon");
        }
        let sorted = |mut settings: Vec<String>| {
            settings.sort_unstable();
            settings
        };
        assert_eq!(sorted(found), sorted(expected), "{heading}: {example}");
    }
}

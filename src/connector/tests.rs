//! What a file says, and what is wrong with it.

use super::*;

/// All keys that there are.
pub(super) fn keys() -> Keys {
    crate::cli::connector_keys()
}

fn read(text: &str) -> Result<ConnectorFile, ConnectorError> {
    ConnectorFile::of(Path::new("there/c.yaml"), text, &keys())
}

fn given(text: &str) -> Vec<(String, String)> {
    let file = read(text).expect(text);
    file.given().iter().map(|given| (given.flag.clone(), given.values.join(" "))).collect()
}

fn refused(text: &str) -> String {
    read(text).expect_err(text).to_string()
}

/// The only setting of a text.
fn one(text: &str) -> (String, String) {
    let mut all = given(text);
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

fn pair(flag: &str, value: &str) -> (String, String) {
    (flag.to_owned(), value.to_owned())
}

#[test]
fn a_key_is_the_name_of_a_flag_however_it_is_written() {
    for text in [
        "checkpoint_table: positions",
        "checkpoint-table: positions",
        "checkpointTable: positions",
        "checkpoint: {table: positions}",
        "dynamodb: {table: positions}",
        r#"{"checkpoint": {"table": "positions"}}"#,
    ] {
        assert_eq!(one(text), pair("checkpoint-table", "positions"), "{text}");
    }
    assert_eq!(one("maxRecordsPerShardPerSecond: 1000"), pair("max-records-per-shard-per-second", "1000"));
    assert_eq!(one("commit_period: 5s"), pair("checkpoint-period", "5s"), "another name of a flag");
}

#[test]
fn values_are_those_of_flags() {
    assert_eq!(one("streams: [a, 'b:shardId-000000000000']"), pair("input", "stream:a,stream:b:shardId-000000000000"));
    assert_eq!(one("stream: a"), pair("input", "stream:a"));
    assert_eq!(one("streams: [a, 'b,c:1']"), pair("input", "stream:a,stream:b,stream:c:1"));
    let arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/a";
    assert_eq!(one(&format!("streams: ['b,{arn}']")), pair("input", &format!("stream:b,{arn}")));
    assert_eq!(one("transform: masker.wasm"), pair("transform", "there/masker.wasm"), "beside the file");
    assert_eq!(one("transform: none"), pair("transform", "none"), "there is none");
    assert_eq!(one("output: file:out.ndjson"), pair("output", "file:there/out.ndjson"));
    assert_eq!(one("output: stdout"), pair("output", "stdout"));
    assert_eq!(one("bisect: true"), pair("bisect", "true"));
    assert_eq!(one("start_from_oldest: false"), pair("or", "latest"));
    assert_eq!(one("startFromOldest: true"), pair("or", "trim-horizon"));
    assert_eq!(one("or: 1h"), pair("or", "1h"));
    assert_eq!(one("from: AT_TIMESTAMP=1545084650"), pair("from", "AT_TIMESTAMP=1545084650"));
    assert_eq!(given("bisect: false\ncheckpoint:\noutput: ~"), []);
    assert_eq!(
        one("transform_settings: {below: 1.50, on: true, list: [1, 'x']}"),
        pair("transform-settings", r#"{"below":"1.50","list":[1,"x"],"on":"true"}"#)
    );
    assert_eq!(one("routes: {a: stdout, b: none}"), pair("route", "a=stdout b=none"));
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_the_remedy() {
    for (text, said) in [
        ("a: 1\ndead_leter: stdout", "1:1: unknown key a: `kinesieve connector schema` has all keys"),
        ("dead_leter: stdout", "1:1: unknown key dead_leter: did you mean dead_letter?"),
        ("checkpoint:\n  tabel: positions", "2:3: unknown key checkpoint.tabel: did you mean checkpoint_table?"),
        ("output: stdout\noutput: none", "2:1: the key output stands in line 1 already"),
        (
            "checkpoint_table: abc\ncheckpoint:\n  table: abc",
            "3:3: checkpoint_table is set in line 1 already, by another name",
        ),
        ("event_timeout: soon", "1:16: event_timeout: invalid duration \"soon\""),
        ("output: [stdout, {}]", "1:18: output takes a value, and this is a mapping"),
        ("output: {a: b}", "1:9: output takes a value, and this is a mapping"),
        ("checkpoint: 5", "1:1: checkpoint has settings in it, and is none itself"),
        ("routes: stdout", "1:9: routes takes a mapping of names to values"),
        ("routes: {a: nowhere}", "1:13: routes: invalid destination \"nowhere\""),
        ("bisect: maybe", "1:9: bisect takes true or false"),
        ("checkpoint: {billing_mode: PROVISIONED}", "1:28: checkpoint_capacity: PROVISIONED takes its units"),
        ("start_from_oldest: latest", "1:20: start_from_oldest takes true or false"),
        ("or: latest\nstart_from_oldest: true", "2:1: or is set in line 1 already, by another name"),
        ("[1]", "1:1: a connector file is a mapping of settings, as `streams: readings`, and this is a list"),
        ("", "1:1: a connector file is a mapping of settings, as `streams: readings`, and this is nothing"),
        ("connector: other.yaml", "1:1: unknown key connector"),
    ] {
        let message = refused(text);
        assert!(message.starts_with(&format!("there/c.yaml:{said}")), "{text}: {message}");
    }
}

#[test]
fn values_that_may_be_secret_are_in_no_message() {
    assert!(refused("transform_settings: [hunter2]").ends_with("takes a mapping of names to values"));
    assert!(!refused("transform_settings: {hunter2").contains("hunter2"));
}

/// Whoever adds a setting of a run, or renames one, has to look there.
#[test]
fn what_the_function_ignores_is_what_only_a_run_has() {
    use clap::CommandFactory;

    let function = crate::settings::FunctionSettings::command();
    let is_of_function = |flag: &&str| function.get_arguments().any(|arg| arg.get_long() == Some(flag));
    let keys = crate::cli::connector_keys();
    let mut of_a_run: Vec<&str> = keys.all().filter_map(keys::name).filter(|flag| !is_of_function(flag)).collect();
    of_a_run.retain(|flag| *flag != keys::ROUTE);
    of_a_run.sort_unstable();
    assert_eq!(of_a_run, OF_A_RUN);
}

#[test]
fn the_schema_has_every_key() {
    let keys = crate::cli::connector_keys();
    let schema = schema(&keys);
    for arg in keys.all() {
        let key = keys::key_of(keys::name(arg).expect("a flag"));
        assert!(schema["properties"][&key]["description"].as_str().is_some_and(|help| !help.is_empty()), "{key}");
    }
    assert_eq!(schema["properties"]["checkpoint"]["properties"]["create"]["anyOf"][0]["type"], "boolean");
    assert_eq!(schema["properties"]["order"]["anyOf"][0]["enum"], serde_json::json!(["key", "none"]));
}

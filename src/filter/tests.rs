//! Expressions over events, as a person writes them.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::event::Record;

const KEY: &str = "device-7";

fn batch_of(payload: &[u8]) -> Batch {
    let mut builder = Batch::builder("arn:aws:kinesis:eu-west-1:123456789012:stream/in", "shardId-000000000006");
    let record = Record {
        partition_key: KEY,
        sequence_number: "4959033827149",
        sub_sequence_number: 0,
        arrived_at: 1_700_000_000_123,
    };
    builder.push_bytes(record, payload).expect("pushed");
    builder.build()
}

fn judged_until(expression: &str, payload: &[u8], until: Option<Instant>) -> Judgement {
    let filter: Filter = expression.parse().unwrap_or_else(|error| panic!("{expression}: {error}"));
    let batch = batch_of(payload);
    filter.judge(&batch, batch.event(0), until)
}

fn judged(expression: &str, payload: &str) -> Judgement {
    judged_until(expression, payload.as_bytes(), None)
}

fn unclear(expression: &str, payload: &str) -> String {
    match judged(expression, payload) {
        Judgement::Unclear(reason) => reason,
        other => panic!("{expression} over {payload}: {other:?}"),
    }
}

#[test]
fn expressions_see_the_payload_and_the_position() {
    const PAYLOAD: &str = r#"{"temperature":10.5,"count":3,"big":18446744073709551615,"exact":9007199254740993,"name":"été \"x\"",
        "tags":["a","b",{"c":null}],"at":{"room":{"floor":-2}},"none":null,"on":true}"#;
    for expression in [
        "json.temperature > 10",
        "json.temperature < 11 && json.temperature > 10.25",
        "json.count == 3 && json.count == 3.0 && json.count >= 2.5",
        "json.big == 18446744073709551615u && json.big > 9",
        "json.exact == 9007199254740993 && json.exact != 9007199254740992",
        "json.name == 'été \"x\"' && json.name.startsWith('ét') && size(json.name) == 7",
        "'b' in json.tags && !('z' in json.tags) && size(json.tags) == 3 && json.tags[0] == 'a'",
        "json.tags == ['a', 'b', {'c': null}] && ['a', 'b', {'c': null}] == json.tags",
        "json.at == {'room': {'floor': -2}} && {'room': {'floor': -2}} == json.at",
        "json.at.room.floor == -2 && json['at']['room']['floor'] < 0",
        "has(json.at.room) && !has(json.at.cellar) && 'at' in json && size(json) == 9",
        "json.none == null && json.on && type(json.on) == bool",
        "json.?missing.orValue(7) == 7 && json.?count.orValue(7) == 3",
        "json.tags.exists(tag, tag == 'b') && json.tags.filter(tag, type(tag) == string).size() == 2",
        "json.all(name, name != 'nothing') && json.map(name, name)[0] == 'temperature'",
        "['x1', 'y2'].exists(text, text.matches('^[x-z][0-9]$')) && matches(key, r'^device-\\d+$')",
        "key == 'device-7' && key.matches('(?i)DEVICE')",
        "size == 214 || size > 100",
        "arrived_at == 1700000000123 && sequence_number == '4959033827149'",
        "shard == 'shardId-000000000006' && stream == 'in'",
        "text.contains('temperature') && data == bytes(text)",
        "true || json.missing == 1",
        "json.at in [{'room': 1}, {'room': {'floor': -2}}] && [{'room': {'floor': -2}}, 1].exists(x, x == json.at)",
        "[json.at, {'x': [json.at]}] == [{'room': {'floor': -2}}, {'x': [{'room': {'floor': -2.0}}]}]",
        "json.at != {'room': {'floor': -3}} && json.at != {'room': {}} && json.at != [] && [] != json.at",
    ] {
        assert_eq!(judged(expression, PAYLOAD), Judgement::Keep, "{expression}");
        assert_eq!(judged(&format!("!({expression})"), PAYLOAD), Judgement::Drop, "not {expression}");
    }
}

#[test]
fn a_payload_that_is_not_asked_for_may_be_anything() {
    assert_eq!(judged_until("key == 'device-7' && size == 2", &[0xff, 0xfe], None), Judgement::Keep);
    assert_eq!(judged("has(json.a)", r#"{"a":1,"a":2}"#), Judgement::Keep);
    assert_eq!(judged("json.a == 2", r#"{"a":1,"a":2}"#), Judgement::Keep);
    assert_eq!(judged("json == 1.5", "1.5"), Judgement::Keep);
}

#[test]
fn what_can_not_be_judged_says_why() {
    let cases = [
        ("json.a > 1", r#"{"b":1}"#),
        ("json.a > 1", r#"{"a":"high"}"#),
        ("json.a", r#"{"a":"high"}"#),
        ("json.a.b == 1", r#"{"a":[1]}"#),
        ("json.a > 1", "temperature is 5"),
        ("json.a > 1", ""),
        ("json.a > 1", r#"{"a":1"#),
        ("json.a / 0 == 1", r#"{"a":1}"#),
        ("int(json.a) == 1", r#"{"a":"hunter2"}"#),
        ("json.a[7] == 1", r#"{"a":[1]}"#),
        ("json.a + 1 == 1", r#"{"a":9223372036854775807}"#),
        ("json.a + 1 == 1", r#"{"a":"hunter2"}"#),
        ("json.a.all(x, x > 1)", r#"{"a":"hunter2"}"#),
    ];
    let said: Vec<String> = cases
        .map(|(expression, payload)| format!("{expression} of {payload}: {}", unclear(expression, payload)))
        .into();
    insta::assert_snapshot!(said.join("\n"), @r#"
    json.a > 1 of {"b":1}: the filter can't judge this record: there is no field "a", for which has(...) can ask
    json.a > 1 of {"a":"high"}: the filter can't judge this record: > can't be done with string and int
    json.a of {"a":"high"}: the filter gives a string for this record, and is to give true or false
    json.a.b == 1 of {"a":[1]}: the filter can't judge this record: it looks into list and string, which has no such part
    json.a > 1 of temperature is 5: the filter can't judge this record: its payload is no JSON: at line 1 column 2, of words there are `true`, `false` and `null` alone: write a text in double quotes
    json.a > 1 of : the filter can't judge this record: its payload is empty, and no JSON
    json.a > 1 of {"a":1: the filter can't judge this record: its payload is no JSON: at line 1 column 6, it ends within an object: a `}` is missing
    json.a / 0 == 1 of {"a":1}: the filter can't judge this record: it divides by zero
    int(json.a) == 1 of {"a":"hunter2"}: the filter can't judge this record: int can't be done with what is there
    json.a[7] == 1 of {"a":[1]}: the filter can't judge this record: a list has no element at that index
    json.a + 1 == 1 of {"a":9223372036854775807}: the filter can't judge this record: a number is beyond 64 bits
    json.a + 1 == 1 of {"a":"hunter2"}: the filter can't judge this record: it can't be done with what is there
    json.a.all(x, x > 1) of {"a":"hunter2"}: the filter can't judge this record: string has no place there
    "#);
    let no_text = judged_until("text == ''", &[0xff], None);
    let wanted = "the filter can't judge this record: its payload is no text in UTF-8";
    assert_eq!(no_text, Judgement::Unclear(wanted.to_owned()));
}

#[test]
fn what_is_wrong_with_an_expression_is_said_at_once() {
    let said: Vec<String> = [
        "",
        "json.a >",
        "json.a == 'x",
        "jsn.a > 1",
        "temperature > 30",
        "json.name.startswith('a')",
        "json.name.reverse() == 'a'",
        "key.matches('(')",
        "key.matches(json.pattern)",
        "size(json.items)",
        "'yes'",
        "json.a = 1",
        "Reading{a: 1}.a == 1",
    ]
    .map(|expression| format!("{expression}: {}", expression.parse::<Filter>().expect_err(expression)))
    .into();
    insta::assert_snapshot!(said.join("\n"), @r#"
    : the expression is empty: use one as json.temperature > 30
    json.a >: at line 1 column 9, it ends where more has to come
    json.a == 'x: at line 1 column 11, ''x' is no part of an expression
    jsn.a > 1: nothing is called "jsn": did you mean json?
    temperature > 30: nothing is called "temperature": there are json, text, data, size, key, sequence_number, arrived_at, shard, stream; a field of the payload is json.temperature
    json.name.startswith('a'): there is no function "startswith": did you mean startsWith?
    json.name.reverse() == 'a': there is no function "reverse": there are size, contains, startsWith, endsWith, matches, int, uint, double, string, bool, bytes, dyn, type, or, orValue, hasValue, value, of, none
    key.matches('('): "(" is no pattern: unclosed group
    key.matches(json.pattern): the pattern of matches has to be a text in quotes
    size(json.items): the expression has to give true or false: compare its value with something
    'yes': the expression has to give true or false: compare its value with something
    json.a = 1: at line 1 column 8, '= ' is no part of an expression
    Reading{a: 1}.a == 1: there is no type "Reading" to make a value of
    "#);
}

/// The documentation has the names that there are.
#[test]
fn each_name_is_in_the_documentation() {
    let page = include_str!("../../docs/how-to/filter-records.md");
    for (name, is) in variables::NAMES {
        assert!(page.contains(&format!("| `{name}` | {is} |")), "{name}");
    }
}

#[test]
fn each_function_that_is_allowed_is_there() {
    for expression in [
        "size(text) == 0",
        "text.size() == 0",
        "!text.contains('x')",
        "!text.startsWith('x') && !text.endsWith('x')",
        "int('1') == 1 && uint(1) == 1u && double(1) == 1.0 && string(1) == '1' && bool('true') && bytes('a') == b'a'",
        "dyn(1) == 1 && type(1) == int",
        "optional.of(1).hasValue() && optional.of(1).value() == 1 && optional.none().or(optional.of(2)).orValue(3) == 2",
    ] {
        assert_eq!(judged(expression, ""), Judgement::Keep, "{expression}");
    }
}

/// However rounds are nested, and whatever they go through, they end.
#[test]
fn rounds_are_bounded() {
    let numbers: Vec<String> = (0..3000).map(|number| number.to_string()).collect();
    let payload = format!(r#"{{"a":[{}]}}"#, numbers.join(","));
    assert_eq!(judged("json.a.all(x, x < 3000) && json.a.map(x, x + 1).size() == 3000", &payload), Judgement::Keep);
    for nested in [
        "json.a.all(x, json.a.all(y, json.a.all(z, x + y + z >= 0)))",
        "[json.a].all(l, l.all(x, l.all(y, l.all(z, true))))",
        "[json.a].all(l, l.exists_one(x, l.exists_one(y, l.exists_one(z, false))))",
        "[json.a].map(l, l.map(x, l.map(y, l.filter(z, false)))).size() == 1",
        "[json.a].map(l, l.map(x, l.map(y, l))).size() == 1 || true",
        "!['a'].exists(n, json.a.all(x, json.a.all(y, json.a.all(z, true))))",
    ] {
        let reason = unclear(nested, &payload);
        assert!(reason.starts_with("the filter looks at more than 1000000 elements"), "{nested}: {reason}");
    }
    let long = format!("[{}0]", "0,".repeat(1_000_001));
    assert!(unclear("size(json) > 0", &long).starts_with("the filter looks at more than"));
}

/// Half of the two codes of a character is valid JSON: what stands behind it is not to be missed in silence.
#[test]
fn what_is_no_text_is_unclear_and_hides_nothing() {
    for (expression, payload) in [
        ("has(json.temperature)", r#"{"\ud800":1,"temperature":40}"#),
        ("'temperature' in json", r#"{"\ud800":1,"temperature":40}"#),
        ("size(json) == 0", r#"{"\ud800":1,"temperature":40}"#),
        ("json.?temperature.orValue(0) > 30", r#"{"\ud800":1,"temperature":40}"#),
        ("json.a == 'x' || true", r#"{"a":"\ud800"}"#),
    ] {
        let reason = unclear(expression, payload);
        assert!(reason.ends_with("that is no text in UTF-8"), "{expression}: {reason}");
    }
    assert_eq!(judged("has(json.temperature)", r#"{"\ud83d\ude00":1,"temperature":40}"#), Judgement::Keep);
}

#[test]
fn time_ends_an_evaluation() {
    let payload = format!("[{}0]", "0,".repeat(20_000));
    let over = Some(Instant::now());
    assert_eq!(judged_until("json.all(x, x == 0)", payload.as_bytes(), over), Judgement::OutOfTime);
    let enough = Some(Instant::now() + Duration::from_secs(600));
    assert_eq!(judged_until("json.all(x, x == 0)", payload.as_bytes(), enough), Judgement::Keep);
}

#[test]
fn depth_is_bounded() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let payload = format!(r#"{{"a":{deep},"b":{deep},"c":1}}"#);
    assert_eq!(judged("json.c == 1", &payload), Judgement::Keep);
    assert!(unclear("json.a == json.b", &payload).contains("deeper than 128 levels"));
    assert!(unclear("json.a[0] == 1 || true", &payload).contains("deeper than 128 levels"));
    let nested = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    assert!(unclear("json == json", &nested).contains("deeper than 128 levels"));
    assert!(unclear("json != {} && json.a.a != json", &nested).contains("deeper than 128 levels"));
    assert_eq!(judged("has(json.a.a.a)", &nested), Judgement::Keep);
    for count in [50, 10_000] {
        let expression = format!("{}true{}", "(".repeat(count), ")".repeat(count));
        let _ = expression.parse::<Filter>();
        let _ = format!("{}true", "!".repeat(count)).parse::<Filter>();
        let _ = format!("{}1{} == 1", "[".repeat(count), "]".repeat(count)).parse::<Filter>();
        let _ = vec!["true"; count / 4].join("&&").parse::<Filter>();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever comes, there is an answer.
    #[test]
    fn no_payload_and_no_expression_ends_the_process(
        expression in r#"(json|text|key|size|\.a|\[0\]|\.all\(x, |\)|==|&&|\|\||!|[0-9]{1,20}|'[a-z]'|-|\+|\*|/|%| |\?|:|\{|\}|,|has\(|\.matches\(|u|e[0-9]+){1,12}"#,
        payload in r#"[\[\]{}":,a0-9\\u.eE+-]{0,40}"#,
    ) {
        if let Ok(filter) = expression.parse::<Filter>() {
            let batch = batch_of(payload.as_bytes());
            filter.judge(&batch, batch.event(0), None);
        }
    }

    /// What is looked up is what a parser reads.
    #[test]
    fn a_field_is_what_it_is(name in "[a-z\"\\\\é]{1,6}", number in any::<i64>(), other in any::<f64>().prop_filter("a number", |other| other.is_finite())) {
        let payload = serde_json::json!({ "before": [1, {}], name.clone(): { "n": number, "d": other }, "zz": name }).to_string();
        let text = name.replace('\\', "\\\\").replace('\'', "\\'");
        let expression = format!("json['{text}'].n == {number} && json['{text}'] == {{'n': {number}, 'd': double('{other:?}')}} && json.zz == '{text}'");
        // The smallest number is written as a difference.
        prop_assume!(number != i64::MIN);
        prop_assert_eq!(judged(&expression, &payload), Judgement::Keep, "{} of {}", expression, payload);
    }
}

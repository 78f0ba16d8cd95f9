//! That edits change what they mean to change, and nothing else.

use std::borrow::Cow;

use kinesieve_sdk::{Edit, Error, Event, JsonKind, JsonStep, JsonValue, Outcome};
use proptest::prelude::*;

fn run(record: &str, edit: impl Fn(&mut JsonValue<'_, '_>) -> Edit) -> Result<Outcome, Error> {
    Event::new(record).edit_json(|value| Ok(edit(value)))
}

fn replaced(record: &str) -> Result<Outcome, Error> {
    Ok(Outcome::replace(record.to_owned()))
}

/// Removes the fields of these names at any depth.
fn without(names: &[&str], record: &str) -> Result<Outcome, Error> {
    run(record, |value| match value.name() {
        Some(name) if names.contains(&&*name) => Edit::Remove,
        _ => Edit::Descend,
    })
}

#[test]
fn what_stays_is_copied_as_it_is_written() {
    for (record, edited) in [
        (r#"{"id":12345678901234567890123,"drop":1}"#, r#"{"id":12345678901234567890123}"#),
        (r#"{"drop":1,"amount":0.10,"rate":1e400,"neg":-0.0}"#, r#"{"amount":0.10,"rate":1e400,"neg":-0.0}"#),
        (r#"{"a":1,"drop":1,"a":2,"drop":1}"#, r#"{"a":1,"a":2}"#),
        (r#"{"u":"\ud83d\ude00 \u00e9 \/","\u0064rop":1}"#, r#"{"u":"\ud83d\ude00 \u00e9 \/"}"#),
        ("[{\"drop\":1}, {\"z\": 1, \"a\": [ ] }\n]", "[{}, {\"z\": 1, \"a\": [ ] }\n]"),
        (r#"{"half":"\ud83d","drop":[{"drop":1}]}"#, r#"{"half":"\ud83d"}"#),
    ] {
        assert_eq!(without(&["drop"], record), replaced(edited), "{record}");
    }
}

#[test]
fn a_member_that_goes_takes_one_comma_along() {
    for (record, edited) in [
        ("{\"a\":1}", "{}"),
        ("{ \"a\" : 1 }", "{}"),
        ("{\n  \"a\": 1,\n  \"b\": 2\n}", "{}"),
        ("{\n  \"a\": 1,\n  \"x\": 0\n}", "{\n  \"x\": 0\n}"),
        ("{\n  \"x\": 0,\n  \"a\": 1\n}", "{\n  \"x\": 0\n}"),
        ("{\"a\":1,\"b\":2,\"x\":0,\"a\":1,\"y\":0,\"b\":2}", "{\"x\":0,\"y\":0}"),
        ("{\"x\":{\"a\":1,\"b\":{\"a\":1}},\"y\":{\"z\":[{\"b\":1}]}}", "{\"x\":{},\"y\":{\"z\":[{}]}}"),
        ("{\"a\":1,\"x\":{\"a\":1,\"y\":0}}", "{\"x\":{\"y\":0}}"),
    ] {
        assert_eq!(without(&["a", "b"], record), replaced(edited), "{record}");
    }
    let odd = |value: &mut JsonValue<'_, '_>| match value.path().last() {
        Some(JsonStep::Element(element)) if element % 2 == 1 => Edit::Remove,
        _ => Edit::Descend,
    };
    assert_eq!(run("[0, 1, 2, 3, [0, 1]]", odd), replaced("[0, 2, [0]]"));
}

#[test]
fn without_an_edit_the_record_is_kept() {
    for record in [" {\"a\" : 1.50 }\n", "1e400", "\"\\ud83d\"", "[]", "{ }", "\u{feff}[1]"] {
        assert_eq!(run(record, |_| Edit::Descend), Ok(Outcome::Keep));
        assert_eq!(run(record, |_| Edit::Keep), Ok(Outcome::Keep));
        assert_eq!(run(record, |value| Edit::Replace(value.written().to_owned())), Ok(Outcome::Keep));
    }
}

#[test]
fn a_value_knows_where_it_stands_and_how_it_is_written() {
    let seen = std::cell::RefCell::new(Vec::new());
    let record = r#"{"a\u0062": [1.50, {"c": "\n"}], "d": null}"#;
    let outcome = run(record, |value| {
        let path: Vec<String> = value
            .path()
            .map(|step| match step {
                JsonStep::Field(name) => name.into_owned(),
                JsonStep::Element(index) => index.to_string(),
            })
            .collect();
        assert_eq!(path.len(), value.depth());
        let text = value.text().map(Cow::into_owned);
        seen.borrow_mut().push((path.join("."), value.kind(), value.written().to_owned(), text));
        Edit::Descend
    });
    assert_eq!(outcome, Ok(Outcome::Keep));
    let expected = [
        ("", JsonKind::Object, record, None),
        ("ab", JsonKind::Array, r#"[1.50, {"c": "\n"}]"#, None),
        ("ab.0", JsonKind::Number, "1.50", None),
        ("ab.1", JsonKind::Object, r#"{"c": "\n"}"#, None),
        ("ab.1.c", JsonKind::String, r#""\n""#, Some("\n")),
        ("d", JsonKind::Null, "null", None),
    ];
    let seen = seen.into_inner();
    let seen: Vec<_> =
        seen.iter().map(|(path, kind, written, text)| (&**path, *kind, &**written, text.as_deref())).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_byte_order_mark_stays_and_harms_nothing() {
    assert_eq!(without(&["a"], "\u{feff}{\"n\":1,\"a\":2}"), replaced("\u{feff}{\"n\":1}"));
    assert_eq!(without(&["a"], "\u{feff}{\"n\":1}"), Ok(Outcome::Keep));
    assert_eq!(without(&[], "\u{feff}\u{feff}{}"), Err(Error::reject("not JSON: expected value at line 1 column 1")));
    assert_eq!(Event::new("\u{feff}{\"n\":1}").json_text(), Ok("{\"n\":1}"));
}

#[test]
fn a_part_of_a_string_is_replaced_and_the_rest_is_not_touched() {
    let outcome = run(r#"{"a": "\u00e9 secret \/", "b": [1]}"#, |value| match value.text() {
        Some(text) => {
            let at = text.find("secret").unwrap();
            value.splice([(at..at + 6, "\"\n")])
        }
        None if value.name().as_deref() == Some("b") => value.splice([(0..1, "x")]),
        None => Edit::Descend,
    });
    assert_eq!(outcome, replaced(r#"{"a": "\u00e9 \"\n \/", "b": [1]}"#));
}

#[test]
fn a_replacement_is_json_or_nothing() {
    let set = |json: &'static str| {
        run("[1, 2]", move |value| if value.depth() == 0 { Edit::Descend } else { Edit::Replace(json.to_owned()) })
    };
    assert_eq!(set("{\"a\": [0.10]}"), replaced("[{\"a\": [0.10]}, {\"a\": [0.10]}]"));
    for json in ["", "1,2", "]", "{", "\"", "1 2"] {
        assert_eq!(set(json), Err(Error::reject("what is to replace a value is not JSON")), "{json}");
    }
    assert_eq!(Edit::text("a\"\n"), Edit::Replace(r#""a\"\n""#.to_owned()));
    assert_eq!(Edit::value(&[1]), Ok(Edit::Replace("[1]".to_owned())));
}

#[test]
fn what_is_no_json_is_rejected_without_quoting_it() {
    for (record, why) in [
        ("", "not JSON: EOF while parsing a value at line 1 column 0"),
        ("secret", "not JSON: expected value at line 1 column 1"),
        ("{\"a\":1", "not JSON: EOF while parsing an object at line 1 column 6"),
        ("{\n} secret", "not JSON: trailing characters at line 2 column 3"),
        ("[{,}]", "not JSON: key must be a string at line 1 column 3"),
    ] {
        assert_eq!(run(record, |_| Edit::Descend), Err(Error::reject(why)), "{record}");
        assert_eq!(run(record, |_| Edit::Keep), Err(Error::reject(why)), "{record}");
        let ask = |value: &mut JsonValue<'_, '_>| {
            value.written();
            Edit::Descend
        };
        assert_eq!(run(record, ask), Err(Error::reject(why)), "{record}");
    }
    let not_text = Event::new(vec![b'"', 0xff, b'"']).edit_json(|_| Ok(Edit::Keep));
    assert_eq!(not_text, Err(Error::reject("invalid utf-8 sequence of 1 bytes from index 1")));
    assert_eq!(
        run("{}", |_| Edit::Remove),
        Err(Error::reject("the whole record can't be removed from itself: drop it instead"))
    );
}

#[test]
fn that_it_is_no_json_comes_before_why_an_edit_failed() {
    let fail = |record: &str| {
        Event::new(record).edit_json(|value| match value.written() {
            "" => Err(Error::reject("nothing was written")),
            _ => Err(Error::reject("mine")),
        })
    };
    let why = "not JSON: EOF while parsing a list at line 1 column 6";
    assert_eq!(fail("{\"a\":["), Err(Error::reject(why)));
    assert_eq!(fail("{\"a\":[]}"), Err(Error::reject("mine")));
}

#[test]
fn depth_has_a_bound_where_it_is_looked_into() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(run(&nested(127), |_| Edit::Descend), Ok(Outcome::Keep));
    assert!(serde_json::from_str::<serde_json::Value>(&nested(127)).is_ok());
    let error = serde_json::from_str::<serde_json::Value>(&nested(128)).unwrap_err();
    assert_eq!(run(&nested(128), |_| Edit::Descend), Err(Error::reject(format!("not JSON: {error}"))));
    assert_eq!(run(&nested(1_000_000), |_| Edit::Keep), Ok(Outcome::Keep));
    assert_eq!(run(&format!("[\n{}]", nested(128)), |_| Edit::Descend).unwrap_err(), {
        Error::reject("not JSON: recursion limit exceeded at line 2 column 127")
    });
}

/// Any text of JSON, with space wherever it may be.
fn json() -> impl Strategy<Value = String> {
    let space = "[ \n\t\r]{0,2}";
    let string = r#""([a-zé😀]|\\n|\\/|\\u00e9|\\ud83d|\\")*""#;
    let number = "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,4})?";
    let leaf = prop_oneof![string, number, Just("true".to_owned()), Just("null".to_owned())];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        let padded = (space, inner, space).prop_map(|(before, value, after)| format!("{before}{value}{after}"));
        let field = (space, r#""([ab]|\\u0061)""#, space, padded.clone())
            .prop_map(|(before, name, after, value)| format!("{before}{name}{after}:{value}"));
        prop_oneof![
            prop::collection::vec(padded, 1..5).prop_map(|elements| format!("[{}]", elements.join(","))),
            prop::collection::vec(field, 1..5).prop_map(|fields| format!("{{{}}}", fields.join(","))),
            space.prop_map(|space| format!("[{space}]")),
            space.prop_map(|space| format!("{{{space}}}")),
        ]
    })
}

/// What serde_json makes of a text, with its fields in order and repeated, and values as they are written; the fields `a`
/// are left out.
mod model {
    use std::fmt;

    use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
    use serde_json::value::RawValue;

    pub struct Fields<'a>(pub Vec<(String, &'a str)>);

    impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct All;
            impl<'de> Visitor<'de> for All {
                type Value = Vec<(String, &'de str)>;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                    let mut fields = Vec::new();
                    while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                        fields.push((name, value.get()));
                    }
                    Ok(fields)
                }
            }
            deserializer.deserialize_map(All).map(Fields)
        }
    }

    /// A text without space and without fields `a`, but else as it is written.
    pub fn without_a(json: &str) -> String {
        if let Ok(Fields(fields)) = serde_json::from_str(json) {
            let fields = fields.iter().filter(|(name, _)| name != "a");
            let fields: Vec<String> = fields.map(|(name, value)| format!("{name:?}:{}", without_a(value))).collect();
            return format!("{{{}}}", fields.join(","));
        }
        if let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(json) {
            let elements: Vec<String> = elements.iter().map(|element| without_a(element.get())).collect();
            return format!("[{}]", elements.join(","));
        }
        json.trim().to_owned()
    }

    pub fn as_it_is(json: &str) -> String {
        if let Ok(Fields(fields)) = serde_json::from_str(json) {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name:?}:{}", as_it_is(value))).collect();
            return format!("{{{}}}", fields.join(","));
        }
        if let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(json) {
            let elements: Vec<String> = elements.iter().map(|element| as_it_is(element.get())).collect();
            return format!("[{}]", elements.join(","));
        }
        json.trim().to_owned()
    }
}

proptest! {
    #[test]
    fn no_edit_no_change(json in json(), ends in "[ \n]{0,2}") {
        let record = format!("{ends}{json}{ends}");
        prop_assert_eq!(run(&record, |_| Edit::Descend), Ok(Outcome::Keep));
    }

    /// Each scalar with a marker in its place, and back: so each edit was where it belongs.
    #[test]
    fn an_edit_changes_its_own_span(json in json()) {
        let values = std::cell::RefCell::new(Vec::new());
        let marked = run(&json, |value| {
            if matches!(value.kind(), JsonKind::Object | JsonKind::Array) {
                return Edit::Descend;
            }
            values.borrow_mut().push(value.written().to_owned());
            Edit::text("#")
        });
        let values = values.into_inner();
        let text = match &marked {
            Ok(Outcome::Emit(outputs)) => std::str::from_utf8(&outputs[0].data).unwrap(),
            _ => {
                prop_assert_eq!(marked, Ok(Outcome::Keep));
                return Ok(());
            }
        };
        let between: Vec<&str> = text.split("\"#\"").collect();
        prop_assert_eq!(between.len(), values.len() + 1);
        let back = between.iter().zip(values.iter().map(String::as_str).chain([""])).fold(String::new(), |text, (one, other)| text + one + other);
        prop_assert_eq!(back, json);
    }

    #[test]
    fn what_is_removed_is_gone_and_all_else_is_there(json in json()) {
        let edited = match without(&["a"], &json) {
            Ok(Outcome::Emit(outputs)) => String::from_utf8(outputs[0].data.clone()).unwrap(),
            other => {
                prop_assert_eq!(other, Ok(Outcome::Keep));
                json.clone()
            }
        };
        prop_assert_eq!(model::as_it_is(&edited), model::without_a(&json));
    }

    #[test]
    fn no_text_makes_it_panic(text in r#"[\[\]{}:,"\\ \n0-9eE.+\-a-fnrtué\x{feff}]{0,60}"#, choices in any::<Vec<u8>>()) {
        let choices = std::cell::RefCell::new(choices.into_iter().cycle());
        let _ = run(&text, |value| match choices.borrow_mut().next().unwrap_or(0) % 7 {
            0 => Edit::Keep,
            1 => Edit::Remove,
            2 => Edit::Replace(value.written().to_owned()),
            3 => value.splice([(1..3, "\"")]),
            4 => Edit::text(value.name().unwrap_or_default()),
            _ => Edit::Descend,
        });
    }
}

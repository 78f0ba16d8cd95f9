//! What is wrong with JSON that a person wrote, in the words of JSON. The parser's own words speak of the program that
//! reads it: of its types, of variants, of an end of file.

use serde_json::Error;
use serde_json::error::Category;

/// What a part of a file is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JsonForm {
    /// With its article, as "a case".
    pub(crate) what: &'static str,
    /// One that is right, on one line.
    pub(crate) example: &'static str,
}

/// Says what is wrong with a text that is not what it is to be: what was expected, and an example where that helps.
pub(crate) fn explained(error: &Error, text: &str, form: JsonForm) -> String {
    let JsonForm { what, example } = form;
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        return format!("there is nothing in it, and it is to be {what}: {example}");
    }
    if text.starts_with('\u{feff}') {
        return "it begins with a byte order mark, which JSON has no place for: save it as UTF-8 without one"
            .to_owned();
    }
    let said = without_place(&error.to_string());
    match error.classify() {
        Category::Data => format!("{}: {example}", of_content(&said, what)),
        Category::Syntax | Category::Eof | Category::Io => of_syntax(&said),
    }
}

/// As much of what the parser quotes as a message can bear.
const EXCERPT_CHARACTERS: usize = 200;

/// Says what is wrong with a text of foreign origin, and where, but not with what: the parser quotes values, and those can be
/// payload or a secret. `what` is what it is to be, with its article.
pub(crate) fn explained_without_values(error: &Error, what: &str) -> String {
    /// What the parser says of names alone.
    const OF_NAMES: [&str; 3] = ["missing field ", "duplicate field ", "unknown variant "];

    let said: String = without_place(&error.to_string()).chars().take(EXCERPT_CHARACTERS).collect();
    let wrong = match error.classify() {
        Category::Data if OF_NAMES.iter().any(|start| said.starts_with(start)) => of_content(&said, what),
        Category::Data => format!("a part is of another type than in {what}"),
        Category::Syntax | Category::Eof | Category::Io => of_syntax(&said),
    };
    match (error.line(), error.column()) {
        // It is about a value, and not about a text.
        (0, _) => wrong,
        (line, column) => format!("at line {line} column {column}, {wrong}"),
    }
}

/// The text from the line on in which the parser found an error.
pub(crate) fn from_line_of<'a>(error: &Error, text: &'a str) -> &'a str {
    let mut rest = text;
    for _ in 1..error.line() {
        match rest.split_once('\n') {
            Some((_, next)) => rest = next,
            None => break,
        }
    }
    rest
}

/// A message without the line and column at its end, which count from where the parser began.
fn without_place(said: &str) -> String {
    said.rsplit_once(" at line ").map_or(said, |(message, _)| message).to_owned()
}

fn of_syntax(said: &str) -> String {
    let known = match said {
        "EOF while parsing a list" => "it ends within a list: a `]` is missing",
        "EOF while parsing an object" => "it ends within an object: a `}` is missing",
        "EOF while parsing a string" => "it ends within a text: a `\"` is missing",
        "EOF while parsing a value" => "it ends where a value is expected",
        "expected `:`" => "a `:` is expected between a name and its value",
        "expected `,` or `]`" => "a `,` or a `]` is expected behind an element of a list",
        "expected `,` or `}`" => "a `,` or a `}` is expected behind a field of an object",
        "expected ident" => "of words there are `true`, `false` and `null` alone: write a text in double quotes",
        "expected value" => {
            "a value is expected: a text in double quotes, a number, `true`, `false`, `null`, a list `[...]` or an object \
             `{...}`"
        }
        "key must be a string" => "a name in double quotes is expected here, as in {\"name\": 1}",
        "trailing comma" => "nothing comes behind this `,`: take it away, or write what is missing",
        "trailing characters" => "something stands behind the end of the JSON: take it away",
        "invalid escape" => {
            "no such escape in a text: there are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u0000 with four digits"
        }
        "invalid number" => "no such number: write it as 12, -0.5 or 1e3",
        "invalid unicode code point" | "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            "no such character in a text: \\u takes four hexadecimal digits, and two of them for what is beyond U+FFFF"
        }
        "recursion limit exceeded" => "it is nested too deeply",
        _ if said.starts_with("control character") => {
            "a line ends within a text, or a control character is in it: write \\n for a line end, \\t for a tab"
        }
        other => other,
    };
    known.to_owned()
}

fn of_content(said: &str, what: &str) -> String {
    if let Some((found, wanted)) = said.strip_prefix("invalid type: ").and_then(|rest| rest.rsplit_once(", expected "))
    {
        return format!("{} stands where {} is expected", found_value(found), wanted_value(wanted));
    }
    if let Some((found, wanted)) = said.strip_prefix("invalid value: ").and_then(|rest| rest.rsplit_once(", expected "))
    {
        return format!("{} is out of range: {} is expected", found_value(found), wanted_value(wanted));
    }
    // The parser takes lists for objects, whose fields it would have in order.
    if let Some((_, wanted)) = said.strip_prefix("invalid length ").and_then(|rest| rest.rsplit_once(", expected ")) {
        return format!("a list stands where {} is expected", wanted_value(wanted));
    }
    if let Some((name, others)) = said.strip_prefix("unknown field ").and_then(|rest| rest.split_once(", expected ")) {
        return format!("{what} has no field {name}: it has {}", others.trim_start_matches("one of "));
    }
    if let Some((name, others)) = said.strip_prefix("unknown variant ").and_then(|rest| rest.split_once(", expected "))
    {
        return format!("{name} is not known here: there is {}", others.trim_start_matches("one of "));
    }
    if let Some(name) = said.strip_prefix("missing field ") {
        return format!("{what} needs the field {name}");
    }
    if let Some(name) = said.strip_prefix("duplicate field ") {
        return format!("{what} has the field {name} twice");
    }
    said.to_owned()
}

/// What the parser found, as it calls it.
fn found_value(found: &str) -> String {
    match found.split_once(' ') {
        Some(("integer" | "floating", rest)) => format!("the number {}", rest.trim_start_matches("point ")),
        Some(("boolean", rest)) => rest.to_owned(),
        Some(("string", rest)) => format!("the text {rest}"),
        None if found == "map" => "an object".to_owned(),
        None if found == "sequence" => "a list".to_owned(),
        None if found == "null" => "`null`".to_owned(),
        _ => found.to_owned(),
    }
}

/// What the program wants, as the parser calls it.
fn wanted_value(wanted: &str) -> &str {
    match wanted {
        "a string" | "path string" | "a borrowed string" => "a text in double quotes",
        "usize" | "u64" | "u32" | "u16" | "u8" => "a whole number",
        "a sequence" => "a list",
        "a map" => "an object",
        "a boolean" => "`true` or `false`",
        // What types of ours say themselves.
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    const FORM: JsonForm = JsonForm { what: "a thing", example: "{\"name\": \"a\"}" };

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, expecting = "a thing")]
    #[expect(dead_code, reason = "only what can't be read is looked at")]
    struct Thing {
        name: String,
        count: Option<u8>,
        parts: Option<Vec<String>>,
        file: Option<PathBuf>,
        is_on: Option<bool>,
    }

    fn said(text: &str) -> Option<String> {
        serde_json::from_str::<Thing>(text).err().map(|error| explained(&error, text, FORM))
    }

    /// What is wrong with a text of others, whose values are secret.
    #[test]
    fn of_foreign_text_the_place_is_said_and_no_value() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only what can't be read is looked at")]
        struct Foreign {
            name: String,
            kind: Option<Kind>,
        }
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "camelCase")]
        enum Kind {
            Large,
        }

        for (text, expected) in [
            ("", "at line 1 column 0, it ends where a value is expected"),
            ("hunter2", "at line 1 column 1, a value is expected: a text in double quotes, a number"),
            ("{\n  \"name\": \"a\",\n}", "at line 3 column 1, nothing comes behind this `,`"),
            ("{\"name\": 42}", "at line 1 column 11, a part is of another type than in a letter"),
            ("\"hunter2\"", "at line 1 column 9, a part is of another type than in a letter"),
            ("{}", "at line 1 column 2, a letter needs the field `name`"),
            ("{\"name\": \"\", \"name\": \"\"}", "at line 1 column 19, a letter has the field `name` twice"),
            (
                "{\"name\": \"\", \"kind\": \"small\"}",
                "at line 1 column 28, `small` is not known here: there is `large`",
            ),
        ] {
            let error = serde_json::from_str::<Foreign>(text).expect_err(text);
            let said = explained_without_values(&error, "a letter");
            assert!(said.starts_with(expected), "{text}: {said}");
            assert!(!said.contains("hunter2") && !said.contains("42"), "{said}");
        }
        let long = format!("{{\"name\": \"\", \"kind\": \"{}\"}}", "x".repeat(10_000));
        let error = serde_json::from_str::<Foreign>(&long).expect_err("a long name");
        assert!(explained_without_values(&error, "a letter").len() < 300);
    }

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_json() {
        for (text, expected) in [
            ("", "there is nothing in it, and it is to be a thing: {\"name\": \"a\"}"),
            (" \n", "there is nothing in it, and it is to be a thing"),
            ("\u{feff}{}", "it begins with a byte order mark"),
            ("{", "it ends within an object: a `}` is missing"),
            ("{\"parts\": [", "it ends within a list: a `]` is missing"),
            ("{\"name\": \"", "it ends within a text"),
            ("{\"name\":", "it ends where a value is expected"),
            ("{\"name\" \"a\"}", "a `:` is expected between a name and its value"),
            ("{\"name\": \"a\" \"count\": 1}", "a `,` or a `}` is expected behind a field of an object"),
            ("{\"parts\": [\"a\" \"b\"]}", "a `,` or a `]` is expected behind an element of a list"),
            ("{\"name\": \"a\",}", "nothing comes behind this `,`"),
            ("{\"parts\": [\"a\",]}", "nothing comes behind this `,`"),
            ("{name: 1}", "a name in double quotes is expected here"),
            ("{\"name\": 'a'}", "a value is expected: a text in double quotes"),
            ("{\"is_on\": no}", "of words there are `true`, `false` and `null` alone"),
            ("{\"name\": \"a\"} x", "something stands behind the end of the JSON"),
            ("{\"name\": \"\\x\"}", "no such escape in a text"),
            ("{\"name\": \"\\ud800\"}", "no such character in a text"),
            ("{\"name\": \"a\n\"}", "a line ends within a text"),
            ("{\"count\": 01}", "no such number"),
            ("[]", "a list stands where a thing is expected: {\"name\": \"a\"}"),
            ("\"x\"", "the text \"x\" stands where a thing is expected"),
            ("{\"name\": 1}", "the number `1` stands where a text in double quotes is expected: {\"name\": \"a\"}"),
            ("{\"name\": 1.5}", "the number `1.5` stands where a text"),
            ("{\"name\": null}", "`null` stands where a text"),
            ("{\"name\": {}}", "an object stands where a text"),
            ("{\"file\": []}", "a list stands where a text"),
            ("{\"count\": \"1\"}", "the text \"1\" stands where a whole number is expected"),
            ("{\"count\": 1000}", "the number `1000` is out of range: a whole number is expected"),
            ("{\"parts\": true}", "`true` stands where a list is expected"),
            ("{\"is_on\": 1}", "the number `1` stands where `true` or `false` is expected"),
            (
                "{\"nmae\": 1}",
                "a thing has no field `nmae`: it has `name`, `count`, `parts`, `file`, `is_on`: {\"name\"",
            ),
            ("{}", "a thing needs the field `name`: {\"name\": \"a\"}"),
            ("{\"name\": \"a\", \"name\": \"b\"}", "a thing has the field `name` twice"),
        ] {
            let said = said(text).expect(text);
            assert!(said.starts_with(expected), "{text}: {said}");
        }
    }

    /// No word of the program, or of the library that it reads JSON with.
    #[track_caller]
    fn speaks_of_json(said: &str) {
        for inside in [
            "struct",
            "variant",
            "EOF",
            "invalid type",
            "ident",
            "sequence",
            "usize",
            "expected one of",
            "invalid length",
            " at line ",
        ] {
            assert!(!said.contains(inside), "{said}");
        }
    }

    proptest! {
        #[test]
        fn nothing_of_the_program_shows_in_what_is_said(
            text in "[\\[\\]{}:,\"0-9a-b \n.e-]{0,12}|\\{\"(name|count|parts|file|is_on)\": ?[\\[\\]{}:,\"0-9tfn.-]{0,6}\\}?",
        ) {
            if let Some(said) = said(&text) {
                speaks_of_json(&said);
            }
        }
    }

    #[test]
    fn the_line_of_an_error_is_found_in_the_text() {
        let text = "{\n\"name\": \"a\",\n\"x\": 1}";
        let error = serde_json::from_str::<Thing>(text).expect_err("a wrong field");
        assert_eq!(from_line_of(&error, text), "\"x\": 1}");
        assert_eq!(from_line_of(&error, "a"), "a");
    }
}

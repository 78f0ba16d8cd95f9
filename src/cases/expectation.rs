//! What a case expects, as it is read.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::data::{DataFields, given};
use super::outcome::{CaseOutcome, CaseOutput, STATE_FAULT, name};
use crate::json_error::{JsonForm, explained, from_line_of};
use crate::transform::FaultKind;

/// What is wrong with a part of a file, and the text from there on.
pub(super) type Wrong<'a> = (&'a str, String);

/// All that an expectation can be.
const ALL: &str = "\"keep\", \"drop\", {\"emit\": [{\"json\": {\"id\": 1}}]}, {\"retry\": \"why\"}, {\"reject\": \"why\"}, \
                   {\"fault\": \"trap\"}, and of windows \"folded\" and {\"state\": {\"json\": {\"count\": 1}}}";

const OUTPUT: JsonForm =
    JsonForm { what: "an output", example: "{\"json\": {\"id\": 1}, \"key\": \"k\", \"route\": \"r\"}" };

const DATA: JsonForm = JsonForm { what: "a state", example: "{\"json\": {\"count\": 1}}" };

/// Reads a part of a file as it is to be.
pub(super) fn read<'a, T: Deserialize<'a>>(text: &'a str, form: JsonForm) -> Result<T, Wrong<'a>> {
    serde_json::from_str(text).map_err(|error| (from_line_of(&error, text), explained(&error, text, form)))
}

/// Reads an expectation.
pub(super) fn expectation(raw: &RawValue) -> Result<CaseOutcome, Wrong<'_>> {
    let text = raw.get();
    let wrong = |message: String| (text, message);
    match text.as_bytes().first() {
        Some(b'"') => {
            let word: String = serde_json::from_str(text)
                .map_err(|_| wrong("`expect` is a text with half of a surrogate pair".to_owned()))?;
            match word.as_str() {
                "keep" => Ok(CaseOutcome::Keep),
                "drop" => Ok(CaseOutcome::Drop),
                "folded" => Ok(CaseOutcome::Folded),
                "emit" => Err(wrong("\"emit\" says what is emitted: {\"emit\": [{\"json\": {\"id\": 1}}]}".to_owned())),
                "retry" | "reject" => {
                    let example = format!("{{\"{word}\": \"why\"}}, or {{\"{word}\": null}} for any text");
                    Err(wrong(format!("\"{word}\" says why: {example}")))
                }
                "fault" => Err(wrong(format!("\"fault\" says which: {}", faults()))),
                "state" => Err(wrong("\"state\" says what it is: {\"state\": {\"json\": {\"count\": 1}}}".to_owned())),
                _ => Err(wrong(format!("{text} is nothing that becomes of an event: there is {ALL}"))),
            }
        }
        Some(b'{') => {
            let fields: BTreeMap<String, &RawValue> = read(text, JsonForm { what: "an expectation", example: ALL })?;
            let mut fields = fields.into_iter();
            match (fields.next(), fields.next()) {
                (Some((tag, value)), None) => tagged(&tag, value),
                (None, _) => Err(wrong(format!("`expect` says nothing: there is {ALL}"))),
                (Some((one, _)), Some((other, value))) => Err((
                    value.get(),
                    format!("`expect` has both `{one}` and `{other}`, and one thing becomes of an event"),
                )),
            }
        }
        _ => Err(wrong(format!("`expect` is neither a text nor an object: there is {ALL}"))),
    }
}

fn tagged<'a>(tag: &str, raw: &'a RawValue) -> Result<CaseOutcome, Wrong<'a>> {
    let text = raw.get();
    match tag {
        "emit" => emitted(raw).map(CaseOutcome::Emit),
        "retry" => why(tag, text).map(CaseOutcome::Retry),
        "reject" => why(tag, text).map(CaseOutcome::Reject),
        "fault" => {
            let kinds = [FaultKind::Trap, FaultKind::Timeout, FaultKind::Memory].map(name);
            let said: Option<String> = serde_json::from_str(text).ok();
            let known = kinds.into_iter().chain([STATE_FAULT]).find(|kind| Some(*kind) == said.as_deref());
            let kind = known.ok_or_else(|| (text, format!("there is no fault {text}: {}", faults())))?;
            Ok(CaseOutcome::Fault { kind, reason: None })
        }
        "state" if text == "null" => Ok(CaseOutcome::State(None)),
        "state" => {
            let ExpectedData { json, text: plain, base64, repeat } = read(text, DATA)?;
            let data = DataFields { json, text: plain, base64, repeat }.data();
            data.map(|data| CaseOutcome::State(Some(data))).map_err(|message| (text, format!("`state`: {message}")))
        }
        "keep" | "drop" | "folded" => Err((text, format!("`{tag}` has nothing with it: write \"expect\": \"{tag}\""))),
        _ => Err((text, format!("`{tag}` is nothing that becomes of an event: there is {ALL}"))),
    }
}

fn faults() -> &'static str {
    "{\"fault\": \"trap\"}, {\"fault\": \"timeout\"}, {\"fault\": \"memory\"}, or of windows {\"fault\": \"state\"}"
}

fn why<'a>(tag: &str, text: &'a str) -> Result<Option<String>, Wrong<'a>> {
    serde_json::from_str(text)
        .map_err(|_| (text, format!("`{tag}` is a text, or null for any text: {{\"{tag}\": \"why\"}}")))
}

fn emitted<'a>(raw: &'a RawValue) -> Result<Vec<CaseOutput>, Wrong<'a>> {
    let form = JsonForm { what: "a list of outputs", example: "{\"emit\": [{\"json\": {\"id\": 1}}]}" };
    let outputs: Vec<&RawValue> = read(raw.get(), form)?;
    let output = |(index, raw): (usize, &'a RawValue)| {
        let wrong = |message: String| format!("output {} of `emit`: {message}", index + 1);
        let ExpectedOutput { json, text, base64, repeat, key, route } =
            read(raw.get(), OUTPUT).map_err(|(at, message)| (at, wrong(message)))?;
        let data = DataFields { json, text, base64, repeat }.data().map_err(|message| (raw.get(), wrong(message)))?;
        Ok(CaseOutput { data, key, route })
    };
    outputs.into_iter().enumerate().map(output).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an output")]
struct ExpectedOutput<'a> {
    #[serde(borrow, default, deserialize_with = "given")]
    json: Option<&'a RawValue>,
    text: Option<String>,
    base64: Option<String>,
    repeat: Option<usize>,
    key: Option<String>,
    route: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a state")]
struct ExpectedData<'a> {
    #[serde(borrow, default, deserialize_with = "given")]
    json: Option<&'a RawValue>,
    text: Option<String>,
    base64: Option<String>,
    repeat: Option<usize>,
}

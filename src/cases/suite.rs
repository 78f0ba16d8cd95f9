//! A file of cases, as it is read. What is wrong with one is said with its file and line.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::data::{CaseData, DataFields, given};
use super::outcome::CaseOutcome;
use crate::error_code::ErrorCode;
use crate::event::SequenceNumber;
use crate::settings::parse_transform_settings;

/// The most bytes of a file of cases: the largest record that a stream takes, in base64, in two of its cases.
pub(crate) const MOST_FILE_BYTES: u64 = 64 << 20;

/// When an event arrived that says nothing of it: 2026-01-01T00:00:00Z.
const ARRIVED_AT: u64 = 1_767_225_600_000;

/// Cases that share an instance of the transform, in the order in which it gets them.
#[derive(Debug)]
pub struct Suite {
    /// The file.
    pub path: PathBuf,
    pub(super) text: String,
    /// What the instance is configured with.
    pub settings: Vec<(String, String)>,
    /// Set: the settings are expected to be refused, with this text if one is given.
    pub refused: Option<Option<String>>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// One event, and what is expected to become of it.
#[derive(Debug)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Where it begins in its file.
    pub line: usize,
    /// The event.
    pub given: CaseEvent,
    /// None: the file says nothing yet.
    pub expected: Option<CaseOutcome>,
    pub(super) place: ExpectationSpan,
}

/// The event of a case.
#[derive(Debug)]
pub struct CaseEvent {
    /// Its payload.
    pub data: CaseData,
    /// Its partition key.
    pub key: String,
    /// Its sequence number.
    pub sequence_number: String,
    /// Its index in its KPL aggregate.
    pub sub_sequence_number: u64,
    /// When it arrived, in milliseconds since the Unix epoch.
    pub arrived_at: u64,
}

/// Where in the text of its file the expectation of a case stands, or belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ExpectationSpan {
    /// In these bytes.
    Of(std::ops::Range<usize>),
    /// Nowhere yet: it belongs before this byte, which closes the case.
    Before(usize),
}

/// A file of cases that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{path}:{line}: {message}")]
pub struct InvalidSuite {
    path: PathBuf,
    line: usize,
    message: String,
}

impl InvalidSuite {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        ErrorCode::InvalidCases
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SuiteText<'a> {
    #[serde(borrow)]
    settings: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "given")]
    refused: Option<Option<String>>,
    #[serde(borrow, default)]
    cases: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseText<'a> {
    name: String,
    #[serde(borrow)]
    input: &'a RawValue,
    #[serde(borrow)]
    expect: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct InputText<'a> {
    #[serde(borrow, default, deserialize_with = "given")]
    json: Option<&'a RawValue>,
    text: Option<String>,
    base64: Option<String>,
    repeat: Option<usize>,
    key: Option<String>,
    sequence_number: Option<String>,
    #[serde(default)]
    sub_sequence_number: u64,
    arrived_at: Option<String>,
}

impl Suite {
    /// Reads the text of a file of cases.
    ///
    /// # Errors
    /// When it is none: with the line, and what was expected there.
    pub fn parse(path: &Path, text: String) -> Result<Self, InvalidSuite> {
        let reader = SuiteReader { path, text: &text };
        let suite: SuiteText<'_> = reader.parse(&text)?;
        let settings = match suite.settings {
            None => Vec::new(),
            Some(settings) if !settings.get().starts_with('{') => {
                return Err(reader.wrong(settings, "`settings` have to be an object: {\"name\": \"value\"}"));
            }
            Some(settings) => parse_transform_settings(settings.get())
                .map_err(|message| reader.wrong(settings, &format!("`settings`: {message}")))?,
        };
        if suite.refused.is_some() && !suite.cases.is_empty() {
            return Err(reader.wrong(suite.cases[0], "there can be no cases where the settings are `refused`"));
        }
        if suite.refused.is_none() && suite.cases.is_empty() {
            let message = "there are no cases: give `cases`, a list, or `refused` if the settings are";
            return Err(reader.error(reader.text.lines().count().max(1), message));
        }
        let mut cases = Vec::with_capacity(suite.cases.len());
        for (index, case) in suite.cases.iter().enumerate() {
            cases.push(reader.case(index, case)?);
        }
        let refused = suite.refused;
        Ok(Self { path: path.to_owned(), settings, refused, cases, text })
    }
}

/// Knows which line a part of the text stands in.
struct SuiteReader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl<'a> SuiteReader<'a> {
    fn case(&self, index: usize, raw: &'a RawValue) -> Result<Case, InvalidSuite> {
        let case: CaseText<'_> = self.parse(raw.get())?;
        let input: InputText<'_> = self.parse(case.input.get())?;
        let wrong_input = |message: &str| self.wrong(case.input, &format!("`input`: {message}"));
        let expected = match case.expect {
            None => None,
            Some(expect) => Some(CaseOutcome::expected(expect).map_err(|(error, message)| match message {
                Some(message) => self.wrong(expect, &message),
                None => self.wrong_json(expect.get(), &error),
            })?),
        };
        let place = match case.expect {
            Some(expect) => {
                let start = self.offset(expect.get());
                ExpectationSpan::Of(start..start + expect.get().len())
            }
            None => ExpectationSpan::Before(self.offset(raw.get()) + raw.get().len() - 1),
        };
        let sequence_number = input.sequence_number.unwrap_or_else(|| (index + 1).to_string());
        SequenceNumber::parse(&sequence_number).map_err(|error| wrong_input(&error.to_string()))?;
        let arrived_at = match input.arrived_at.as_deref() {
            None => ARRIVED_AT,
            Some(text) => milliseconds(text).map_err(|message| wrong_input(&message))?,
        };
        let InputText { json, text, base64, repeat, .. } = input;
        let data = DataFields { json, text, base64, repeat }.data().map_err(|message| wrong_input(&message))?;
        let key = input.key.unwrap_or_else(|| "key".to_owned());
        let given =
            CaseEvent { data, key, sequence_number, sub_sequence_number: input.sub_sequence_number, arrived_at };
        Ok(Case { name: case.name, line: self.line(raw.get()), given, expected, place })
    }

    fn parse<T: Deserialize<'a>>(&self, part: &'a str) -> Result<T, InvalidSuite> {
        serde_json::from_str(part).map_err(|error| self.wrong_json(part, &error))
    }

    /// Where a part of the text begins.
    fn offset(&self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize).min(self.text.len())
    }

    fn line(&self, part: &str) -> usize {
        1 + self.text.as_bytes()[..self.offset(part)].iter().filter(|byte| **byte == b'\n').count()
    }

    /// The parser counts lines from the start of what it was given.
    fn wrong_json(&self, part: &str, error: &serde_json::Error) -> InvalidSuite {
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        self.error(self.line(part) + error.line().saturating_sub(1), message)
    }

    fn wrong(&self, part: &RawValue, message: &str) -> InvalidSuite {
        self.error(self.line(part.get()), message)
    }

    fn error(&self, line: usize, message: &str) -> InvalidSuite {
        InvalidSuite { path: self.path.to_owned(), line, message: message.to_owned() }
    }
}

fn milliseconds(text: &str) -> Result<u64, String> {
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .and_then(|time| u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok())
        .ok_or_else(|| format!("`arrivedAt` can't be {text:?}: give a time since 1970 as in 2026-01-01T00:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Suite, String> {
        Suite::parse(Path::new("t.json"), text.to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_case_has_defaults_for_all_but_its_data() {
        let suite = parse(r#"{"cases":[{"name":"n","input":{"json": { "a" : null } }}]}"#).expect("a suite");
        let case = &suite.cases[0];
        assert_eq!(case.given.data, CaseData::Json(r#"{"a":null}"#.to_owned()));
        assert_eq!((case.given.key.as_str(), case.given.sequence_number.as_str()), ("key", "1"));
        assert_eq!(milliseconds("2026-01-01T00:00:00Z"), Ok(case.given.arrived_at));
        assert_eq!(case.expected, None);
    }

    #[test]
    fn null_is_json_too_and_any_reason_is_null() {
        let case = r#"{"cases":[{"name":"n","input":{"json":null},"expect":{"reject":null}}]}"#;
        let suite = parse(case).expect("a suite");
        assert_eq!(suite.cases[0].given.data, CaseData::Json("null".to_owned()));
        assert_eq!(suite.cases[0].expected, Some(CaseOutcome::Reject(None)));
        assert_eq!(parse(r#"{"refused":null}"#).expect("a suite").refused, Some(None));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_what_was_expected() {
        let case = |line: &str| format!("{{\n \"cases\": [\n  {{\"name\": \"n\",\n   {line}\n  }}\n ]\n}}\n");
        let input = "\"input\": {\"text\": \"\"},";
        let errors = [
            (String::new(), "t.json:1: EOF while parsing a value"),
            ("{}".to_owned(), "t.json:1: there are no cases"),
            ("{\n\"case\": []}".to_owned(), "t.json:2: unknown field `case`, expected one of `settings`"),
            ("{\"settings\": \n1}".to_owned(), "t.json:2: `settings` have to be an object"),
            ("{\"refused\": 1}".to_owned(), "t.json:1: invalid type: integer `1`, expected a string"),
            (case("\"inptu\": {}"), "t.json:4: unknown field `inptu`, expected one of `name`, `input`, `expect`"),
            (case("\"expect\": \"keep\""), "t.json:5: missing field `input`"),
            (case("\"input\": {}"), "t.json:4: `input`: there is no data: give `json`, `text` or `base64`"),
            (case("\"input\": {\"text\": \"\", \"json\": 1}"), "t.json:4: `input`: the data is given twice"),
            (case("\"input\": {\"base64\": \"?\"}"), "t.json:4: `input`: `base64` is not valid base64"),
            (case("\"input\": {\"json\": 1, \"repeat\": 2}"), "t.json:4: `input`: `repeat` goes with"),
            (case("\"input\": {\"text\": \"xx\", \"repeat\": 99999999}"), "t.json:4: `input`: `repeat` makes more"),
            (case("\"input\": {\"text\": \"\", \"arrivedAt\": \"now\"}"), "t.json:4: `input`: `arrivedAt` can't be"),
            (case("\"input\": {\"text\": \"\", \"sequenceNumber\": \"01\"}"), "t.json:4: `input`: \"01\" is not"),
            (case(&format!("{input}\n\"expect\": \"kep\"")), "t.json:5: unknown variant `kep`, expected one of `keep`"),
            (
                case(&format!("{input}\n\"expect\": {{\"emit\": [\n{{}}]}}")),
                "t.json:5: output 1 of `emit`: there is no",
            ),
            (case(&format!("{input}\n\"expect\": {{\"fault\": \n\"crash\"}}")), "t.json:6: unknown variant `crash`"),
            (case(&format!("{input} oops")), "t.json:4: key must be a string"),
        ];
        for (text, expected) in errors {
            let error = parse(&text).expect_err(expected);
            assert!(error.starts_with(expected), "expected {expected}\n     got {error}");
        }
    }
}

//! A file of cases, as it is read. What is wrong with one is said with its file and line.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::data::{CaseData, DataFields, given};
use super::expectation::{Wrong, expectation, read};
use super::outcome::CaseOutcome;
use crate::error_code::ErrorCode;
use crate::event::SequenceNumber;
use crate::json_error::JsonForm;
use crate::settings::parse_transform_settings;
use crate::transform::WindowEnding;

/// The most bytes of a file of cases: the largest record that a stream takes, in base64, in two of its cases.
#[cfg(feature = "compiler")]
pub(crate) const MOST_FILE_BYTES: u64 = 64 << 20;

/// When an event arrived that says nothing of it: 2026-01-01T00:00:00Z.
const ARRIVED_AT: u64 = 1_767_225_600_000;

/// How long windows are where a file does not say it.
const WINDOW: Duration = Duration::from_secs(60);

const SUITE: JsonForm = JsonForm {
    what: "a file of cases",
    example: "{\"settings\": {\"remove\": \"email\"}, \"cases\": [{\"name\": \"a case\", \"input\": {\"text\": \"a\"}, \
              \"expect\": \"keep\"}]}",
};

const CASE: JsonForm = JsonForm {
    what: "a case",
    example: "{\"name\": \"a case\", \"input\": {\"json\": {\"id\": 1}}, \"expect\": \"keep\"}",
};

const INPUT: JsonForm = JsonForm {
    what: "an input",
    example: "{\"json\": {\"id\": 1}, \"key\": \"k\", \"arrivedAt\": \"2026-01-01T00:00:00Z\"}",
};

/// What a step of a window can be.
const STEPS: &str = "\"window\": \"save\" ends a batch, and \"close\" or \"close-early\" the window";

/// Cases that share an instance of the transform, in the order in which it gets them.
#[derive(Debug)]
pub struct Suite {
    /// The file.
    pub path: PathBuf,
    pub(super) text: String,
    /// What the instance is configured with.
    pub settings: Vec<(String, String)>,
    /// Set: the settings are expected to be refused.
    pub refused: Option<ExpectedRefusal>,
    /// How long a window is, for a transform of windows.
    pub window: Duration,
    /// The cases.
    pub cases: Vec<Case>,
}

/// That the settings are refused.
#[derive(Debug)]
pub struct ExpectedRefusal {
    /// With this text; none: with any.
    pub text: Option<String>,
    /// Where the text stands.
    pub(super) place: Range<usize>,
}

/// One event or another step, and what is expected to become of it.
#[derive(Debug)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Where it begins in its file.
    pub line: usize,
    /// What happens.
    pub step: CaseStep,
    /// None: the file says nothing yet.
    pub expected: Option<CaseOutcome>,
    pub(super) place: ExpectationSpan,
}

/// What happens in a case.
#[derive(Debug)]
pub enum CaseStep {
    /// An event comes.
    Event(CaseEvent),
    /// A batch of a window ends: the state is saved, and another instance goes on with it.
    Save,
    /// A window closes.
    Close(WindowEnding),
}

impl Case {
    /// The event that comes, if one does.
    pub fn event(&self) -> Option<&CaseEvent> {
        match &self.step {
            CaseStep::Event(event) => Some(event),
            CaseStep::Save | CaseStep::Close(_) => None,
        }
    }
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
    Of(Range<usize>),
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
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "a file of cases")]
struct SuiteText<'a> {
    #[serde(borrow)]
    settings: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "given")]
    refused: Option<&'a RawValue>,
    #[serde(borrow)]
    tumbling_window: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cases: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a case")]
struct CaseText<'a> {
    name: String,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    window: Option<&'a RawValue>,
    #[serde(borrow)]
    expect: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "an input")]
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
        let suite: SuiteText<'_> = reader.read(&text, SUITE)?;
        let settings = match suite.settings {
            None => Vec::new(),
            Some(settings) if !settings.get().starts_with('{') => {
                return Err(reader.wrong(settings, "`settings` have to be an object: {\"name\": \"value\"}"));
            }
            Some(settings) => parse_transform_settings(settings.get())
                .map_err(|message| reader.wrong(settings, format!("`settings`: {message}")))?,
        };
        let refused = suite.refused.map(|raw| reader.refusal(raw)).transpose()?;
        if refused.is_some() && !suite.cases.is_empty() {
            return Err(reader.wrong(suite.cases[0], "there can be no cases where the settings are `refused`"));
        }
        if refused.is_none() && suite.cases.is_empty() {
            let message = format!(
                "there are no cases: give `cases`, a list, or `refused` if the settings are: {}",
                SUITE.example
            );
            return Err(reader.error(reader.text.lines().count().max(1), message));
        }
        let window = suite.tumbling_window.map_or(Ok(WINDOW), |raw| reader.window(raw))?;
        let mut cases = Vec::with_capacity(suite.cases.len());
        for (index, case) in suite.cases.iter().enumerate() {
            cases.push(reader.case(index, case)?);
        }
        Ok(Self { path: path.to_owned(), settings, refused, window, cases, text })
    }
}

/// Knows which line a part of the text stands in.
struct SuiteReader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl<'a> SuiteReader<'a> {
    fn case(&self, index: usize, raw: &'a RawValue) -> Result<Case, InvalidSuite> {
        let case: CaseText<'_> = self.read(raw.get(), CASE)?;
        let expected = case.expect.map(expectation).transpose().map_err(|wrong| self.wrong_part(wrong))?;
        let place = match case.expect {
            Some(expect) => ExpectationSpan::Of(self.span(expect)),
            None => ExpectationSpan::Before(self.offset(raw.get()) + raw.get().len() - 1),
        };
        let step = match (case.input, case.window) {
            (Some(input), None) => CaseStep::Event(self.event(index, input)?),
            (None, Some(window)) => self.step(window)?,
            (Some(_), Some(window)) => {
                let message = format!("a case has either an `input` or a step of a `window`: {STEPS}");
                return Err(self.wrong(window, message));
            }
            (None, None) => {
                let message =
                    format!("a case needs the field `input`: {}; or, of windows, a step: {STEPS}", CASE.example);
                return Err(self.error(self.line(raw.get()), message));
            }
        };
        Ok(Case { name: case.name, line: self.line(raw.get()), step, expected, place })
    }

    fn event(&self, index: usize, raw: &'a RawValue) -> Result<CaseEvent, InvalidSuite> {
        let input: InputText<'_> = self.read(raw.get(), INPUT)?;
        let wrong = |message: &str| self.wrong(raw, format!("`input`: {message}"));
        let sequence_number = input.sequence_number.unwrap_or_else(|| (index + 1).to_string());
        SequenceNumber::parse(&sequence_number).map_err(|error| wrong(&error.to_string()))?;
        let arrived_at = match input.arrived_at.as_deref() {
            None => ARRIVED_AT,
            Some(text) => milliseconds(text).map_err(|message| wrong(&message))?,
        };
        let InputText { json, text, base64, repeat, .. } = input;
        let data = DataFields { json, text, base64, repeat }.data().map_err(|message| wrong(&message))?;
        let key = input.key.unwrap_or_else(|| "key".to_owned());
        Ok(CaseEvent { data, key, sequence_number, sub_sequence_number: input.sub_sequence_number, arrived_at })
    }

    fn step(&self, raw: &'a RawValue) -> Result<CaseStep, InvalidSuite> {
        match serde_json::from_str::<String>(raw.get()).as_deref() {
            Ok("save") => Ok(CaseStep::Save),
            Ok("close") => Ok(CaseStep::Close(WindowEnding::Complete)),
            Ok("close-early") => Ok(CaseStep::Close(WindowEnding::Early)),
            _ => Err(self.wrong(raw, format!("{} is no step of a window: {STEPS}", raw.get()))),
        }
    }

    fn refusal(&self, raw: &'a RawValue) -> Result<ExpectedRefusal, InvalidSuite> {
        let text = serde_json::from_str(raw.get()).map_err(|_| {
            self.wrong(
                raw,
                "`refused` is the text of the refusal, or null for any text: {\"refused\": \"no such setting\"}",
            )
        })?;
        Ok(ExpectedRefusal { text, place: self.span(raw) })
    }

    /// As the event source mapping takes it.
    fn window(&self, raw: &'a RawValue) -> Result<Duration, InvalidSuite> {
        let text: Option<String> = serde_json::from_str(raw.get()).ok();
        let length = text.and_then(|text| humantime::parse_duration(&text).ok());
        length.filter(|length| (1..=900).contains(&length.as_secs()) && length.subsec_nanos() == 0).ok_or_else(|| {
            self.wrong(raw, format!("`tumblingWindow` can't be {}: give 1s to 15m, as \"60s\"", raw.get()))
        })
    }

    fn read<T: Deserialize<'a>>(&self, part: &'a str, form: JsonForm) -> Result<T, InvalidSuite> {
        read(part, form).map_err(|wrong| self.wrong_part(wrong))
    }

    fn span(&self, part: &RawValue) -> Range<usize> {
        let start = self.offset(part.get());
        start..start + part.get().len()
    }

    /// Where a part of the text begins.
    fn offset(&self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize).min(self.text.len())
    }

    fn line(&self, part: &str) -> usize {
        1 + self.text.as_bytes()[..self.offset(part)].iter().filter(|byte| **byte == b'\n').count()
    }

    fn wrong_part(&self, (part, message): Wrong<'_>) -> InvalidSuite {
        self.error(self.line(part), message)
    }

    fn wrong(&self, part: &RawValue, message: impl Into<String>) -> InvalidSuite {
        self.error(self.line(part.get()), message)
    }

    fn error(&self, line: usize, message: impl Into<String>) -> InvalidSuite {
        InvalidSuite { path: self.path.to_owned(), line, message: message.into() }
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

    fn event(case: &Case) -> &CaseEvent {
        case.event().expect("an event")
    }

    #[test]
    fn a_case_has_defaults_for_all_but_its_data() {
        let suite = parse(r#"{"cases":[{"name":"n","input":{"json": { "a" : null } }}]}"#).expect("a suite");
        let case = &suite.cases[0];
        assert_eq!(event(case).data, CaseData::Json(r#"{"a":null}"#.to_owned()));
        assert_eq!((event(case).key.as_str(), event(case).sequence_number.as_str()), ("key", "1"));
        assert_eq!(milliseconds("2026-01-01T00:00:00Z"), Ok(event(case).arrived_at));
        assert_eq!(case.expected, None);
    }

    #[test]
    fn null_is_json_too_and_any_reason_is_null() {
        let case = r#"{"cases":[{"name":"n","input":{"json":null},"expect":{"reject":null}}]}"#;
        let suite = parse(case).expect("a suite");
        assert_eq!(event(&suite.cases[0]).data, CaseData::Json("null".to_owned()));
        assert_eq!(suite.cases[0].expected, Some(CaseOutcome::Reject(None)));
        let refused = parse(r#"{"refused":null}"#).expect("a suite").refused.expect("a refusal");
        assert_eq!(refused.text, None);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_what_was_expected() {
        let case = |line: &str| format!("{{\n \"cases\": [\n  {{\"name\": \"n\",\n   {line}\n  }}\n ]\n}}\n");
        let input = "\"input\": {\"text\": \"\"},";
        let errors = [
            (String::new(), "t.json:1: there is nothing in it, and it is to be a file of cases: {\"settings\""),
            ("{}".to_owned(), "t.json:1: there are no cases"),
            ("{\n\"case\": []}".to_owned(), "t.json:2: a file of cases has no field `case`: it has `settings`"),
            ("[]".to_owned(), "t.json:1: a list stands where a file of cases is expected: {\"settings\""),
            ("{\"settings\": \n1}".to_owned(), "t.json:2: `settings` have to be an object"),
            ("{\"refused\": 1}".to_owned(), "t.json:1: `refused` is the text of the refusal, or null for any text"),
            ("{\"refused\": null, \"cases\": [\n1]}".to_owned(), "t.json:2: there can be no cases"),
            ("{\"cases\": [\n1]}".to_owned(), "t.json:2: the number `1` stands where a case is expected: {\"name\""),
            ("{\"tumblingWindow\": \"1h\", \"cases\": [{}]}".to_owned(), "t.json:1: `tumblingWindow` can't be \"1h\""),
            (
                case("\"inptu\": {}"),
                "t.json:4: a case has no field `inptu`: it has `name`, `input`, `window`, `expect`",
            ),
            (case("\"expect\": \"keep\""), "t.json:3: a case needs the field `input`: {\"name\""),
            (case("\"window\": \"save\", \"input\": {\"text\": \"\"}"), "t.json:4: a case has either an `input` or"),
            (case("\"window\": \"shut\""), "t.json:4: \"shut\" is no step of a window: \"window\": \"save\" ends"),
            (case("\"input\": {}"), "t.json:4: `input`: there is no data: give `json`, `text` or `base64`"),
            (case("\"input\": {\"text\": 1}"), "t.json:4: the number `1` stands where a text in double quotes is"),
            (case("\"input\": {\"text\": \"\", \"json\": 1}"), "t.json:4: `input`: the data is given twice"),
            (case("\"input\": {\"base64\": \"?\"}"), "t.json:4: `input`: `base64` is not valid base64"),
            (case("\"input\": {\"json\": 1, \"repeat\": 2}"), "t.json:4: `input`: `repeat` goes with"),
            (case("\"input\": {\"text\": \"xx\", \"repeat\": 99999999}"), "t.json:4: `input`: `repeat` makes more"),
            (case("\"input\": {\"text\": \"\", \"arrivedAt\": \"now\"}"), "t.json:4: `input`: `arrivedAt` can't be"),
            (case("\"input\": {\"text\": \"\", \"sequenceNumber\": \"01\"}"), "t.json:4: `input`: \"01\" is not"),
            (case(&format!("{input}\n\"expect\": \"kep\"")), "t.json:5: \"kep\" is nothing that becomes of an event"),
            (case(&format!("{input}\n\"expect\": \"emit\"")), "t.json:5: \"emit\" says what is emitted: {\"emit\": ["),
            (case(&format!("{input}\n\"expect\": \"reject\"")), "t.json:5: \"reject\" says why: {\"reject\": \"why\"}"),
            (case(&format!("{input}\n\"expect\": {{\"keep\": 1}}")), "t.json:5: `keep` has nothing with it: write"),
            (case(&format!("{input}\n\"expect\": {{\"retry\": 1}}")), "t.json:5: `retry` is a text, or null for any"),
            (case(&format!("{input}\n\"expect\": {{}}")), "t.json:5: `expect` says nothing: there is \"keep\""),
            (case(&format!("{input}\n\"expect\": 1")), "t.json:5: `expect` is neither a text nor an object"),
            (
                case(&format!("{input}\n\"expect\": {{\"retry\": \"a\",\n\"reject\": \"b\"}}")),
                "t.json:5: `expect` has both `reject` and `retry`",
            ),
            (
                case(&format!("{input}\n\"expect\": {{\"emit\": \"a\"}}")),
                "t.json:5: the text \"a\" stands where a list is expected: {\"emit\": [",
            ),
            (
                case(&format!("{input}\n\"expect\": {{\"emit\": [\n{{}}]}}")),
                "t.json:6: output 1 of `emit`: there is no",
            ),
            (
                case(&format!("{input}\n\"expect\": {{\"emit\": [\n{{\"jsn\": 1}}]}}")),
                "t.json:6: output 1 of `emit`: an output has no field `jsn`: it has `json`",
            ),
            (
                case(&format!("{input}\n\"expect\": {{\"fault\": \n\"crash\"}}")),
                "t.json:6: there is no fault \"crash\": {",
            ),
            (case(&format!("{input} oops")), "t.json:4: a name in double quotes is expected here"),
        ];
        for (text, expected) in errors {
            let error = parse(&text).expect_err(expected);
            assert!(error.starts_with(expected), "expected {expected}\n     got {error}");
        }
    }
}

//! What came of the cases, for a person and for a program.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::acceptance::{Acceptance, Updates};
use super::difference::{Colours, write_difference, write_lines};
use crate::cases::{Case, CaseCheck, RunError, Suite};
use crate::cli::foreign::{one_line, plain};
use crate::cli::guest_lines::GuestLine;

/// The most bytes of an outcome that a program is told: what is longer ends with a sign, and its length.
const MOST_OUTCOME_BYTES: usize = 64 << 10;

/// What came of all suites.
#[derive(Debug, Default, Serialize)]
pub(super) struct TestReport {
    passed: usize,
    failed: usize,
    updated: usize,
    suites: Vec<SuiteReport>,
}

#[derive(Debug, Serialize)]
struct SuiteReport {
    file: String,
    /// Why none of its cases could be run.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What the transform said while it started.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log: Vec<String>,
    cases: Vec<CaseReport>,
    /// Whether the text of its refusal was written anew.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    updated: bool,
    #[serde(skip)]
    is_broken: bool,
}

/// What the transform said.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// While the transform started.
    pub(super) at_start: Vec<GuestLine>,
    /// By the index of the step of a window that it was said at.
    pub(super) at_steps: Vec<(usize, Vec<GuestLine>)>,
    /// After all steps.
    pub(super) rest: Vec<GuestLine>,
}

#[derive(Debug, Serialize)]
struct CaseReport {
    name: String,
    line: usize,
    result: CaseResult,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    came: Option<String>,
    /// Why it was not updated, though that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum CaseResult {
    Passed,
    Failed,
    Updated,
}

impl TestReport {
    pub(super) fn add(
        &mut self,
        suite: &Suite,
        came: Result<Vec<CaseCheck>, RunError>,
        acceptance: &[Acceptance],
        updates: Updates,
        said: &Said,
    ) {
        let mut report = SuiteReport {
            file: suite.path.display().to_string(),
            error: None,
            log: said.about_none(),
            cases: Vec::new(),
            updated: false,
            is_broken: false,
        };
        match came {
            Err(RunError::RefusedOtherwise { .. }) if updates != Updates::None => {
                self.updated += 1;
                report.updated = true;
            }
            Err(error) => {
                report.is_broken = !matches!(error, RunError::NotRefused | RunError::RefusedOtherwise { .. });
                report.error = Some(match (&error, updates) {
                    (_, Updates::None) => error.to_string(),
                    (RunError::NotRefused, _) => format!(
                        "{error}. --update leaves the file as it is: write `cases` in the place of `refused`, if the \
                         settings are right"
                    ),
                    (RunError::Start(_), _) if !suite.cases.is_empty() => format!(
                        "{error}. --update leaves the file as it is, since its cases would be lost: write `refused` in \
                         their place, if the settings are to be refused"
                    ),
                    _ => error.to_string(),
                });
                self.failed += 1;
            }
            // A suite whose settings were to be refused has no cases, and passed.
            Ok(came) if came.is_empty() => self.passed += 1,
            Ok(came) => {
                for (index, (case, came)) in suite.cases.iter().zip(&came).enumerate() {
                    let acceptance = acceptance.get(index).copied().unwrap_or(Acceptance::No);
                    let case = CaseReport::new(case, came, said.about(case, index), acceptance);
                    match case.result {
                        CaseResult::Passed => self.passed += 1,
                        CaseResult::Failed => self.failed += 1,
                        CaseResult::Updated => self.updated += 1,
                    }
                    report.cases.push(case);
                }
            }
        }
        self.suites.push(report);
    }

    pub(super) fn failed(&self) -> usize {
        self.failed
    }

    /// Whether a suite said nothing about its cases.
    pub(super) fn could_not_run(&self) -> bool {
        self.suites.iter().any(|suite| suite.is_broken)
    }

    pub(super) fn json(mut self) -> serde_json::Result<String> {
        self.suites.iter_mut().flat_map(|suite| &mut suite.cases).for_each(CaseReport::bounded);
        serde_json::to_string_pretty(&self).map(|text| text + "\n")
    }

    pub(super) fn text(&self, in_colour: bool) -> String {
        let colour = |colour: AnsiColor| if in_colour { colour.on_default() } else { Style::new() };
        let colours = Colours {
            expected: colour(AnsiColor::Red),
            came: colour(AnsiColor::Green),
            dim: colour(AnsiColor::BrightBlack),
        };
        let mut text = String::new();
        for suite in &self.suites {
            suite.write(&mut text, colours);
        }
        let updated = if self.updated > 0 { format!(", {} updated", self.updated) } else { String::new() };
        let verdict = if self.failed > 0 { colours.expected } else { colours.came };
        // A String takes everything; here and below.
        let _ = writeln!(text, "{verdict}{} passed, {} failed{updated}{verdict:#}", self.passed, self.failed);
        text
    }
}

impl Said {
    /// What was said about no case: while the transform started, or was started again.
    fn about_none(&self) -> Vec<String> {
        let lines = self.at_start.iter().chain(&self.rest).filter(|line| line.sequence_number.is_none());
        lines.map(|line| plain(&line.text)).collect()
    }

    /// What was said about an event, or at a step that is none.
    fn about(&self, case: &Case, index: usize) -> Vec<String> {
        let all = || self.at_steps.iter().map(|(_, lines)| lines).chain([&self.rest]);
        let texts: Vec<&GuestLine> = match case.event() {
            Some(event) => {
                let number = Some(event.sequence_number.as_str());
                all().flatten().filter(|line| line.sequence_number.as_deref() == number).collect()
            }
            None => {
                let at_step = self.at_steps.iter().filter(|(step, _)| *step == index).flat_map(|(_, lines)| lines);
                at_step.filter(|line| line.sequence_number.is_none()).collect()
            }
        };
        texts.into_iter().map(|line| plain(&line.text)).collect()
    }
}

impl CaseReport {
    fn new(case: &Case, came: &CaseCheck, log: Vec<String>, acceptance: Acceptance) -> Self {
        let result = match (came.is_expected, acceptance) {
            (true, _) => CaseResult::Passed,
            (false, Acceptance::Accepted) => CaseResult::Updated,
            (false, Acceptance::FaultRefused | Acceptance::No) => CaseResult::Failed,
        };
        let mut report =
            Self { name: case.name.clone(), line: case.line, result, expected: None, came: None, note: None, log };
        if result != CaseResult::Passed {
            report.expected = case.expected.as_ref().map(|expected| expected.shown());
            report.came = Some(match &came.outcome {
                Ok(outcome) => outcome.shown(),
                Err(reason) => format!("nothing: {reason}"),
            });
        }
        if acceptance == Acceptance::FaultRefused {
            report.note = Some("a fault is not taken for what is expected: add --accept-faults if it is to be so");
        }
        report
    }

    /// As a program is told of it.
    fn bounded(&mut self) {
        for outcome in [&mut self.expected, &mut self.came].into_iter().flatten() {
            if outcome.len() > MOST_OUTCOME_BYTES {
                let bytes = outcome.len();
                outcome.truncate(outcome.floor_char_boundary(MOST_OUTCOME_BYTES));
                // A String takes everything.
                let _ = write!(outcome, "… ({bytes} bytes)");
            }
        }
    }
}

impl SuiteReport {
    fn write(&self, text: &mut String, colours: Colours) {
        let Colours { expected: red, came: green, dim } = colours;
        let file = one_line(&self.file);
        let _ = writeln!(text, "{file}");
        for line in &self.log {
            let _ = writeln!(text, "          {dim}{line}{dim:#}");
        }
        if let Some(error) = &self.error {
            let _ = writeln!(text, "  {red}FAIL{red:#}    {}", one_line(error));
        } else if self.updated {
            let _ = writeln!(text, "  {green}updated{green:#} the text that the settings are refused with");
        } else if self.cases.is_empty() {
            let _ = writeln!(text, "  {green}ok{green:#}      the settings are refused");
        }
        for case in &self.cases {
            let name = plain(&case.name);
            let _ = match case.result {
                CaseResult::Passed => writeln!(text, "  {green}ok{green:#}      {name}"),
                CaseResult::Updated => writeln!(text, "  {green}updated{green:#} {name}"),
                CaseResult::Failed => {
                    writeln!(text, "  {red}FAIL{red:#}    {name} ({file}:{})", case.line)
                }
            };
            match (&case.came, &case.expected) {
                (Some(came), Some(expected)) => write_difference(text, expected, came, colours),
                (Some(came), None) => {
                    let _ = writeln!(
                        text,
                        "          it expects nothing yet (`kinesieve test --update` fills it in); this came:"
                    );
                    write_lines(text, came, dim);
                }
                (None, _) => {}
            }
            if let Some(note) = case.note {
                let _ = writeln!(text, "          {note}");
            }
            for line in &case.log {
                let _ = writeln!(text, "          {dim}{line}{dim:#}");
            }
        }
    }
}

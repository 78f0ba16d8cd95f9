//! What came of the cases, for a person and for a program.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use crate::cases::{Case, CaseCheck, RunError, Suite};
use crate::cli::foreign::{one_line, plain};
use crate::cli::guest_lines::GuestLine;
use crate::foreign::json;

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
    #[serde(skip)]
    is_broken: bool,
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
        lines: Vec<GuestLine>,
        updates: bool,
    ) {
        let said = |number: Option<&str>| -> Vec<String> {
            let lines = lines.iter().filter(|line| line.sequence_number.as_deref() == number);
            lines.map(|line| plain(&line.text)).collect()
        };
        let mut report = SuiteReport {
            file: suite.path.display().to_string(),
            error: None,
            log: said(None),
            cases: Vec::new(),
            is_broken: false,
        };
        match came {
            Err(error) => {
                report.is_broken = !matches!(error, RunError::NotRefused | RunError::RefusedOtherwise { .. });
                report.error = Some(error.to_string());
                self.failed += 1;
            }
            // A suite whose settings were to be refused has no cases, and passed.
            Ok(came) if came.is_empty() => self.passed += 1,
            Ok(came) => {
                for (case, came) in suite.cases.iter().zip(&came) {
                    let log = said(Some(&case.given.sequence_number));
                    let case = CaseReport::new(case, came, log, updates);
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

    pub(super) fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    pub(super) fn text(&self, in_colour: bool) -> String {
        let colour = |colour: AnsiColor| if in_colour { colour.on_default() } else { Style::new() };
        let (red, green, dim) = (colour(AnsiColor::Red), colour(AnsiColor::Green), colour(AnsiColor::BrightBlack));
        let mut text = String::new();
        for suite in &self.suites {
            suite.write(&mut text, red, green, dim);
        }
        let updated = if self.updated > 0 { format!(", {} updated", self.updated) } else { String::new() };
        let verdict = if self.failed > 0 { red } else { green };
        // A String takes everything; here and below.
        let _ = writeln!(text, "{verdict}{} passed, {} failed{updated}{verdict:#}", self.passed, self.failed);
        text
    }
}

impl CaseReport {
    fn new(case: &Case, came: &CaseCheck, log: Vec<String>, updates: bool) -> Self {
        let result = match (came.is_expected, updates, &came.outcome) {
            (true, _, _) => CaseResult::Passed,
            (false, true, Some(_)) => CaseResult::Updated,
            (false, _, _) => CaseResult::Failed,
        };
        let is_passed = result == CaseResult::Passed;
        let came = match &came.outcome {
            Some(outcome) => outcome.shown(),
            None => "nothing: the transform broke before, and could not be started again".to_owned(),
        };
        Self {
            name: case.name.clone(),
            line: case.line,
            result,
            expected: case.expected.as_ref().filter(|_| !is_passed).map(|expected| expected.shown()),
            came: Some(came).filter(|_| !is_passed),
            log,
        }
    }
}

impl SuiteReport {
    fn write(&self, text: &mut String, red: Style, green: Style, dim: Style) {
        let file = one_line(&self.file);
        let _ = writeln!(text, "{file}");
        for line in &self.log {
            let _ = writeln!(text, "          {dim}{line}{dim:#}");
        }
        if let Some(error) = &self.error {
            let _ = writeln!(text, "  {red}FAIL{red:#}    {}", one_line(error));
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
            if let Some(came) = &case.came {
                match &case.expected {
                    Some(expected) => write_difference(text, expected, came, red, green),
                    None => {
                        let came = json(came).replace('\n', "\n            ");
                        let _ = writeln!(
                            text,
                            "          it expects nothing yet (`kinesieve test --update` fills it in); this came:\n            {came}"
                        );
                    }
                }
            }
            for line in &case.log {
                let _ = writeln!(text, "          {dim}{line}{dim:#}");
            }
        }
    }
}

fn write_difference(text: &mut String, expected: &str, came: &str, red: Style, green: Style) {
    let _ = writeln!(text, "          {red}- expected{red:#}, {green}+ came{green:#}");
    let (expected, came) = (json(expected), json(came));
    let difference = TextDiff::from_lines(expected.as_ref(), came.as_ref());
    for change in difference.iter_all_changes() {
        let line = change.value().trim_end_matches('\n');
        let _ = match change.tag() {
            ChangeTag::Equal => writeln!(text, "            {line}"),
            ChangeTag::Delete => writeln!(text, "          {red}- {line}{red:#}"),
            ChangeTag::Insert => writeln!(text, "          {green}+ {line}{green:#}"),
        };
    }
}

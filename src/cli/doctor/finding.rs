//! What a check found, and how that is said.

use std::fmt;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::permission::Permission;
use crate::cli::foreign::{one_line, plain};
use crate::foreign::json;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// What was looked at.
    pub(super) what: String,
    pub(super) verdict: FindingStatus,
    /// The permission that it is about, if it is about one.
    pub(super) permission: Option<Permission>,
}

/// How it is with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FindingStatus {
    /// As it should be.
    Fine,
    /// It works, and will hardly be what is wanted.
    Care { advice: String },
    /// The deployment does not work without it.
    Missing { reason: String, grant: Option<Statement> },
    /// It can't be told from here.
    Unknown { reason: String },
}

/// A statement of a policy, which grants what is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Statement {
    effect: &'static str,
    action: String,
    resource: String,
}

impl Statement {
    pub(super) fn allowing(action: &str, resource: &str) -> Self {
        Self { effect: "Allow", action: action.to_owned(), resource: resource.to_owned() }
    }
}

impl Finding {
    pub(super) fn fine(what: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: FindingStatus::Fine, permission: None }
    }

    pub(super) fn care(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: FindingStatus::Care { advice: advice.into() }, ..Self::fine(what) }
    }

    pub(super) fn missing(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { verdict: FindingStatus::Missing { reason: reason.into(), grant: None }, ..Self::fine(what) }
    }

    pub(super) fn unknown(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { verdict: FindingStatus::Unknown { reason: reason.into() }, ..Self::fine(what) }
    }

    /// For a program.
    pub(super) fn object(&self) -> FindingJson<'_> {
        let (verdict, reason, grant) = match &self.verdict {
            FindingStatus::Fine => ("ok", None, None),
            FindingStatus::Care { advice } => ("care", Some(advice.as_str()), None),
            FindingStatus::Missing { reason, grant } => ("missing", Some(reason.as_str()), grant.as_ref()),
            FindingStatus::Unknown { reason } => ("unknown", Some(reason.as_str()), None),
        };
        FindingJson { what: &self.what, verdict, reason, grant }
    }
}

/// A line of JSON.
#[derive(Serialize)]
pub(super) struct FindingJson<'a> {
    what: &'a str,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<&'a Statement>,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const OK: Style = AnsiColor::Green.on_default();
        const CARE: Style = AnsiColor::Yellow.on_default();
        const MISSING: Style = AnsiColor::Red.on_default().bold();
        const UNKNOWN: Style = Style::new().dimmed();

        let what = plain(&self.what);
        match &self.verdict {
            FindingStatus::Fine => write!(formatter, "{OK}ok{OK:#}       {what}"),
            FindingStatus::Care { advice } => write!(formatter, "{CARE}warn{CARE:#}     {what}: {}", one_line(advice)),
            FindingStatus::Unknown { reason } => {
                write!(formatter, "{UNKNOWN}unknown{UNKNOWN:#}  {what}: {}", plain(reason))
            }
            FindingStatus::Missing { reason, grant } => {
                write!(formatter, "{MISSING}missing{MISSING:#}  {what}: {}", one_line(reason))?;
                match grant.as_ref().and_then(|grant| serde_json::to_string(grant).ok()) {
                    Some(statement) => write!(formatter, "\n         grant: {}", json(&statement)),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_what_is_missing_and_the_statement_that_grants_it() {
        let verdict = FindingStatus::Missing {
            reason: "AccessDeniedException".to_owned(),
            grant: Some(Statement::allowing("kinesis:PutRecords", "arn:aws:kinesis:eu-west-1:123456789012:stream/out")),
        };
        let findings = [
            Finding::fine("stream in: ACTIVE"),
            Finding { verdict, ..Finding::fine("kinesis:PutRecords") },
            Finding::care("memory", "give the function 512 MB"),
            Finding::unknown("bucket out", "it can't be looked at"),
        ];
        let text = findings.map(|finding| anstream::adapter::strip_str(&finding.to_string()).to_string()).join("\n");
        insta::assert_snapshot!(text, @r#"
        ok       stream in: ACTIVE
        missing  kinesis:PutRecords: AccessDeniedException
                 grant: {"Effect":"Allow","Action":"kinesis:PutRecords","Resource":"arn:aws:kinesis:eu-west-1:123456789012:stream/out"}
        warn     memory: give the function 512 MB
        unknown  bucket out: it can't be looked at
        "#);
    }
}

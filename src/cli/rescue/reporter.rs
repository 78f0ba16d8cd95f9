//! Says what became of the records of each description: a line of text, or of JSON.

use std::fmt;

use serde::Serialize;

use super::counts::EventsText;
use super::outcome::{RescueEnd, RescueOutcome};
use crate::cli::backlog::RunMode;
use crate::cli::foreign::{one_line, plain};
use crate::cli::output_fate::OutputFate;
use crate::cli::print_json;
use crate::cli::progress::ProgressDisplay;
use crate::cli::summary::counted;
use crate::error_code::ErrorCode;
use crate::source::on_failure::{Description, FoundDescription, LostRecords};

/// Says what became of the records of each description.
pub(super) struct RescueReporter<'a> {
    pub(super) mode: RunMode,
    pub(super) fate: OutputFate,
    pub(super) json: bool,
    pub(super) progress: &'a ProgressDisplay,
}

impl RescueReporter<'_> {
    /// One line, unless the description was filtered out.
    pub(super) fn tell(&self, found: &FoundDescription, outcome: &RescueOutcome) {
        if outcome.end == RescueEnd::Skipped {
            return;
        }
        if !self.json {
            return self.progress.say(&RescueText { found, outcome, mode: self.mode });
        }
        let object = RescueJson::of(found, outcome, self.mode, self.fate);
        // A reader that is gone changes nothing about what was done.
        if let Ok(line) = serde_json::to_string(&object) {
            let _ = print_json(&(line + "\n"));
        }
    }
}

/// The line for a person.
struct RescueText<'a> {
    found: &'a FoundDescription,
    outcome: &'a RescueOutcome,
    mode: RunMode,
}

impl fmt::Display for RescueText<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { outcome, .. } = self;
        match &self.found.description {
            Ok(Description { range, .. }) => {
                formatter.write_str(&range.start)?;
                if range.end != range.start {
                    write!(formatter, "..{}", range.end)?;
                }
                write!(formatter, "  {}", plain(&range.shard_id))?;
            }
            Err(_) => formatter.write_str(&plain(&self.found.place))?,
        }
        write!(formatter, "  {}", verb(&outcome.end, self.mode))?;
        if outcome.records > 0 {
            let events = EventsText { records: outcome.records, counts: &outcome.counts };
            write!(formatter, "  {events}; {}", counted(outcome.counts.outputs, "output"))?;
        }
        if let RescueEnd::NotAcknowledged { sequence_number, .. } = &outcome.end {
            write!(formatter, "; stopped at {sequence_number}")?;
        }
        if let Some(reason) = outcome.reason() {
            // What it takes to mend it is said at its end.
            write!(formatter, "{} {}", if outcome.records > 0 { ":" } else { " " }, one_line(reason))?;
        }
        if let (Some(lost), RescueEnd::NotAcknowledged { .. }) = (&outcome.lost, &outcome.end) {
            write!(formatter, "; {lost}")?;
        }
        match &self.found.description {
            Ok(Description { condition, invocations, .. }) if !condition.is_empty() => {
                write!(formatter, " (was: {}", plain(condition))?;
                if let Some(invocations) = invocations {
                    write!(formatter, " after {}", counted(*invocations, "invocation"))?;
                }
                formatter.write_str(")")
            }
            _ => Ok(()),
        }
    }
}

fn verb(end: &RescueEnd, mode: RunMode) -> &'static str {
    match (end, mode) {
        (RescueEnd::Rescued, RunMode::Really) => "rescued",
        (RescueEnd::Rescued, RunMode::DryRun) => "would be rescued",
        (RescueEnd::NotAcknowledged { .. }, RunMode::Really) => "not acknowledged",
        (RescueEnd::NotAcknowledged { .. }, RunMode::DryRun) => "would not be acknowledged",
        (RescueEnd::PartlyLost { .. }, _) => "partly lost",
        (RescueEnd::Lost { .. }, _) => "lost",
        (RescueEnd::NotRead { .. }, _) => "not read",
        (RescueEnd::Differs { .. }, _) => "not processed",
        (RescueEnd::Skipped, _) => "skipped",
        (RescueEnd::Malformed(_), _) => "malformed",
    }
}

/// The line for a program.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RescueJson<'a> {
    place: &'a str,
    /// Of a malformed description there is none.
    #[serde(flatten)]
    range: Option<RangeJson<'a>>,
    outcome: &'static str,
    /// How many were processed.
    records: u64,
    acknowledged: u64,
    dead_lettered: u64,
    outputs: u64,
    /// What became of the outputs.
    output_fate: &'static str,
    /// Whether nothing of it counts: `rescued` is then what it would be.
    dry_run: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<LostJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<WasJson<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RangeJson<'a> {
    stream_arn: String,
    shard_id: &'a str,
    start_sequence_number: &'a str,
    end_sequence_number: &'a str,
    batch_size: u64,
}

/// Which records are gone.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LostJson<'a> {
    from: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
}

/// Why the mapping gave them up.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WasJson<'a> {
    condition: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    invocations: Option<u64>,
}

impl<'a> RescueJson<'a> {
    fn of(found: &'a FoundDescription, outcome: &'a RescueOutcome, mode: RunMode, fate: OutputFate) -> Self {
        let description = found.description.as_ref().ok();
        let lost =
            |lost: &'a LostRecords| LostJson { from: &lost.from, before: lost.before.as_deref(), records: lost.count };
        Self {
            place: &found.place,
            range: description.map(|Description { range, .. }| RangeJson {
                stream_arn: range.stream.to_string(),
                shard_id: &range.shard_id,
                start_sequence_number: &range.start,
                end_sequence_number: &range.end,
                batch_size: range.records,
            }),
            outcome: match &outcome.end {
                RescueEnd::Rescued => "rescued",
                RescueEnd::NotAcknowledged { .. } => "notAcknowledged",
                RescueEnd::PartlyLost { .. } => "partlyLost",
                RescueEnd::Lost { .. } => "lost",
                RescueEnd::NotRead { .. } => "notRead",
                RescueEnd::Differs { .. } => "notProcessed",
                RescueEnd::Skipped => "skipped",
                RescueEnd::Malformed(_) => "malformed",
            },
            records: outcome.records,
            acknowledged: outcome.counts.acknowledged(),
            dead_lettered: outcome.counts.all_dead_lettered(),
            outputs: outcome.counts.outputs,
            output_fate: fate.as_str(),
            dry_run: mode == RunMode::DryRun,
            stopped_at: match &outcome.end {
                RescueEnd::NotAcknowledged { sequence_number, .. } => Some(sequence_number),
                _ => None,
            },
            lost: outcome.lost.as_ref().map(lost),
            code: outcome.code().map(ErrorCode::as_str),
            reason: outcome.reason(),
            was: description
                .filter(|description| !description.condition.is_empty())
                .map(|description| WasJson { condition: &description.condition, invocations: description.invocations }),
        }
    }
}

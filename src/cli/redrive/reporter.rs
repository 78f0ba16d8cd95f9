//! Says what became of each letter: a line of text, or of JSON.

use std::fmt;

use serde::Serialize;

use super::counts::delivered;
use super::outcome::LetterOutcome;
use crate::cli::backlog::RunMode;
use crate::cli::foreign::plain;
use crate::cli::output_fate::OutputFate;
use crate::cli::print_json;
use crate::cli::progress::ProgressDisplay;
use crate::cli::summary::counted;
use crate::dead_letter::DeadLetterKind;
use crate::error_code::ErrorCode;
use crate::source::dead_letters::{FoundLetter, Letter, LetterData};

/// Says what became of each letter.
pub(super) struct RedriveReporter<'a> {
    pub(super) mode: RunMode,
    pub(super) fate: OutputFate,
    pub(super) json: bool,
    pub(super) progress: &'a ProgressDisplay,
}

impl RedriveReporter<'_> {
    /// One line, unless the letter was filtered out.
    pub(super) fn tell(&self, found: &FoundLetter, outcome: &LetterOutcome) {
        if *outcome == LetterOutcome::Skipped {
            return;
        }
        if !self.json {
            return self.progress.say(&LetterText { found, outcome, mode: self.mode, fate: self.fate });
        }
        let object = LetterJson::of(found, outcome, self.mode, self.fate);
        // A reader that is gone changes nothing about what was done.
        if let Ok(line) = serde_json::to_string(&object) {
            let _ = print_json(&(line + "\n"));
        }
    }
}

/// The line for a person.
struct LetterText<'a> {
    found: &'a FoundLetter,
    outcome: &'a LetterOutcome,
    mode: RunMode,
    fate: OutputFate,
}

impl fmt::Display for LetterText<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found.letter {
            Ok(letter) => {
                write!(formatter, "{}", letter.event().sequence_number)?;
                if letter.event().sub_sequence_number > 0 {
                    write!(formatter, ".{}", letter.event().sub_sequence_number)?;
                }
                write!(formatter, "  {}", plain(letter.shard_id()))?;
            }
            Err(_) => formatter.write_str(&plain(&self.found.place))?,
        }
        write!(formatter, "  {}", verb(self.outcome, self.mode, self.fate))?;
        match self.outcome {
            LetterOutcome::Delivered { outputs, .. } => write!(formatter, "  {}", counted(*outputs, "output"))?,
            outcome => {
                let kind = outcome.kind().map(|kind| format!("{}: ", kind.as_str())).unwrap_or_default();
                if let Some(reason) = outcome.reason() {
                    write!(formatter, "  {kind}{}", plain(reason))?;
                }
            }
        }
        match &self.found.letter {
            Ok(Letter { kind, reason, .. }) if self.outcome.is_failure_of(*kind, reason) => {
                formatter.write_str(" (as before)")?;
            }
            Ok(Letter { kind, reason, .. }) => write!(formatter, " (was: {}: {})", kind.as_str(), plain(reason))?,
            Err(_) => {}
        }
        match self.found.letter.as_ref().map(Letter::data) {
            Ok(LetterData::Compressed(_)) => formatter.write_str(" (compressed)"),
            Ok(LetterData::At { address, data }) => {
                write!(formatter, " (large: {} bytes at {})", data.bytes, plain(address))
            }
            Ok(LetterData::Cut { front, data }) => write!(formatter, " (cut: {front} of {} bytes)", data.bytes),
            Ok(LetterData::Whole) | Err(_) => Ok(()),
        }
    }
}

fn verb(outcome: &LetterOutcome, mode: RunMode, fate: OutputFate) -> &'static str {
    match (outcome, mode) {
        (LetterOutcome::Delivered { .. }, _) => delivered(fate),
        (LetterOutcome::Dropped, RunMode::Really) => "dropped",
        (LetterOutcome::Dropped, RunMode::DryRun) => "would be dropped",
        (LetterOutcome::DeadLettered { .. }, RunMode::Really) => "dead-lettered again",
        (LetterOutcome::DeadLettered { .. }, RunMode::DryRun) => "would be dead-lettered again",
        (LetterOutcome::Failed { .. }, RunMode::Really) => "failed again",
        (LetterOutcome::Failed { .. }, RunMode::DryRun) => "would fail again",
        (LetterOutcome::AskedAgain { .. }, RunMode::Really) => "asked for again",
        (LetterOutcome::AskedAgain { .. }, RunMode::DryRun) => "would be asked for again",
        (LetterOutcome::NotDelivered { .. }, RunMode::Really) => "not delivered",
        (LetterOutcome::NotDelivered { .. }, RunMode::DryRun) => "would not be delivered",
        (LetterOutcome::Skipped, _) => "skipped",
        (LetterOutcome::Malformed(_), _) => "malformed",
        (LetterOutcome::NotFetched { .. }, _) => "not fetched",
        (LetterOutcome::Cut { .. }, _) => "cut",
    }
}

/// The line for a program.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LetterJson<'a> {
    place: &'a str,
    /// Of a malformed letter there is no position.
    #[serde(flatten)]
    position: Option<PositionJson<'a>>,
    outcome: &'static str,
    /// In which form the data is in the letter, where it is not there as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    form: Option<&'static str>,
    /// Where a large letter is whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    data_at: Option<&'a str>,
    /// Whether nothing of it counts: `delivered` is then what it would be.
    dry_run: bool,
    /// How many outputs there are, where none of them failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<u64>,
    /// What became of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    output_fate: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<DeadLetterKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<FirstFailure<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PositionJson<'a> {
    sequence_number: &'a str,
    sub_sequence_number: u64,
    shard_id: &'a str,
}

/// Why it was dead-lettered.
#[derive(Serialize)]
struct FirstFailure<'a> {
    kind: DeadLetterKind,
    reason: &'a str,
}

impl<'a> LetterJson<'a> {
    fn of(found: &'a FoundLetter, outcome: &'a LetterOutcome, mode: RunMode, fate: OutputFate) -> Self {
        let letter = found.letter.as_ref().ok();
        Self {
            place: &found.place,
            position: letter.map(|letter| PositionJson {
                sequence_number: letter.event().sequence_number.as_str(),
                sub_sequence_number: letter.event().sub_sequence_number,
                shard_id: letter.shard_id(),
            }),
            outcome: match outcome {
                LetterOutcome::Delivered { .. } => "delivered",
                LetterOutcome::Dropped => "dropped",
                LetterOutcome::DeadLettered { .. } => "deadLettered",
                LetterOutcome::Failed { .. } => "failed",
                LetterOutcome::AskedAgain { .. } => "retry",
                LetterOutcome::NotDelivered { .. } => "notDelivered",
                LetterOutcome::Skipped => "skipped",
                LetterOutcome::Malformed(_) => "malformed",
                LetterOutcome::NotFetched { .. } => "notFetched",
                LetterOutcome::Cut { .. } => "cut",
            },
            form: letter.and_then(|letter| letter.data().form()),
            data_at: match letter.map(Letter::data) {
                Some(LetterData::At { address, .. }) => Some(address.as_str()),
                _ => None,
            },
            dry_run: mode == RunMode::DryRun,
            outputs: match outcome {
                LetterOutcome::Delivered { outputs, .. } => Some(*outputs),
                _ => None,
            },
            output_fate: matches!(outcome, LetterOutcome::Delivered { .. }).then(|| fate.as_str()),
            kind: outcome.kind(),
            code: outcome.code().map(ErrorCode::as_str),
            reason: outcome.reason(),
            was: letter.map(|letter| FirstFailure { kind: letter.kind, reason: &letter.reason }),
        }
    }
}

//! Says what became of each letter: a line of text, or of JSON.

use std::fmt;

use serde::Serialize;

use super::Mode;
use super::outcome::Outcome;
use crate::cli::foreign::plain;
use crate::cli::print_json;
use crate::cli::progress::Progress;
use crate::cli::summary::counted;
use crate::dead_letter::Kind;
use crate::source::dead_letters::{Data, Found, Letter};

/// Says what became of each letter.
pub(super) struct Teller<'a> {
    pub(super) mode: Mode,
    pub(super) json: bool,
    pub(super) progress: &'a Progress,
}

impl Teller<'_> {
    /// One line, unless the letter was filtered out.
    pub(super) fn tell(&self, found: &Found, outcome: &Outcome) {
        if *outcome == Outcome::Skipped {
            return;
        }
        if !self.json {
            return self.progress.say(&Text { found, outcome, mode: self.mode });
        }
        let object = Object::of(found, outcome);
        // A reader that is gone changes nothing about what was done.
        if let Ok(line) = serde_json::to_string(&object) {
            let _ = print_json(&(line + "\n"));
        }
    }
}

/// The line for a person.
struct Text<'a> {
    found: &'a Found,
    outcome: &'a Outcome,
    mode: Mode,
}

impl fmt::Display for Text<'_> {
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
        write!(formatter, "  {}", verb(self.outcome, self.mode))?;
        match self.outcome {
            Outcome::Delivered { outputs, .. } => write!(formatter, "  {}", counted(*outputs, "output"))?,
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
            Ok(Data::Compressed(_)) => formatter.write_str(" (compressed)"),
            Ok(Data::At { address, data }) => {
                write!(formatter, " (large: {} bytes at {})", data.bytes, plain(address))
            }
            Ok(Data::Cut { front, data }) => write!(formatter, " (cut: {front} of {} bytes)", data.bytes),
            Ok(Data::Whole) | Err(_) => Ok(()),
        }
    }
}

fn verb(outcome: &Outcome, mode: Mode) -> &'static str {
    match (outcome, mode) {
        (Outcome::Delivered { .. }, Mode::Really) => "delivered",
        (Outcome::Delivered { .. }, Mode::DryRun) => "would be delivered",
        (Outcome::Dropped, Mode::Really) => "dropped",
        (Outcome::Dropped, Mode::DryRun) => "would be dropped",
        (Outcome::DeadLettered { .. }, Mode::Really) => "dead-lettered again",
        (Outcome::DeadLettered { .. }, Mode::DryRun) => "would be dead-lettered again",
        (Outcome::Failed { .. }, Mode::Really) => "failed again",
        (Outcome::Failed { .. }, Mode::DryRun) => "would fail again",
        (Outcome::AskedAgain { .. }, Mode::Really) => "asked for again",
        (Outcome::AskedAgain { .. }, Mode::DryRun) => "would be asked for again",
        (Outcome::NotDelivered { .. }, Mode::Really) => "not delivered",
        (Outcome::NotDelivered { .. }, Mode::DryRun) => "would not be delivered",
        (Outcome::Skipped, _) => "skipped",
        (Outcome::Malformed(_), _) => "malformed",
        (Outcome::NotFetched { .. }, _) => "not fetched",
        (Outcome::Cut { .. }, _) => "cut",
    }
}

/// The line for a program.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    place: &'a str,
    /// Of a malformed letter there is no position.
    #[serde(flatten)]
    position: Option<Position<'a>>,
    outcome: &'static str,
    /// In which form the data is in the letter, where it is not there as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    form: Option<&'static str>,
    /// Where a large letter is whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    data_at: Option<&'a str>,
    /// How many were delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<Was<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Position<'a> {
    sequence_number: &'a str,
    sub_sequence_number: u64,
    shard_id: &'a str,
}

/// Why it was dead-lettered.
#[derive(Serialize)]
struct Was<'a> {
    kind: Kind,
    reason: &'a str,
}

impl<'a> Object<'a> {
    fn of(found: &'a Found, outcome: &'a Outcome) -> Self {
        let letter = found.letter.as_ref().ok();
        Self {
            place: &found.place,
            position: letter.map(|letter| Position {
                sequence_number: letter.event().sequence_number.as_str(),
                sub_sequence_number: letter.event().sub_sequence_number,
                shard_id: letter.shard_id(),
            }),
            outcome: match outcome {
                Outcome::Delivered { .. } => "delivered",
                Outcome::Dropped => "dropped",
                Outcome::DeadLettered { .. } => "deadLettered",
                Outcome::Failed { .. } => "failed",
                Outcome::AskedAgain { .. } => "retry",
                Outcome::NotDelivered { .. } => "notDelivered",
                Outcome::Skipped => "skipped",
                Outcome::Malformed(_) => "malformed",
                Outcome::NotFetched { .. } => "notFetched",
                Outcome::Cut { .. } => "cut",
            },
            form: letter.and_then(|letter| letter.data().form()),
            data_at: match letter.map(Letter::data) {
                Some(Data::At { address, .. }) => Some(address.as_str()),
                _ => None,
            },
            outputs: match outcome {
                Outcome::Delivered { outputs, .. } => Some(*outputs),
                _ => None,
            },
            kind: outcome.kind(),
            reason: outcome.reason(),
            was: letter.map(|letter| Was { kind: letter.kind, reason: &letter.reason }),
        }
    }
}

//! Which descriptions are taken.

use clap::Args;

use crate::settings::{SettingsError, StreamName};
use crate::source::on_failure::Description;
use crate::timestamp::point_in_time;

/// What a description has to be to be taken.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct RescueFilter {
    /// Process only records of this stream (its name or ARN). Can be given several times. Other streams are not read, and
    /// descriptions of their records stay where they are
    #[arg(long = "stream", value_name = "STREAM")]
    streams: Vec<StreamName>,

    /// Process only descriptions with this condition: RetryAttemptsExhausted or RecordAgeExceeded. Can be given several
    /// times
    #[arg(long = "condition", value_name = "CONDITION", value_parser = ["RetryAttemptsExhausted", "RecordAgeExceeded"])]
    conditions: Vec<String>,

    /// Process only descriptions whose first record arrived in its stream at this time or later; for example
    /// 2026-11-20T09:30:00Z, 2026-11-20, or 1h for an hour ago
    #[arg(long, value_name = "TIME", value_parser = point_in_time)]
    since: Option<u64>,

    /// Process only descriptions whose first record arrived in its stream before this time
    #[arg(long, value_name = "TIME", value_parser = point_in_time)]
    until: Option<u64>,
}

impl RescueFilter {
    /// Whether a description is to be taken.
    ///
    /// # Errors
    /// When it does not say what it takes to know.
    pub(super) fn takes(&self, description: &Description) -> Result<bool, String> {
        let stream = &description.range.stream;
        if !self.streams.is_empty() && !self.streams.iter().any(|name| name.is_that_of(stream)) {
            return Ok(false);
        }
        if !self.conditions.is_empty() && !self.conditions.contains(&description.condition) {
            return Ok(false);
        }
        if self.since.is_none() && self.until.is_none() {
            return Ok(true);
        }
        let arrived_at = description
            .first_arrival()
            .ok_or("it does not say when its records arrived, which --since and --until have to know")?;
        Ok(self.since.is_none_or(|since| since <= arrived_at) && self.until.is_none_or(|until| arrived_at < until))
    }

    /// Checks what no single value shows.
    ///
    /// # Errors
    /// When nothing could ever be taken.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        match (self.since, self.until) {
            (Some(since), Some(until)) if since >= until => Err(SettingsError::Contradiction(
                "--since is not before --until: no description is of that time".to_owned(),
            )),
            _ => Ok(()),
        }
    }
}

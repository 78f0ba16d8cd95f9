//! Which dead letters are run again.

use clap::Args;

use crate::dead_letter::DeadLetterKind;
use crate::settings::SettingsError;
use crate::source::dead_letters::Letter;
use crate::timestamp::point_in_time;

/// What a letter has to be to be run again.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct LetterFilter {
    /// Process only dead letters of this kind: rejected, trap, timeout, memory, decode, undeliverable or exhausted.
    /// Can be given several times. The others stay where they are
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<DeadLetterKind>,

    /// Process only records that arrived in their stream at this time or later; for example
    /// 2026-11-20T09:30:00Z, 2026-11-20, or 1h for an hour ago
    #[arg(long, value_name = "TIME", value_parser = point_in_time)]
    since: Option<u64>,

    /// Process only records that arrived in their stream before this time
    #[arg(long, value_name = "TIME", value_parser = point_in_time)]
    until: Option<u64>,
}

impl LetterFilter {
    /// Whether a letter is to be run again.
    pub(super) fn takes(&self, letter: &Letter) -> bool {
        let arrived_at = letter.event().arrived_at;
        (self.kinds.is_empty() || self.kinds.contains(&letter.kind))
            && self.since.is_none_or(|since| since <= arrived_at)
            && self.until.is_none_or(|until| arrived_at < until)
    }

    /// Checks what no single value shows.
    ///
    /// # Errors
    /// When nothing could ever be taken.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        match (self.since, self.until) {
            (Some(since), Some(until)) if since >= until => {
                Err(SettingsError::Contradiction("--since is not before --until: no letter is of that time".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

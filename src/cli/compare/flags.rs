//! How far a comparison reads live streams.

use std::time::Duration;

use clap::Args;

use crate::cli::read_flags::ReadFlags;
use crate::settings::SettingsError;
use crate::source::live::{EndCondition, ReadPlan, StartPosition, StreamPlace};

/// How far a comparison reads live streams: the flags of a run, with other defaults.
#[derive(Debug, Clone, Args)]
#[command(
    mut_arg("from", |flag| flag.help(
        "Where to start: trim-horizon (the oldest record), latest, a TIME (2026-11-20T18:30:00Z, 2026-11-20, seconds or \
         milliseconds since 1970, or 1h for an hour ago; also as at-timestamp=TIME), at-sequence-number=NUMBER or \
         after-sequence-number=NUMBER (both for one shard) [default: trim-horizon, since records that are there already are \
         compared at once]"
    )),
    mut_arg("until", |flag| flag.help(
        "Where to end: now (at the last record that is in the stream at the start), at-timestamp=TIME, count=NUMBER of \
         records, or never (at Ctrl-C) [default: now, so that there is an answer; never with --from latest]"
    )),
    mut_arg("patience", |flag| flag.help(
        "End with an error when the stream has not answered for this long [default: wait forever]"
    ))
)]
pub(super) struct CompareStreamFlags {
    #[command(flatten)]
    read: ReadFlags,
}

impl CompareStreamFlags {
    /// The flags, and whether each is given.
    pub(super) fn given(&self) -> impl Iterator<Item = (&'static str, bool)> {
        self.read.given().into_iter()
    }

    /// What is to be read.
    pub(super) fn plan(&self, places: Vec<StreamPlace>) -> Result<ReadPlan, SettingsError> {
        let start = self.read.from.clone().unwrap_or(StartPosition::TrimHorizon);
        let until = self.read.until.or((start != StartPosition::Latest).then_some(EndCondition::Now));
        if start == StartPosition::Checkpoint {
            return Err(SettingsError::Contradiction(
                "--from checkpoint goes on where a run was, and `kinesieve compare` neither reads nor writes positions: name \
                 another start, trim-horizon for example"
                    .to_owned(),
            ));
        }
        ReadFlags::check(&start, until)?;
        Ok(ReadPlan::of_reading(places, start, until, self.read.read_options()))
    }

    /// How long an answer of the stream is waited for; none: for ever.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.read.patience
    }
}

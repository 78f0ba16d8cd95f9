//! Two transforms at the same records, one after the other, with the same clock and the same randomness.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::bench::not_started;
use crate::cli::error::CommandError;
use crate::cli::guest_lines::GuestLines;
use crate::event::{Batch, Event};
use crate::transform::{Limits, Transform, Trial, TrialBatch, TrialHost, TrialOptions, Verdict};

/// A transform that is compared, loaded and not yet started.
pub(super) struct LoadedSide {
    file: PathBuf,
    transform: Transform,
    settings: Vec<(String, String)>,
}

/// Both, started.
pub(super) struct Sides {
    old: Trial,
    new: Trial,
    lines: GuestLines,
}

/// Both, at work on a batch.
pub(super) struct SidesBatch<'a> {
    old: TrialBatch<'a>,
    new: TrialBatch<'a>,
    lines: &'a GuestLines,
}

/// What one of them makes of a record.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) verdict: Verdict,
    /// What it logs about it.
    pub(super) log: Vec<String>,
}

impl LoadedSide {
    pub(super) fn load(file: &Path, settings: Vec<(String, String)>) -> Result<Self, CommandError> {
        Ok(Self { file: file.to_owned(), transform: Transform::load(file)?, settings })
    }

    fn start(&self, limits: Limits, started_at: u64) -> Result<Trial, CommandError> {
        let options = TrialOptions::plain(TrialHost::Repeatable { started_at });
        Trial::start(&self.transform, limits, &self.settings, options).map_err(|error| not_started(&self.file, &error))
    }
}

impl Sides {
    /// Starts both, at the time when the first record arrived.
    pub(super) fn start(
        [old, new]: [&LoadedSide; 2],
        limits: Limits,
        started_at: u64,
        lines: GuestLines,
    ) -> Result<Self, CommandError> {
        let (old, new) = (old.start(limits, started_at)?, new.start(limits, started_at)?);
        // What they say while they start is about no record.
        drop(lines.take());
        Ok(Self { old, new, lines })
    }

    pub(super) fn begin(&mut self, batch: &Arc<Batch>) -> SidesBatch<'_> {
        // What is said at the end of the batch before is about none of this one.
        drop(self.lines.take());
        let (old, new) = (self.old.begin(Arc::clone(batch)), self.new.begin(Arc::clone(batch)));
        SidesBatch { old, new, lines: &self.lines }
    }
}

impl SidesBatch<'_> {
    /// What the old one and the new one make of the event at this index.
    pub(super) fn answers(&mut self, index: usize, event: Event<'_>) -> (Answer, Answer) {
        let Self { old, new, lines } = self;
        (answer(old, index, event, lines), answer(new, index, event, lines))
    }
}

fn answer(side: &mut TrialBatch<'_>, index: usize, event: Event<'_>, lines: &GuestLines) -> Answer {
    let verdict = side.call(index).into_verdict();
    let about = lines.take_about(event.sequence_number.as_str(), event.sub_sequence_number);
    Answer { verdict, log: about.into_iter().map(|line| line.text).collect() }
}

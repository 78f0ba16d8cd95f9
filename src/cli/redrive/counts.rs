//! What became of all dead letters together, for a person.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::outcome::LetterOutcome;
use crate::cli::backlog::RunMode;
use crate::cli::figures::size;
use crate::cli::output_fate::OutputFate;
use crate::cli::portion::{Rest, write_what_was_not_run};
use crate::cli::summary::counted;
use crate::dead_letter::DeadLetterKind;
use crate::source::dead_letters::DeadLetterLocation;

/// What became of the letters: each is counted once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RedriveCounts {
    delivered: u64,
    outputs: u64,
    output_bytes: u64,
    dropped: u64,
    dead_lettered: BTreeMap<DeadLetterKind, u64>,
    failed: BTreeMap<DeadLetterKind, u64>,
    asked_again: u64,
    not_delivered: u64,
    skipped: u64,
    malformed: u64,
    not_fetched: u64,
    cut: u64,
    /// Acknowledged, and off the queue if they came in one.
    done: u64,
}

impl RedriveCounts {
    pub(super) fn add(&mut self, outcome: &LetterOutcome) {
        match outcome {
            LetterOutcome::Delivered { outputs, bytes } => {
                self.delivered += 1;
                self.outputs += outputs;
                self.output_bytes += bytes;
            }
            LetterOutcome::Dropped => self.dropped += 1,
            LetterOutcome::DeadLettered { kind, .. } => *self.dead_lettered.entry(*kind).or_default() += 1,
            LetterOutcome::Failed { kind, .. } => *self.failed.entry(*kind).or_default() += 1,
            LetterOutcome::AskedAgain { .. } => self.asked_again += 1,
            LetterOutcome::NotDelivered { .. } => self.not_delivered += 1,
            LetterOutcome::Skipped => self.skipped += 1,
            LetterOutcome::Malformed(_) => self.malformed += 1,
            LetterOutcome::NotFetched { .. } => self.not_fetched += 1,
            LetterOutcome::Cut { .. } => self.cut += 1,
        }
    }

    /// The letter that was added last needs no place any more.
    pub(super) fn add_done(&mut self) {
        self.done += 1;
    }

    /// All that was found, whatever became of it.
    pub(super) fn letters(&self) -> u64 {
        self.delivered + self.dropped + sum(&self.dead_lettered) + self.unacknowledged() + self.skipped
    }

    /// Whether nothing is left that was not filtered out.
    pub(super) fn is_all_acknowledged(&self) -> bool {
        self.unacknowledged() == 0
    }

    fn unacknowledged(&self) -> u64 {
        sum(&self.failed) + self.asked_again + self.not_delivered + self.malformed + self.not_fetched + self.cut
    }
}

/// What became of the letters of a run.
#[derive(Debug)]
pub(super) struct RedriveSummary<'a> {
    pub(super) counts: &'a RedriveCounts,
    pub(super) from: &'a DeadLetterLocation,
    pub(super) mode: RunMode,
    pub(super) fate: OutputFate,
    /// What was not looked at.
    pub(super) left_out: Option<String>,
    /// How many were passed over, since an earlier run had them.
    pub(super) passed: u64,
    /// What was not run in the end; none: there was an end to it.
    pub(super) rest: Option<&'a Rest>,
    pub(super) elapsed: Duration,
}

impl fmt::Display for RedriveSummary<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts;
        writeln!(
            formatter,
            "{} in {:.2} s{}",
            counted(counts.letters(), "dead letter"),
            self.elapsed.as_secs_f64(),
            if self.mode == RunMode::DryRun { "; a dry run: nothing was delivered, and nothing deleted" } else { "" },
        )?;
        writeln!(formatter, "  {:<19}  {}", delivered(self.fate), counts.delivered)?;
        writeln!(formatter, "  dropped              {}", counts.dropped)?;
        writeln!(formatter, "  dead-lettered again  {}", by_kind(&counts.dead_lettered))?;
        writeln!(formatter, "  failed again         {}", by_kind(&counts.failed))?;
        writeln!(formatter, "  asked for again      {}", counts.asked_again)?;
        writeln!(formatter, "  not delivered        {}", counts.not_delivered)?;
        writeln!(formatter, "  skipped              {}", counts.skipped)?;
        writeln!(formatter, "  malformed            {}", counts.malformed)?;
        // Of large letters alone, which are rare.
        for (name, count) in [("not fetched", counts.not_fetched), ("cut", counts.cut)] {
            if count > 0 {
                writeln!(formatter, "  {name:<21}{count}")?;
            }
        }
        let bytes = size(counts.output_bytes);
        let outputs = counted(counts.outputs, "output");
        match self.mode {
            RunMode::Really => write!(formatter, "{outputs}{}, {bytes}", self.fate.after_count())?,
            RunMode::DryRun => write!(formatter, "{outputs} would be delivered, {bytes}")?,
        }
        if self.mode == RunMode::Really {
            match self.from {
                DeadLetterLocation::Sqs(_) => write!(
                    formatter,
                    "\n{} deleted from the queue, {} left in it",
                    counted(counts.done, "message"),
                    counts.letters() - counts.done,
                )?,
                DeadLetterLocation::File(_) | DeadLetterLocation::S3(_) | DeadLetterLocation::Kinesis(_)
                    if counts.letters() > 0 =>
                {
                    write!(formatter, "\nall letters are still in {}", self.from)?;
                }
                DeadLetterLocation::File(_) | DeadLetterLocation::S3(_) | DeadLetterLocation::Kinesis(_) => {}
            }
        }
        write_what_was_not_run(formatter, self.passed, self.rest)?;
        match &self.left_out {
            None => Ok(()),
            Some(left_out) => write!(formatter, "\n{left_out}"),
        }
    }
}

/// What letters are whose outputs went their way.
pub(super) fn delivered(fate: OutputFate) -> &'static str {
    match fate {
        OutputFate::Delivered => "delivered",
        OutputFate::NotDelivered => "would be delivered",
        OutputFate::Discarded => "outputs discarded",
        OutputFate::PartlyDiscarded => "sent or discarded",
    }
}

fn sum(counts: &BTreeMap<DeadLetterKind, u64>) -> u64 {
    counts.values().sum()
}

fn by_kind(counts: &BTreeMap<DeadLetterKind, u64>) -> String {
    let kinds: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {}", kind.as_str())).collect();
    if kinds.is_empty() { "0".to_owned() } else { format!("{} ({})", sum(counts), kinds.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_code::ErrorCode;

    fn counts() -> RedriveCounts {
        let mut counts = RedriveCounts::default();
        let reason = || "out of range".to_owned();
        for outcome in [
            LetterOutcome::Delivered { outputs: 1, bytes: 60_000 },
            LetterOutcome::Delivered { outputs: 3, bytes: 90_000 },
            LetterOutcome::Dropped,
            LetterOutcome::DeadLettered { kind: DeadLetterKind::Trap, reason: reason() },
            LetterOutcome::DeadLettered { kind: DeadLetterKind::Rejected, reason: reason() },
            LetterOutcome::DeadLettered { kind: DeadLetterKind::Rejected, reason: reason() },
            LetterOutcome::Failed { kind: DeadLetterKind::Decode, reason: reason() },
            LetterOutcome::AskedAgain { reason: reason() },
            LetterOutcome::NotDelivered { code: ErrorCode::StoppedByDestination, reason: reason() },
            LetterOutcome::Skipped,
            LetterOutcome::Malformed(reason()),
        ] {
            counts.add(&outcome);
            if outcome.is_acknowledged() {
                counts.add_done();
            }
        }
        counts
    }

    fn really<'a>(counts: &'a RedriveCounts, from: &'a DeadLetterLocation) -> RedriveSummary<'a> {
        let (mode, fate, elapsed) = (RunMode::Really, OutputFate::Delivered, Duration::from_millis(250));
        RedriveSummary { counts, from, mode, fate, left_out: None, passed: 0, rest: None, elapsed }
    }

    #[test]
    fn says_what_became_of_every_letter() {
        let from = "arn:aws:sqs:eu-west-1:123456789012:dead".parse().expect("a place");
        let counts = counts();
        let summary = really(&counts, &from);
        insta::assert_snapshot!(summary, @r"
        11 dead letters in 0.25 s
          delivered            2
          dropped              1
          dead-lettered again  3 (2 rejected, 1 trap)
          failed again         1 (1 decode)
          asked for again      1
          not delivered        1
          skipped              1
          malformed            1
        4 outputs delivered, 150 kB
        6 messages deleted from the queue, 5 left in it
        ");
    }

    #[test]
    fn letters_whose_data_is_elsewhere_are_told_where_there_are_any() {
        let mut counts = RedriveCounts::default();
        let reason = "gone".to_owned();
        counts.add(&LetterOutcome::NotFetched { reason: reason.clone() });
        counts.add(&LetterOutcome::Cut { reason });
        assert!(!counts.is_all_acknowledged());
        let from = "arn:aws:sqs:eu-west-1:123456789012:dead".parse().expect("a place");
        let summary = really(&counts, &from);
        insta::assert_snapshot!(summary, @r"
        2 dead letters in 0.25 s
          delivered            0
          dropped              0
          dead-lettered again  0
          failed again         0
          asked for again      0
          not delivered        0
          skipped              0
          malformed            0
          not fetched          1
          cut                  1
        0 outputs delivered, 0 B
        0 messages deleted from the queue, 2 left in it
        ");
    }

    #[test]
    fn a_dry_run_says_so_and_what_was_left_out_is_said() {
        let from = "dead.ndjson".parse().expect("a place");
        let (elapsed, left_out) = (Duration::from_millis(1234), Some("1 object was left out".to_owned()));
        let counts = RedriveCounts::default();
        let (mode, fate) = (RunMode::DryRun, OutputFate::NotDelivered);
        let summary = RedriveSummary { mode, fate, left_out, elapsed, ..really(&counts, &from) };
        insta::assert_snapshot!(summary, @r"
        0 dead letters in 1.23 s; a dry run: nothing was delivered, and nothing deleted
          would be delivered   0
          dropped              0
          dead-lettered again  0
          failed again         0
          asked for again      0
          not delivered        0
          skipped              0
          malformed            0
        0 outputs would be delivered, 0 B
        1 object was left out
        ");
    }

    #[test]
    fn outputs_that_go_to_none_are_not_called_delivered() {
        let from = "dead.ndjson".parse().expect("a place");
        let counts = counts();
        let summary = RedriveSummary { fate: OutputFate::Discarded, ..really(&counts, &from) }.to_string();
        assert!(summary.contains("\n  outputs discarded    2\n"), "{summary}");
        assert!(summary.contains("\n4 outputs discarded (destination none), "), "{summary}");
    }
}

//! What became of all descriptions together, for a person.

use std::fmt;
use std::time::Duration;

use super::outcome::{RescueEnd, RescueOutcome};
use crate::cli::backlog::RunMode;
use crate::cli::figures::size;
use crate::cli::output_fate::OutputFate;
use crate::cli::portion::{Rest, write_what_was_not_run};
use crate::cli::summary::counted;
use crate::processor::Counts;
use crate::source::on_failure::{ObjectFate, OnFailureLocation};

/// What became of the descriptions: each is counted once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RescueCounts {
    rescued: u64,
    not_acknowledged: u64,
    partly_lost: u64,
    lost: u64,
    not_read: u64,
    differing: u64,
    skipped: u64,
    malformed: u64,
    /// Acknowledged, and off the queue if they came in one.
    done: u64,
    records: u64,
    events: Counts,
}

impl RescueCounts {
    pub(super) fn add(&mut self, outcome: &RescueOutcome) {
        let count = match &outcome.end {
            RescueEnd::Rescued => &mut self.rescued,
            RescueEnd::NotAcknowledged { .. } => &mut self.not_acknowledged,
            RescueEnd::PartlyLost { .. } => &mut self.partly_lost,
            RescueEnd::Lost { .. } => &mut self.lost,
            RescueEnd::NotRead { .. } => &mut self.not_read,
            RescueEnd::Differs { .. } => &mut self.differing,
            RescueEnd::Skipped => &mut self.skipped,
            RescueEnd::Malformed(_) => &mut self.malformed,
        };
        *count += 1;
        self.records += outcome.records;
        self.events += &outcome.counts;
    }

    /// The description that was added last needs no place any more.
    pub(super) fn add_done(&mut self) {
        self.done += 1;
    }

    /// All records that were processed.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// All that was found, whatever became of it.
    pub(super) fn descriptions(&self) -> u64 {
        self.rescued + self.unacknowledged() + self.skipped
    }

    /// Whether nothing is left that was not filtered out.
    pub(super) fn is_all_acknowledged(&self) -> bool {
        self.unacknowledged() == 0
    }

    fn unacknowledged(&self) -> u64 {
        let Self { not_acknowledged, partly_lost, lost, not_read, differing, malformed, .. } = self;
        not_acknowledged + partly_lost + lost + not_read + differing + malformed
    }
}

/// What became of the descriptions of a run.
#[derive(Debug)]
pub(super) struct RescueSummary<'a> {
    pub(super) counts: &'a RescueCounts,
    pub(super) from: &'a OnFailureLocation,
    pub(super) mode: RunMode,
    pub(super) output_fate: OutputFate,
    pub(super) fate: ObjectFate,
    pub(super) deleted_objects: u64,
    /// What was not looked at.
    pub(super) left_out: Option<String>,
    /// How many were passed over, since an earlier run had them.
    pub(super) passed: u64,
    /// What was not processed in the end; none: there was an end to it.
    pub(super) rest: Option<&'a Rest>,
    pub(super) elapsed: Duration,
}

impl fmt::Display for RescueSummary<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts;
        writeln!(
            formatter,
            "{} in {:.2} s{}",
            counted(counts.descriptions(), "description"),
            self.elapsed.as_secs_f64(),
            if self.mode == RunMode::DryRun { "; a dry run: nothing was delivered, and nothing deleted" } else { "" },
        )?;
        let rescued = if self.mode == RunMode::DryRun { "would be rescued" } else { "rescued" };
        writeln!(formatter, "  {rescued:<16}  {}", counts.rescued)?;
        writeln!(formatter, "  not acknowledged  {}", counts.not_acknowledged)?;
        writeln!(formatter, "  lost              {}", counts.lost)?;
        writeln!(formatter, "  partly lost       {}", counts.partly_lost)?;
        writeln!(formatter, "  not read          {}", counts.not_read)?;
        writeln!(formatter, "  not processed     {}", counts.differing)?;
        writeln!(formatter, "  skipped           {}", counts.skipped)?;
        writeln!(formatter, "  malformed         {}", counts.malformed)?;
        writeln!(formatter, "{}", EventsText { records: counts.records, counts: &counts.events })?;
        let bytes = size(counts.events.output_bytes);
        let outputs = counted(counts.events.outputs, "output");
        match self.mode {
            RunMode::Really => write!(formatter, "{outputs}{}, {bytes}", self.output_fate.after_count())?,
            RunMode::DryRun => write!(formatter, "{outputs} would be delivered, {bytes}")?,
        }
        if self.mode == RunMode::Really {
            self.write_what_stays(formatter)?;
        }
        write_what_was_not_run(formatter, self.passed, self.rest)?;
        match &self.left_out {
            None => Ok(()),
            Some(left_out) => write!(formatter, "\n{left_out}"),
        }
    }
}

impl RescueSummary<'_> {
    fn write_what_stays(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts;
        match (self.from, self.fate) {
            (OnFailureLocation::Sqs(_), _) => write!(
                formatter,
                "\n{} deleted from the queue, {} left in it",
                counted(counts.done, "message"),
                counts.descriptions() - counts.done,
            ),
            (OnFailureLocation::S3(_), ObjectFate::Delete) => {
                write!(formatter, "\n{} deleted", counted(self.deleted_objects, "object"))
            }
            _ if counts.descriptions() > 0 => write!(formatter, "\nall descriptions are still in {}", self.from),
            _ => Ok(()),
        }
    }
}

/// What became of events, in one line. What there is none of is left out.
pub(super) struct EventsText<'a> {
    /// How many records they came in.
    pub(super) records: u64,
    pub(super) counts: &'a Counts,
}

impl fmt::Display for EventsText<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts;
        formatter.write_str(&counted(self.records, "record"))?;
        if counts.records != self.records {
            write!(formatter, " ({})", counted(counts.records, "event"))?;
        }
        let parts = [
            (counts.kept, "kept"),
            (counts.dropped, "dropped"),
            (counts.emitted, "emitted"),
            (counts.control, "control"),
            (counts.all_dead_lettered(), "dead-lettered"),
            (counts.unacknowledged, "not acknowledged"),
        ];
        for (place, (count, word)) in parts.into_iter().filter(|(count, _)| *count > 0).enumerate() {
            write!(formatter, "{} {count} {word}", if place == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dead_letter::DeadLetterKind;
    use crate::error_code::ErrorCode;

    fn counts() -> RescueCounts {
        let mut counts = RescueCounts::default();
        let reason = || "out of range".to_owned();
        let of_events = Counts {
            records: 12,
            kept: 7,
            emitted: 2,
            dead_lettered: [(DeadLetterKind::Rejected, 1)].into(),
            unacknowledged: 2,
            outputs: 10,
            output_bytes: 160_000,
            ..Counts::default()
        };
        let stopped = RescueEnd::NotAcknowledged {
            code: ErrorCode::StoppedByRetry,
            sequence_number: "4959".to_owned(),
            reason: reason(),
        };
        for end in [
            RescueEnd::Rescued,
            RescueEnd::Rescued,
            stopped,
            RescueEnd::PartlyLost { reason: reason() },
            RescueEnd::Lost { reason: reason() },
            RescueEnd::NotRead { reason: reason() },
            RescueEnd::Differs { reason: reason() },
            RescueEnd::Skipped,
            RescueEnd::Malformed(reason()),
        ] {
            let outcome = RescueOutcome::from(end);
            counts.add(&outcome);
            if outcome.is_acknowledged() {
                counts.add_done();
            }
        }
        counts.add(&RescueOutcome { records: 10, counts: of_events, ..RescueOutcome::from(RescueEnd::Rescued) });
        counts.add_done();
        counts
    }

    fn summary<'a>(counts: &'a RescueCounts, from: &'a OnFailureLocation) -> RescueSummary<'a> {
        let elapsed = Duration::from_millis(250);
        let (mode, output_fate, fate) = (RunMode::Really, OutputFate::Delivered, ObjectFate::Keep);
        RescueSummary {
            counts,
            from,
            mode,
            output_fate,
            fate,
            deleted_objects: 0,
            left_out: None,
            passed: 0,
            rest: None,
            elapsed,
        }
    }

    #[test]
    fn says_what_became_of_every_description() {
        let from = "arn:aws:sqs:eu-west-1:123456789012:given-up".parse().expect("a place");
        insta::assert_snapshot!(summary(&counts(), &from), @r"
        10 descriptions in 0.25 s
          rescued           3
          not acknowledged  1
          lost              1
          partly lost       1
          not read          1
          not processed     1
          skipped           1
          malformed         1
        10 records (12 events): 7 kept, 2 emitted, 1 dead-lettered, 2 not acknowledged
        10 outputs delivered, 160 kB
        3 messages deleted from the queue, 7 left in it
        ");
    }

    #[test]
    fn what_stays_where_is_said() {
        let from = "s3://bucket/given-up".parse().expect("a place");
        let counts = counts();
        assert!(summary(&counts, &from).to_string().ends_with("still in arn:aws:s3:::bucket/given-up"));
        let deleting = RescueSummary { fate: ObjectFate::Delete, deleted_objects: 3, ..summary(&counts, &from) };
        assert!(deleting.to_string().ends_with("\n3 objects deleted"));
        let left_out = Some("1 object was left out".to_owned());
        let dry = RescueSummary { mode: RunMode::DryRun, left_out, ..summary(&counts, &from) }.to_string();
        assert!(dry.contains("nothing deleted\n") && dry.contains("10 outputs would be delivered"), "{dry}");
        assert!(dry.contains("\n  would be rescued  3\n"), "{dry}");
        assert!(dry.ends_with("kB\n1 object was left out"), "{dry}");
        let to_none = RescueSummary { output_fate: OutputFate::Discarded, ..summary(&counts, &from) }.to_string();
        assert!(to_none.contains("\n10 outputs discarded (destination none), "), "{to_none}");
        assert!(summary(&RescueCounts::default(), &from).to_string().ends_with("0 outputs delivered, 0 B"));
    }
}

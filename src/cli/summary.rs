//! What came of a run, for a person.

use std::fmt;
use std::time::Duration;

use super::explain::Hint;
use super::figures::{byte_rate, record_rate, size};
use super::foreign::one_line;
use super::output_fate::OutputFate;
use crate::processor::{Counts, Stop};

/// What came of a run.
#[derive(Debug)]
pub(super) struct RunSummary<'a> {
    pub(super) counts: &'a Counts,
    /// Where it stopped, unless all was acknowledged.
    pub(super) stop: Option<&'a Stop>,
    pub(super) fate: OutputFate,
    pub(super) elapsed: Duration,
}

impl fmt::Display for RunSummary<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts;
        let seconds = self.elapsed.as_secs_f64().max(1e-9);
        writeln!(
            formatter,
            "{} in {seconds:.2} s: {}, {}",
            counted(counts.records, "record"),
            record_rate(counts.records as f64 / seconds),
            byte_rate(counts.bytes as f64 / seconds),
        )?;
        write!(formatter, "{}", FateLines(counts))?;
        write!(formatter, "  dead-lettered     {}", counts.all_dead_lettered())?;
        if !counts.dead_lettered.is_empty() {
            let kinds: Vec<String> =
                counts.dead_lettered.iter().map(|(kind, count)| format!("{count} {}", kind.as_str())).collect();
            write!(formatter, " ({})", kinds.join(", "))?;
        }
        writeln!(formatter)?;
        if counts.discarded > 0 {
            writeln!(formatter, "  given up          {}", counts.discarded)?;
        }
        writeln!(formatter, "  not acknowledged  {}", counts.unacknowledged)?;
        write!(
            formatter,
            "{}{}, {}",
            counted(counts.outputs, "output"),
            self.fate.after_count(),
            size(counts.output_bytes)
        )?;
        match self.stop {
            None => Ok(()),
            Some(stop) => write!(
                formatter,
                "\nstopped at sequence number {}: {}: {}\nrecords from there on are not acknowledged\n{}",
                stop.position.sequence_number(),
                stop.cause,
                one_line(&stop.reason),
                Hint(stop.cause.code()),
            ),
        }
    }
}

/// What became of records, a line each, up to where the summaries of files and of streams part. What there is none of is
/// left out where most runs have none.
pub(super) struct FateLines<'a>(pub(super) &'a Counts);

impl fmt::Display for FateLines<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.0;
        let lines = [
            ("kept", counts.kept, true),
            ("dropped", counts.dropped, true),
            ("folded", counts.folded, false),
            ("emitted", counts.emitted, true),
            ("control", counts.control, false),
            ("skipped", counts.skipped, false),
        ];
        let mut shown = lines.into_iter().filter(|(_, count, always)| *always || *count > 0);
        shown.try_for_each(|(word, count, _)| writeln!(formatter, "  {word:<17} {count}"))
    }
}

pub(super) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("{count} {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::DeliveredOutputs;
    use crate::dead_letter::DeadLetterKind;
    use crate::event::Position;
    use crate::processor::Cause;

    /// Whatever a record came to has a line, so that the lines add up to all of them.
    #[test]
    fn what_became_of_records_adds_up() {
        let counts = Counts {
            records: 0x1ff,
            kept: 1,
            dropped: 1 << 1,
            folded: 1 << 2,
            emitted: 1 << 3,
            dead_lettered: [(DeadLetterKind::Rejected, 1 << 4)].into(),
            control: 1 << 5,
            skipped: 1 << 6,
            unacknowledged: 1 << 7,
            discarded: 1 << 8,
            ..Counts::default()
        };
        let (fate, elapsed) = (OutputFate::NotDelivered, Duration::from_millis(250));
        let summary = RunSummary { counts: &counts, stop: None, fate, elapsed }.to_string();
        assert!(summary.ends_with("\n0 outputs, not delivered, 0 B"), "{summary}");
        let lines = summary.lines().filter_map(|line| line.strip_prefix("  "));
        let count = |line: &str| line.split_whitespace().find_map(|word| word.parse::<u64>().ok());
        assert_eq!(lines.map(count).sum::<Option<u64>>(), Some(counts.records), "{summary}");
    }

    #[test]
    fn says_what_became_of_every_record() {
        let counts = Counts {
            records: 1200,
            bytes: 180_000,
            kept: 700,
            dropped: 300,
            folded: 0,
            emitted: 90,
            dead_lettered: [(DeadLetterKind::Rejected, 9), (DeadLetterKind::Decode, 1)].into(),
            discarded: 0,
            control: 0,
            skipped: 0,
            unacknowledged: 100,
            outputs: 790,
            output_bytes: 110_000,
        };
        let stop = Stop {
            index: 1100,
            position: Position::new("4966", 0).expect("a position"),
            replay_from: Position::new("4966", 0).expect("a position"),
            attempts: 1,
            delivered: DeliveredOutputs::NONE,
            cause: Cause::Retry,
            reason: "the table is being rebuilt".to_owned(),
        };
        let (fate, elapsed) = (OutputFate::Delivered, Duration::from_millis(250));
        let summary = RunSummary { counts: &counts, stop: Some(&stop), fate, elapsed };
        insta::assert_snapshot!(summary, @r"
        1200 records in 0.25 s: 4800 records/s, 720 kB/s
          kept              700
          dropped           300
          emitted           90
          dead-lettered     10 (9 rejected, 1 decode)
          not acknowledged  100
        790 outputs delivered, 110 kB
        stopped at sequence number 4966: the transform asks for it again: the table is being rebuilt
        records from there on are not acknowledged
        for more: kinesieve explain K601
        ");
    }
}

//! Where a run over streams was left, for a person.

use std::fmt;
use std::time::Duration;

use super::condition::{ShardCondition, code_of, most_urgent_first, what_is_wrong};
use super::shards::ShardChoice;
use super::totals::Totals;
use crate::cli::figures::{record_rate, size};
use crate::cli::foreign::plain;
use crate::cli::output_fate::OutputFate;
use crate::cli::summary::{FateLines, counted};
use crate::source::live::{CommitOutcome, ShardStage, ShardView};

/// Shards that were left out, named one by one.
const MOST_LEFT_OUT: usize = 16;

/// Where a run was left.
pub(super) struct RunEnding<'a> {
    pub(super) shards: &'a [ShardView],
    pub(super) choice: &'a ShardChoice,
    pub(super) totals: &'a Totals,
    pub(super) elapsed: Duration,
    /// What becomes of outputs.
    pub(super) fate: OutputFate,
    /// Whether positions are committed.
    pub(super) commits: bool,
}

impl fmt::Display for RunEnding<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Totals { counts, discarded, .. } = self.totals;
        let seconds = self.elapsed.as_secs_f64().max(1e-9);
        let records = counts.acknowledged();
        writeln!(
            formatter,
            "{} in {seconds:.2} s: {}",
            counted(records, "record"),
            record_rate(records as f64 / seconds)
        )?;
        write!(formatter, "{}", FateLines(counts))?;
        writeln!(formatter, "  dead-lettered     {}", counts.all_dead_lettered())?;
        writeln!(formatter, "  given up          {}", discarded + counts.discarded)?;
        let outputs = counted(counts.outputs, "output");
        write!(formatter, "{outputs}{}, {}", self.fate.after_count(), size(counts.output_bytes))?;
        self.write_shards(formatter)
    }
}

impl RunEnding<'_> {
    /// The shards, those with something wrong first. What is wrong is said whatever was chosen to be seen.
    fn write_shards(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // There can be as many of them as of days that the stream keeps records.
        let (left_out, mut shards): (Vec<&ShardView>, Vec<&ShardView>) =
            self.shards.iter().partition(|shard| shard.stage == ShardStage::LeftOut);
        if let Some(wrong) = what_is_wrong(shards.iter().copied()) {
            write!(formatter, "\n{wrong}")?;
        }
        most_urgent_first(&mut shards);
        let is_named =
            |shard: &&ShardView| self.choice.takes(shard) || ShardCondition::of(shard) != ShardCondition::Fine;
        let (named, others): (Vec<&ShardView>, Vec<&ShardView>) = shards.into_iter().partition(is_named);
        for shard in named {
            self.write_shard(formatter, shard)?;
        }
        if !others.is_empty() {
            let others = counted(others.len() as u64, "other shard");
            write!(formatter, "\n{others} with nothing wrong: --shards all names each")?;
        }
        if left_out.len() > MOST_LEFT_OUT || *self.choice != ShardChoice::All {
            if !left_out.is_empty() {
                let count = counted(left_out.len() as u64, "closed shard");
                write!(formatter, "\n{count} left out, nothing of them is wanted from this start")?;
            }
            return Ok(());
        }
        left_out.into_iter().try_for_each(|shard| self.write_shard(formatter, shard))
    }

    fn write_shard(&self, formatter: &mut fmt::Formatter<'_>, shard: &ShardView) -> fmt::Result {
        let (stream, id) = (plain(shard.shard.stream_name()), plain(&shard.shard.id));
        write!(formatter, "\n{stream} {id}: {}", self.left(shard))
    }

    fn left(&self, shard: &ShardView) -> String {
        let stage = match shard.stage {
            ShardStage::Reading | ShardStage::Stopped => "stopped",
            ShardStage::Ended => "read to its end",
            ShardStage::Reached => "read as far as --until says",
            ShardStage::Elsewhere => "left to other processes",
            ShardStage::LeftOut => return "left out, nothing of it is wanted from this start".to_owned(),
            ShardStage::AfterEnd => return "not begun, all of it is later than --until says".to_owned(),
            ShardStage::NotBegun => return "NOT read: a shard that it came from was not read to its end".to_owned(),
        };
        let stuck =
            shard.stuck.as_ref().filter(|_| shard.stage == ShardStage::Stopped).map_or_else(String::new, |stuck| {
                format!(
                    "\n  blocked at {}: {}{}",
                    stuck.position.sequence_number(),
                    plain(&stuck.reason),
                    code_of(stuck)
                )
            });
        let Some(position) = &shard.position else { return format!("{stage}, nothing was acknowledged{stuck}") };
        let commit = match (&shard.commit, self.commits) {
            (_, false) => String::new(),
            (CommitOutcome::At(at), true) if at == position => ", committed".to_owned(),
            (CommitOutcome::At(at), true) => format!(", committed up to {at}"),
            (CommitOutcome::None, true) => ", not committed".to_owned(),
            (CommitOutcome::Failed(kind), true) => format!(", NOT committed ({kind}: see the log)"),
        };
        format!("{stage}, acknowledged up to {position}{commit}{stuck}")
    }
}

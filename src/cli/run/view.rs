//! A run over streams, for a person.

use std::fmt;
use std::time::Duration;

use super::rate::RunRate;
use super::totals::Totals;
use crate::checkpoint::BlockedProgress;
use crate::cli::foreign::plain;
use crate::cli::output_fate::OutputFate;
use crate::cli::summary::counted;
use crate::source::live::{CommitOutcome, ShardStage, ShardView, Wait};

/// Shards that are shown one by one.
const MOST_SHARDS: usize = 16;

/// How a run goes.
pub(super) struct View<'a> {
    pub(super) shards: &'a [ShardView],
    pub(super) totals: &'a Totals,
    /// What is waited for.
    pub(super) waits: &'a [Wait],
    pub(super) rate: RunRate,
}

impl View<'_> {
    /// All of it in one line.
    pub(super) fn line(&self) -> String {
        let Totals { counts, discarded, throttled, .. } = self.totals;
        let reading = self.shards.iter().filter(|shard| shard.stage == ShardStage::Reading);
        let mut line = format!(
            "{:.0} records/s, {:.1} MB/s, {}, {}: {} ({} kept, {} dropped, {} emitted, {} dead-lettered)",
            self.rate.records,
            self.rate.bytes / 1e6,
            counted(reading.count() as u64, "shard"),
            lag(self.totals.behind),
            counted(counts.acknowledged(), "record"),
            counts.kept,
            counts.dropped,
            counts.emitted,
            counts.all_dead_lettered(),
        );
        for (count, word) in [(counts.folded, "folded"), (counts.control, "control"), (counts.skipped, "skipped")] {
            if count > 0 {
                line += &format!(", {count} {word}");
            }
        }
        if *discarded > 0 {
            line += &format!(", {discarded} given up");
        }
        if *throttled > 0 {
            line += &format!(", {} throttled", counted(*throttled, "read"));
        }
        line
    }

    /// What needs attention.
    pub(super) fn remarks(&self) -> Vec<String> {
        let uncommitted = uncommitted(self.shards);
        self.waits.iter().map(wait_line).chain(uncommitted).chain(self.shards.iter().filter_map(remark)).collect()
    }

    /// A line for all, and one for each shard.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.line()];
        lines.extend(self.waits.iter().map(wait_line));
        lines.extend(uncommitted(self.shards));
        let shown: Vec<&ShardView> = self.shards.iter().filter(|shard| shard.stage == ShardStage::Reading).collect();
        for shard in shown.iter().take(MOST_SHARDS) {
            let behind = lag(shard.behind);
            lines.push(format!(
                "  {} {}  {behind:>12}  {:>9}  at {}",
                plain(shard.shard.stream_name()),
                plain(&shard.shard.id),
                shard.counts.acknowledged(),
                shard.position.as_deref().unwrap_or("-"),
            ));
            lines.extend(remark(shard));
        }
        if shown.len() > MOST_SHARDS {
            lines.push(format!("  and {} more", shown.len() - MOST_SHARDS));
        }
        lines
    }
}

fn wait_line(wait: &Wait) -> String {
    format!("    {}", plain(&wait.to_string()))
}

/// Says that positions are not committed; none: they are, as far as they were to be.
fn uncommitted(shards: &[ShardView]) -> Option<String> {
    let failed = |shard: &ShardView| match shard.commit {
        CommitOutcome::Failed(kind) => Some(kind),
        CommitOutcome::None | CommitOutcome::At(_) => None,
    };
    let kinds: Vec<&str> = shards.iter().filter_map(failed).collect();
    let first = kinds.first()?;
    Some(format!("    positions of {} are NOT committed ({first}: see the log)", counted(kinds.len() as u64, "shard")))
}

/// How far behind something is; none: nobody knows.
fn lag(behind: Option<Duration>) -> String {
    match behind {
        None => "lag unknown".to_owned(),
        Some(behind) if behind.is_zero() => "up to date".to_owned(),
        Some(behind) => format!("{} behind", rough(behind)),
    }
}

fn remark(shard: &ShardView) -> Option<String> {
    let id = plain(&shard.shard.id);
    if let Some(stuck) = shard.stuck.as_ref().filter(|_| shard.stage == ShardStage::Reading) {
        let reason = plain(&stuck.reason);
        let attempts = counted(stuck.attempts.into(), "attempt");
        return Some(format!(
            "    {id} blocked at {} after {attempts}: {reason}{}",
            stuck.position.sequence_number(),
            code_of(stuck)
        ));
    }
    let trouble = shard.trouble.as_ref().filter(|_| shard.stage == ShardStage::Reading)?;
    Some(format!("    {id}: {}", plain(trouble)))
}

/// Where a run was left.
pub(super) struct RunEnding<'a> {
    pub(super) shards: &'a [ShardView],
    pub(super) totals: &'a Totals,
    pub(super) elapsed: Duration,
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
            "{} in {seconds:.2} s: {:.0} records/s",
            counted(records, "record"),
            records as f64 / seconds,
        )?;
        writeln!(formatter, "  kept              {}", counts.kept)?;
        writeln!(formatter, "  dropped           {}", counts.dropped)?;
        if counts.folded > 0 {
            writeln!(formatter, "  folded            {}", counts.folded)?;
        }
        writeln!(formatter, "  emitted           {}", counts.emitted)?;
        for (word, count) in [("control", counts.control), ("skipped", counts.skipped)] {
            if count > 0 {
                writeln!(formatter, "  {word:<17} {count}")?;
            }
        }
        writeln!(formatter, "  dead-lettered     {}", counts.all_dead_lettered())?;
        writeln!(formatter, "  given up          {discarded}")?;
        write!(
            formatter,
            "{}{}, {:.1} MB",
            counted(counts.outputs, "output"),
            self.fate.after_count(),
            counts.output_bytes as f64 / 1e6
        )?;
        // There can be as many of them as of days that the stream keeps records.
        let (left_out, shards): (Vec<&ShardView>, Vec<&ShardView>) =
            self.shards.iter().partition(|shard| shard.stage == ShardStage::LeftOut);
        let named = if left_out.len() > MOST_SHARDS {
            let count = counted(left_out.len() as u64, "closed shard");
            write!(formatter, "\n{count} left out, nothing of them is wanted from this start")?;
            &[]
        } else {
            &left_out[..]
        };
        for shard in named.iter().chain(&shards) {
            write!(
                formatter,
                "\n{} {}: {}",
                plain(shard.shard.stream_name()),
                plain(&shard.shard.id),
                self.left(shard)
            )?;
        }
        Ok(())
    }
}

impl RunEnding<'_> {
    fn left(&self, shard: &ShardView) -> String {
        let stage = match shard.stage {
            ShardStage::Reading | ShardStage::Stopped => "stopped",
            ShardStage::Ended => "read to its end",
            ShardStage::Reached => "read as far as --until says",
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

/// The code of what stands in the way, as it ends a line.
fn code_of(stuck: &BlockedProgress) -> String {
    stuck.code.map_or_else(String::new, |code| format!(" ({code})"))
}

/// A time as far as a person cares.
fn rough(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{} ms", time.as_millis());
    }
    let seconds = time.as_secs();
    let rounded = match seconds {
        0..=599 => seconds,
        600..=86_399 => seconds / 60 * 60,
        86_400..=172_799 => seconds / 3600 * 3600,
        _ => return format!("{} days", seconds / 86_400),
    };
    humantime::format_duration(Duration::from_secs(rounded)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::run::totals::tests::{ACKNOWLEDGED, shard_of_all_fates};

    /// The numbers in a text whose words are each of these.
    fn counts_before(words: &[&str], text: &str) -> u64 {
        let all: Vec<&str> =
            text.split(|char: char| !(char.is_alphanumeric() || char == '-')).filter(|word| !word.is_empty()).collect();
        let counts = all.windows(2).filter(|pair| words.contains(&pair[1]));
        counts.map(|pair| pair[0].parse::<u64>().expect("a count")).sum()
    }

    #[test]
    fn what_a_person_sees_adds_up() {
        let shards = [shard_of_all_fates()];
        let totals = Totals::of(&shards);
        let view = View { shards: &shards, totals: &totals, waits: &[], rate: RunRate { records: 0.0, bytes: 0.0 } };
        let line = view.line();
        assert!(line.contains(&format!(" {ACKNOWLEDGED} records")), "{line}");
        let fates = ["kept", "dropped", "emitted", "dead-lettered", "folded", "control", "skipped"];
        assert_eq!(counts_before(&fates, &line), ACKNOWLEDGED, "{line}");
        assert!(view.lines()[1].contains(&ACKNOWLEDGED.to_string()), "{:?}", view.lines());

        let ending = RunEnding {
            shards: &shards,
            totals: &totals,
            elapsed: Duration::from_secs(1),
            fate: OutputFate::NotDelivered,
            commits: false,
        };
        let ending = ending.to_string();
        assert!(ending.starts_with(&format!("{ACKNOWLEDGED} records in")), "{ending}");
        let lines = ending.lines().filter_map(|line| line.trim().split_once(' '));
        let counts = lines.filter(|(word, _)| fates.contains(word));
        let sum: u64 = counts.map(|(_, count)| count.trim().parse::<u64>().expect("a count")).sum();
        assert_eq!(sum, ACKNOWLEDGED, "{ending}");
        assert!(ending.contains("0 outputs, not delivered, "), "{ending}");
    }
}

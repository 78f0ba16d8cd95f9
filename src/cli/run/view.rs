//! A run over streams while it goes on, for a person: what is wrong comes first, however many shards there are.

mod table;

use super::condition::{most_urgent_first, remark, what_is_wrong};
use super::rate::RunRate;
use super::shards::ShardChoice;
use super::totals::Totals;
use crate::cli::figures::{byte_rate, how_far_behind, record_rate};
use crate::cli::fitting::{cut, width, with_figures_whole, wrapped};
use crate::cli::foreign::plain;
use crate::cli::progress::TerminalSize;
use crate::cli::summary::counted;
use crate::source::live::{ShardStage, ShardView, Wait};

/// Shards that plain lines name each time.
const MOST_REMARKS: usize = 16;

/// Lines of one thing that is waited for.
const WAIT_LINES: usize = 4;

/// Lines of what is wrong with one shard.
const REMARK_LINES: usize = 6;

/// How a run goes.
pub(super) struct View<'a> {
    pub(super) shards: &'a [ShardView],
    pub(super) choice: &'a ShardChoice,
    pub(super) totals: &'a Totals,
    /// What is waited for.
    pub(super) waits: &'a [Wait],
    pub(super) rate: RunRate,
}

impl View<'_> {
    /// All of it in one line.
    pub(super) fn line(&self) -> String {
        let Totals { counts, discarded, throttled, .. } = self.totals;
        let mut line = what_is_wrong(self.reading()).map_or_else(String::new, |wrong| format!("{wrong}; "));
        line += &format!(
            "{}, {}, {}, {}: {} ({} kept, {} dropped, {} emitted, {} dead-lettered)",
            record_rate(self.rate.records),
            byte_rate(self.rate.bytes),
            counted(self.reading().count() as u64, "shard"),
            how_far_behind(self.totals.behind),
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
        let given_up = discarded + counts.discarded;
        if given_up > 0 {
            line += &format!(", {given_up} given up");
        }
        if *throttled > 0 {
            line += &format!(", {} throttled", counted(*throttled, "read"));
        }
        line
    }

    /// What stands below that line where lines follow each other: what needs attention, and the shards that were asked
    /// for by name.
    pub(super) fn remarks(&self) -> Vec<String> {
        let shards = self.chosen();
        let is_named = matches!(self.choice, ShardChoice::Ids(_));
        let rows = if is_named { table::rows(&shards, usize::MAX) } else { Vec::new() };
        let several_streams = shards.windows(2).any(|pair| pair[0].shard.stream_arn != pair[1].shard.stream_arn);
        let mut lines: Vec<String> = self.waits.iter().map(|wait| format!("    {}", said(wait))).collect();
        let mut wrong = 0;
        for (index, shard) in shards.into_iter().enumerate() {
            lines.extend(rows.get(index).cloned());
            let Some(remark) = remark(shard) else { continue };
            wrong += 1;
            if wrong > MOST_REMARKS && !is_named {
                continue;
            }
            let id = plain(&shard.shard.id);
            lines.push(match several_streams {
                true => format!("    {} {id}{}", plain(shard.shard.stream_name()), punctuated(remark)),
                false => format!("    {id}{}", punctuated(remark)),
            });
        }
        if wrong > MOST_REMARKS && !is_named {
            lines.push(format!("    and {} more", wrong - MOST_REMARKS));
        }
        lines
    }

    /// A screen of it: the line, the shards, and then further lines. It has no more lines than the terminal, less one for the
    /// cursor, and none that is wider.
    pub(super) fn screen(&self, size: TerminalSize, further: &[String]) -> Vec<String> {
        let TerminalSize { columns, rows } = size;
        let room = rows.saturating_sub(1).max(1);
        let mut lines = wrapped(&with_figures_whole(&self.line()), 0, columns, (room / 2).max(1));
        for wait in self.waits {
            let left = room.saturating_sub(lines.len()) / 2;
            lines.extend(wrapped(&said(wait), 2, columns, left.min(WAIT_LINES)));
        }
        let room = room.saturating_sub(lines.len());
        let least_for_shards = room.div_ceil(2);
        let room_for_further = further.len().min(room - least_for_shards);
        lines.extend(self.shard_lines(room - room_for_further, columns));
        // The latest ones.
        let further = further.iter().skip(further.len() - room_for_further);
        lines.extend(further.map(|line| cut(line, columns)));
        lines
    }

    /// Shards with what is wrong with them, as many as there is room for.
    fn shard_lines(&self, room: usize, columns: usize) -> Vec<String> {
        let mut shards = self.chosen();
        let count = shards.len();
        if count == 0 && *self.choice == ShardChoice::Blocked && room > 0 {
            return vec![cut("  no shard is blocked", columns)];
        }
        shards.truncate(room);
        let rows = table::rows(&shards, columns);
        let mut lines: Vec<String> = Vec::new();
        let mut shown = 0;
        for (shard, row) in shards.into_iter().zip(&rows) {
            // A line says how many more there are.
            let is_last = shown + 1 == count;
            let left = room - lines.len() - usize::from(!is_last);
            if left == 0 {
                break;
            }
            lines.push(row.clone());
            if let Some(remark) = remark(shard) {
                lines.extend(wrapped(&remark, 4, columns, REMARK_LINES).into_iter().take(left - 1));
            }
            shown += 1;
        }
        match (shown, rows.first()) {
            // A single line is for the one that comes first.
            (0, Some(first)) => {
                let more = format!(" and {} more", count - 1);
                lines.push(cut(&(cut(first, columns.saturating_sub(width(&more))) + &more), columns));
            }
            _ if shown < count && lines.len() < room => {
                lines.push(cut(&format!("  and {} more", count - shown), columns))
            }
            _ => {}
        }
        lines
    }

    /// The shards that are seen, the most urgent first.
    fn chosen(&self) -> Vec<&ShardView> {
        let mut chosen: Vec<&ShardView> = self.reading().filter(|shard| self.choice.takes(shard)).collect();
        most_urgent_first(&mut chosen);
        chosen
    }

    fn reading(&self) -> impl Iterator<Item = &ShardView> {
        self.shards.iter().filter(|shard| shard.stage == ShardStage::Reading)
    }
}

fn said(wait: &Wait) -> String {
    plain(&wait.to_string())
}

/// A remark as it goes on behind the name of its shard.
fn punctuated(remark: String) -> String {
    if remark.starts_with("blocked at ") { format!(" {remark}") } else { format!(": {remark}") }
}

#[cfg(test)]
mod tests;

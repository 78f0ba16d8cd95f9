//! How far shards are read: page after page, up to the end that is asked for.

use std::cell::Cell;

use aws_sdk_kinesis::types::Record;

use super::bounds::EndCondition;
use super::cancellation::{Cancellation, CancellationLevel};
use super::context::RunStopped;
use super::end::ReadEnd;
use super::reader::ShardReader;
use super::refusal::LiveError;
use super::statuses::{ShardBoard, ShardStage};
use crate::timestamp::now_millis;

/// How far the shards of a source are read, all of them together.
pub(super) struct Reading<'a> {
    cancellation: &'a Cancellation,
    end: ReadEnd,
    /// How many records may still be read, if that is bounded.
    budget: Option<Cell<u64>>,
}

impl<'a> Reading<'a> {
    /// Reads up to this end of a source that was opened at this time, in milliseconds since the Unix epoch.
    pub(super) fn until(until: Option<EndCondition>, opened_at: u64, cancellation: &'a Cancellation) -> Self {
        Self {
            cancellation,
            end: match until {
                Some(EndCondition::Now) => ReadEnd::AtTheStart(opened_at),
                Some(EndCondition::AtTimestamp(time)) => ReadEnd::AtTimestamp(time),
                Some(EndCondition::Count(_) | EndCondition::Never) | None => ReadEnd::Never,
            },
            budget: match until {
                Some(EndCondition::Count(count)) => Some(Cell::new(count.get())),
                _ => None,
            },
        }
    }

    /// Reads a shard page after page, until `cancellation` ends that, and gives the records of each away. The next page is read
    /// when they are taken.
    pub(super) async fn read(
        &self,
        cancellation: &Cancellation,
        statuses: &ShardBoard,
        reader: &mut ShardReader,
        mut give: impl AsyncFnMut(Vec<Record>) -> Result<(), RunStopped>,
    ) -> Result<ShardStage, LiveError> {
        let ended = || if cancellation.is_stopped() { ShardStage::Stopped } else { ShardStage::Reached };
        loop {
            let asked_at = now_millis();
            let mut page = tokio::select! {
                biased;
                () = cancellation.reaches(CancellationLevel::ReadNoMore) => return Ok(ended()),
                page = reader.next_page() => page?,
            };
            statuses.is_answered(page.behind);
            let is_end = self.end.is_with(&page, asked_at);
            let is_last = page.is_last;
            let wanted = page.records.iter().position(|record| self.end.is_before(record));
            let wanted = wanted.unwrap_or(page.records.len());
            let affordable = self.afford(wanted);
            let is_cut = affordable < page.records.len();
            page.records.truncate(affordable);
            if affordable < wanted || self.budget.as_ref().is_some_and(|budget| budget.get() == 0) {
                self.cancellation.read_no_more();
            }
            tokio::select! {
                biased;
                () = cancellation.reaches(CancellationLevel::Stop) => return Ok(ShardStage::Stopped),
                given = give(page.records) => if given.is_err() { return Ok(ShardStage::Stopped) },
            }
            if is_cut {
                return Ok(ShardStage::Reached);
            }
            // Before the end that was asked for: a closed shard ends with an empty page, up to date with itself, and what
            // came after it is in its children.
            if is_last {
                return Ok(ShardStage::Ended);
            }
            if is_end {
                return Ok(ShardStage::Reached);
            }
        }
    }

    /// How many of so many records may be read.
    fn afford(&self, wanted: usize) -> usize {
        let Some(budget) = &self.budget else { return wanted };
        let affordable = usize::try_from(budget.get()).unwrap_or(usize::MAX).min(wanted);
        budget.set(budget.get() - affordable as u64);
        affordable
    }
}

//! One shard, from where it starts to its end: a reader, and lanes that deliver what it reads.

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};

use aws_sdk_kinesis::types::Record;
use futures_util::future::join_all;
use tokio::sync::mpsc;

use super::cancellation::CancellationLevel;
use super::commits::progress;
use super::context::{LaneContext, RunContext};
use super::lane::{ReadRecord, ShardLane};
use super::page::arrived_at;
use super::read_ledger::ReadLedger;
use super::reader::ShardReader;
use super::refusal::LiveError;
use super::statuses::{ShardBoard, ShardStage};
use crate::checkpoint::GoneRun;
use crate::timestamp::now_millis;

/// Follows a shard until it ends, or reading does, and all that was read of it is done with. `gone` is the run that
/// was at work on it before.
pub(super) async fn follow(
    context: &RunContext<'_>,
    statuses: &ShardBoard,
    mut reader: ShardReader,
    gone: Option<&GoneRun>,
) -> Result<ShardStage, LiveError> {
    if let Err(error) = context.commits.begin(statuses.shard(), gone, context.is_forced).await {
        statuses.is_at(ShardStage::Stopped);
        return Err(error);
    }
    let read_ledger = RefCell::new(ReadLedger::new(context.lanes));
    let mut inboxes = Vec::new();
    let mut lanes = Vec::new();
    for index in 0..context.lanes {
        let (inbox, receiver) = mpsc::channel(1);
        inboxes.push(inbox);
        let lane = LaneContext { index, run: context, statuses, read_ledger: &read_ledger };
        lanes.push(ShardLane::new(lane, receiver).run());
    }
    let read = async {
        // The lanes end with their inboxes.
        let inboxes = inboxes;
        read(context, statuses, &mut reader, &read_ledger, &inboxes).await
    };
    let (stage, lane_ends) = tokio::join!(read, join_all(lanes));
    let last = progress(statuses, &read_ledger.borrow());
    context.commits.leave(statuses, last).await;
    let is_stopped = lane_ends.iter().any(Result::is_err);
    let stage = if is_stopped { stage.map(|_| ShardStage::Stopped) } else { stage };
    statuses.is_at(stage.as_ref().map_or(ShardStage::Stopped, |stage| *stage));
    stage
}

/// Reads page after page, and deals the records out to the lanes.
async fn read(
    context: &RunContext<'_>,
    statuses: &ShardBoard,
    reader: &mut ShardReader,
    read_ledger: &RefCell<ReadLedger>,
    inboxes: &[mpsc::Sender<Vec<ReadRecord>>],
) -> Result<ShardStage, LiveError> {
    let ended = || if context.cancellation.is_stopped() { ShardStage::Stopped } else { ShardStage::Reached };
    loop {
        let asked_at = now_millis();
        let mut page = tokio::select! {
            biased;
            () = context.cancellation.reaches(CancellationLevel::ReadNoMore) => return Ok(ended()),
            page = reader.next_page() => page?,
        };
        statuses.is_answered(page.behind);
        let is_end = context.end.is_with(&page, asked_at);
        let is_last = page.is_last;
        let wanted = page.records.iter().position(|record| context.end.is_before(record));
        let wanted = wanted.unwrap_or(page.records.len());
        let affordable = afford(context, wanted);
        let is_cut = affordable < page.records.len();
        page.records.truncate(affordable);
        if affordable < wanted || context.budget.as_ref().is_some_and(|budget| budget.get() == 0) {
            context.cancellation.read_no_more();
        }
        let dealt = deal(page.records, read_ledger, inboxes.len());
        statuses.holds(read_ledger.borrow().oldest_arrival());
        let dealt = inboxes.iter().zip(dealt);
        let sent = dealt.filter(|(_, records)| !records.is_empty()).map(|(inbox, records)| inbox.send(records));
        // All at once: a lane that stands still must not keep a page from the others.
        tokio::select! {
            biased;
            () = context.cancellation.reaches(CancellationLevel::Stop) => return Ok(ShardStage::Stopped),
            results = join_all(sent) => if results.iter().any(Result::is_err) { return Ok(ShardStage::Stopped) },
        }
        if is_cut {
            return Ok(ShardStage::Reached);
        }
        // Before the end that was asked for: a closed shard ends with an empty page, up to date with itself, and what came
        // after it is in its children.
        if is_last {
            return Ok(ShardStage::Ended);
        }
        if is_end {
            return Ok(ShardStage::Reached);
        }
    }
}

/// How many of so many records may be read.
fn afford(context: &RunContext<'_>, wanted: usize) -> usize {
    let Some(budget) = &context.budget else { return wanted };
    let affordable = usize::try_from(budget.get()).unwrap_or(usize::MAX).min(wanted);
    budget.set(budget.get() - affordable as u64);
    affordable
}

/// Records by lane: all of a partition key in one, so that no two of them are under way at once.
fn deal(records: Vec<Record>, read_ledger: &RefCell<ReadLedger>, lanes: usize) -> Vec<Vec<ReadRecord>> {
    let mut dealt: Vec<Vec<ReadRecord>> = (0..lanes).map(|_| Vec::new()).collect();
    let mut read_ledger = read_ledger.borrow_mut();
    for record in records {
        let number = read_ledger.read(&record.sequence_number, arrived_at(&record));
        let lane = if lanes == 1 { 0 } else { lane_of(record.partition_key(), lanes) };
        dealt[lane].push(ReadRecord { number, record });
    }
    dealt
}

fn lane_of(partition_key: Option<&str>, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    partition_key.hash(&mut hasher);
    usize::try_from(hasher.finish() % lanes as u64).unwrap_or_default()
}

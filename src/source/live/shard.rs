//! One shard, from where it starts to its end: a reader, and lanes that deliver what it reads.

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};

use aws_sdk_kinesis::types::Record;
use futures_util::future::join_all;
use tokio::sync::mpsc;

use super::commits::progress;
use super::context::{LaneContext, RunContext, RunStopped};
use super::followed::ReadyShard;
use super::in_flight::InFlight;
use super::lane::{ReadRecord, ShardLane};
use super::page::arrived_at;
use super::read_ledger::ReadLedger;
use super::refusal::LiveError;
use super::statuses::{ShardBoard, ShardStage};

/// Follows a shard until it ends, or reading does, and all that was read of it is done with.
pub(super) async fn follow(context: &RunContext<'_>, ready: ReadyShard) -> Result<ShardStage, LiveError> {
    let ReadyShard { statuses, mut reader, gone, cancellation } = ready;
    let statuses: &ShardBoard = &statuses;
    if let Err(error) = context.commits.begin(statuses.shard(), gone.as_ref(), context.is_forced).await {
        statuses.is_at(ShardStage::Stopped);
        return Err(error);
    }
    let read_ledger = RefCell::new(ReadLedger::new(context.lanes));
    let in_flight = InFlight::new(context.limits.in_flight);
    let mut inboxes = Vec::new();
    let mut lanes = Vec::new();
    for index in 0..context.lanes {
        let (inbox, receiver) = mpsc::channel(1);
        inboxes.push(inbox);
        let lane = LaneContext {
            index,
            run: context,
            cancellation: &cancellation,
            statuses,
            read_ledger: &read_ledger,
            in_flight: &in_flight,
        };
        lanes.push(ShardLane::new(lane, receiver).run());
    }
    let read = async {
        // The lanes end with their inboxes.
        let inboxes = inboxes;
        let give = async |records| give(records, statuses, &read_ledger, &in_flight, &inboxes).await;
        context.reading.read(&cancellation, statuses, &mut reader, give).await
    };
    let (stage, lane_ends) = tokio::join!(read, join_all(lanes));
    let last = progress(statuses, &read_ledger.borrow());
    context.commits.leave(statuses, last).await;
    let is_stopped = lane_ends.iter().any(Result::is_err);
    let stage = if is_stopped { stage.map(|_| ShardStage::Stopped) } else { stage };
    statuses.is_at(stage.as_ref().map_or(ShardStage::Stopped, |stage| *stage));
    stage
}

/// Deals the records of a page out to the lanes, as there is room for them.
async fn give(
    records: Vec<Record>,
    statuses: &ShardBoard,
    read_ledger: &RefCell<ReadLedger>,
    in_flight: &InFlight,
    inboxes: &[mpsc::Sender<Vec<ReadRecord>>],
) -> Result<(), RunStopped> {
    let mut records = records.into_iter();
    while records.len() > 0 {
        let room = in_flight.room(read_ledger).await;
        let dealt = deal(records.by_ref().take(room), read_ledger, inboxes.len());
        statuses.holds(read_ledger.borrow().oldest_arrival());
        in_flight.has_changed();
        let dealt = inboxes.iter().zip(dealt);
        let sent = dealt.filter(|(_, records)| !records.is_empty()).map(|(inbox, records)| inbox.send(records));
        // All at once: a lane that stands still must not keep a page from the others.
        if join_all(sent).await.iter().any(Result::is_err) {
            return Err(RunStopped);
        }
    }
    Ok(())
}

/// Records by lane: all of a partition key in one, so that no two of them are under way at once.
fn deal(
    records: impl Iterator<Item = Record>,
    read_ledger: &RefCell<ReadLedger>,
    lanes: usize,
) -> Vec<Vec<ReadRecord>> {
    let mut dealt: Vec<Vec<ReadRecord>> = (0..lanes).map(|_| Vec::new()).collect();
    let mut read_ledger = read_ledger.borrow_mut();
    for record in records {
        let number = read_ledger.read(&record.sequence_number, arrived_at(&record));
        let lane = if lanes == 1 { 0 } else { lane_of(record.partition_key(), lanes) };
        dealt[lane].push(ReadRecord { number, record, ends_batch: false });
    }
    dealt
}

fn lane_of(partition_key: Option<&str>, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    partition_key.hash(&mut hasher);
    usize::try_from(hasher.finish() % lanes as u64).unwrap_or_default()
}

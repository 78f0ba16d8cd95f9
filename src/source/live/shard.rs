//! One shard, from where it starts to its end: a reader, and lanes that deliver what it reads.

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};

use aws_sdk_kinesis::types::Record;
use futures_util::future::join_all;
use tokio::sync::mpsc;

use super::board::{ShardBoard, Stage};
use super::clock::now;
use super::commits::progress;
use super::context::{Context, LaneContext};
use super::halt::Level;
use super::lane::{Lane, Taken};
use super::ledger::Ledger;
use super::page::arrived_at;
use super::reader::Reader;
use super::refusal::LiveError;

/// Follows a shard until it ends, or reading does, and all that was read of it is done with.
pub(super) async fn follow(context: &Context<'_>, board: &ShardBoard, mut reader: Reader) -> Result<Stage, LiveError> {
    let ledger = RefCell::new(Ledger::new(context.lanes));
    let mut inboxes = Vec::new();
    let mut lanes = Vec::new();
    for index in 0..context.lanes {
        let (inbox, receiver) = mpsc::channel(1);
        inboxes.push(inbox);
        let lane = LaneContext { index, run: context, board, ledger: &ledger };
        lanes.push(Lane::new(lane, receiver).run());
    }
    let read = async {
        // The lanes end with their inboxes.
        let inboxes = inboxes;
        read(context, board, &mut reader, &ledger, &inboxes).await
    };
    let (stage, lane_ends) = tokio::join!(read, join_all(lanes));
    let last = progress(board, &ledger.borrow());
    context.commits.note_last(board, last).await;
    let is_stopped = lane_ends.iter().any(Result::is_err);
    let stage = if is_stopped { stage.map(|_| Stage::Stopped) } else { stage };
    board.is_at(stage.as_ref().map_or(Stage::Stopped, |stage| *stage));
    stage
}

/// Reads page after page, and deals the records out to the lanes.
async fn read(
    context: &Context<'_>,
    board: &ShardBoard,
    reader: &mut Reader,
    ledger: &RefCell<Ledger>,
    inboxes: &[mpsc::Sender<Vec<Taken>>],
) -> Result<Stage, LiveError> {
    let ended = || if context.halt.is_stopped() { Stage::Stopped } else { Stage::Reached };
    loop {
        let asked_at = now();
        let mut page = tokio::select! {
            biased;
            () = context.halt.reaches(Level::ReadNoMore) => return Ok(ended()),
            page = reader.next_page() => page?,
        };
        board.is_behind(page.behind);
        let is_end = context.end.is_with(&page, asked_at);
        let is_last = page.is_last;
        let wanted = page.records.iter().position(|record| context.end.is_before(record));
        let wanted = wanted.unwrap_or(page.records.len());
        let affordable = afford(context, wanted);
        let is_cut = affordable < page.records.len();
        page.records.truncate(affordable);
        if affordable < wanted || context.budget.as_ref().is_some_and(|budget| budget.get() == 0) {
            context.halt.read_no_more();
        }
        let dealt = inboxes.iter().zip(deal(page.records, ledger, inboxes.len()));
        let sent = dealt.filter(|(_, records)| !records.is_empty()).map(|(inbox, records)| inbox.send(records));
        // All at once: a lane that stands still must not keep a page from the others.
        tokio::select! {
            biased;
            () = context.halt.reaches(Level::Stop) => return Ok(Stage::Stopped),
            results = join_all(sent) => if results.iter().any(Result::is_err) { return Ok(Stage::Stopped) },
        }
        if is_cut || is_end {
            return Ok(Stage::Reached);
        }
        if is_last {
            return Ok(Stage::Ended);
        }
    }
}

/// How many of so many records may be read.
fn afford(context: &Context<'_>, wanted: usize) -> usize {
    let Some(budget) = &context.budget else { return wanted };
    let affordable = usize::try_from(budget.get()).unwrap_or(usize::MAX).min(wanted);
    budget.set(budget.get() - affordable as u64);
    affordable
}

/// Records by lane: all of a partition key in one, so that no two of them are under way at once.
fn deal(records: Vec<Record>, ledger: &RefCell<Ledger>, lanes: usize) -> Vec<Vec<Taken>> {
    let mut dealt: Vec<Vec<Taken>> = (0..lanes).map(|_| Vec::new()).collect();
    let mut ledger = ledger.borrow_mut();
    for record in records {
        let number = ledger.read(&record.sequence_number, arrived_at(&record));
        let lane = if lanes == 1 { 0 } else { lane_of(record.partition_key(), lanes) };
        dealt[lane].push(Taken { number, record });
    }
    dealt
}

fn lane_of(partition_key: Option<&str>, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    partition_key.hash(&mut hasher);
    usize::try_from(hasher.finish() % lanes as u64).unwrap_or_default()
}

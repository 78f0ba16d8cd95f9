//! The verdicts of a batch as they come from its workers, put back into shard order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use std::vec;

use tokio::sync::mpsc;

use super::emissions::OutputArena;
use super::group::{Grouping, SentGroup, VerdictEntry, is_full, size};
use super::memory::MemoryPermit;
use super::shares::Shares;
use super::verdict::Verdict;

/// Verdicts on consecutive events, in shard order.
#[derive(Debug, Default)]
pub struct VerdictChunk {
    /// The index of the first event.
    pub first: usize,
    /// One verdict an event.
    pub verdicts: Vec<Verdict>,
    /// Time that went into them on the threads of the workers: not what those waited for.
    pub busy: Duration,
    /// Their share of what may be in memory.
    rooms: Vec<MemoryPermit>,
}

/// The verdicts of one batch, as they come. Dropped, it tells the workers to stop.
#[derive(Debug)]
pub struct GuestRun {
    lanes: Vec<WorkerLane>,
    shares: Shares,
    grouping: Grouping,
    cancelled: Arc<AtomicBool>,
    /// The index of the last event that is of use, as far as any of the workers knows.
    last: Arc<AtomicUsize>,
    /// The index of the event whose verdict comes next.
    next: usize,
    /// The index behind the last event.
    end: usize,
    /// What is not enough of a group yet.
    pending: VerdictChunk,
    pending_bytes: usize,
}

/// What comes from one worker.
#[derive(Debug)]
struct WorkerLane {
    groups: mpsc::UnboundedReceiver<SentGroup>,
    /// What is left of the group in hand, ...
    entries: vec::IntoIter<VerdictEntry>,
    /// ... and what belongs to all of it.
    arena: Arc<OutputArena>,
    busy: Duration,
    permit: Option<MemoryPermit>,
}

/// What there is without waiting.
enum ReadyVerdicts {
    Chunk(VerdictChunk),
    /// The next verdict is this worker's.
    WaitsFor(usize),
    /// There will be no more.
    Nothing,
}

impl WorkerLane {
    fn put(&mut self, group: SentGroup) {
        self.entries = group.entries.into_iter();
        self.arena = group.arena;
        self.busy = group.busy;
        self.permit = Some(group.permit);
    }
}

impl GuestRun {
    /// Of the events from `first` to before `end`, by as many workers as there are lanes.
    pub(super) fn new(
        lanes: Vec<mpsc::UnboundedReceiver<SentGroup>>,
        shares: Shares,
        grouping: Grouping,
        cancelled: Arc<AtomicBool>,
        last: Arc<AtomicUsize>,
        (first, end): (usize, usize),
    ) -> Self {
        let lane = |groups| WorkerLane {
            groups,
            entries: Vec::new().into_iter(),
            arena: Arc::default(),
            busy: Duration::ZERO,
            permit: None,
        };
        Self {
            lanes: lanes.into_iter().map(lane).collect(),
            shares,
            grouping,
            cancelled,
            last,
            next: first,
            end,
            pending: VerdictChunk { first, ..VerdictChunk::default() },
            pending_bytes: 0,
        }
    }

    /// The next verdicts, in order; none when the batch is done, or the workers stopped early.
    pub async fn next(&mut self) -> Option<VerdictChunk> {
        loop {
            match self.ready() {
                ReadyVerdicts::Chunk(chunk) => return Some(chunk),
                ReadyVerdicts::Nothing => return None,
                ReadyVerdicts::WaitsFor(lane) => match self.lanes[lane].groups.recv().await {
                    Some(group) => self.lanes[lane].put(group),
                    // It stopped: what others have behind its next event is of no use.
                    None => return self.hand_over(),
                },
            }
        }
    }

    /// Verdicts that are there without waiting for them.
    pub fn next_ready(&mut self) -> Option<VerdictChunk> {
        match self.ready() {
            ReadyVerdicts::Chunk(chunk) => Some(chunk),
            ReadyVerdicts::WaitsFor(_) | ReadyVerdicts::Nothing => None,
        }
    }

    fn ready(&mut self) -> ReadyVerdicts {
        // Behind the last event that is of use nothing has to be waited for, whatever another worker is busy with. The
        // worker that had it said so before it handed its verdict over.
        while self.next < self.end && self.next <= self.last.load(Ordering::Relaxed) {
            let number = self.shares.worker_of(self.next);
            let Some(lane) = self.lanes.get_mut(number) else { break };
            if lane.entries.len() == 0 {
                match lane.groups.try_recv() {
                    Ok(group) => lane.put(group),
                    Err(_) if self.grouping == Grouping::Promptly && !self.pending.verdicts.is_empty() => break,
                    Err(_) => return ReadyVerdicts::WaitsFor(number),
                }
            }
            if self.shares.is_one() {
                // It groups as is wanted, and all of it is in order.
                let entries = std::mem::take(&mut lane.entries);
                self.pending.verdicts = entries.map(|entry| entry.into_verdict(&lane.arena)).collect();
                self.next += self.pending.verdicts.len();
            } else {
                self.pending_bytes += self.pending.take(lane);
                self.next += 1;
            }
            if lane.entries.len() == 0 {
                self.pending.busy += std::mem::take(&mut lane.busy);
                self.pending.rooms.extend(lane.permit.take());
            }
            if self.shares.is_one() || is_full(self.pending.verdicts.len(), self.pending_bytes) {
                break;
            }
        }
        self.hand_over().map_or(ReadyVerdicts::Nothing, ReadyVerdicts::Chunk)
    }

    /// What is pending, if anything is.
    fn hand_over(&mut self) -> Option<VerdictChunk> {
        if self.pending.verdicts.is_empty() {
            return None;
        }
        self.pending_bytes = 0;
        Some(std::mem::replace(&mut self.pending, VerdictChunk { first: self.next, ..VerdictChunk::default() }))
    }
}

impl VerdictChunk {
    /// Takes a lane's next verdict, and says what it takes of memory.
    fn take(&mut self, lane: &mut WorkerLane) -> usize {
        let verdict = lane.entries.next().map(|entry| entry.into_verdict(&lane.arena));
        let bytes = verdict.as_ref().map_or(0, size);
        self.verdicts.extend(verdict);
        bytes
    }
}

impl Drop for GuestRun {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::time::Instant;

    use super::*;
    use crate::event::{Batch, Record};
    use crate::transform::group::VerdictGroup;
    use crate::transform::memory::MemoryBudget;

    const EVENTS: usize = 40;

    fn batch() -> Batch {
        let mut batch = Batch::builder("arn", "shardId-000000000000");
        for index in 0..EVENTS {
            let (partition_key, sequence_number) = (format!("key-{index}"), index.to_string());
            let record = Record {
                partition_key: &partition_key,
                sequence_number: &sequence_number,
                sub_sequence_number: 0,
                arrived_at: 0,
            };
            batch.push_bytes(record, b"").expect("pushed");
        }
        batch.build()
    }

    /// What there is without waiting.
    fn poll(run: &mut GuestRun) -> Poll<Option<VerdictChunk>> {
        pin!(run.next()).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn hand_over(lane: &mpsc::UnboundedSender<SentGroup>, verdicts: Vec<Verdict>) {
        let mut group = VerdictGroup::new(Instant::now());
        verdicts.into_iter().for_each(|verdict| group.push(verdict.into()));
        let permit = Arc::new(MemoryBudget::new(1 << 20)).take(0);
        lane.send(group.hand_over(Duration::ZERO, permit)).expect("somebody waits");
    }

    /// Two workers, of which the other one is busy for ever: whose turn is it after so many events of the first?
    fn with_a_busy_worker(grouping: Grouping, last: Option<Verdict>) -> (usize, Poll<Option<VerdictChunk>>, GuestRun) {
        let batch = batch();
        let shares = Shares::by_key(&batch, 0, 2);
        let at_work = shares.worker_of(0);
        // All that the one at work has before it is the other one's turn.
        let events = (0..EVENTS).take_while(|index| shares.worker_of(*index) == at_work).count();
        assert!(events < EVENTS, "the other one has events, too");
        let (groups, lanes): (Vec<_>, Vec<_>) = (0..2).map(|_| mpsc::unbounded_channel()).unzip();
        let last_index = Arc::new(AtomicUsize::new(usize::MAX));
        let mut verdicts: Vec<Verdict> = (0..events).map(|_| Verdict::Keep).collect();
        if let Some(verdict) = last {
            verdicts[events - 1] = verdict;
            last_index.store(events - 1, Ordering::Relaxed);
        }
        hand_over(&groups[at_work], verdicts);
        let mut run = GuestRun::new(lanes, shares, grouping, Arc::default(), last_index, (0, EVENTS));
        let polled = poll(&mut run);
        // As long as this lives, more may come.
        std::mem::forget(groups);
        (events, polled, run)
    }

    #[test]
    fn a_verdict_that_ends_the_batch_waits_for_nobody() {
        for grouping in [Grouping::Promptly, Grouping::ByContent] {
            let unavailable = || Verdict::Unavailable("gone".to_owned());
            for last in [Verdict::Retry("later".to_owned()), Verdict::Interrupted, unavailable()] {
                let (events, polled, mut run) = with_a_busy_worker(grouping, Some(last));
                let Poll::Ready(Some(chunk)) = polled else { panic!("{grouping:?}: {polled:?}") };
                assert_eq!((chunk.first, chunk.verdicts.len()), (0, events));
                assert!(matches!(poll(&mut run), Poll::Ready(None)));
            }
        }
    }

    #[test]
    fn a_group_by_content_waits_for_whose_turn_it_is() {
        let (_, polled, _run) = with_a_busy_worker(Grouping::ByContent, None);
        assert!(polled.is_pending(), "{polled:?}");
        let (events, polled, _run) = with_a_busy_worker(Grouping::Promptly, None);
        let Poll::Ready(Some(chunk)) = polled else { panic!("{polled:?}") };
        assert_eq!(chunk.verdicts.len(), events);
    }
}

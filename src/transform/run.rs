//! The verdicts of a batch as they come from its guests, put back into shard order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::vec;

use tokio::sync::mpsc;

use super::Verdict;
use super::emissions::Shelf;
use super::group::{Entry, HandedOver, is_full, size};
use super::guest::Grouping;
use super::memory::Room;
use super::shares::Shares;

/// Verdicts on consecutive events, in shard order.
#[derive(Debug, Default)]
pub struct Chunk {
    /// The index of the first event.
    pub first: usize,
    /// One verdict an event.
    pub verdicts: Vec<Verdict>,
    /// Time that went into them on the threads of the guests: not what those waited for.
    pub busy: Duration,
    /// Their share of what may be in memory.
    rooms: Vec<Room>,
}

/// The verdicts of one batch, as they come. Dropped, it tells the guests to stop.
#[derive(Debug)]
pub struct Run {
    lanes: Vec<Lane>,
    shares: Shares,
    grouping: Grouping,
    cancelled: Arc<AtomicBool>,
    /// The index of the event whose verdict comes next.
    next: usize,
    /// The index behind the last event.
    end: usize,
    /// What is not enough of a group yet.
    pending: Chunk,
    pending_bytes: usize,
}

/// What comes from one guest.
#[derive(Debug)]
struct Lane {
    groups: mpsc::UnboundedReceiver<HandedOver>,
    /// What is left of the group in hand, ...
    entries: vec::IntoIter<Entry>,
    /// ... and what belongs to all of it.
    shelf: Arc<Shelf>,
    busy: Duration,
    room: Option<Room>,
}

/// What there is without waiting.
enum Ready {
    Chunk(Chunk),
    /// The next verdict is this guest's.
    WaitsFor(usize),
    /// There will be no more.
    Nothing,
}

impl Lane {
    fn put(&mut self, group: HandedOver) {
        self.entries = group.entries.into_iter();
        self.shelf = group.shelf;
        self.busy = group.busy;
        self.room = Some(group.room);
    }
}

impl Run {
    /// Of the events from `first` to before `end`, by as many guests as there are lanes.
    pub(super) fn new(
        lanes: Vec<mpsc::UnboundedReceiver<HandedOver>>,
        shares: Shares,
        grouping: Grouping,
        cancelled: Arc<AtomicBool>,
        (first, end): (usize, usize),
    ) -> Self {
        let lane = |groups| Lane {
            groups,
            entries: Vec::new().into_iter(),
            shelf: Arc::default(),
            busy: Duration::ZERO,
            room: None,
        };
        Self {
            lanes: lanes.into_iter().map(lane).collect(),
            shares,
            grouping,
            cancelled,
            next: first,
            end,
            pending: Chunk { first, ..Chunk::default() },
            pending_bytes: 0,
        }
    }

    /// The next verdicts, in order; none when the batch is done, or the guests stopped early.
    pub async fn next(&mut self) -> Option<Chunk> {
        loop {
            match self.ready() {
                Ready::Chunk(chunk) => return Some(chunk),
                Ready::Nothing => return None,
                Ready::WaitsFor(lane) => match self.lanes[lane].groups.recv().await {
                    Some(group) => self.lanes[lane].put(group),
                    // It stopped: what others have behind its next event is of no use.
                    None => return self.hand_over(),
                },
            }
        }
    }

    /// Verdicts that are there without waiting for them.
    pub fn next_ready(&mut self) -> Option<Chunk> {
        match self.ready() {
            Ready::Chunk(chunk) => Some(chunk),
            Ready::WaitsFor(_) | Ready::Nothing => None,
        }
    }

    fn ready(&mut self) -> Ready {
        while self.next < self.end {
            let number = self.shares.guest_of(self.next);
            let lane = &mut self.lanes[number];
            if lane.entries.len() == 0 {
                match lane.groups.try_recv() {
                    Ok(group) => lane.put(group),
                    Err(_) if self.grouping == Grouping::Promptly && !self.pending.verdicts.is_empty() => break,
                    Err(_) => return Ready::WaitsFor(number),
                }
            }
            if self.shares.is_one() {
                // It groups as is wanted, and all of it is in order.
                let entries = std::mem::take(&mut lane.entries);
                self.pending.verdicts = entries.map(|entry| entry.into_verdict(&lane.shelf)).collect();
                self.next += self.pending.verdicts.len();
            } else {
                self.pending_bytes += self.pending.take(lane);
                self.next += 1;
            }
            if lane.entries.len() == 0 {
                self.pending.busy += std::mem::take(&mut lane.busy);
                self.pending.rooms.extend(lane.room.take());
            }
            if self.shares.is_one() || is_full(self.pending.verdicts.len(), self.pending_bytes) {
                break;
            }
        }
        self.hand_over().map_or(Ready::Nothing, Ready::Chunk)
    }

    /// What is pending, if anything is.
    fn hand_over(&mut self) -> Option<Chunk> {
        if self.pending.verdicts.is_empty() {
            return None;
        }
        self.pending_bytes = 0;
        Some(std::mem::replace(&mut self.pending, Chunk { first: self.next, ..Chunk::default() }))
    }
}

impl Chunk {
    /// Takes a lane's next verdict, and says what it takes of memory.
    fn take(&mut self, lane: &mut Lane) -> usize {
        let verdict = lane.entries.next().map(|entry| entry.into_verdict(&lane.shelf));
        let bytes = verdict.as_ref().map_or(0, size);
        self.verdicts.extend(verdict);
        bytes
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

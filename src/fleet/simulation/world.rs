//! Time, the table, the network, and the processes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::env;
use std::sync::Arc;
use std::time::Duration;

use super::super::options::FleetOptions;
use super::super::row::{LeaseRow, ShardKey};
use super::super::write::{LeaseExpectation, LeaseWrite, RefusedWrite, WriteAnswer};
use super::BrokenRule;
use super::audit::Audit;
use super::foreign::{ForeignClient, ForeignStep};
use super::process::{Node, Told};
use super::stream::{ModelRecord, ModelStream};

pub(super) const STREAM: &str = "readings";

/// The time of day when the story begins, in milliseconds since the Unix epoch.
pub(super) const NOON: u64 = 1_790_000_000_000;

/// How many records are delivered at once.
pub(super) const BATCH: usize = 20;

pub(super) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How bad the world is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weather {
    /// Of a thousand requests, those that are lost, those whose answers are, and those that arrive up to a minute late.
    pub(super) lost: u64,
    pub(super) unanswered: u64,
    pub(super) late: u64,
}

/// How often the table and the stream were asked for something.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Requests {
    pub(super) writes: u64,
    /// Reads of all rows, and the rows of them.
    pub(super) looks: u64,
    pub(super) rows: u64,
    pub(super) listings: u64,
}

/// What happens.
#[derive(Debug)]
pub(super) enum WorldEvent {
    Tick(usize),
    /// A write is at the table.
    Arrives {
        node: usize,
        id: u64,
        key: ShardKey,
        write: LeaseWrite,
        is_answered: bool,
    },
    /// A process is told something.
    Told {
        node: usize,
        life: u64,
        what: Told,
    },
    /// Records are where they belong.
    Lands {
        node: usize,
        key: ShardKey,
        tenure: u64,
        records: Vec<ModelRecord>,
    },
    Wakes(usize),
    /// A client of another kind goes on.
    Foreign(usize, ForeignStep),
    Puts,
}

/// Orders events by time, and those of one time by when they were made.
#[derive(Debug)]
struct Scheduled(Duration, u64, WorldEvent);

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Scheduled {}
impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Duration,
    pub(super) random: fastrand::Rng,
    pub(super) table: BTreeMap<ShardKey, LeaseRow>,
    /// Rows as they were, for reads that are not of the last state.
    past: Vec<(Duration, ShardKey, Option<LeaseRow>)>,
    pub(super) stream: ModelStream,
    pub(super) nodes: Vec<Node>,
    pub(super) foreign: Vec<ForeignClient>,
    pub(super) audit: Audit,
    pub(super) weather: Weather,
    pub(super) puts: bool,
    pub(super) options: FleetOptions,
    /// What the table and the stream were asked for.
    pub(super) requests: Requests,
    pub(super) hand_overs: u64,
    /// Whether the story is told while it is played.
    is_told: bool,
    pub(super) broken: Option<BrokenRule>,
    events: BinaryHeap<Reverse<Scheduled>>,
    scheduled: u64,
    pub(super) next_tenure: u64,
}

impl World {
    pub(super) fn new(seed: u64, shards: u32, broken: Option<BrokenRule>) -> Self {
        let mut world = Self {
            now: Duration::ZERO,
            random: fastrand::Rng::with_seed(seed),
            table: BTreeMap::new(),
            past: Vec::new(),
            stream: ModelStream::with_shards(shards),
            nodes: Vec::new(),
            foreign: Vec::new(),
            is_told: env::var_os("SIMULATION_TRACE").is_some(),
            audit: Audit::default(),
            weather: Weather::default(),
            puts: true,
            options: FleetOptions::default(),
            requests: Requests::default(),
            hand_overs: 0,
            broken,
            events: BinaryHeap::new(),
            scheduled: 0,
            next_tenure: 0,
        };
        world.schedule(millis(0), WorldEvent::Puts);
        world
    }

    pub(super) fn alive(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].is_alive).collect()
    }

    /// Plays on for so long, as long as nothing is wrong.
    pub(super) fn play(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(Reverse(next)) = self.events.peek() {
            if next.0 > until || !self.audit.violations.is_empty() {
                break;
            }
            let Some(Reverse(Scheduled(at, _, event))) = self.events.pop() else { break };
            self.now = at;
            self.happens(event);
        }
        self.now = until;
    }

    pub(super) fn schedule(&mut self, after: Duration, event: WorldEvent) {
        self.scheduled += 1;
        self.events.push(Reverse(Scheduled(self.now + after, self.scheduled, event)));
    }

    fn happens(&mut self, event: WorldEvent) {
        match event {
            WorldEvent::Puts => {
                if self.puts {
                    let mut random = self.random.fork();
                    self.stream.put(&mut random);
                }
                self.schedule(millis(1000), WorldEvent::Puts);
            }
            WorldEvent::Tick(node) => {
                if self.nodes[node].is_alive {
                    if !self.nodes[node].asleep {
                        self.tick(node);
                    }
                    self.schedule(millis(500), WorldEvent::Tick(node));
                }
            }
            WorldEvent::Arrives { node, id, key, write, is_answered } => {
                let answer = self.writes_row(node, &key, &write);
                if is_answered {
                    self.tells(node, Told::Answer(id, key, answer));
                }
            }
            WorldEvent::Told { node, life, what } => {
                if self.nodes[node].life != life || !self.nodes[node].is_alive {
                    return;
                }
                if self.nodes[node].asleep {
                    return self.nodes[node].deferred.push(what);
                }
                self.is_told(node, what);
            }
            WorldEvent::Lands { node, key, tenure, records } => {
                let name = self.nodes[node].name.clone();
                self.audit.delivers(&key, tenure, &name, &records);
                let last = records.last().map(|record| record.number);
                let life = self.nodes[node].life;
                self.schedule(millis(1), WorldEvent::Told { node, life, what: Told::Works(key, tenure, last) });
            }
            WorldEvent::Foreign(client, step) => self.goes_on(client, step),
            WorldEvent::Wakes(node) => {
                self.nodes[node].asleep = false;
                let mut deferred = std::mem::take(&mut self.nodes[node].deferred);
                // What was ready meanwhile comes in any order, before or after the member looks at its clock.
                self.random.shuffle(&mut deferred);
                for what in deferred {
                    if self.nodes[node].is_alive {
                        self.is_told(node, what);
                    }
                }
            }
        }
    }

    fn writes_row(&mut self, node: usize, key: &ShardKey, write: &LeaseWrite) -> WriteAnswer {
        self.requests.writes += 1;
        let before = self.table.get(key).cloned();
        self.tell(|world| format!("{} writes {key} {write:?}", world.nodes[node].name));
        match self.broken_write(before.as_ref(), write).apply(before.as_ref()) {
            Ok(row) => {
                self.hand_overs += u64::from(matches!(write, LeaseWrite::Pass { .. }));
                self.sets(&self.nodes[node].name.clone(), key, row.clone());
                WriteAnswer::Done(row)
            }
            Err(RefusedWrite) => WriteAnswer::Refused(before),
        }
    }

    /// Tells what happens, where somebody listens.
    pub(super) fn tell(&self, what: impl Fn(&Self) -> String) {
        if self.is_told {
            println!("{:>10.3} {}", self.now.as_secs_f64(), what(self));
        }
    }

    /// A row is another one from now on.
    pub(super) fn sets(&mut self, who: &str, key: &ShardKey, row: Option<LeaseRow>) {
        let before = self.table.get(key).cloned();
        self.audit.writes(key, who, before.as_ref(), row.as_ref());
        self.past.push((self.now, key.clone(), before));
        match row {
            Some(row) => self.table.insert(key.clone(), row),
            None => self.table.remove(key),
        };
    }

    /// A write as it would be with a rule broken.
    fn broken_write(&self, before: Option<&LeaseRow>, write: &LeaseWrite) -> LeaseWrite {
        let mut write = write.clone();
        let hold = before.and_then(|row| row.hold.clone());
        let fence = match &mut write {
            LeaseWrite::Renew { fence, .. } | LeaseWrite::Pass { fence, .. } | LeaseWrite::Release { fence, .. } => {
                Some(fence)
            }
            _ => None,
        };
        match (self.broken, fence, hold) {
            (Some(BrokenRule::FencedByNameOnly), Some(fence), Some(hold)) if hold.client == fence.client => {
                fence.timeouts.push(hold.timeout);
            }
            (Some(BrokenRule::PositionsUnconditional), Some(fence), Some(hold)) => {
                fence.client = hold.client;
                fence.timeouts.push(hold.timeout);
            }
            (Some(BrokenRule::ClaimsUnconditional), None, Some(hold)) => {
                if let LeaseWrite::Claim { expects, .. } = &mut write {
                    *expects = LeaseExpectation::Client(hold.client);
                }
            }
            _ => {}
        }
        write
    }

    /// All rows, each as it was up to a second ago, or as it is.
    pub(super) fn rows(&mut self, is_exact: bool) -> Vec<(Arc<str>, LeaseRow)> {
        let now = self.now;
        self.past.retain(|(until, _, _)| *until + millis(2000) > now);
        let age = if is_exact { 0 } else { self.random.u64(..1000) };
        let at = self.now.saturating_sub(millis(age));
        let mut rows: BTreeMap<ShardKey, Option<LeaseRow>> =
            self.table.iter().map(|(key, row)| (key.clone(), Some(row.clone()))).collect();
        for (until, key, row) in self.past.iter().rev() {
            if *until > at {
                rows.insert(key.clone(), row.clone());
            }
        }
        rows.into_iter().filter_map(|(key, row)| Some((key.shard, row?))).collect()
    }
}

//! A process of ours: a member of the fleet, what reads and delivers its shards, and the network between it and the table.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::member::{FleetEffect, FleetMember, FleetShardStart, FleetTime, ShardListing};
use super::super::row::{LeaseRow, ShardKey, ShardLoad};
use super::super::write::WriteAnswer;
use super::BrokenRule;
use super::world::{BATCH, NOON, STREAM, Weather, World, WorldEvent, millis};

#[derive(Debug, Clone)]
pub(super) enum Told {
    Listed(Vec<ShardListing>),
    Rows(Option<Vec<(Arc<str>, LeaseRow)>>),
    Row(ShardKey, Option<LeaseRow>),
    Answer(u64, ShardKey, WriteAnswer),
    /// It is time to deliver, or the delivery up to this number is done.
    Works(ShardKey, u64, Option<u64>),
}

#[derive(Debug)]
pub(super) struct Consumer {
    tenure: u64,
    position: Option<u64>,
    in_flight: bool,
    is_draining: bool,
}

/// A process.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) member: FleetMember,
    pub(super) is_alive: bool,
    /// Counts its starts, so that nothing is told to a later one.
    pub(super) life: u64,
    pub(super) asleep: bool,
    /// How far its time of day is off, in milliseconds.
    skew: i64,
    pub(super) deferred: Vec<Told>,
    consumers: BTreeMap<ShardKey, Consumer>,
}

impl World {
    /// A process begins.
    pub(super) fn join(&mut self, name: &str) -> usize {
        let seed = self.random.u64(..);
        let mut member = FleetMember::new(name.to_owned(), [Arc::from(STREAM)], self.options.clone(), seed);
        member.broken = self.broken;
        let skew = self.random.i64(-300_000..300_000);
        let node = Node {
            name: name.to_owned(),
            member,
            is_alive: true,
            life: 0,
            asleep: false,
            skew,
            deferred: Vec::new(),
            consumers: BTreeMap::new(),
        };
        self.nodes.push(node);
        let index = self.nodes.len() - 1;
        self.schedule(millis(0), WorldEvent::Tick(index));
        index
    }

    pub(super) fn crash(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        node.is_alive = false;
        node.life += 1;
        node.consumers.clear();
    }

    pub(super) fn pause(&mut self, node: usize, span: Duration) {
        if self.nodes[node].is_alive && !self.nodes[node].asleep {
            self.nodes[node].asleep = true;
            self.schedule(span, WorldEvent::Wakes(node));
        }
    }

    pub(super) fn ends(&mut self, node: usize) {
        self.nodes[node].member.end();
    }

    /// The time of day of a process jumps.
    pub(super) fn skew(&mut self, node: usize, by: i64) {
        self.nodes[node].skew += by;
    }

    fn time_of(&self, node: usize) -> FleetTime {
        let wall = i64::try_from(NOON).unwrap_or_default()
            + i64::try_from(self.now.as_millis()).unwrap_or_default()
            + self.nodes[node].skew;
        FleetTime { elapsed: self.now, wall: u64::try_from(wall).unwrap_or_default() }
    }

    pub(super) fn tells(&mut self, node: usize, what: Told) {
        let (after, life) = (millis(2 + self.random.u64(..50)), self.nodes[node].life);
        self.schedule(after, WorldEvent::Told { node, life, what });
    }

    pub(super) fn is_told(&mut self, node: usize, what: Told) {
        let now = self.time_of(node);
        let member = &mut self.nodes[node].member;
        let stream: Arc<str> = STREAM.into();
        match what {
            Told::Listed(shards) => member.listed(now, &stream, Some(shards)),
            Told::Rows(rows) => member.saw_rows(now, &stream, rows),
            Told::Row(key, row) => member.saw_row(now, &key, Some(row)),
            Told::Answer(id, key, answer) => member.answered(now, id, &key, answer),
            Told::Works(key, tenure, done) => return self.works(node, &key, tenure, done),
        }
        self.tick(node);
    }

    pub(super) fn tick(&mut self, node: usize) {
        let now = self.time_of(node);
        for effect in self.nodes[node].member.tick(now) {
            self.does(node, effect);
        }
        if self.nodes[node].member.is_over() {
            self.nodes[node].is_alive = false;
        }
    }

    fn does(&mut self, node: usize, effect: FleetEffect) {
        let fate = self.random.u64(..1000);
        let Weather { lost, unanswered, late } = self.weather;
        match effect {
            FleetEffect::List(_) => {
                self.requests.listings += 1;
                let listing = self.stream.listing();
                self.tells(node, Told::Listed(listing));
            }
            FleetEffect::Look { is_exact, .. } => {
                let rows = if fate < lost { None } else { Some(self.rows(is_exact)) };
                self.requests.looks += 1;
                self.requests.rows += rows.as_ref().map_or(0, |rows| rows.len() as u64);
                self.tells(node, Told::Rows(rows));
            }
            FleetEffect::LookAt(key) => {
                let row = self.table.get(&key).cloned();
                self.tells(node, Told::Row(key, row));
            }
            FleetEffect::Write { id, key, write } => {
                let is_answered = fate >= lost + unanswered + late;
                if !is_answered {
                    let life = self.nodes[node].life;
                    let what = Told::Answer(id, key.clone(), WriteAnswer::Unknown);
                    self.schedule(millis(2000), WorldEvent::Told { node, life, what });
                }
                let after = match fate {
                    fate if fate < lost => return,
                    fate if fate < lost + unanswered => self.random.u64(..100),
                    fate if fate < lost + unanswered + late => self.random.u64(..60_000),
                    _ => 1 + self.random.u64(..30),
                };
                self.schedule(millis(after), WorldEvent::Arrives { node, id, key, write, is_answered });
            }
            FleetEffect::Start { key, from } => {
                self.next_tenure += 1;
                let position = match from {
                    FleetShardStart::After(position) => position.parse().ok(),
                    FleetShardStart::Within(_) | FleetShardStart::At(_) | FleetShardStart::Latest => None,
                };
                let tenure = self.next_tenure;
                let consumer = Consumer { tenure, position, in_flight: false, is_draining: false };
                self.nodes[node].consumers.insert(key.clone(), consumer);
                self.comes_to_work(node, key, tenure, 10);
            }
            FleetEffect::Drain(key) => {
                if let Some(consumer) = self.nodes[node].consumers.get_mut(&key) {
                    consumer.is_draining = true;
                }
            }
            FleetEffect::CutOff(key) => {
                self.nodes[node].consumers.remove(&key);
            }
        }
    }

    fn comes_to_work(&mut self, node: usize, key: ShardKey, tenure: u64, after: u64) {
        let life = self.nodes[node].life;
        self.schedule(millis(after), WorldEvent::Told { node, life, what: Told::Works(key, tenure, None) });
    }

    /// A consumer goes on: with the next batch, or with what came of the last one.
    fn works(&mut self, node: usize, key: &ShardKey, tenure: u64, done: Option<u64>) {
        let now = self.now;
        let is_trusted = self.nodes[node].member.trusted_until(key).is_some_and(|until| now < until);
        let broken = self.broken;
        let Some(consumer) = self.nodes[node].consumers.get_mut(key).filter(|consumer| consumer.tenure == tenure)
        else {
            return;
        };
        if let Some(done) = done {
            consumer.in_flight = false;
            consumer.position = Some(done);
        } else if consumer.in_flight {
            return;
        }
        let position = consumer.position;
        let text = position.map(|position| position.to_string());
        let (is_draining, load) = (consumer.is_draining, ShardLoad::default());
        let trusts_for_ever = matches!(broken, Some(BrokenRule::TrustForEver | BrokenRule::HandOverUndrained));
        if is_draining && broken != Some(BrokenRule::HandOverUndrained) {
            self.nodes[node].consumers.remove(key);
            self.nodes[node].member.left(key, text, false);
            return self.tick(node);
        }
        self.nodes[node].member.progressed(key, text.clone(), load);
        if !is_trusted && !trusts_for_ever {
            return self.comes_to_work(node, key.clone(), tenure, 500);
        }
        let Some(shard) = self.stream.shards.get(&key.shard) else { return };
        let records = shard.after(position, BATCH);
        let Some(last) = records.last().map(|record| record.number) else {
            if shard.is_closed {
                self.nodes[node].consumers.remove(key);
                self.nodes[node].member.left(key, text, true);
                return self.tick(node);
            }
            let after = 300 + self.random.u64(..500);
            return self.comes_to_work(node, key.clone(), tenure, after);
        };
        if let Some(consumer) = self.nodes[node].consumers.get_mut(key) {
            consumer.in_flight = true;
        }
        if broken == Some(BrokenRule::AcknowledgesWhatIsRead) {
            self.nodes[node].member.progressed(key, Some(last.to_string()), load);
        }
        let after = millis(20 + self.random.u64(..800));
        self.schedule(after, WorldEvent::Lands { node, key: key.clone(), tenure, records });
    }
}

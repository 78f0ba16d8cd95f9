//! A client that knows only the protocol of Redpanda Connect's `aws_kinesis` input, with its habits: it compares clocks, robs
//! whoever has more, writes whole rows, says its last position without any condition, and knows nothing of parents.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::row::{LeaseHold, LeaseRow, ShardKey};
use super::stream::ModelRecord;
use super::world::{BATCH, NOON, STREAM, World, WorldEvent, millis};

const REBALANCE_PERIOD: Duration = Duration::from_secs(30);
const LEASE_PERIOD: Duration = Duration::from_secs(30);
const COMMIT_PERIOD: Duration = Duration::from_secs(5);
const STEAL_GRACE_PERIOD: Duration = Duration::from_secs(2);

/// A client of another kind.
#[derive(Debug)]
pub(super) struct ForeignClient {
    name: String,
    pub(super) is_alive: bool,
    /// How far its time of day is off, in milliseconds. It needs a clock that is right, to a lease period.
    skew: i64,
    consumers: BTreeMap<ShardKey, ForeignConsumer>,
}

#[derive(Debug)]
struct ForeignConsumer {
    tenure: u64,
    /// How far it delivered.
    position: Option<u64>,
}

/// What a client of another kind does next.
#[derive(Debug, Clone)]
pub(super) enum ForeignStep {
    Rebalances,
    /// It has waited for the last word of whom it robbed.
    Resumes(ShardKey),
    Reads(ShardKey, u64),
    Lands(ShardKey, u64, Vec<ModelRecord>),
    Commits(ShardKey, u64),
}

impl World {
    /// A client of another kind begins.
    pub(super) fn joins_foreign(&mut self, name: &str) -> usize {
        self.audit.is_mixed = true;
        let skew = self.random.i64(-2000..2000);
        self.foreign.push(ForeignClient { name: name.to_owned(), is_alive: true, skew, consumers: BTreeMap::new() });
        let index = self.foreign.len() - 1;
        self.schedule(millis(0), WorldEvent::Foreign(index, ForeignStep::Rebalances));
        index
    }

    pub(super) fn crashes_foreign(&mut self, client: usize) {
        self.foreign[client].is_alive = false;
        self.foreign[client].consumers.clear();
    }

    /// It ends in order: what it has is written without a holder.
    pub(super) fn ends_foreign(&mut self, client: usize) {
        let name = self.foreign[client].name.clone();
        for (key, consumer) in std::mem::take(&mut self.foreign[client].consumers) {
            if self.held_by(&key, &name) {
                self.puts(&name, &key, consumer.position, None);
            }
        }
        self.foreign[client].is_alive = false;
    }

    pub(super) fn goes_on(&mut self, client: usize, step: ForeignStep) {
        if !self.foreign[client].is_alive {
            return;
        }
        match step {
            ForeignStep::Rebalances => {
                self.rebalances(client);
                self.schedule(REBALANCE_PERIOD, WorldEvent::Foreign(client, ForeignStep::Rebalances));
            }
            ForeignStep::Resumes(key) => {
                let row = self.table.get(&key).cloned().unwrap_or_default();
                // Without a position it is an error there: the row stays claimed, and expires.
                if let Some(position) = row.position.and_then(|position| position.parse().ok()) {
                    self.consumes(client, key, Some(position));
                }
            }
            ForeignStep::Reads(key, tenure) => self.reads(client, key, tenure),
            ForeignStep::Lands(key, tenure, records) => {
                let name = self.foreign[client].name.clone();
                self.audit.delivers(&key, tenure, &name, &records);
                if let Some(consumer) = self.consumer(client, &key, tenure) {
                    consumer.position = records.last().map(|record| record.number).or(consumer.position);
                }
                self.schedule(millis(5), WorldEvent::Foreign(client, ForeignStep::Reads(key, tenure)));
            }
            ForeignStep::Commits(key, tenure) => self.commits(client, key, tenure),
        }
    }

    fn rebalances(&mut self, client: usize) {
        let name = self.foreign[client].name.clone();
        let key = |shard| ShardKey { stream: STREAM.into(), shard };
        let candidates: Vec<ShardKey> = self.stream.open().into_iter().map(key).collect();
        let mut counts: BTreeMap<String, Vec<ShardKey>> = BTreeMap::new();
        for (key, hold) in self.table.iter().filter_map(|(key, row)| Some((key, row.hold.clone()?))) {
            counts.entry(hold.client).or_default().push(key.clone());
        }
        let mut is_any_free = false;
        for key in &candidates {
            let hold = self.table.get(key).and_then(|row| row.hold.clone());
            let is_free = match &hold {
                None => true,
                Some(hold) => self.wall(client) > end_of(hold) + 2 * LEASE_PERIOD.as_millis() as i64,
            };
            if is_free && !self.foreign[client].consumers.contains_key(key) {
                is_any_free = true;
                let position = self.claims(client, key);
                self.consumes(client, key.clone(), position);
            }
        }
        let mine = self.foreign[client].consumers.len();
        if is_any_free {
            return;
        }
        let mut victims: Vec<&Vec<ShardKey>> = counts
            .iter()
            .filter(|(other, keys)| **other != name && keys.len() >= mine + 2)
            .map(|(_, keys)| keys)
            .collect();
        self.random.shuffle(&mut victims);
        let of_candidates = |keys: &Vec<ShardKey>| -> Vec<ShardKey> {
            keys.iter().filter(|key| candidates.contains(key)).cloned().collect()
        };
        let Some(keys) = victims.first().map(|keys| of_candidates(keys)).filter(|keys| !keys.is_empty()) else {
            return;
        };
        let key = keys[self.random.usize(..keys.len())].clone();
        let Some(hold) = self.table.get(&key).and_then(|row| row.hold.clone()) else { return };
        let commit = end_of(&hold) - LEASE_PERIOD.as_millis() as i64 + COMMIT_PERIOD.as_millis() as i64;
        let wait =
            u64::try_from(commit - self.wall(client)).unwrap_or_default() + STEAL_GRACE_PERIOD.as_millis() as u64;
        self.claims(client, &key);
        self.schedule(millis(wait), WorldEvent::Foreign(client, ForeignStep::Resumes(key)));
    }

    /// Takes a row, and answers the position that it has.
    fn claims(&mut self, client: usize, key: &ShardKey) -> Option<u64> {
        let name = self.foreign[client].name.clone();
        let hold = self.lease_of(client);
        let row = self.table.get(key).cloned().unwrap_or_default();
        let position = row.position.as_ref().and_then(|position| position.parse().ok());
        self.sets(&name, key, Some(LeaseRow { hold: Some(hold), ..row }));
        position
    }

    fn consumes(&mut self, client: usize, key: ShardKey, position: Option<u64>) {
        self.next_tenure += 1;
        let tenure = self.next_tenure;
        self.foreign[client].consumers.insert(key.clone(), ForeignConsumer { tenure, position });
        self.schedule(millis(5), WorldEvent::Foreign(client, ForeignStep::Reads(key.clone(), tenure)));
        self.schedule(COMMIT_PERIOD, WorldEvent::Foreign(client, ForeignStep::Commits(key, tenure)));
    }

    fn reads(&mut self, client: usize, key: ShardKey, tenure: u64) {
        let Some(position) = self.consumer(client, &key, tenure).map(|consumer| consumer.position) else { return };
        let Some(shard) = self.stream.shards.get(&key.shard) else { return };
        let records = shard.after(position, BATCH);
        if records.is_empty() && shard.is_closed {
            // At its end it removes the row.
            let name = self.foreign[client].name.clone();
            self.foreign[client].consumers.remove(&key);
            return self.sets(&name, &key, None);
        }
        let (after, step) = match records.is_empty() {
            true => (millis(500), ForeignStep::Reads(key, tenure)),
            false => (millis(20 + self.random.u64(..400)), ForeignStep::Lands(key, tenure, records)),
        };
        self.schedule(after, WorldEvent::Foreign(client, step));
    }

    fn commits(&mut self, client: usize, key: ShardKey, tenure: u64) {
        let Some(position) = self.consumer(client, &key, tenure).map(|consumer| consumer.position) else { return };
        let name = self.foreign[client].name.clone();
        if self.held_by(&key, &name) {
            let hold = self.lease_of(client);
            self.puts(&name, &key, position, Some(hold));
            return self.schedule(COMMIT_PERIOD, WorldEvent::Foreign(client, ForeignStep::Commits(key, tenure)));
        }
        // It was robbed: it says how far it is, whatever the row says.
        self.foreign[client].consumers.remove(&key);
        if let (Some(position), Some(row)) = (position, self.table.get(&key).cloned()) {
            self.sets(&name, &key, Some(LeaseRow { position: Some(position.to_string()), ..row }));
        }
    }

    /// Writes the whole row: what it does not know is gone.
    fn puts(&mut self, name: &str, key: &ShardKey, position: Option<u64>, hold: Option<LeaseHold>) {
        let position = position.map(|position| position.to_string());
        self.sets(name, key, Some(LeaseRow { position, hold, ..LeaseRow::default() }));
    }

    fn held_by(&self, key: &ShardKey, name: &str) -> bool {
        self.table.get(key).is_some_and(|row| row.hold.as_ref().is_some_and(|hold| hold.client == name))
    }

    fn consumer(&mut self, client: usize, key: &ShardKey, tenure: u64) -> Option<&mut ForeignConsumer> {
        self.foreign[client].consumers.get_mut(key).filter(|consumer| consumer.tenure == tenure)
    }

    /// Its time of day, in milliseconds since the Unix epoch.
    fn wall(&self, client: usize) -> i64 {
        i64::try_from(NOON).unwrap_or_default()
            + i64::try_from(self.now.as_millis()).unwrap_or_default()
            + self.foreign[client].skew
    }

    fn lease_of(&mut self, client: usize) -> LeaseHold {
        let end = self.wall(client) + LEASE_PERIOD.as_millis() as i64;
        let time = time::OffsetDateTime::from_unix_timestamp_nanos(
            i128::from(end) * 1_000_000 + i128::from(self.random.u32(..999)),
        );
        let timeout = time.ok().and_then(|time| time.format(&time::format_description::well_known::Rfc3339).ok());
        LeaseHold { client: self.foreign[client].name.clone(), timeout: timeout.unwrap_or_default() }
    }
}

/// When a lease ends, by what it says, in milliseconds since the Unix epoch.
fn end_of(hold: &LeaseHold) -> i64 {
    let end = time::OffsetDateTime::parse(&hold.timeout, &time::format_description::well_known::Rfc3339);
    end.map_or(0, |end| i64::try_from(end.unix_timestamp_nanos() / 1_000_000).unwrap_or_default())
}

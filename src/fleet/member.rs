//! One member of a fleet: what it sees and is told goes in, and what is to be done comes out.

mod answers;
mod claims;
mod ownership;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::begin::{Shards, leave_out};
use super::options::FleetOptions;
use super::owned::{OwnedStage, WriteUnderWay};
use super::row::{LeaseHold, LeaseManner, LeaseRow, LeaseTerms, ShardKey, ShardLoad};
use super::write::LeaseWrite;
use crate::checkpoint::StartAt;
use crate::event::Position;

/// How often a stream is asked for its shards.
const BETWEEN_LISTINGS: Duration = Duration::from_secs(30);

/// How often the table is looked at while something that was asked for is awaited.
const BETWEEN_EAGER_LOOKS: Duration = Duration::from_secs(2);

/// A shard as the stream lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardListing {
    /// Its id.
    pub shard: Arc<str>,
    /// One that it was split from, or two that were merged into it. They may be trimmed.
    pub parents: Vec<Arc<str>>,
    /// Whether it takes no more records.
    pub is_closed: bool,
}

/// Where a shard is to be read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FleetShardStart {
    /// Behind the record of this sequence number.
    After(String),
    /// Inside this record: another consumer broke off there, and its parts before this one are done.
    Within(Position),
    /// As the row says of a shard without a position.
    At(StartAt),
    /// Behind its newest record.
    Latest,
}

/// What is to be done for a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FleetEffect {
    /// Asks a stream for its shards; the answer goes to [`FleetMember::listed`].
    List(Arc<str>),
    /// Reads all rows of a stream; the answer goes to [`FleetMember::saw_rows`].
    Look {
        /// The stream.
        stream: Arc<str>,
        /// Whether they have to be as they are now. Otherwise they may be seconds old, which costs half as much.
        is_exact: bool,
    },
    /// Reads one row as it is now; the answer goes to [`FleetMember::saw_row`].
    LookAt(ShardKey),
    /// Writes a row; the answer goes to [`FleetMember::answered`].
    Write {
        /// Names the write.
        id: u64,
        /// The row.
        key: ShardKey,
        /// The write.
        write: LeaseWrite,
    },
    /// Reads and delivers a shard; how far it is goes to [`FleetMember::progressed`], and its end to [`FleetMember::left`].
    Start {
        /// The shard.
        key: ShardKey,
        /// Where it starts.
        from: FleetShardStart,
    },
    /// Reads nothing more of a shard, and lets what is in flight come to its end.
    Drain(ShardKey),
    /// Leaves a shard at once. Nothing more of it is delivered, and nothing of it is reported.
    CutOff(ShardKey),
}

/// The times at which something is decided: by a clock that only goes forward, and by the time of day.
#[derive(Debug, Clone, Copy)]
pub struct FleetTime {
    /// Since any point in time; it never goes back.
    pub elapsed: Duration,
    /// Milliseconds since the Unix epoch, as this machine has it.
    pub wall: u64,
}

/// Decides for one process which shards it reads.
#[derive(Debug)]
pub struct FleetMember {
    client: String,
    options: FleetOptions,
    streams: Vec<StreamLooks>,
    /// The shards that are claimed by name, whoever has them; empty: all are shared out.
    pinned: BTreeSet<ShardKey>,
    shards: Shards,
    owned: BTreeSet<ShardKey>,
    /// Those that somebody should claim.
    loose: BTreeSet<ShardKey>,
    /// Those that were asked for.
    asked: BTreeSet<ShardKey>,
    /// Clients that are at work, this one included.
    clients: BTreeSet<String>,
    /// Whether any of them knows the common protocol only.
    is_mixed: bool,
    rebalance_at: Duration,
    ends: bool,
    next_write: u64,
    /// Where leases of this process differ from those of another one of its name.
    mark: u64,
    random: fastrand::Rng,
    effects: Vec<FleetEffect>,
    #[cfg(test)]
    pub(super) broken: Option<super::simulation::BrokenRule>,
}

/// When a stream and its rows are looked at.
#[derive(Debug)]
struct StreamLooks {
    stream: Arc<str>,
    list_at: Duration,
    look_at: Duration,
    has_listing: bool,
    has_rows: bool,
    is_listing: bool,
    is_looking: bool,
}

impl FleetMember {
    /// A member that has nothing yet. `client` is what it calls itself, `streams` are those that it reads, as the table has
    /// them, and `seed` is where its chance comes from.
    pub fn new(client: String, streams: impl IntoIterator<Item = Arc<str>>, options: FleetOptions, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let begun = |stream| StreamLooks {
            stream,
            list_at: Duration::ZERO,
            look_at: Duration::ZERO,
            has_listing: false,
            has_rows: false,
            is_listing: false,
            is_looking: false,
        };
        Self {
            clients: BTreeSet::from([client.clone()]),
            client,
            options,
            streams: streams.into_iter().map(begun).collect(),
            pinned: BTreeSet::new(),
            shards: Shards::new(),
            owned: BTreeSet::new(),
            loose: BTreeSet::new(),
            asked: BTreeSet::new(),
            is_mixed: false,
            rebalance_at: Duration::ZERO,
            ends: false,
            next_write: 0,
            mark: random.u64(..1_000_000),
            random,
            effects: Vec::new(),
            #[cfg(test)]
            broken: None,
        }
    }

    /// Claims these shards and no others, and keeps them.
    #[must_use]
    pub fn with_pinned(mut self, pinned: BTreeSet<ShardKey>) -> Self {
        self.pinned = pinned;
        self
    }

    /// Goes on to the next decisions, and answers what is to be done. It is asked after each thing that it was told, and a few
    /// times a second.
    pub fn tick(&mut self, now: FleetTime) -> Vec<FleetEffect> {
        self.tend_owned(now);
        if !self.ends {
            self.claim_loose(now);
            self.balance(now);
            self.look(now);
        }
        std::mem::take(&mut self.effects)
    }

    /// A stream listed its shards; none: it could not be asked, and is asked again.
    pub fn listed(&mut self, now: FleetTime, stream: &Arc<str>, shards: Option<Vec<ShardListing>>) {
        let Some(looks) = self.streams.iter_mut().find(|looks| looks.stream == *stream) else { return };
        looks.is_listing = false;
        let Some(listings) = shards else {
            looks.list_at = now.elapsed + BETWEEN_LISTINGS / 10;
            return;
        };
        let is_first = !std::mem::replace(&mut looks.has_listing, true);
        let is_known = is_first && looks.has_rows;
        looks.list_at = now.elapsed + BETWEEN_LISTINGS;
        let is_new = |listing: &ShardListing| {
            let key = ShardKey { stream: Arc::clone(stream), shard: Arc::clone(&listing.shard) };
            !self.shards.contains_key(&key)
        };
        // What is new has a row by now, perhaps.
        let has_news = listings.iter().any(is_new);
        let listed: BTreeSet<ShardKey> = listings
            .iter()
            .map(|listing| ShardKey { stream: Arc::clone(stream), shard: Arc::clone(&listing.shard) })
            .collect();
        for (key, shard) in self.shards.iter_mut().filter(|(key, _)| key.stream == *stream) {
            if !listed.contains(key) {
                shard.is_listed = false;
                shard.unlisted_at.get_or_insert(now.elapsed);
            }
        }
        for listing in listings {
            let key = ShardKey { stream: Arc::clone(stream), shard: Arc::clone(&listing.shard) };
            for parent in &listing.parents {
                // A parent may be listed behind its children. One that is trimmed is no shard of this stream any more.
                if listed.contains(&key.sibling(parent)) {
                    let parent = self.shards.entry(key.sibling(parent)).or_default();
                    parent.children.insert(Arc::clone(&listing.shard));
                }
            }
            let shard = self.shards.entry(key).or_default();
            if is_first {
                shard.was_there_at = Some(now);
            }
            shard.parents = listing.parents;
            shard.is_listed = true;
            shard.is_closed |= listing.is_closed;
            shard.unlisted_at = None;
        }
        if is_known {
            leave_out(&mut self.shards, stream, self.options.start);
        }
        if has_news {
            self.look_soon(now, Duration::ZERO);
        }
    }

    /// All rows of a stream; none: they could not be read, and are read again. They may be seconds old.
    pub fn saw_rows(&mut self, now: FleetTime, stream: &Arc<str>, rows: Option<Vec<(Arc<str>, LeaseRow)>>) {
        let period = self.options.look_period(self.clients.len());
        let jitter = period.mul_f64(0.2 * self.random.f64());
        let Some(looks) = self.streams.iter_mut().find(|looks| looks.stream == *stream) else { return };
        looks.is_looking = false;
        let Some(rows) = rows else {
            looks.look_at = now.elapsed + BETWEEN_EAGER_LOOKS;
            return;
        };
        let is_first = !std::mem::replace(&mut looks.has_rows, true);
        let is_known = is_first && looks.has_listing;
        looks.look_at = now.elapsed + period - period / 10 + jitter;
        let mut unseen: BTreeSet<ShardKey> = self
            .shards
            .iter()
            .filter(|(key, seen)| key.stream == *stream && seen.row.is_some() && seen.owned.is_none())
            .map(|(key, _)| key.clone())
            .collect();
        for (shard, row) in rows {
            let key = ShardKey { stream: Arc::clone(stream), shard };
            unseen.remove(&key);
            self.sees(&key, Some(row), now);
        }
        // That a row is gone may mean that its shard is done, and rows that are seconds old may lack one that is new.
        self.effects.extend(unseen.into_iter().map(FleetEffect::LookAt));
        if is_known {
            leave_out(&mut self.shards, stream, self.options.start);
        }
        self.survey(now);
    }

    /// The row of one shard as it is now; none: it could not be read, and is read again.
    pub fn saw_row(&mut self, now: FleetTime, key: &ShardKey, row: Option<Option<LeaseRow>>) {
        let Some(shard) = self.shards.get_mut(key) else { return };
        match (&mut shard.owned, row) {
            (Some(owned), Some(row)) if owned.stage == OwnedStage::Rereading => {
                if !owned.fence.has(row.as_ref().and_then(|row| row.hold.as_ref())) {
                    // Somebody took it meanwhile.
                    return self.loses(key, row, now);
                }
                owned.committed = row.as_ref().and_then(|row| row.position.clone());
                owned.position.clone_from(&owned.committed);
                owned.stage = OwnedStage::Ready { is_latest: false };
                shard.row = row;
            }
            (Some(owned), None) if owned.stage == OwnedStage::Rereading => {
                owned.stage = OwnedStage::Robbing { until: now.elapsed + BETWEEN_EAGER_LOOKS };
            }
            (None, Some(row)) => shard.sees(row, now.elapsed),
            _ => {}
        }
    }

    /// A shard that was started has acknowledged so much, and carries so much.
    pub fn progressed(&mut self, key: &ShardKey, position: Option<String>, load: ShardLoad) {
        let Some(owned) = self.shards.get_mut(key).and_then(|shard| shard.owned.as_mut()) else { return };
        if owned.is_at_work() {
            owned.position = position.or(owned.position.take());
            owned.load = load;
        }
    }

    /// Nothing of a shard that was started is in flight any more. `is_drained`: it was read to its end, and all of it is
    /// acknowledged.
    pub fn left(&mut self, key: &ShardKey, position: Option<String>, is_drained: bool) {
        let Some(owned) = self.shards.get_mut(key).and_then(|shard| shard.owned.as_mut()) else { return };
        if owned.is_at_work() {
            owned.position = position.or(owned.position.take());
            let to = owned.goes_to().filter(|_| !is_drained).map(str::to_owned);
            owned.stage = OwnedStage::Left { to, is_drained };
        }
    }

    /// Ends: all shards are drained and given up.
    pub fn end(&mut self) {
        self.ends = true;
    }

    /// Whether it has ended, and nothing of it is left.
    pub fn is_over(&self) -> bool {
        self.ends && self.owned.is_empty()
    }

    /// Until when a shard may be read and delivered, by the clock of [`FleetTime::elapsed`]; none: it may not.
    pub fn trusted_until(&self, key: &ShardKey) -> Option<Duration> {
        let owned = self.shards.get(key)?.owned.as_ref()?;
        owned.is_at_work().then_some(owned.trusted_until)
    }

    /// The shards that it owns.
    pub fn owned(&self) -> impl Iterator<Item = &ShardKey> {
        self.owned.iter()
    }

    /// Takes in a row that was read a while ago, perhaps.
    fn sees(&mut self, key: &ShardKey, row: Option<LeaseRow>, now: FleetTime) {
        let shard = self.shards.entry(key.clone()).or_default();
        match (&shard.owned, &row) {
            // The owner knows better. Whether somebody asks for it is all there is to learn.
            (Some(_), Some(row)) => {
                if row.holder() == Some(&self.client)
                    && let Some(ours) = &mut shard.row
                {
                    ours.wanted_by.clone_from(&row.wanted_by);
                }
            }
            (Some(_), None) => {}
            (None, _) => shard.sees(row, now.elapsed),
        }
    }

    /// Asks for what is to be known by now.
    fn look(&mut self, now: FleetTime) {
        let eager = now.elapsed + BETWEEN_EAGER_LOOKS;
        for looks in &mut self.streams {
            if looks.list_at <= now.elapsed && !looks.is_listing {
                looks.is_listing = true;
                self.effects.push(FleetEffect::List(Arc::clone(&looks.stream)));
            }
            if !self.asked.is_empty() {
                looks.look_at = looks.look_at.min(eager);
            }
            if looks.look_at <= now.elapsed && !looks.is_looking {
                looks.is_looking = true;
                // What is left out for good is decided by the first look.
                let (stream, is_exact) = (Arc::clone(&looks.stream), !looks.has_rows);
                self.effects.push(FleetEffect::Look { stream, is_exact });
            }
        }
    }

    fn look_soon(&mut self, now: FleetTime, after: Duration) {
        for looks in &mut self.streams {
            looks.look_at = looks.look_at.min(now.elapsed + after);
        }
    }

    /// Sends a write.
    fn write(&mut self, key: &ShardKey, write: LeaseWrite, now: FleetTime) {
        self.next_write += 1;
        let id = self.next_write;
        let Some(shard) = self.shards.get_mut(key) else { return };
        shard.under_way = Some(WriteUnderWay { id, sent_at: now.elapsed, write: write.clone() });
        self.effects.push(FleetEffect::Write { id, key: key.clone(), write });
    }

    /// A `LeaseTimeout` that nobody has written before.
    fn timeout(&mut self, now: FleetTime) -> String {
        self.mark = (self.mark + 1) % 1_000_000;
        let end = i128::from(now.wall) + i128::try_from(self.options.lease_period.as_millis()).unwrap_or_default();
        let end = OffsetDateTime::from_unix_timestamp_nanos(end * 1_000_000 + i128::from(self.mark));
        end.ok().and_then(|end| end.format(&Rfc3339).ok()).unwrap_or_default()
    }

    fn lease(&mut self, client: &str, now: FleetTime) -> LeaseHold {
        LeaseHold { client: client.to_owned(), timeout: self.timeout(now) }
    }

    fn terms(&self) -> LeaseTerms {
        LeaseTerms {
            client: self.client.clone(),
            period: self.options.lease_period,
            manner: if self.pinned.is_empty() { LeaseManner::Shared } else { LeaseManner::Pinned },
        }
    }
}

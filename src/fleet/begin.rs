//! What a member knows of a shard, and whether it may be begun.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::member::FleetTime;
use super::options::{FleetOptions, FleetStart};
use super::owned::{OwnedShard, WriteUnderWay};
use super::row::{LeaseHold, LeaseManner, LeaseRow, ShardKey};
use crate::checkpoint::{Heartbeat, StartAt};

/// A run that shares nothing is gone when its sign of life does not change for so long.
const UNTIL_RUN_IS_GONE: Duration = Duration::from_secs(35);

/// All shards that a member knows of.
pub(super) type Shards = BTreeMap<ShardKey, SeenShard>;

/// What a member knows of a shard.
#[derive(Debug, Default)]
pub(super) struct SeenShard {
    /// The shards that it came of.
    pub(super) parents: Vec<Arc<str>>,
    /// The shards that came of it.
    pub(super) children: BTreeSet<Arc<str>>,
    pub(super) is_listed: bool,
    /// Whether it takes no more records.
    pub(super) is_closed: bool,
    /// From when on the stream did not list it any more.
    pub(super) unlisted_at: Option<Duration>,
    pub(super) row: Option<LeaseRow>,
    /// From when on its lease is as it is, as far as this member saw it.
    unchanged_since: Duration,
    /// Whether there was a row at any time.
    pub(super) had_row: bool,
    /// When it was listed first, if it was there when this member began.
    pub(super) was_there_at: Option<FleetTime>,
    /// Why it is not read.
    pub(super) left_out: Option<LeftOut>,
    /// From when on nobody has it.
    pub(super) loose_since: Option<Duration>,
    /// When this member asked for it last.
    pub(super) asked_at: Option<Duration>,
    /// Leases that this member wrote, or may have, and does not trust.
    pub(super) own_leases: Vec<String>,
    pub(super) owned: Option<OwnedShard>,
    pub(super) under_way: Option<WriteUnderWay>,
    /// Nothing is written before.
    pub(super) not_before: Duration,
}

/// Why a shard is not read that was closed, and without a row, when this member began. Of a shard that comes later, this
/// member knows itself whether anybody read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// One that came of it has a position, so it was read to its end, and its row was removed.
    ReadBefore,
    /// Reading begins behind it.
    BeforeTheStart,
}

/// Whether a row can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Availability {
    /// Nobody holds it.
    Free { run: Option<Heartbeat> },
    /// It is this member's, or its owner is gone.
    Lease(LeaseHold),
    /// Somebody has it, as far as is known.
    Taken,
}

impl SeenShard {
    /// Takes in the row as it was seen. An old sight does no harm: it can only make this member wait longer.
    pub(super) fn sees(&mut self, row: Option<LeaseRow>, now: Duration) {
        let mark = |row: &Option<LeaseRow>| row.as_ref().map(|row| (row.hold.clone(), row.run.clone()));
        if mark(&row) != mark(&self.row) || !self.had_row {
            self.unchanged_since = now;
        }
        self.had_row |= row.is_some();
        self.row = row;
    }

    /// Whether the row says that it was read to its end, or the row is gone, as clients of another kind leave it then.
    pub(super) fn is_drained(&self) -> bool {
        match &self.row {
            Some(row) => row.is_drained,
            None => self.had_row && self.is_closed,
        }
    }

    pub(super) fn unchanged_for(&self, now: Duration) -> Duration {
        now.saturating_sub(self.unchanged_since)
    }

    /// Whether the row can be had.
    pub(super) fn availability(&self, client: &str, options: &FleetOptions, now: Duration) -> Availability {
        let unchanged = self.unchanged_for(now);
        let Some(row) = &self.row else { return Availability::Free { run: None } };
        let Some(hold) = &row.hold else {
            return match &row.run {
                Some(_) if unchanged < UNTIL_RUN_IS_GONE => Availability::Taken,
                run => Availability::Free { run: run.clone() },
            };
        };
        // One that this member wrote itself, or that was passed to it and nobody has claimed since: another process of the same
        // name may have asked as well.
        let is_passed = || row.promise().is_some_and(|terms| terms.manner == LeaseManner::Passed);
        let is_awaited = || self.asked_at.is_some() && is_passed();
        let is_ours = hold.client == client && (self.own_leases.contains(&hold.timeout) || is_awaited());
        let is_expired = unchanged >= options.expiry(row.promise().map(|terms| terms.period));
        if is_ours || is_expired { Availability::Lease(hold.clone()) } else { Availability::Taken }
    }
}

/// Finds out which shards of a stream are left out, once all of them and their rows were seen for the first time.
pub(super) fn leave_out(shards: &mut Shards, stream: &Arc<str>, start: FleetStart) {
    let keys: Vec<ShardKey> = shards.keys().filter(|key| key.stream == *stream).cloned().collect();
    // Children have higher ids than what they came of, so backwards a child is settled first.
    for key in keys.iter().rev() {
        let Some(shard) = shards.get(key).filter(|shard| shard.is_closed && !shard.had_row) else { continue };
        let is_read = |child: &SeenShard| {
            child.row.as_ref().is_some_and(LeaseRow::is_begun) || child.left_out == Some(LeftOut::ReadBefore)
        };
        let mut children = shard.children.iter().filter_map(|child| shards.get(&key.sibling(child)));
        let left_out = match children.any(is_read) {
            true => Some(LeftOut::ReadBefore),
            false if start == FleetStart::Latest && !comes_of_read(shards, key) => Some(LeftOut::BeforeTheStart),
            false => None,
        };
        if let Some(shard) = shards.get_mut(key) {
            shard.left_out = left_out;
        }
    }
}

/// Whether a shard came of one that was read, by whatever number of splits and merges.
fn comes_of_read(shards: &Shards, key: &ShardKey) -> bool {
    let mut above: Vec<ShardKey> = vec![key.clone()];
    let mut seen = BTreeSet::new();
    while let Some(key) = above.pop() {
        let Some(shard) = shards.get(&key) else { continue };
        for parent in shard.parents.iter().map(|parent| key.sibling(parent)) {
            let Some(seen_parent) = shards.get(&parent) else { continue };
            if seen_parent.had_row || seen_parent.left_out == Some(LeftOut::ReadBefore) {
                return true;
            }
            if seen.insert(parent.clone()) {
                above.push(parent);
            }
        }
    }
    false
}

/// Where a shard begins that has no position and says nothing of it.
pub(super) fn start_of(shards: &Shards, key: &ShardKey, start: FleetStart) -> Option<StartAt> {
    let shard = shards.get(key)?;
    if comes_of_read(shards, key) {
        // What it came of was read, so it goes on from there: anything else would leave a gap.
        return Some(StartAt::TrimHorizon);
    }
    Some(match (start, shard.was_there_at) {
        // It did not exist before this member began.
        (FleetStart::TrimHorizon | FleetStart::Latest, None) | (FleetStart::TrimHorizon, _) => StartAt::TrimHorizon,
        (FleetStart::AtTimestamp(time), _) => StartAt::AtTimestamp(time),
        // Whoever takes it over before its first position has to read what came since.
        (FleetStart::Latest, Some(FleetTime { wall, .. })) => StartAt::AtTimestamp(wall),
    })
}

/// Whether a shard is to be read, and all that it came of is done.
pub(super) fn may_begin(shards: &Shards, key: &ShardKey) -> bool {
    let Some(shard) = shards.get(key) else { return false };
    let is_done = |shard: &SeenShard| shard.is_drained() || (shard.left_out.is_some() && !shard.had_row);
    if !shard.is_listed || is_done(shard) {
        return false;
    }
    let mut parents = shard.parents.iter().filter_map(|parent| shards.get(&key.sibling(parent)));
    parents.all(|parent| !parent.is_listed || is_done(parent))
}

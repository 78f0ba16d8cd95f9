//! A model of a stream: shards that are split and merged, with records whose keys have an order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::member::ShardListing;

/// A record: its sequence number, its key, and the how-manieth of its key it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct ModelRecord {
    pub(super) number: u64,
    pub(super) key: u32,
    pub(super) nth: usize,
}

#[derive(Debug, Default)]
pub(super) struct ModelShard {
    pub(super) parents: Vec<Arc<str>>,
    pub(super) is_closed: bool,
    pub(super) keys: BTreeSet<u32>,
    pub(super) records: Vec<ModelRecord>,
}

#[derive(Debug, Default)]
pub(super) struct ModelStream {
    pub(super) shards: BTreeMap<Arc<str>, ModelShard>,
    next_number: u64,
    counts: BTreeMap<u32, usize>,
}

impl ModelStream {
    pub(super) fn with_shards(count: u32) -> Self {
        let mut stream = Self { next_number: 100, ..Self::default() };
        for shard in 0..count {
            stream.add(Vec::new(), (shard * 4..shard * 4 + 4).collect());
        }
        stream
    }

    fn add(&mut self, parents: Vec<Arc<str>>, keys: BTreeSet<u32>) {
        let id = format!("shardId-{:012}", self.shards.len()).into();
        self.shards.insert(id, ModelShard { parents, keys, ..ModelShard::default() });
    }

    pub(super) fn open(&self) -> Vec<Arc<str>> {
        self.shards.iter().filter(|(_, shard)| !shard.is_closed).map(|(id, _)| Arc::clone(id)).collect()
    }

    pub(super) fn listing(&self) -> Vec<ShardListing> {
        let listing = |(id, shard): (&Arc<str>, &ModelShard)| ShardListing {
            shard: Arc::clone(id),
            parents: shard.parents.clone(),
            is_closed: shard.is_closed,
        };
        self.shards.iter().map(listing).collect()
    }

    /// Puts a record of each of some keys.
    pub(super) fn put(&mut self, random: &mut fastrand::Rng) {
        for shard in self.shards.values_mut().filter(|shard| !shard.is_closed) {
            for key in &shard.keys {
                if random.bool() {
                    continue;
                }
                self.next_number += 1 + random.u64(..3);
                let nth = self.counts.entry(*key).or_default();
                shard.records.push(ModelRecord { number: self.next_number, key: *key, nth: *nth });
                *nth += 1;
            }
        }
    }

    pub(super) fn split(&mut self, id: &Arc<str>) {
        let Some(shard) = self.shards.get_mut(id).filter(|shard| shard.keys.len() > 1) else { return };
        shard.is_closed = true;
        let keys: Vec<u32> = shard.keys.iter().copied().collect();
        let (left, right) = keys.split_at(keys.len() / 2);
        let (left, right) = (left.iter().copied().collect(), right.iter().copied().collect());
        self.add(vec![Arc::clone(id)], left);
        self.add(vec![Arc::clone(id)], right);
    }

    pub(super) fn merge(&mut self, one: &Arc<str>, other: &Arc<str>) {
        let mut keys = BTreeSet::new();
        for id in [one, other] {
            let Some(shard) = self.shards.get_mut(id) else { return };
            shard.is_closed = true;
            keys.extend(shard.keys.iter().copied());
        }
        self.add(vec![Arc::clone(one), Arc::clone(other)], keys);
    }

    /// How many records there are.
    pub(super) fn records(&self) -> usize {
        self.shards.values().map(|shard| shard.records.len()).sum()
    }
}

impl ModelShard {
    /// The records behind a position.
    pub(super) fn after(&self, position: Option<u64>, most: usize) -> Vec<ModelRecord> {
        let begin = position.map_or(0, |position| self.records.partition_point(|record| record.number <= position));
        self.records[begin..].iter().take(most).copied().collect()
    }
}

//! What must hold, whatever happens.

use std::collections::{BTreeMap, HashSet};

use super::super::row::{LeaseRow, ShardKey, is_before};
use super::stream::{ModelRecord, ModelStream};

/// What was delivered, and what was said of it.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// How many records of each key were delivered, all before them too.
    in_order: BTreeMap<u32, usize>,
    /// The highest number delivered of each shard with all before it.
    delivered: BTreeMap<ShardKey, u64>,
    /// The last ownership of each shard that delivered.
    tenures: BTreeMap<ShardKey, u64>,
    /// All that was delivered, by key and how-manieth.
    seen: HashSet<(u32, usize)>,
    pub(super) repeated: usize,
    /// Whether clients of another kind take part: they break the order, go on after they were robbed, and move positions back.
    pub(super) is_mixed: bool,
    pub(super) violations: Vec<String>,
}

impl Audit {
    pub(super) fn delivers(&mut self, key: &ShardKey, tenure: u64, who: &str, records: &[ModelRecord]) {
        let last = self.tenures.entry(key.clone()).or_default();
        if tenure < *last && !self.is_mixed {
            self.violations.push(format!("{who} delivers of {key} after its successor did"));
        }
        *last = tenure.max(*last);
        for record in records {
            if !self.seen.insert((record.key, record.nth)) {
                self.repeated += 1;
            }
            let in_order = self.in_order.entry(record.key).or_default();
            if record.nth == *in_order {
                *in_order += 1;
            } else if record.nth > *in_order && !self.is_mixed {
                self.violations.push(format!("{who} delivers {record:?} of {key} before what is before it"));
            }
            let highest = self.delivered.entry(key.clone()).or_default();
            *highest = record.number.max(*highest);
        }
    }

    /// How many records were delivered.
    pub(super) fn delivered(&self) -> usize {
        self.seen.len()
    }

    /// A row was written.
    pub(super) fn writes(&mut self, key: &ShardKey, who: &str, before: Option<&LeaseRow>, after: Option<&LeaseRow>) {
        let position = |row: Option<&LeaseRow>| row.and_then(|row| row.position.clone());
        let (Some(new), old) = (position(after), position(before)) else { return };
        if old.as_ref().is_some_and(|old| is_before(&new, old)) && !self.is_mixed {
            self.violations.push(format!("{who} moves {key} back from {old:?} to {new}"));
        }
        let delivered = self.delivered.get(key).copied().unwrap_or_default();
        if new.parse::<u64>().is_ok_and(|new| new > delivered) {
            self.violations.push(format!("{who} acknowledges {new} of {key}, and only {delivered} was delivered"));
        }
    }

    /// All is delivered.
    pub(super) fn ends(&mut self, stream: &ModelStream, table: &BTreeMap<ShardKey, LeaseRow>, of: &str) {
        if self.seen.len() != stream.records() {
            let is_missing = |record: &&ModelRecord| !self.seen.contains(&(record.key, record.nth));
            let missing: Vec<String> = stream
                .shards
                .iter()
                .filter_map(|(id, shard)| {
                    let missing: Vec<u64> =
                        shard.records.iter().filter(is_missing).map(|record| record.number).collect();
                    let (first, last) = (missing.first()?, missing.last()?);
                    Some(format!("{} of {id}, from {first} to {last}", missing.len()))
                })
                .collect();
            self.violations.push(format!("of {} records were not delivered: {}", stream.records(), missing.join("; ")));
        }
        for (id, shard) in &stream.shards {
            let row = table.iter().find(|(key, _)| key.shard == *id && &*key.stream == of).map(|(_, row)| row);
            let position = row.and_then(|row| row.position.as_ref()?.parse::<u64>().ok());
            let last = shard.records.last().map(|record| record.number);
            if position != last && !(shard.is_closed && self.is_mixed) {
                self.violations.push(format!("{id} is at {position:?} in the table, and ends at {last:?}"));
            }
        }
    }
}

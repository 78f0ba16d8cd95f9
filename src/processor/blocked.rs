//! The record that blocks a shard: how often it was tried, and what of it, and behind it, is done already.
//!
//! A batch that stops comes again from the record in which it stopped. What of that record was done, and what was done
//! behind it while its outputs were on their way, need not be done a second time; and a record that takes longer than
//! one invocation comes to its end, since each attempt goes on where the last one ended.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::checkpoint::{BlockedProgress, DeliveredOutputs};
use crate::event::{Batch, Event, Position, Shard, Unpacking};
use crate::transform::Emission;

/// The most blocked records that are remembered: the oldest one is forgotten first. An environment sees few shards; a
/// process that reads a stream of hundreds may have all of them blocked by one target.
const MOST_BLOCKED: usize = 512;

/// The most ranges of events, and events with some outputs delivered, behind blocked records that are remembered, of all
/// of them together. Each takes some 200 bytes. What is forgotten is delivered twice.
const MOST_RANGES: usize = 32_768;

/// The most shards that are remembered as seen.
const MOST_SEEN: usize = 4096;

/// A record that was tried and not acknowledged.
#[derive(Debug, Clone)]
pub(super) struct BlockedRecord {
    /// Its first event that is not acknowledged.
    pub(super) position: Position,
    /// How often that event was tried without any progress.
    pub(super) attempts: u32,
    /// What of that event's outputs was delivered.
    pub(super) delivered: Option<DeliveredOutputs>,
    /// Whether the events of the record before that one are known to be acknowledged.
    pub(super) is_front_done: bool,
    /// Events behind that are done, by sequence number.
    pub(super) behind: DoneBehind,
}

/// Events that are done, though one before them is not.
#[derive(Debug, Clone, Default)]
pub(super) struct DoneBehind {
    records: HashMap<Box<str>, RecordBehind>,
    /// How many ranges and outputs all of them have.
    entries: usize,
}

/// The events of one record that are done, though one before them is not.
#[derive(Debug, Clone, Default)]
struct RecordBehind {
    /// Their sub-sequence numbers: in order, and apart.
    done: Vec<RangeInclusive<u64>>,
    /// By sub-sequence number, in order: what was delivered of events that are not done.
    delivered: Vec<(u64, DeliveredOutputs)>,
}

/// The blocked records of all shards, as this process remembers them.
///
/// A shard may have several: with a parallelization factor above 1, batches of one shard are processed side by side.
#[derive(Debug, Default)]
pub(super) struct BlockedRecords {
    /// The oldest first.
    entries: Vec<(Shard, Arc<BlockedRecord>)>,
    /// Shards of which this process had a batch: what others know of them was asked for.
    seen: HashSet<Shard>,
}

impl BlockedRecord {
    /// Returns what the checkpoint table says. What was done of the record counts only if it was taken apart and
    /// transformed in the same way, and if whoever wrote the row counted outputs at all.
    pub(super) fn in_table(stuck: BlockedProgress, made_by: &str) -> Self {
        let delivered = stuck.delivered.filter(|_| stuck.made_by == made_by);
        Self {
            position: stuck.position,
            attempts: stuck.attempts,
            is_front_done: delivered.is_some(),
            delivered,
            behind: DoneBehind::default(),
        }
    }

    /// Returns the record at whose user record another consumer broke off. That counts only if records are taken apart into
    /// user records here as well.
    pub(super) fn broken_off(at: Position, unpacking: Unpacking) -> Self {
        Self {
            position: at,
            attempts: 0,
            is_front_done: unpacking.counts_user_records(),
            delivered: None,
            behind: DoneBehind::default(),
        }
    }

    /// Returns how often an event was tried before. Where all of the record comes again for each of its events, attempts
    /// are those of the record: two events that are asked for in turns would never come to an end otherwise.
    pub(super) fn attempts_at(&self, event: Event<'_>) -> u32 {
        let is_it = if self.is_front_done {
            self.is_at(event)
        } else {
            event.sequence_number == self.position.sequence_number()
        };
        if is_it { self.attempts } else { 0 }
    }

    /// Returns whether an event is done already.
    pub(super) fn is_done(&self, event: Event<'_>) -> bool {
        let is_in_front = self.is_front_done
            && event.sub_sequence_number < self.position.sub_sequence_number()
            && event.sequence_number == self.position.sequence_number();
        is_in_front || self.behind.contains(event)
    }

    /// Returns how many of these outputs of an event were delivered already: those at its front, if they are the same
    /// as then. A transform may well give others the second time.
    pub(super) fn delivered_of<'e>(
        &self,
        event: Event<'_>,
        outputs: impl ExactSizeIterator<Item = Emission<'e>>,
    ) -> u32 {
        let delivered = if self.is_at(event) { self.delivered } else { self.behind.delivered_of(event) };
        let Some(delivered) = delivered.filter(|delivered| delivered.outputs > 0) else { return 0 };
        let front = usize::try_from(delivered.outputs).unwrap_or(usize::MAX);
        let is_same = front <= outputs.len() && Some(digest(outputs.take(front))) == delivered.digest;
        if is_same { delivered.outputs } else { 0 }
    }

    fn is_at(&self, event: Event<'_>) -> bool {
        event.sub_sequence_number == self.position.sub_sequence_number()
            && event.sequence_number == self.position.sequence_number()
    }
}

impl DoneBehind {
    /// Takes up an event that is done. Events come in shard order.
    pub(super) fn insert(&mut self, event: Event<'_>) {
        let number = event.sub_sequence_number;
        let Some(record) = self.record(event) else { return };
        match record.done.last_mut() {
            Some(last) if last.end().checked_add(1) == Some(number) => *last = *last.start()..=number,
            _ => {
                record.done.push(number..=number);
                self.entries += 1;
            }
        }
    }

    /// Takes up what was delivered of an event that is not done. Events come in shard order.
    pub(super) fn insert_outputs(&mut self, event: Event<'_>, delivered: DeliveredOutputs) {
        if delivered.outputs > 0
            && let Some(record) = self.record(event)
        {
            record.delivered.push((event.sub_sequence_number, delivered));
            self.entries += 1;
        }
    }

    /// Returns the entry of an event's record; none: there is no room for more.
    fn record(&mut self, event: Event<'_>) -> Option<&mut RecordBehind> {
        let number = event.sequence_number.as_str();
        if self.entries >= MOST_RANGES {
            return None;
        }
        if !self.records.contains_key(number) {
            self.records.insert(number.into(), RecordBehind::default());
        }
        self.records.get_mut(number)
    }

    fn delivered_of(&self, event: Event<'_>) -> Option<DeliveredOutputs> {
        let delivered = &self.records.get(event.sequence_number.as_str())?.delivered;
        let at = delivered.binary_search_by_key(&event.sub_sequence_number, |(number, _)| *number).ok()?;
        Some(delivered[at].1)
    }

    fn contains(&self, event: Event<'_>) -> bool {
        if self.records.is_empty() {
            return false;
        }
        let record = self.records.get(event.sequence_number.as_str());
        record.is_some_and(|RecordBehind { done, .. }| {
            let at = done.partition_point(|range| *range.end() < event.sub_sequence_number);
            done.get(at).is_some_and(|range| range.contains(&event.sub_sequence_number))
        })
    }
}

impl BlockedRecords {
    /// Returns whether this is the first batch of its shard here. From now on, it is not.
    pub(super) fn is_first_of(&mut self, shard: &Shard) -> bool {
        if self.seen.contains(shard) {
            return false;
        }
        if self.seen.len() >= MOST_SEEN {
            self.seen.clear();
        }
        self.seen.insert(shard.clone())
    }

    /// Returns what is known of the record in a batch that blocked its shard.
    pub(super) fn in_batch(&self, batch: &Batch) -> Option<Arc<BlockedRecord>> {
        let of_shard = self.entries.iter().rev().filter(|(shard, _)| shard == batch.shard());
        of_shard.map(|(_, blocked)| blocked).find(|blocked| is_in(blocked, batch)).map(Arc::clone)
    }

    /// Remembers that a record blocks its shard, in the place of the one that blocked this batch before.
    pub(super) fn insert(&mut self, shard: &Shard, before: Option<&BlockedRecord>, blocked: BlockedRecord) {
        if let Some(before) = before {
            self.remove(shard, before);
        }
        self.remove(shard, &blocked);
        if self.entries.len() >= MOST_BLOCKED {
            self.entries.remove(0);
        }
        self.entries.push((shard.clone(), Arc::new(blocked)));
        let mut entries: usize = self.entries.iter().map(|(_, blocked)| blocked.behind.entries).sum();
        for (_, blocked) in &mut self.entries {
            if entries <= MOST_RANGES {
                break;
            }
            entries -= blocked.behind.entries;
            Arc::make_mut(blocked).behind = DoneBehind::default();
        }
    }

    /// Forgets a record: it is acknowledged.
    pub(super) fn remove(&mut self, shard: &Shard, blocked: &BlockedRecord) {
        self.entries.retain(|(of, entry)| {
            of != shard || entry.position.sequence_number() != blocked.position.sequence_number()
        });
    }
}

/// Returns whether a batch has the record. As a rule it is the first.
fn is_in(blocked: &BlockedRecord, batch: &Batch) -> bool {
    batch.iter().any(|event| event.sequence_number == blocked.position.sequence_number())
}

/// Returns the digest of outputs, by which it is told whether a transform gave the same ones again.
pub(super) fn digest<'e>(outputs: impl Iterator<Item = Emission<'e>>) -> [u8; 32] {
    let mut digest = Sha256::new();
    let text = |digest: &mut Sha256, text: Option<&str>| match text {
        None => digest.update([0]),
        Some(text) => {
            digest.update([1]);
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text);
        }
    };
    for output in outputs {
        digest.update((output.data.len() as u64).to_le_bytes());
        digest.update(output.data);
        text(&mut digest, output.partition_key);
        text(&mut digest, output.route);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Record;

    fn batch(positions: &[(&str, u64)]) -> Batch {
        let mut batch = Batch::builder("arn", "shard");
        for (sequence_number, sub_sequence_number) in positions.iter().copied() {
            let record = Record { partition_key: "key", sequence_number, sub_sequence_number, arrived_at: 0 };
            batch.push_bytes(record, b"").expect("a record");
        }
        batch.build()
    }

    fn blocked(sequence_number: &str, sub_sequence_number: u64) -> BlockedRecord {
        BlockedRecord {
            position: Position::new(sequence_number, sub_sequence_number).expect("a position"),
            attempts: 1,
            delivered: None,
            is_front_done: true,
            behind: DoneBehind::default(),
        }
    }

    #[test]
    fn the_front_of_a_blocked_record_is_done_and_nothing_of_another_record_is() {
        let batch = batch(&[("9", 0), ("10", 0), ("10", 1), ("10", 2), ("11", 0)]);
        let done: Vec<bool> = batch.iter().map(|event| blocked("10", 2).is_done(event)).collect();
        assert_eq!(done, [false, true, true, false, false]);
    }

    #[test]
    fn what_is_done_behind_is_told_event_by_event() {
        let batch = batch(&[("10", 0), ("10", 1), ("10", 2), ("10", 4), ("11", 0), ("12", 0)]);
        let mut entry = blocked("10", 0);
        for index in [1, 2, 3, 5] {
            entry.behind.insert(batch.event(index));
        }
        let done: Vec<bool> = batch.iter().map(|event| entry.is_done(event)).collect();
        assert_eq!(done, [false, true, true, true, false, true]);
        assert_eq!(entry.behind.entries, 3);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_oldest_goes_first() {
        let mut records = BlockedRecords::default();
        let shard = |number: usize| Shard { stream_arn: "arn".to_owned(), id: number.to_string() };
        for number in 0..MOST_BLOCKED + 10 {
            records.insert(&shard(number), None, blocked("10", 0));
        }
        assert_eq!(records.entries.len(), MOST_BLOCKED);
        assert_eq!(records.entries[0].0, shard(10));
        let numbers: Vec<String> = (20..20 + MOST_RANGES + 100).map(|number| number.to_string()).collect();
        let events: Vec<(&str, u64)> = numbers.iter().map(|number| (number.as_str(), 0)).collect();
        let mut large = blocked("10", 0);
        batch(&events).iter().for_each(|event| large.behind.insert(event));
        for number in 0..3 {
            records.insert(&shard(number), None, large.clone());
        }
        let entries: usize = records.entries.iter().map(|(_, blocked)| blocked.behind.entries).sum();
        assert!(entries <= MOST_RANGES, "{entries}");
        assert_eq!(records.entries.last().expect("an entry").1.behind.entries, MOST_RANGES);
    }

    #[test]
    fn a_shard_may_have_several_blocked_records() {
        let shard = Shard { stream_arn: "arn".to_owned(), id: "shard".to_owned() };
        let mut records = BlockedRecords::default();
        records.insert(&shard, None, blocked("10", 0));
        records.insert(&shard, None, blocked("20", 3));
        let found = |records: &BlockedRecords, number| {
            records.in_batch(&batch(&[(number, 0)])).map(|blocked| blocked.position.to_string())
        };
        assert_eq!((found(&records, "10"), found(&records, "20")), (Some("10".to_owned()), Some("20.3".to_owned())));
        assert_eq!(found(&records, "30"), None);
        records.remove(&shard, &blocked("20", 0));
        assert_eq!((found(&records, "10"), found(&records, "20")), (Some("10".to_owned()), None));
    }

    #[test]
    fn outputs_count_as_delivered_only_if_they_are_the_same_again() {
        let outputs = |texts: &'static [&'static str]| {
            texts.iter().map(|text| Emission { data: text.as_bytes(), partition_key: None, route: None })
        };
        let delivered = DeliveredOutputs { outputs: 2, digest: Some(digest(outputs(&["a", "b"]))) };
        let entry = BlockedRecord { delivered: Some(delivered), ..blocked("10", 1) };
        let batch = batch(&[("10", 0), ("10", 1)]);
        assert_eq!(entry.delivered_of(batch.event(1), outputs(&["a", "b", "c"])), 2);
        assert_eq!(entry.delivered_of(batch.event(0), outputs(&["a", "b", "c"])), 0);
        assert_eq!(entry.delivered_of(batch.event(1), outputs(&["a", "x", "c"])), 0);
        assert_eq!(entry.delivered_of(batch.event(1), outputs(&["ab", "", "c"])), 0);
        assert_eq!(entry.delivered_of(batch.event(1), outputs(&["a"])), 0);
    }
}

//! What comes of the records of one shard, gathered by record.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::event::{FirehoseRecord, PartNumbering, Position};
use crate::sink::{Delivery, Output, Pack, PackForm, Sink, SinkFuture, SinkResponse};

/// What is gathered for one record.
#[derive(Debug, Default)]
pub(super) struct GatheredRecord {
    pub(super) data: Vec<u8>,
    pub(super) has_output: bool,
    /// The keys that the transform set, if it set any.
    pub(super) partition_key: Option<String>,
    /// What keeps it from being answered.
    pub(super) trouble: Option<&'static str>,
}

/// Gathers the outputs of each record, by its position.
#[derive(Debug)]
pub(super) struct RecordGatherer {
    form: Option<PackForm>,
    numbering: PartNumbering,
    records: Mutex<HashMap<Position, GatheredRecord>>,
}

/// Remembers the records that can't be processed, by position.
#[derive(Debug)]
pub(super) struct FailedRecords {
    numbering: PartNumbering,
    positions: Mutex<Vec<Position>>,
}

impl FailedRecords {
    /// Returns none so far, of a batch whose events are numbered so.
    pub(super) fn new(numbering: PartNumbering) -> Self {
        Self { numbering, positions: Mutex::default() }
    }
}

impl RecordGatherer {
    /// Returns one that puts the outputs of a record together so, for a batch whose events are numbered so.
    pub(super) fn new(pack: Pack, numbering: PartNumbering) -> Self {
        Self { form: pack.form(), numbering, records: Mutex::default() }
    }

    fn gather(&self, records: &mut HashMap<Position, GatheredRecord>, output: &Output<'_>) -> Result<(), &'static str> {
        let record = records.entry(position_of(self.numbering, output)).or_default();
        match self.form {
            None => record.data.extend_from_slice(output.data),
            Some(form) => form.push(&mut record.data, form.element(output.data)?),
        }
        let key = output.has_chosen_key.then(|| output.partition_key.to_owned());
        if record.has_output && record.partition_key != key {
            record.trouble = Some("its outputs have different partition keys, and Firehose has one place for it");
        }
        record.partition_key = key;
        record.has_output = true;
        Ok(())
    }

    /// Returns what was gathered, with those that failed.
    pub(super) fn take(&self, failed: &FailedRecords) -> HashMap<Position, GatheredRecord> {
        let mut records = std::mem::take(&mut *locked(&self.records));
        for record in records.values_mut() {
            if let Some(form) = self.form.filter(|_| record.has_output) {
                form.end(&mut record.data);
            }
        }
        for position in locked(&failed.positions).drain(..) {
            records.entry(position).or_default().trouble = Some("it could not be processed");
        }
        records
    }
}

impl Sink for RecordGatherer {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
        let mut records = locked(&self.records);
        let gathered = outputs.iter().map(|output| match self.gather(&mut records, output) {
            Ok(()) => Delivery::Delivered,
            Err(reason) => Delivery::Undeliverable { reason: reason.into() },
        });
        let deliveries = gathered.collect();
        Box::pin(std::future::ready(SinkResponse { deliveries, ..SinkResponse::default() }))
    }

    fn refuses(&self, output: &Output<'_>) -> Option<String> {
        self.form.and_then(|form| form.element(output.data).err()).map(str::to_owned)
    }
}

impl Sink for FailedRecords {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
        let positions = outputs.iter().map(|output| position_of(self.numbering, output));
        locked(&self.positions).extend(positions);
        Box::pin(std::future::ready(SinkResponse::of_all(outputs.len(), Delivery::Delivered)))
    }
}

/// The position of the record that an output, or a dead letter, came from.
fn position_of(numbering: PartNumbering, output: &Output<'_>) -> Position {
    FirehoseRecord::position_of(numbering, output.sequence_number, output.sub_sequence_number)
}

/// What is behind these locks is whole between two calls, so it can be used after a panic, too.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! A JSON array as batches: its elements are payloads, or records of EventBridge Pipes.
//!
//! The sequence number of a payload is the number of its element, counted from 1, and so is the partition key, as with
//! lines.

use std::io::{Chain, Cursor};

use super::elements::{ArrayError, ElementReader};
use super::pipes::PipesRecord;
use crate::event::{Batch, BatchBuilder, Record, Shard};
use crate::source::lines::{Buffered, LineSupply};
use crate::source::{MAX_PAYLOAD_BYTES, MAX_RECORDS};
use crate::timestamp::now_millis;

/// What an element of an array is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    /// The payload of a record, as it stands.
    Payload,
    /// A record of EventBridge Pipes.
    PipesRecord,
}

/// Reads an array into batches.
pub(super) struct ArraySource {
    /// What was read to find out that it is an array, and what is behind it.
    reader: ElementReader<Chain<Cursor<Vec<u8>>, Buffered>>,
    element: Element,
    supply: LineSupply,
    local: Shard,
    most_records: usize,
    most_bytes: usize,
    /// An element that was read and is in no batch yet: a batch holds records of one shard.
    unused: Option<Vec<u8>>,
    /// What is said once the elements before it are processed.
    broken: Option<ArrayError>,
}

impl ArraySource {
    /// An array whose beginning was read already, into `head`.
    pub(super) fn new(head: Vec<u8>, rest: Buffered, supply: LineSupply, local: Shard, element: Element) -> Self {
        Self {
            reader: ElementReader::new(std::io::Read::chain(Cursor::new(head), rest)),
            element,
            supply,
            local,
            most_records: MAX_RECORDS,
            most_bytes: MAX_PAYLOAD_BYTES,
            unused: None,
            broken: None,
        }
    }

    /// Whether its elements are payloads, which are numbered.
    pub(super) fn holds_payloads(&self) -> bool {
        self.element == Element::Payload
    }

    /// What a batch holds at most, from now on.
    pub(super) fn set_limits(&mut self, records: usize, payload_bytes: usize) {
        (self.most_records, self.most_bytes) = (records, payload_bytes);
    }

    /// The next elements, up to a full batch; none at the end of the array. One that breaks off gives what is before
    /// first.
    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>, ArrayError> {
        if let Some(broken) = self.broken.take() {
            return Err(broken);
        }
        let mut batch = None;
        match self.fill(&mut batch) {
            Ok(()) => {}
            Err(error) if batch.is_none() => return Err(error),
            Err(error) => self.broken = Some(error),
        }
        Ok(batch.map(BatchBuilder::build))
    }

    fn fill(&mut self, batch: &mut Option<BatchBuilder>) -> Result<(), ArrayError> {
        let mut shard: Option<Shard> = None;
        let mut element = Vec::new();
        loop {
            if let Some(batch) = batch
                && (batch.len() >= self.most_records
                    || batch.payload_bytes() >= self.most_bytes
                    || self.may_have_to_wait())
            {
                return Ok(());
            }
            match self.unused.take() {
                Some(unused) => element = unused,
                None if !self.reader.next(&mut element)? => return Ok(()),
                None => {}
            }
            let number = self.reader.elements();
            match self.element {
                Element::Payload => {
                    let batch = batch.get_or_insert_with(|| Batch::builder(&self.local.stream_arn, &self.local.id));
                    let number = number.to_string();
                    let record = Record {
                        partition_key: &number,
                        sequence_number: &number,
                        sub_sequence_number: 0,
                        arrived_at: now_millis(),
                    };
                    batch.push_bytes(record, &element).map_err(|error| ArrayError::Broken(error.to_string()))?;
                }
                Element::PipesRecord => {
                    let wrong = |reason: String| {
                        ArrayError::Broken(format!("element {number} is no record of EventBridge Pipes: {reason}"))
                    };
                    let record = PipesRecord::parse(&element).map_err(wrong)?;
                    let of = record.shard(&self.local);
                    if shard.as_ref().is_some_and(|shard| *shard != of) {
                        drop(record);
                        self.unused = Some(element);
                        return Ok(());
                    }
                    // It is in no batch before it is known to be a record.
                    let mut first = None;
                    let place = match batch {
                        Some(batch) => batch,
                        None => first.insert(Batch::builder(&of.stream_arn, &of.id)),
                    };
                    record.push(place).map_err(wrong)?;
                    if let Some(first) = first {
                        *batch = Some(first);
                    }
                    shard = Some(of);
                }
            }
        }
    }

    /// Whether the next element may not have been written yet.
    fn may_have_to_wait(&self) -> bool {
        let (head, rest) = self.reader.input().get_ref();
        let is_head_read = usize::try_from(head.position()).is_ok_and(|read| read >= head.get_ref().len());
        self.supply == LineSupply::Growing && is_head_read && rest.buffer().trim_ascii().is_empty()
    }
}

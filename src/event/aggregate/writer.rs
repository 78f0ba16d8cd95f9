//! Aggregates on the way out.

use std::collections::HashMap;

use md5::{Digest, Md5};

use super::{DIGEST_BYTES, MAGIC};

/// Fields of the message and of a user record, by number and kind.
const PARTITION_KEYS: u8 = 1 << 3 | 2;
const RECORDS: u8 = 3 << 3 | 2;
const RECORD_PARTITION_KEY: u8 = 1 << 3;
const RECORD_DATA: u8 = 3 << 3 | 2;

/// Gathers user records into an aggregate.
#[derive(Debug, Default)]
pub struct AggregateWriter<'a> {
    /// The place of each key in the table.
    keys: HashMap<&'a str, u64>,
    table: Vec<u8>,
    records: Vec<u8>,
    count: usize,
}

impl<'a> AggregateWriter<'a> {
    /// Adds a user record.
    pub fn push(&mut self, partition_key: &'a str, data: &[u8]) {
        let next = self.keys.len() as u64;
        let index = *self.keys.entry(partition_key).or_insert(next);
        if index == next {
            self.table.push(PARTITION_KEYS);
            write_bytes(&mut self.table, partition_key.as_bytes());
        }
        self.records.push(RECORDS);
        let length = 1 + size_of_number(index) + 1 + size_of_bytes(data.len());
        write_number(&mut self.records, length as u64);
        self.records.push(RECORD_PARTITION_KEY);
        write_number(&mut self.records, index);
        self.records.push(RECORD_DATA);
        write_bytes(&mut self.records, data);
        self.count += 1;
    }

    /// How many user records there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What the aggregate would have at most with one more user record, in bytes.
    pub fn bytes_with(&self, partition_key: &str, data: &[u8]) -> usize {
        let record = 1 + size_of_number(self.keys.len() as u64) + 1 + size_of_bytes(data.len());
        let key = 1 + size_of_bytes(partition_key.len());
        MAGIC.len() + self.table.len() + self.records.len() + key + 1 + size_of_bytes(record) + DIGEST_BYTES
    }

    /// The aggregate.
    pub fn finish(self) -> Vec<u8> {
        let bytes = MAGIC.len() + self.table.len() + self.records.len() + DIGEST_BYTES;
        let mut aggregate = Vec::with_capacity(bytes);
        aggregate.extend_from_slice(&MAGIC);
        aggregate.extend_from_slice(&self.table);
        aggregate.extend_from_slice(&self.records);
        let digest = Md5::digest(&aggregate[MAGIC.len()..]);
        aggregate.extend_from_slice(digest.as_slice());
        aggregate
    }
}

fn write_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    write_number(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

/// Seven bits a byte, the lowest first.
fn write_number(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn size_of_number(number: u64) -> usize {
    let bits = 64 - number.leading_zeros();
    bits.div_ceil(7).max(1) as usize
}

fn size_of_bytes(length: usize) -> usize {
    size_of_number(length as u64) + length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_size_is_known_beforehand(
            records in prop::collection::vec(("[a-z]{0,6}", prop::collection::vec(any::<u8>(), 0..300)), 1..200),
        ) {
            let mut writer = AggregateWriter::default();
            let mut bound = 0;
            for (key, data) in &records {
                bound = writer.bytes_with(key, data);
                writer.push(key, data);
            }
            prop_assert_eq!(writer.len(), records.len());
            prop_assert!(writer.finish().len() <= bound);
        }

        #[test]
        fn the_size_of_a_number_is_what_it_takes(number: u64) {
            let mut written = Vec::new();
            write_number(&mut written, number);
            prop_assert_eq!(written.len(), size_of_number(number));
        }
    }
}

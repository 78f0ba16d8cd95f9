//! KPL aggregates: many user records in one record of a stream.
//!
//! An aggregate is [`MAGIC`], then a protobuf message, then the MD5 of that message. The message has a table of
//! partition keys (field 1), one of explicit hash keys (2), and the user records (3), each with the index of its
//! partition key (1), perhaps the index of an explicit hash key (2), its data (3) and tags (4).
//!
//! Read by hand: what is read is a handful of places in the payload, so that no user record is copied.

mod wire;
mod writer;

use std::ops::Range;

use md5::{Digest, Md5};

use wire::{InvalidProtobuf, WireField, WireFields};
pub use writer::AggregateWriter;

/// What an aggregate starts with.
pub const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];

/// Bytes of the MD5 that an aggregate ends with.
const DIGEST_BYTES: usize = 16;

/// User records of one aggregate, and partition keys in its table. Each takes some 200 bytes of memory, however short
/// it is.
///
/// The KPL makes aggregates of up to 1 MiB, where even user records without data, of 6 bytes each, are fewer. A record
/// of Kinesis has at most 10 MiB: other producers can fill it with user records of 14 bytes of data.
pub(super) const MOST_RECORDS: usize = 1 << 19;

/// Where things lie in the payload of an aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    /// The table of partition keys.
    pub partition_keys: Vec<Range<usize>>,
    /// The user records, in their order.
    pub records: Vec<UserRecord>,
}

/// One user record of an aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// The index of its partition key in the table. It may be a lie.
    pub partition_key: u64,
    /// Its data.
    pub data: Range<usize>,
}

/// Why a payload is not taken for an aggregate. But for [`NotAnAggregate::TooMany`], it is an ordinary record then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAggregate {
    /// It does not start like one.
    #[error("it does not start with the magic number")]
    NoMagic,
    /// It ends within its MD5, or that of its message is another one.
    #[error("its MD5 is not that of its message")]
    Digest,
    /// The message can't be read.
    #[error("its message is broken: {0}")]
    Message(#[from] InvalidProtobuf),
    /// A user record lacks what it has to have.
    #[error("a user record has no {0}")]
    Incomplete(&'static str),
    /// There is no user record in it, so that nothing would be left of the record.
    #[error("it has no user record")]
    Empty,
    /// It is an aggregate, of more than there is memory for.
    #[error("it has more than {MOST_RECORDS} user records or partition keys")]
    TooMany,
}

impl Aggregate {
    /// Finds the user records in a payload.
    ///
    /// # Errors
    /// When it is no aggregate, or a broken one.
    pub fn find(payload: &[u8]) -> Result<Self, NotAnAggregate> {
        if !payload.starts_with(&MAGIC) {
            return Err(NotAnAggregate::NoMagic);
        }
        let end = payload.len().checked_sub(DIGEST_BYTES).filter(|end| *end >= MAGIC.len());
        let end = end.ok_or(NotAnAggregate::Digest)?;
        if Md5::digest(&payload[MAGIC.len()..end]).as_slice() != &payload[end..] {
            return Err(NotAnAggregate::Digest);
        }
        let mut aggregate = Self { partition_keys: Vec::new(), records: Vec::new() };
        for field in WireFields::new(payload, MAGIC.len()..end) {
            match field? {
                WireField::Bytes { number: 1, at } => aggregate.partition_keys.push(at),
                WireField::Bytes { number: 3, at } => aggregate.records.push(user_record(payload, at)?),
                WireField::Bytes { .. } | WireField::Number { .. } | WireField::Other => {}
            }
            if aggregate.records.len().max(aggregate.partition_keys.len()) > MOST_RECORDS {
                return Err(NotAnAggregate::TooMany);
            }
        }
        if aggregate.records.is_empty() { Err(NotAnAggregate::Empty) } else { Ok(aggregate) }
    }
}

/// The explicit hash key is passed over: real producers name one where there is no table of them.
fn user_record(payload: &[u8], at: Range<usize>) -> Result<UserRecord, NotAnAggregate> {
    let (mut partition_key, mut data) = (None, None);
    for field in WireFields::new(payload, at) {
        match field? {
            WireField::Number { number: 1, value } => partition_key = Some(value),
            WireField::Bytes { number: 3, at } => data = Some(at),
            WireField::Bytes { .. } | WireField::Number { .. } | WireField::Other => {}
        }
    }
    Ok(UserRecord {
        partition_key: partition_key.ok_or(NotAnAggregate::Incomplete("partition key"))?,
        data: data.ok_or(NotAnAggregate::Incomplete("data"))?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A user record's key and data.
    type Pair = (Vec<u8>, Vec<u8>);

    fn records(payload: &[u8]) -> Result<Vec<Pair>, NotAnAggregate> {
        let aggregate = Aggregate::find(payload)?;
        let text = |at: &Range<usize>| payload[at.clone()].to_vec();
        let key = |record: &UserRecord| {
            usize::try_from(record.partition_key).ok().and_then(|index| aggregate.partition_keys.get(index)).map(text)
        };
        Ok(aggregate.records.iter().map(|record| (key(record).unwrap_or_default(), text(&record.data))).collect())
    }

    fn write(records: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut writer = AggregateWriter::default();
        records.iter().for_each(|(key, data)| writer.push(key, data));
        writer.finish()
    }

    /// A message of these bytes as an aggregate.
    fn sealed(message: &[u8]) -> Vec<u8> {
        [&MAGIC, message, Md5::digest(message).as_slice()].concat()
    }

    /// What the KPL's own aggregators write, byte for byte, with an index of an explicit hash key (`10 00`) and
    /// no table of them.
    #[test]
    fn an_aggregate_of_a_real_producer_is_read() {
        let message = b"\x0a\x02pk\x0a\x02qk\x1a\x09\x08\x00\x10\x00\x1a\x03one\x1a\x07\x08\x01\x1a\x03two";
        let expected = [(b"pk".to_vec(), b"one".to_vec()), (b"qk".to_vec(), b"two".to_vec())];
        assert_eq!(records(&sealed(message)), Ok(expected.to_vec()));
    }

    #[test]
    fn fields_may_come_in_any_order_and_unknown_ones_are_passed_over() {
        // A tag, a field 7 of each kind, and the table behind the record.
        let message =
            b"\x38\x01\x39\x00\x00\x00\x00\x00\x00\x00\x00\x3d\x00\x00\x00\x00\x1a\x0d\x22\x03\x0a\x01t\x1a\x03one\x08\x80\x00\x3a\x01x\x0a\x02pk";
        assert_eq!(records(&sealed(message)), Ok(vec![(b"pk".to_vec(), b"one".to_vec())]));
    }

    #[test]
    fn a_broken_one_says_what_is_wrong() {
        let message = |text: &[u8]| records(&sealed(text)).expect_err("broken").to_string();
        assert_eq!(records(b"plain"), Err(NotAnAggregate::NoMagic));
        for short in 0..20 {
            let text = [&MAGIC[..], &[0; 20]].concat();
            assert_eq!(records(&text[..4 + short]), Err(NotAnAggregate::Digest));
        }
        assert_eq!(message(b""), "it has no user record");
        assert_eq!(message(b"\x0a\x02pk"), "it has no user record");
        assert_eq!(message(b"\x1a\x02\x08\x00"), "a user record has no data");
        assert_eq!(message(b"\x1a\x02\x1a\x00"), "a user record has no partition key");
        assert_eq!(message(b"\x1a\x05\x08\x00"), "its message is broken: a length leads beyond the end");
        let beyond = [b"\x1a".as_slice(), &[0xff; 9], b"\x01"].concat();
        assert_eq!(message(&beyond), "its message is broken: a length leads beyond the end");
        assert_eq!(message(&[0xff; 12]), "its message is broken: a number is longer than 64 bits");
        assert_eq!(message(b"\x1a\x80"), "its message is broken: it ends within a number");
        assert_eq!(message(b"\x1b\x1c"), "its message is broken: it holds a group");
        assert_eq!(message(b"\x02\x00"), "its message is broken: a field has the number 0");
        for one in [&b"\x1a\x04\x08\x00\x1a\x00"[..], b"\x0a\x00"] {
            let many = one.repeat(MOST_RECORDS + 1);
            assert_eq!(message(&many), "it has more than 524288 user records or partition keys");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(
            records in prop::collection::vec(("\\PC{0,20}", prop::collection::vec(any::<u8>(), 0..200)), 1..50),
        ) {
            let expected: Vec<Pair> =
                records.iter().map(|(key, data)| (key.clone().into_bytes(), data.clone())).collect();
            prop_assert_eq!(self::records(&write(&records)), Ok(expected));
        }

        /// However it is damaged, it is read as something or as nothing; a digest that fits gets it past the first
        /// hurdle.
        #[test]
        fn no_damage_makes_it_panic(
            records in prop::collection::vec(("[a-c]{0,3}", prop::collection::vec(any::<u8>(), 0..40)), 1..6),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            cut in any::<prop::sample::Index>(),
            is_cut: bool,
        ) {
            let whole = write(&records);
            let mut message = whole[MAGIC.len()..whole.len() - DIGEST_BYTES].to_vec();
            for (place, byte) in changes {
                let place = place.index(message.len());
                message[place] = byte;
            }
            if is_cut {
                message.truncate(cut.index(message.len()));
            }
            let payload = sealed(&message);
            if let Ok(aggregate) = Aggregate::find(&payload) {
                for record in &aggregate.records {
                    prop_assert!(record.data.end <= payload.len() - DIGEST_BYTES);
                }
            }
        }

        #[test]
        fn no_message_makes_it_panic(message in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Aggregate::find(&sealed(&message));
        }
    }
}

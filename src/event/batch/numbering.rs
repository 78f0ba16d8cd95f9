//! The sub-sequence numbers of events that are out of one record.

/// How the events are numbered that a record is taken apart into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PartNumbering {
    /// Behind each other, from the record's own sub-sequence number on.
    #[default]
    Consecutive,
    /// Each 2^32 behind the one before it. For records that somebody else took out of their KPL
    /// aggregates: the numbers right behind a record's own are those of its neighbours.
    BetweenNeighbours,
}

/// How many user records of one KPL aggregate have numbers of their own under [`PartNumbering::BetweenNeighbours`].
pub(in crate::event) const MOST_USER_RECORDS: u64 = 1 << 32;

impl PartNumbering {
    /// Returns the sub-sequence number of a part of a record, by the record's own number and the part's place in it,
    /// counted from 0.
    pub(in crate::event) fn number(self, record: u64, place: u64) -> u64 {
        let apart = match self {
            PartNumbering::Consecutive => 1,
            PartNumbering::BetweenNeighbours => MOST_USER_RECORDS,
        };
        record.saturating_add(place.saturating_mul(apart))
    }
}

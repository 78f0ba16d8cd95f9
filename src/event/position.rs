//! Where an event is in its shard: a position that owns its text, and was checked.

use std::cmp::Ordering;
use std::fmt;

use super::batch::Event;
use super::sequence_number::{InvalidSequenceNumber, SequenceNumber};

/// The position of an event in its shard: the sequence number of its record, and the event's index inside that record.
///
/// Ordered as the shard is. A sequence number alone is not enough where a record holds several events: a KPL aggregate,
/// or a message of CloudWatch Logs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    /// The text of a sequence number.
    sequence_number: Box<str>,
    sub_sequence_number: u64,
}

impl Position {
    /// Returns the position of these parts.
    ///
    /// # Errors
    /// When the text is not a sequence number.
    pub fn new(sequence_number: &str, sub_sequence_number: u64) -> Result<Self, InvalidSequenceNumber> {
        SequenceNumber::parse(sequence_number)?;
        Ok(Self { sequence_number: sequence_number.into(), sub_sequence_number })
    }

    /// Returns the position of a record's event by its index.
    pub fn at(sequence_number: SequenceNumber<'_>, sub_sequence_number: u64) -> Self {
        Self { sequence_number: sequence_number.as_str().into(), sub_sequence_number }
    }

    /// Returns the position of an event.
    pub fn of(event: Event<'_>) -> Self {
        Self::at(event.sequence_number, event.sub_sequence_number)
    }

    /// Returns the sequence number of the record.
    pub fn sequence_number(&self) -> SequenceNumber<'_> {
        SequenceNumber::from_checked(&self.sequence_number)
    }

    /// Returns the event's index inside its record; 0 for a record that is one event.
    pub fn sub_sequence_number(&self) -> u64 {
        self.sub_sequence_number
    }
}

/// The position of a whole record: that of its first event.
impl From<SequenceNumber<'_>> for Position {
    fn from(sequence_number: SequenceNumber<'_>) -> Self {
        Self::at(sequence_number, 0)
    }
}

impl Ord for Position {
    fn cmp(&self, other: &Self) -> Ordering {
        let number = |position: &Self| position.sub_sequence_number;
        self.sequence_number().cmp(&other.sequence_number()).then_with(|| number(self).cmp(&number(other)))
    }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The sequence number, and behind a point the index inside the record, where there is one.
impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sub_sequence_number {
            0 => formatter.write_str(&self.sequence_number),
            sub_sequence_number => write!(formatter, "{}.{sub_sequence_number}", self.sequence_number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(sequence_number: &str, sub_sequence_number: u64) -> Position {
        Position::new(sequence_number, sub_sequence_number).expect("a position")
    }

    #[test]
    fn positions_are_ordered_as_the_shard_is() {
        let in_order = [position("9", 7), position("10", 0), position("10", 1), position("10", 10), position("11", 0)];
        assert!(in_order.is_sorted());
        assert!(position("10", 0) < position("10", 1) && position("9", 7) < position("10", 0));
    }

    #[test]
    fn what_is_no_sequence_number_makes_no_position() {
        assert!(Position::new("latest", 0).is_err());
        assert!(Position::new("007", 0).is_err());
    }

    #[test]
    fn a_person_reads_the_index_behind_the_number() {
        assert_eq!(position("4966", 0).to_string(), "4966");
        assert_eq!(position("4966", 12).to_string(), "4966.12");
    }
}

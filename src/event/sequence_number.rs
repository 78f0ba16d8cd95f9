//! The position of a record in its shard.

use std::cmp::Ordering;
use std::fmt;

/// Longest sequence number that the Kinesis API allows (its pattern is `0|([1-9]\d{0,128})`);
/// the service itself writes 56 digits.
const MAX_DIGITS: usize = 129;

/// A Kinesis sequence number: a decimal integer without leading zeros, larger than any machine
/// integer.
///
/// Ordered as an integer. Neither a string comparison (which puts "10" before "9") nor a float or
/// `u128` (which lose digits) would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SequenceNumber<'a>(&'a str);

/// A text that is not a sequence number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a sequence number: a decimal integer of 1 to {MAX_DIGITS} digits without leading zeros")]
pub struct InvalidSequenceNumber(String);

impl<'a> SequenceNumber<'a> {
    /// Takes the text of a sequence number as the service wrote it.
    ///
    /// # Errors
    /// When the text is not a decimal integer of at most 129 digits without leading zeros.
    pub fn parse(text: &'a str) -> Result<Self, InvalidSequenceNumber> {
        let digits = text.as_bytes();
        let length_fits = (1..=MAX_DIGITS).contains(&digits.len());
        let leading_zero = digits.len() > 1 && digits[0] == b'0';
        // Without an early end, the compiler looks at many digits at once.
        let are_digits = || digits.iter().fold(true, |are, byte| are & byte.is_ascii_digit());
        if length_fits && !leading_zero && are_digits() {
            Ok(Self(text))
        } else {
            // Hostile input is quoted in part: an error message is no place for megabytes.
            Err(InvalidSequenceNumber(text.chars().take(MAX_DIGITS + 1).collect()))
        }
    }

    /// The text, exactly as the service wrote it: what a response to Lambda has to name.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// For text that a batch checked when the record was added.
    pub(super) fn from_checked(text: &'a str) -> Self {
        debug_assert!(Self::parse(text).is_ok(), "{text:?} was not checked");
        Self(text)
    }
}

impl Ord for SequenceNumber<'_> {
    /// Without leading zeros the longer number is the larger one, and among numbers of one length
    /// the order of the digits is the order of the numbers.
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(other.0))
    }
}

impl PartialOrd for SequenceNumber<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for SequenceNumber<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> SequenceNumber<'_> {
        SequenceNumber::parse(text).expect("a sequence number")
    }

    #[test]
    fn compares_as_an_integer_and_not_as_text() {
        assert!(number("9") < number("10"));
        assert!(number("0") < number("1"));
        let smaller = "49590338271490256608559692538361571095921575989136588898";
        let larger = "49590338271490256608559692540925702759324208523137515618";
        assert!(number(smaller) < number(larger));
        assert!(number(larger) > number(&larger[1..]));
    }

    #[test]
    fn refuses_what_is_not_a_decimal_integer() {
        for text in ["", "-1", "+1", "1.0", "1e3", " 1", "1 ", "007", "00", "abc", "١", "shardId-000000000000:1"] {
            assert!(SequenceNumber::parse(text).is_err(), "{text:?} was taken");
        }
        assert!(SequenceNumber::parse(&"1".repeat(129)).is_ok());
        let too_long = SequenceNumber::parse(&"1".repeat(100_000)).expect_err("too long").to_string();
        assert!(too_long.len() < 300, "the message quotes {} bytes", too_long.len());
    }

    proptest! {
        #[test]
        fn agrees_with_machine_integers_where_those_suffice(left: u128, right: u128) {
            let (left_text, right_text) = (left.to_string(), right.to_string());
            prop_assert_eq!(number(&left_text).cmp(&number(&right_text)), left.cmp(&right));
        }

        #[test]
        fn a_longer_tail_orders_numbers_of_56_digits(head in "[1-9][0-9]{19}", left in 0u128..10u128.pow(36), right in 0u128..10u128.pow(36)) {
            let (left_text, right_text) = (format!("{head}{left:036}"), format!("{head}{right:036}"));
            prop_assert_eq!(left_text.len(), 56);
            prop_assert_eq!(number(&left_text).cmp(&number(&right_text)), left.cmp(&right));
        }
    }
}

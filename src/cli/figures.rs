//! Figures for a person: sizes, rates and positions in as many digits as anybody reads.

use std::borrow::Cow;
use std::time::Duration;

/// The units of bytes, each a thousand of the one before.
const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/// A position that is no longer than this is shown whole.
const LONGEST_POSITION: usize = 20;

/// The last digits of a position that is shortened. Numbers of a shard that follow each other differ in these: they are
/// multiples of 2^36 apart, and only one multiple in 5^12 is one of 10^12.
const POSITION_TAIL: usize = 12;

/// Returns so many bytes in the unit that leaves one to three digits before the point.
pub(super) fn size(bytes: u64) -> String {
    let (value, unit) = scaled(bytes as f64);
    format!("{} {unit}", digits(value))
}

/// Returns a rate of bytes, given by the second.
pub(super) fn byte_rate(bytes_per_second: f64) -> String {
    let Rate { value, per } = Rate::of(bytes_per_second);
    let (value, unit) = scaled(value);
    format!("{} {unit}/{per}", digits(value))
}

/// Returns a rate of records, given by the second.
pub(super) fn record_rate(records_per_second: f64) -> String {
    let Rate { value, per } = Rate::of(records_per_second);
    let value = if value < 10.0 { digits(value) } else { format!("{value:.0}") };
    format!("{value} records/{per}")
}

/// Returns a sequence number in a view: its last digits where it is long. Where somebody may copy it, it has to be whole.
pub(super) fn short_position(position: &str) -> Cow<'_, str> {
    let characters = position.chars().count();
    if characters <= LONGEST_POSITION {
        return Cow::Borrowed(position);
    }
    let tail: String = position.chars().skip(characters - POSITION_TAIL).collect();
    Cow::Owned(format!("…{tail}"))
}

/// How far behind something is; none: nobody knows.
pub(super) fn how_far_behind(behind: Option<Duration>) -> String {
    match behind {
        None => "lag unknown".to_owned(),
        Some(behind) if behind.is_zero() => "up to date".to_owned(),
        Some(behind) => format!("{} behind", rough(behind)),
    }
}

/// A time as far as a person cares.
fn rough(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{} ms", time.as_millis());
    }
    let seconds = time.as_secs();
    let rounded = match seconds {
        0..=599 => seconds,
        600..=86_399 => seconds / 60 * 60,
        86_400..=172_799 => seconds / 3600 * 3600,
        _ => return format!("{} days", seconds / 86_400),
    };
    humantime::format_duration(Duration::from_secs(rounded)).to_string()
}

/// How often, in a time that makes it one at least.
struct Rate {
    value: f64,
    per: &'static str,
}

impl Rate {
    fn of(per_second: f64) -> Self {
        if per_second >= 1.0 || per_second <= 0.0 {
            return Self { value: per_second, per: "s" };
        }
        let per_minute = per_second * 60.0;
        if per_minute >= 1.0 {
            return Self { value: per_minute, per: "min" };
        }
        Self { value: per_minute * 60.0, per: "h" }
    }
}

/// A number of bytes in its unit.
fn scaled(bytes: f64) -> (f64, &'static str) {
    let mut value = bytes;
    let mut units = UNITS.into_iter();
    let mut unit = units.next().unwrap_or_default();
    for larger in units {
        // From there on it would be rounded to a thousand.
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1000.0, larger);
    }
    (value, unit)
}

/// One digit behind the point where it says something, and never a zero for what is more.
fn digits(value: f64) -> String {
    if value > 0.0 && value < 0.05 {
        return "<0.1".to_owned();
    }
    let decimals = usize::from(value < 99.95);
    let text = format!("{value:.decimals$}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_in_a_unit_that_shows_them() {
        let sizes =
            [0, 1, 63, 999, 1000, 1050, 110_000, 999_499, 999_500, 1_500_000, 12_345_678, 6_000_000_000, u64::MAX];
        let shown = [
            "0 B", "1 B", "63 B", "999 B", "1 kB", "1.1 kB", "110 kB", "999 kB", "1 MB", "1.5 MB", "12.3 MB", "6 GB",
            "18.4 EB",
        ];
        assert_eq!(sizes.map(size), shown);
    }

    #[test]
    fn slow_rates_are_by_the_minute_or_the_hour() {
        let rates = [0.0, 0.000_001, 0.0003, 0.1, 0.02, 0.99, 1.0, 2.44, 9.96, 10.4, 4800.2];
        let shown = [
            "0 records/s",
            "<0.1 records/h",
            "1.1 records/h",
            "6 records/min",
            "1.2 records/min",
            "59 records/min",
            "1 records/s",
            "2.4 records/s",
            "10 records/s",
            "10 records/s",
            "4800 records/s",
        ];
        assert_eq!(rates.map(record_rate), shown);
        let rates = [0.0, 0.5, 12.0, 950.0, 47_000.0, 720_000.0, 2.5e9];
        assert_eq!(rates.map(byte_rate), ["0 B/s", "30 B/min", "12 B/s", "950 B/s", "47 kB/s", "720 kB/s", "2.5 GB/s"]);
    }

    proptest! {
        #[test]
        fn nothing_is_shown_as_zero_that_is_more(bytes in 1_u64.., rate in 1e-12_f64..1e12) {
            for shown in [size(bytes), byte_rate(rate), record_rate(rate)] {
                prop_assert!(!shown.starts_with("0 ") && !shown.starts_with("0.0"), "{}", shown);
            }
            for shown in [size(bytes), byte_rate(rate)] {
                prop_assert!(!shown.starts_with("1000"), "{}", shown);
            }
        }

        /// As the service numbers the records of a shard.
        #[test]
        fn neighbours_differ_where_positions_are_short(first in 0_u128..1 << 120, apart in 1_u128..100_000) {
            let number = |counter: u128| format!("4959{:052}", counter << 4);
            let (one, other) = (number(first), number(first + (apart << 32)));
            prop_assert_eq!(one.len(), 56);
            prop_assert_ne!(short_position(&one), short_position(&other));
        }
    }

    #[test]
    fn a_short_position_is_whole() {
        assert_eq!(short_position("4966"), "4966");
        assert_eq!(short_position("49590338271490256608559692538361571095921575989136588898"), "…989136588898");
    }
}

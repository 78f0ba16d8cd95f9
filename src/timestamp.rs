//! Times as records have them: milliseconds since the Unix epoch, and RFC 3339; and as people write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};

/// Returns the time of day, in milliseconds since the Unix epoch.
pub(crate) fn now_millis() -> u64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Returns a duration in whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Returns a time, in milliseconds since the Unix epoch, as RFC 3339. The text is empty after the year 9999, which no batch
/// holds.
pub(crate) fn rfc3339(millis: u64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

/// Seconds since the Unix epoch have so many digits, from the year 1973 to 5138; with more, a number is one of
/// milliseconds, and with fewer, a year or a slip.
const DIGITS_OF_SECONDS: std::ops::RangeInclusive<usize> = 9..=11;

/// Reads a point in time as people write it, in milliseconds since the Unix epoch: RFC 3339, a date (its midnight in
/// UTC), seconds with a fraction or without, or milliseconds since 1970, or how long ago it is (`1h`, `2days`).
///
/// # Errors
/// Names the value, and what would be one.
pub(crate) fn point_in_time(text: &str) -> Result<u64, String> {
    point_in_time_at(text, now_millis())
}

fn point_in_time_at(text: &str, now: u64) -> Result<u64, String> {
    let too_early = || format!("{text:?} is before the year 1970");
    let of_millis = |millis: i128| u64::try_from(millis).map_err(|_| too_early());
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return of_millis(time.unix_timestamp_nanos() / 1_000_000);
    }
    if let Some(date) = date(text) {
        return of_millis(date.midnight().assume_utc().unix_timestamp_nanos() / 1_000_000);
    }
    if let Some(millis) = epoch(text) {
        return Ok(millis);
    }
    let ago = humantime::parse_duration(text).map_err(|_| {
        format!(
            "{text:?} is no time: use RFC 3339 (2026-11-20T18:30:00Z), a date (2026-11-20), seconds or milliseconds since \
             1970, or how long ago it is (1h, 2days)"
        )
    })?;
    now.checked_sub(millis(ago)).ok_or_else(too_early)
}

/// Seconds or milliseconds have no more digits than this in a record: those of microseconds have more.
const MOST_DIGITS: usize = 14;

/// Reads a time that a record holds, in milliseconds since the Unix epoch: RFC 3339, seconds of 9 to 11 digits with a
/// fraction or without, or milliseconds of 12 to 14 digits. None: it is no such time.
pub(crate) fn recorded_time(text: &str) -> Option<u64> {
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok();
    }
    let whole = text.split('.').next().unwrap_or_default();
    if whole.len() > MOST_DIGITS { None } else { epoch(text) }
}

/// A date as RFC 3339 writes it.
fn date(text: &str) -> Option<Date> {
    let mut parts = text.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let is_date = [(year, 4), (month, 2), (day, 2)]
        .iter()
        .all(|(digits, length)| digits.len() == *length && digits.bytes().all(|byte| byte.is_ascii_digit()));
    let month = time::Month::try_from(month.parse::<u8>().ok()?).ok()?;
    is_date.then(|| Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok())?
}

/// Seconds or milliseconds since the Unix epoch.
fn epoch(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number =
        [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_number {
        return None;
    }
    let number: u64 = whole.parse().ok()?;
    if whole.len() < *DIGITS_OF_SECONDS.start() {
        return None;
    }
    if whole.len() > *DIGITS_OF_SECONDS.end() {
        return (!text.contains('.')).then_some(number);
    }
    // Thousandths: what is behind them is finer than a record's arrival.
    let thousandths: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    number.checked_mul(1000)?.checked_add(thousandths)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_is_written_with_its_milliseconds() {
        assert_eq!(rfc3339(1_545_084_651_487), "2018-12-17T22:10:51.487Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(u64::MAX), "");
    }

    #[test]
    fn a_time_is_read_as_people_write_it() {
        let now = 1_545_084_650_987;
        for (text, millis) in [
            ("2018-12-17T22:10:50.987Z", now),
            ("2018-12-18T00:10:50.987+02:00", now),
            ("2018-12-17", 1_545_004_800_000),
            ("1545084650", 1_545_084_650_000),
            ("1545084650.987", now),
            ("1545084650.9876543", now),
            ("1545084650987", now),
            ("1h", now - 3_600_000),
            ("2days", now - 2 * 86_400_000),
            ("1h 30m", now - 5_400_000),
        ] {
            assert_eq!(point_in_time_at(text, now), Ok(millis), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_what_would_be() {
        for text in [
            "noon",
            "2026",
            "",
            "-1",
            "1.",
            ".5",
            "2018-13-01",
            "2018-02-30",
            "18-1-1",
            "2018-12-17T22:10:50",
            "1545084650987.5",
        ] {
            let error = point_in_time_at(text, 7).expect_err(text);
            assert!(error.contains("is no time: use RFC 3339"), "{error}");
        }
        for text in ["1960-01-01T00:00:00Z", "1960-01-01", "1h"] {
            assert!(point_in_time_at(text, 7).expect_err(text).ends_with("is before the year 1970"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9.dhmsTZ:+-]{0,24}|\\PC{0,20}") {
            let _ = point_in_time_at(&text, 1_545_084_650_987);
        }
    }

    #[test]
    fn a_duration_beyond_what_fits_is_the_longest() {
        assert_eq!(millis(Duration::from_micros(1_999)), 1);
        assert_eq!(millis(Duration::MAX), u64::MAX);
    }
}

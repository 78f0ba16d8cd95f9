//! No more than so many records a second.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// How far behind the rate we may be and still catch up: the time of a request, and not of a pause.
const CATCHES_UP: Duration = Duration::from_millis(250);

/// So many requests a second are enough to keep an even pace.
const REQUESTS_A_SECOND: u32 = 10;

/// A rate, and when the next records may go.
#[derive(Debug)]
pub(super) struct RateLimit {
    records_per_second: NonZeroU32,
    next: Option<Instant>,
}

impl RateLimit {
    pub(super) fn new(records_per_second: NonZeroU32) -> Self {
        Self { records_per_second, next: None }
    }

    /// How many records are best put at once.
    pub(super) fn at_once(&self) -> usize {
        (self.records_per_second.get() / REQUESTS_A_SECOND).max(1) as usize
    }

    /// How long so many records have to wait. They count as put. None of them: how long the next one has to.
    pub(super) fn wait(&mut self, records: usize, now: Instant) -> Duration {
        let earliest = now.checked_sub(CATCHES_UP).unwrap_or(now);
        let begins = self.next.map_or(now, |next| next.max(earliest));
        let time = Duration::from_secs_f64(records as f64 / f64::from(self.records_per_second.get()));
        self.next = begins.checked_add(time);
        begins.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(records_per_second: u32) -> RateLimit {
        RateLimit::new(NonZeroU32::new(records_per_second).expect("a rate"))
    }

    #[test]
    fn requests_that_take_their_time_take_nothing_from_the_rate() {
        let (start, mut rate) = (Instant::now(), rate(1000));
        assert_eq!(rate.at_once(), 100);
        let mut now = start;
        for _ in 0..50 {
            now += rate.wait(100, now) + Duration::from_millis(40);
        }
        let elapsed = now - start;
        assert!(elapsed >= Duration::from_millis(4900) && elapsed < Duration::from_millis(5000), "{elapsed:?}");
    }

    #[test]
    fn there_is_no_burst_after_a_pause() {
        let (start, mut rate) = (Instant::now(), rate(2));
        assert_eq!((rate.at_once(), rate.wait(1, start)), (1, Duration::ZERO));
        assert_eq!(rate.wait(1, start), Duration::from_millis(500));
        let later = start + Duration::from_secs(60);
        assert_eq!(rate.wait(1, later), Duration::ZERO);
        assert_eq!(rate.wait(1, later), Duration::from_millis(250));
        assert_eq!(rate.wait(1, later), Duration::from_millis(750));
    }
}

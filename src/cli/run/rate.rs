//! How fast a run over streams is.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::totals::Totals;

/// What a run did in a second, over a span of time.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunRate {
    /// Records that were acknowledged.
    pub(super) records: f64,
    /// Bytes that were read.
    pub(super) bytes: f64,
}

impl RunRate {
    /// The rate of so many records and bytes within a time.
    pub(super) fn of(records: u64, bytes: u64, elapsed: Duration) -> Self {
        let seconds = elapsed.as_secs_f64().max(1e-9);
        Self { records: records as f64 / seconds, bytes: bytes as f64 / seconds }
    }
}

/// Measures the rate of the last few seconds.
#[derive(Debug)]
pub(super) struct RateMeter {
    span: Duration,
    /// What was done at each of the last times.
    past: VecDeque<RateSample>,
}

/// What was done up to a time.
#[derive(Debug, Clone, Copy)]
struct RateSample {
    at: Instant,
    records: u64,
    bytes: u64,
}

impl RateMeter {
    /// A meter of a run that begins now, over this span.
    pub(super) fn begin(now: Instant, span: Duration) -> Self {
        Self { span, past: VecDeque::from([RateSample { at: now, records: 0, bytes: 0 }]) }
    }

    /// Returns the rate now, when this much is done in all.
    pub(super) fn rate(&mut self, totals: &Totals) -> RunRate {
        let now = RateSample { at: Instant::now(), records: totals.counts.acknowledged(), bytes: totals.read_bytes };
        // One from before the span stays, so that all of it is covered.
        while self.past.get(1).is_some_and(|second| second.at.elapsed() > self.span) {
            self.past.pop_front();
        }
        let then = self.past.front().copied().unwrap_or(now);
        self.past.push_back(now);
        RunRate::of(now.records - then.records, now.bytes - then.bytes, now.at - then.at)
    }
}

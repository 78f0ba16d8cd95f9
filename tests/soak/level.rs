//! Whether what a process uses has levelled off.

use std::fmt;
use std::time::Duration;

use crate::support::usage::Usage;

/// What was used after so many invocations.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub invocations: u64,
    pub elapsed: Duration,
    pub usage: Usage,
}

impl Sample {
    pub const HEADING: &str = "invocations  seconds  resident MB  threads  descriptors";
}

impl fmt::Display for Sample {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { invocations, elapsed, usage: Usage { resident, threads, descriptors, .. } } = self;
        let (seconds, resident) = (elapsed.as_secs(), *resident as f64 / 1024.0);
        write!(formatter, "{invocations:>11}  {seconds:>7}  {resident:>11.1}  {threads:>7}  {descriptors:>11}")
    }
}

/// How many more threads or descriptors there may be at the end. They come and go: a thread that decoded something stays
/// for ten seconds, and each target has connections. What each failure left would be hundreds.
const SLACK: u64 = 8;

/// Holds the last quarter of what was looked at to the second one: threads and descriptors, the most of each, must not
/// have become more; nor must memory, as it was in the middle of all that was looked at, by more than this part, if one is
/// given.
pub fn check_level(samples: &[Sample], memory_margin: Option<f64>) {
    let quarter = |number: usize, of: fn(&Usage) -> u64| {
        let all = &samples[samples.len() * number / 4..samples.len() * (number + 1) / 4];
        let mut all: Vec<u64> = all.iter().map(|sample| of(&sample.usage)).collect();
        all.sort_unstable();
        all
    };
    let before_and_after = |of, pick: fn(&[u64]) -> u64| (pick(&quarter(1, of)), pick(&quarter(3, of)));
    let most = |sorted: &[u64]| *sorted.last().expect("it was looked at");
    let median = |sorted: &[u64]| sorted[sorted.len() / 2];
    let (threads, threads_after) = before_and_after(|usage| usage.threads, most);
    let (descriptors, descriptors_after) = before_and_after(|usage| usage.descriptors, most);
    let (resident, resident_after) = before_and_after(|usage| usage.resident, median);
    println!(
        "from the second to the last quarter: resident memory from {} to {} KiB (median), threads from {threads} to \
         {threads_after}, descriptors from {descriptors} to {descriptors_after} (most)",
        resident, resident_after
    );
    assert!(threads_after <= threads + SLACK, "threads became more: {threads}, then {threads_after}");
    assert!(
        descriptors_after <= descriptors + SLACK,
        "descriptors became more: {descriptors}, then {descriptors_after}"
    );
    if let Some(margin) = memory_margin {
        let most = (resident as f64 * (1.0 + margin)) as u64;
        assert!(resident_after <= most, "memory rose above {most} KiB: from {resident} to {resident_after} KiB");
    }
}

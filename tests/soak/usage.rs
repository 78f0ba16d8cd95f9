//! What a process uses, and whether that has levelled off.

use std::fmt;
use std::time::Duration;

/// What a process uses at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Resident memory, in KiB.
    pub resident: u64,
    pub threads: u64,
    pub descriptors: u64,
}

impl Usage {
    /// Returns what Linux says of a process.
    pub fn of(process: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
            line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().expect(name)
        };
        let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).expect("the process runs").count();
        Self { resident: number("VmRSS"), threads: number("Threads"), descriptors: descriptors as u64 }
    }
}

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
        let Self { invocations, elapsed, usage: Usage { resident, threads, descriptors } } = self;
        let (seconds, resident) = (elapsed.as_secs(), *resident as f64 / 1024.0);
        write!(formatter, "{invocations:>11}  {seconds:>7}  {resident:>11.1}  {threads:>7}  {descriptors:>11}")
    }
}

/// How many more threads or descriptors there may be at the end. They come and go: a thread that decoded something stays
/// for ten seconds, and each target has connections. What each failure left would be hundreds.
const SLACK: u64 = 8;

/// Holds the last quarter of what was looked at to the second one, the most of each: threads and descriptors must not
/// have become more, and memory, where a margin for it is given, by no more than that part.
pub fn check_level(samples: &[Sample], memory_margin: Option<f64>) {
    let quarter = |number: usize| &samples[samples.len() * number / 4..samples.len() * (number + 1) / 4];
    let most = |number: usize, of: fn(&Usage) -> u64| {
        quarter(number).iter().map(|sample| of(&sample.usage)).max().expect("it was looked at")
    };
    let before_and_after = |of: fn(&Usage) -> u64| (most(1, of), most(3, of));
    for (name, (before, after)) in [
        ("threads", before_and_after(|usage| usage.threads)),
        ("descriptors", before_and_after(|usage| usage.descriptors)),
    ] {
        assert!(after <= before + SLACK, "{name} became more: {before} before the middle, {after} at the end");
    }
    let (before, after) = before_and_after(|usage| usage.resident);
    println!("resident memory, at most: {} kB before the middle, {} kB at the end", before, after);
    if let Some(margin) = memory_margin {
        assert!(after as f64 <= before as f64 * (1.0 + margin), "memory became more: {before} kB, then {after} kB");
    }
}

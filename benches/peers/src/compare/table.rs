//! What was measured, for people and for programs.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

/// One function's figures.
pub struct Row {
    pub name: String,
    /// Of one invocation, from its first byte to its response.
    pub invocation: Spread,
    /// From the start of the process to its first poll.
    pub start: Spread,
    /// The most memory of its process, in bytes.
    pub memory: u64,
}

/// How times lie.
#[derive(Clone, Copy)]
pub struct Spread {
    pub lower_quarter: Duration,
    pub median: Duration,
    pub upper_quarter: Duration,
}

/// All figures; the first row is the one that the others are set against.
pub struct Table {
    pub rows: Vec<Row>,
}

impl Row {
    pub fn new(name: String, times: Vec<Duration>, starts: Vec<Duration>, memory: u64) -> Self {
        Self { name, invocation: Spread::of(times), start: Spread::of(starts), memory }
    }
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |part: usize| times.get(times.len() * part / 4).copied().unwrap_or_default();
        Self { lower_quarter: at(1), median: at(2), upper_quarter: at(3) }
    }

    fn figures(self) -> Value {
        json!({
            "median": milliseconds(self.median),
            "quartiles": [milliseconds(self.lower_quarter), milliseconds(self.upper_quarter)],
        })
    }
}

pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 100.0
}

impl Table {
    /// How many times as long as the first one takes.
    pub fn ratio(&self, row: &Row) -> f64 {
        row.invocation.median.as_secs_f64() / self.rows[0].invocation.median.as_secs_f64()
    }

    pub fn figures(&self, records: usize) -> Value {
        let row = |row: &Row| {
            json!({
                "name": row.name,
                "invocationMilliseconds": row.invocation.figures(),
                "timesAsLong": (self.ratio(row) * 100.0).round() / 100.0,
                "startMilliseconds": row.start.figures(),
                "peakMegabytes": (row.memory as f64 / 1e5).round() / 10.0,
            })
        };
        json!({ "records": records, "functions": self.rows.iter().map(row).collect::<Vec<_>>() })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "| function | an invocation (quartiles) | times as long | start | peak of memory |")?;
        writeln!(formatter, "| --- | --- | --- | --- | --- |")?;
        for row in &self.rows {
            let Spread { lower_quarter, median, upper_quarter } = row.invocation;
            writeln!(
                formatter,
                "| {} | {:.1} ms ({:.1} to {:.1}) | {:.2} | {:.1} ms | {:.0} MB |",
                row.name,
                milliseconds(median),
                milliseconds(lower_quarter),
                milliseconds(upper_quarter),
                self.ratio(row),
                milliseconds(row.start.median),
                row.memory as f64 / 1e6,
            )?;
        }
        Ok(())
    }
}

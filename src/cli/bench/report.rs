//! What a measurement comes to, for a person and for a program.

use std::fmt::Write;

use bytesize::ByteSize;
use serde::Serialize;

use super::counts::VerdictCounts;
use super::figures::{RoundFigure, grouped, number};
use super::rounds::{InstructionCount, Measurement, StartFigures};
use crate::cli::foreign::one_line;

/// All that was measured.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BenchReport {
    /// What is measured, as it was named.
    pub(super) transform_file: String,
    pub(super) input: String,
    /// The records of a pass, out of those that were read.
    pub(super) records: usize,
    /// Whether the input has no others.
    pub(super) is_whole_input: bool,
    pub(super) payload_bytes: u64,
    /// Rounds that came to their end.
    pub(super) rounds: usize,
    /// Whether somebody ended it before all rounds were done.
    pub(super) interrupted: bool,
    /// What became of the records of a pass.
    pub(super) verdicts: VerdictCounts,
    pub(super) transform: SubjectReport,
    /// The same of a transform that keeps every record.
    pub(super) keep: SubjectReport,
    /// None: this system does not say it.
    pub(super) process_peak_memory_bytes: Option<u64>,
    /// Why instructions are not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instructions_unavailable: Option<String>,
    /// Over how many of the first records they are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instructions_records: Option<usize>,
}

/// What was measured of a transform.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubjectReport {
    pub(super) records_per_second: RoundFigure,
    pub(super) megabytes_per_second: RoundFigure,
    pub(super) microseconds_per_record: RoundFigure,
    /// Of those: inside the transform.
    pub(super) transform_microseconds: f64,
    /// Of those: the call, and what goes over the boundary.
    pub(super) boundary_microseconds: f64,
    /// Of those: reading and decoding; none: the input can't be read twice, and it is left out.
    pub(super) reading_microseconds: Option<RoundFigure>,
    pub(super) instructions_per_record: Option<f64>,
    pub(super) linear_memory_bytes: usize,
    /// None: it is built in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) load_milliseconds: Option<RoundFigure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_instance_milliseconds: Option<RoundFigure>,
    pub(super) measured_records: u64,
    pub(super) measured_seconds: f64,
    /// How often it was looked whether the time goes by inside of the transform.
    pub(super) looks: u64,
}

/// What the figures of a transform are made of.
pub(super) struct SubjectFigures<'a> {
    pub(super) measurement: &'a Measurement,
    /// Microseconds of reading and decoding a record, of each round.
    pub(super) reading: &'a [f64],
    pub(super) bytes_per_record: f64,
    pub(super) instructions: Option<InstructionCount>,
    pub(super) start: Option<StartFigures>,
}

impl SubjectReport {
    /// None: not a single round came to its end.
    pub(super) fn of(figures: &SubjectFigures<'_>) -> Option<Self> {
        let SubjectFigures { measurement, reading, bytes_per_record, instructions, start } = figures;
        let calls = measurement.calls();
        let call = RoundFigure::of(calls.iter().copied())?;
        let reading = RoundFigure::of(reading.iter().copied());
        let rest = reading.map_or(0.0, |reading| reading.median);
        let micros = |call: f64| call + rest;
        let inside = call.median * measurement.part_inside();
        Some(Self {
            records_per_second: RoundFigure::of(calls.iter().map(|call| 1e6 / micros(*call)))?,
            megabytes_per_second: RoundFigure::of(calls.iter().map(|call| bytes_per_record / micros(*call)))?,
            microseconds_per_record: RoundFigure::of(calls.iter().map(|call| micros(*call)))?,
            transform_microseconds: inside,
            boundary_microseconds: call.median - inside,
            reading_microseconds: reading,
            instructions_per_record: instructions.map(|count| count.a_record),
            linear_memory_bytes: measurement.memory_bytes(),
            load_milliseconds: start.map(|start| start.load),
            first_instance_milliseconds: start.map(|start| start.first_instance),
            measured_records: measurement.measured_records,
            measured_seconds: measurement.measured.as_secs_f64(),
            looks: measurement.looks(),
        })
    }
}

/// The width of the names, and of each column of figures.
const NAMES: usize = 28;
const COLUMN: usize = 12;

impl BenchReport {
    pub(super) fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    pub(super) fn text(&self) -> String {
        let (transform, keep) = (&self.transform, &self.keep);
        let mut text = String::new();
        let which = if self.is_whole_input { "the" } else { "the first" };
        // A String takes everything; here and below.
        let _ = writeln!(
            text,
            "{} over {which} {} of {} ({}), {}, {} in all",
            one_line(&self.transform_file),
            records(self.records as u64),
            one_line(&self.input),
            ByteSize::b(self.payload_bytes).display().si(),
            if self.rounds == 1 { "1 round".to_owned() } else { format!("{} rounds", self.rounds) },
            records(transform.measured_records),
        );
        text.push('\n');
        row(&mut text, "", ["median", "lowest", "highest", "keep"].map(str::to_owned));
        figures(&mut text, "records a second", transform.records_per_second, keep.records_per_second.median);
        figures(&mut text, "MB a second", transform.megabytes_per_second, keep.megabytes_per_second.median);
        figures(
            &mut text,
            "microseconds a record",
            transform.microseconds_per_record,
            keep.microseconds_per_record.median,
        );
        pair(&mut text, "  inside the transform", transform.transform_microseconds, keep.transform_microseconds);
        pair(&mut text, "  call and boundary", transform.boundary_microseconds, keep.boundary_microseconds);
        match (&transform.reading_microseconds, &keep.reading_microseconds) {
            (Some(reading), Some(of_keep)) => figures(&mut text, "  reading and decoding", *reading, of_keep.median),
            _ => note(&mut text, "  reading and decoding", "not measured: the input can't be read twice"),
        }
        match (transform.instructions_per_record, keep.instructions_per_record, &self.instructions_unavailable) {
            (Some(count), Some(of_keep), _) => pair(&mut text, "instructions a record", count, of_keep),
            (_, _, Some(why)) => {
                note(&mut text, "instructions a record", &format!("not available here: {}", one_line(why)))
            }
            _ => {}
        }
        row(
            &mut text,
            "linear memory",
            [size(transform.linear_memory_bytes), String::new(), String::new(), size(keep.linear_memory_bytes)],
        );
        if let Some(load) = transform.load_milliseconds {
            millis(&mut text, "load, in ms", load);
        }
        if let Some(first) = transform.first_instance_milliseconds {
            millis(&mut text, "first instance, in ms", first);
        }
        match self.process_peak_memory_bytes {
            Some(bytes) => {
                note(&mut text, "peak memory of this process", &ByteSize::b(bytes).display().iec().to_string())
            }
            None => note(&mut text, "peak memory of this process", "not available here: this system does not say it"),
        }
        let _ = writeln!(text, "\n{}", self.verdicts.said());
        if let Some(counted) = self.instructions_records {
            let _ = writeln!(
                text,
                "instructions are those of WebAssembly over the first {}, the same on every machine",
                records(counted as u64)
            );
        }
        if self.interrupted {
            let _ = writeln!(text, "it was ended before all rounds were done");
        }
        text
    }
}

fn records(count: u64) -> String {
    format!("{} {}", grouped(count as f64), if count == 1 { "record" } else { "records" })
}

fn size(bytes: usize) -> String {
    ByteSize::b(bytes as u64).display().iec().to_string()
}

fn row(text: &mut String, name: &str, columns: [String; 4]) {
    let mut line = format!("{name:<NAMES$}");
    for column in columns {
        let _ = write!(line, "{column:>COLUMN$}");
    }
    let _ = writeln!(text, "{}", line.trim_end());
}

fn figures(text: &mut String, name: &str, figure: RoundFigure, keep: f64) {
    row(text, name, [figure.median, figure.low, figure.high, keep].map(number));
}

fn pair(text: &mut String, name: &str, figure: f64, keep: f64) {
    row(text, name, [number(figure), String::new(), String::new(), number(keep)]);
}

fn millis(text: &mut String, name: &str, figure: RoundFigure) {
    row(text, name, [number(figure.median), number(figure.low), number(figure.high), String::new()]);
}

fn note(text: &mut String, name: &str, note: &str) {
    let _ = writeln!(text, "{name:<NAMES$}  {note}");
}

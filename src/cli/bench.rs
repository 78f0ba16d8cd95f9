//! `kinesieve bench`: what a transform costs, beside one that does nothing.

mod counts;
mod figures;
#[cfg(feature = "flame-graph")]
mod flame;
mod keep;
mod records;
mod report;
mod rounds;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use self::counts::VerdictCounts;
use self::figures::peak_memory;
use self::keep::keep;
use self::records::{BenchInput, BenchRecords};
use self::report::{BenchReport, SubjectFigures, SubjectReport};
use self::rounds::{InstructionCount, Interrupted, Measurement, Subject, start_figures};
use super::error::CommandError;
use super::interrupt::{INTERRUPTED, Interrupt};
use super::place::{CaseSettings, component, files_alone};
use super::progress::ProgressDisplay;
use super::{ALL_ACKNOWLEDGED, print, print_json};
use crate::interpolation::looked_up_now;
use crate::settings::{GuestSettings, SettingsError, check_variables};
use crate::source::Format;
use crate::transform::{Insight, StartError, Transform, check_precompiled};

/// Measure a transform: records a second, instructions a record, memory, and where the time goes
///
/// The records go through one instance of the transform, and through one that keeps every record, in turns: several rounds of
/// each in this process, over the same records, which are held in memory (up to 100,000, or 64 MiB). Nothing is delivered,
/// and what the transform logs is not written.
#[derive(Debug, Args)]
#[command(after_help = "\
What is said:
  inside the transform    the time in the component, which is looked at some thousand times a second
  call and boundary       the rest of the call: records copied in, outputs copied out, host functions
  reading and decoding    the input, as far as a run would decode it
  instructions a record   those of WebAssembly, counted over the first 10,000 records by a build of the transform for that.
                          The figure depends neither on the machine nor on what else it does: it is the one to compare two
                          versions by. A memory.copy counts as one. block, loop, end and the like count nothing.
  load, first instance    the component compiled (or what is precompiled loaded), and an instance started and configured

Exit codes:
  0    it is measured
  1    the transform can't be built, loaded or started, or the input can't be read
  2    wrong usage
  130  Ctrl-C: what the rounds before it gave is said

Examples:
  kinesieve bench masker --input data.ndjson
  kinesieve bench t.wasm --input event.json --transform-settings remove=email --json
  kinesieve bench masker --input data.ndjson --profile masker.svg")]
pub(super) struct BenchArguments {
    /// Folder of a project (with kinesieve.json in it or in a folder above), which is built first, or a transform: a component (.wasm), or one that
    /// `kinesieve build` precompiled (.cwasm)
    #[arg(value_name = "TRANSFORM")]
    place: PathBuf,

    /// The records: a file in any form that `kinesieve run` reads, or - for standard input
    #[arg(long, value_name = "FILE")]
    input: PathBuf,

    /// Format of the file
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Auto)]
    input_format: Format,

    /// How many rounds to measure; figures are medians of them
    #[arg(long, value_name = "COUNT", default_value = "5", value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,

    /// How long to measure the transform, all rounds together, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    seconds: Duration,

    /// Look into the transform as well, and draw where it spends its time: a flame graph in a file (SVG)
    #[cfg(feature = "flame-graph")]
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,

    /// Print one JSON object, for programs
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    case: CaseSettings,

    #[command(flatten)]
    settings: GuestSettings,
}

/// A time to measure for.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.parse().ok();
    let seconds = seconds.filter(|seconds| (0.01..=3600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| format!("invalid time {text:?}: use 0.01 to 3600 seconds"))
}

pub(super) fn bench(arguments: &BenchArguments) -> Result<u8, CommandError> {
    check_variables(std::env::vars_os())?;
    let given = looked_up_now(arguments.settings.transform_settings()?).map_err(SettingsError::from)?;
    let settings = arguments.case.beneath_pairs(given, &arguments.place)?;
    let input = BenchInput {
        path: arguments.input.clone(),
        format: arguments.input_format,
        unpacking: arguments.settings.unpacking(),
    };
    files_alone(&arguments.input, "bench")?;
    // Read first: it is the cheapest of the ways to fail.
    let records = BenchRecords::read(input)?;
    if records.len() == 0 {
        let message = format!("{} has no record: there is nothing to measure", arguments.input.display());
        return Err(CommandError { message, code: None });
    }
    #[cfg(feature = "flame-graph")]
    if let Some(picture) = &arguments.profile {
        flame::check(picture)?;
    }
    let file = component(&arguments.place)?;
    let display = ProgressDisplay::lines(false);
    let _end = display.until_the_end();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let interrupt = {
        let _inside = runtime.enter();
        Interrupt::listen(&display, || "ends with what is measured until now".to_owned())
    };
    let bench = Bench { arguments, records, file, settings, display: display.clone(), interrupt };
    bench.run()
}

/// A measurement under way.
struct Bench<'a> {
    arguments: &'a BenchArguments,
    records: BenchRecords,
    file: PathBuf,
    settings: Vec<(String, String)>,
    display: ProgressDisplay,
    interrupt: Interrupt,
}

/// What all rounds gave.
struct AllRounds {
    transform: Measurement,
    keep: Measurement,
    /// Microseconds of reading a record, of each round.
    reading: Vec<f64>,
    /// What became of the records of a pass.
    verdicts: VerdictCounts,
}

/// What came of counting instructions.
enum Counted {
    /// Those of the transform and of `keep`.
    Both(InstructionCount, InstructionCount),
    /// They can't be counted, for this reason.
    Unavailable(&'static str),
    /// Somebody ended it.
    Interrupted,
}

impl Bench<'_> {
    fn run(&self) -> Result<u8, CommandError> {
        self.show(format!("compiling {}", self.file.display()));
        let transform = Transform::load(&self.file)?;
        let subject = self.subject(&transform);
        let keep_transform = keep(Insight::None)?;
        let keep_subject = Subject { settings: &[], ..self.subject(&keep_transform) };
        let Some(rounds) = self.measure(&subject, &keep_subject)? else { return Ok(self.ended_early()) };

        let counted = if self.interrupt.is_asked() { Counted::Interrupted } else { self.instructions()? };
        let (counts, why_not) = match counted {
            Counted::Both(transform, keep) => (Some((transform, keep)), None),
            Counted::Unavailable(why) => (None, Some(why.to_owned())),
            Counted::Interrupted => (None, None),
        };
        let start = match self.interrupt.is_asked() {
            true => None,
            false => {
                self.show("loading it once more".to_owned());
                Some(start_figures(&self.file, &subject, usize::from(self.arguments.rounds))?)
            }
        };
        let AllRounds { transform: measured, keep: of_keep, reading, verdicts } = &rounds;
        let records = usize::try_from(verdicts.records).unwrap_or(usize::MAX);
        let payload_bytes = self.records.payload_bytes(records);
        let figures = |measurement, instructions, start| {
            let bytes_per_record = payload_bytes as f64 / records as f64;
            SubjectReport::of(&SubjectFigures { measurement, reading, bytes_per_record, instructions, start })
        };
        let both = figures(measured, counts.map(|(count, _)| count), start).zip(figures(
            of_keep,
            counts.map(|(_, count)| count),
            None,
        ));
        let Some((of_transform, of_keep)) = both else { return Ok(self.ended_early()) };
        let interrupted = self.interrupt.is_asked();
        let report = BenchReport {
            transform_file: self.arguments.place.display().to_string(),
            input: self.arguments.input.display().to_string(),
            records,
            is_whole_input: self.records.is_all && records == self.records.len(),
            payload_bytes,
            rounds: measured.calls().len(),
            interrupted,
            verdicts: verdicts.clone(),
            transform: of_transform,
            keep: of_keep,
            process_peak_memory_bytes: peak_memory(),
            instructions_unavailable: why_not,
            instructions_records: counts.map(|(count, _)| count.records),
        };
        #[cfg(feature = "flame-graph")]
        self.draw(records)?;
        self.display.finish();
        if self.arguments.json {
            print_json(&report.json()?)?;
        } else {
            print(&report.text())?;
        }
        if let Some(warning) = report.verdicts.warning() {
            self.display.say(&warning);
        }
        Ok(if interrupted { INTERRUPTED } else { ALL_ACKNOWLEDGED })
    }

    /// Warms up and measures both in turns. None: it ended before there was a figure.
    fn measure(&self, subject: &Subject<'_>, keep: &Subject<'_>) -> Result<Option<AllRounds>, CommandError> {
        let mut transform = Measurement::begin(subject).map_err(|error| self.start_failed(error))?;
        let mut keep = Measurement::begin(keep).map_err(|error| self.start_failed(error))?;
        let all = u32::from(self.arguments.rounds);
        let time = self.arguments.seconds / all;
        self.show("warming up".to_owned());
        let Ok(verdicts) = transform.warm_up(&self.records, time, &self.interrupt) else { return Ok(None) };
        let count = usize::try_from(verdicts.records).unwrap_or(usize::MAX);
        let mut reading = Vec::new();
        for round in 1..=all {
            self.show(format!("round {round} of {all}"));
            transform.round(&self.records, count, time, &self.interrupt)?;
            keep.round(&self.records, count, time, &self.interrupt)?;
            if self.interrupt.is_asked() {
                break;
            }
            if let Some(elapsed) = self.records.read_again(count)? {
                reading.push(elapsed.as_secs_f64() * 1e6 / count as f64);
            }
        }
        Ok(Some(AllRounds { transform, keep, reading, verdicts }))
    }

    /// The instructions of the transform and of `keep`, or why they are not counted.
    fn instructions(&self) -> Result<Counted, CommandError> {
        if check_precompiled(&self.file)?.is_some() {
            let why = "its code was compiled without counting them: measure the component (.wasm) that it was made of";
            return Ok(Counted::Unavailable(why));
        }
        self.show("counting instructions".to_owned());
        let counting = Transform::load_with(&self.file, Insight::Instructions)?;
        let keep = keep(Insight::Instructions)?;
        let count = |subject: Subject<'_>| subject.count(&self.records, &self.interrupt);
        let transform = count(self.subject(&counting)).map_err(|error| self.start_failed(error))?;
        let keep = count(Subject { settings: &[], ..self.subject(&keep) }).map_err(|error| self.start_failed(error))?;
        Ok(match (transform, keep) {
            (Ok(transform), Ok(keep)) => Counted::Both(transform, keep),
            (Err(Interrupted), _) | (_, Err(Interrupted)) => Counted::Interrupted,
        })
    }

    /// Draws where the time goes, if that is asked for.
    #[cfg(feature = "flame-graph")]
    fn draw(&self, count: usize) -> Result<(), CommandError> {
        let Some(picture) = &self.arguments.profile else { return Ok(()) };
        self.show("looking where it spends its time".to_owned());
        let transform = Transform::load_with(&self.file, Insight::Stacks)?;
        let samples = self
            .subject(&transform)
            .sample(&self.records, count, self.arguments.seconds, &self.interrupt)
            .map_err(|error| self.start_failed(error))?;
        if samples.samples() == 0 {
            self.display.say(&"no picture: no sample was taken in this time. Measure for longer: --seconds 10");
            return Ok(());
        }
        flame::draw(&samples, &self.arguments.place, picture)?;
        if samples.is_nameless() {
            self.display.say(&flame::remedy(&self.file));
        }
        Ok(())
    }

    fn subject<'s>(&'s self, transform: &'s Transform) -> Subject<'s> {
        Subject { transform, settings: &self.settings, limits: self.arguments.settings.limits() }
    }

    /// Somebody ended it before there was a figure.
    fn ended_early(&self) -> u8 {
        self.display.say(&"it was ended before the first round was done, so there are no figures");
        INTERRUPTED
    }

    fn start_failed(&self, error: StartError) -> CommandError {
        not_started(&self.file, &error)
    }

    fn show(&self, line: String) {
        self.display.show(vec![line]);
    }
}

/// Why a transform does not start, with its name.
pub(super) fn not_started(file: &Path, error: &StartError) -> CommandError {
    CommandError::new(error.code(), format!("transform {}: {error}", file.display()))
}

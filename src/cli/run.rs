//! `kinesieve run`: a transform over the records of a file, through the same processor as in Lambda.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;

use super::progress::Progress;
use super::summary::Summary;
use super::{ALL_ACKNOWLEDGED, NOT_ACKNOWLEDGED, colours_wanted, say};
use crate::processor::{Counts, Processor, Stop};
use crate::settings::{Settings, Target, check_variables};
use crate::source::{FileSource, Format, SourceError};
use crate::{assembly, telemetry};

/// Run a transform over the records of a file
///
/// The records go through the same code as in Lambda, lines in batches of 10,000 records or 6 MB at
/// most. Like a shard, the run stops at the first event that is not acknowledged: one that the transform
/// wants again, whose output can't be delivered, or that can't be processed while there is no
/// --dead-letter for it.
#[derive(Debug, Args)]
#[command(after_help = "\
Every setting can also be given as the environment variable that stands behind it; a flag wins.

Exit codes:
  0  all records are acknowledged
  1  it could not start, or the input can't be read
  2  wrong usage
  3  it stopped at a record that is not acknowledged

Examples:
  kinesieve run --transform t.wasm --input event.json
  tail -f app.log | kinesieve run --transform t.wasm --input - --dead-letter file:dead.ndjson
  kinesieve run --transform t.wasm --input data.ndjson --output file:out.ndjson --transform-settings 'remove=email'")]
pub(super) struct RunArguments {
    /// The records: a Lambda Kinesis event, the output of `aws kinesis get-records`, or lines, each
    /// the payload of a record; - is standard input
    #[arg(long, value_name = "FILE")]
    input: PathBuf,

    /// How the input holds its records
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Auto)]
    input_format: Format,

    #[command(flatten)]
    settings: Settings,
}

pub(super) fn run(arguments: &RunArguments) -> anyhow::Result<u8> {
    let settings = &arguments.settings;
    let routes = check_variables(std::env::vars_os())?;
    settings.check_input(&arguments.input, &routes)?;
    // The input is looked at first: reading it is the cheaper of two ways to fail.
    let source = FileSource::open(&arguments.input, arguments.input_format)?;
    let waiting = Progress::waiting_for(format!("loading {}", settings.transform.display()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let processor = runtime.block_on(assembly::processor(settings, &routes, &Target::Stdout));
    waiting.finish();
    let processor = processor?;
    let on_stdout = settings.output.as_ref().is_none_or(|target| *target == Target::Stdout);
    let progress = Progress::new(source.bytes(), on_stdout);
    telemetry::log_text(settings.log, progress.clone(), colours_wanted());

    let started = Instant::now();
    let mut counts = Counts::default();
    let outcome = runtime.block_on(process_all(source, &processor, &progress, &mut counts));
    progress.finish();
    let stop = outcome.as_ref().ok().and_then(Option::as_ref);
    // Also when the input broke off: what came before is done, and should not be done again unawares.
    say(&Summary { counts: &counts, stop, elapsed: started.elapsed() });
    Ok(if outcome?.is_none() { ALL_ACKNOWLEDGED } else { NOT_ACKNOWLEDGED })
}

/// Processes batch after batch, up to the first event that is not acknowledged.
async fn process_all(
    mut source: FileSource,
    processor: &Processor,
    progress: &Progress,
    counts: &mut Counts,
) -> Result<Option<Stop>, SourceError> {
    while let Some(batch) = source.next_batch()? {
        let report = processor.process(Arc::new(batch), None).await;
        *counts += &report.counts;
        progress.update(source.bytes_read(), counts.records);
        if report.stop.is_some() {
            return Ok(report.stop);
        }
    }
    Ok(None)
}

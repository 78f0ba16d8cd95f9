//! From settings to a processor: loads the transform, starts it, opens the targets, wires them up.

use std::io;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::checkpoint::{self, CheckpointOptions, CheckpointWriter};
use crate::dead_letter::{Cutting, DeadLetters};
use crate::error_code::ErrorCode;
use crate::event::Unpacking;
use crate::filter::Filter;
use crate::interpolation::looked_up;
use crate::processor::{Observer, Outputs, Pace, Processor, RetryLimits};
use crate::settings::{
    Arn, CheckpointSettings, Compression, Order, Route, Settings, SettingsError, TableCapacity, TableName, Target,
    name_of,
};
use crate::sink::{self, LineContent, OutputSamples, Packing, S3Sink, SamplingSink, Sink, SinkOptions};
use crate::source::live::OnFailure;
use crate::source::mapping::IncludeRecords;
use crate::transform::{Guests, Insight, Limits, LoadError, StartError, Transform};

/// Why a processor could not be put together. Each message says what to change.
#[derive(Debug, thiserror::Error)]
pub enum AssemblyError {
    /// The settings don't stand.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The transform can't be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The transform does not start.
    #[error("transform {path}: {source}")]
    Start {
        /// The transform's file.
        path: String,
        /// Why.
        source: StartError,
    },
    /// A target can't be opened.
    #[error("can't open the destination {target}: {source}")]
    Target {
        /// The target as it is in the settings.
        target: Target,
        /// Why.
        source: io::Error,
    },
}

impl AssemblyError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            AssemblyError::Settings(error) => error.code(),
            AssemblyError::Load(error) => error.code(),
            AssemblyError::Start { source, .. } => source.code(),
            AssemblyError::Target { .. } => ErrorCode::DestinationNotOpened,
        }
    }
}

/// Puts a processor together. `default_output` stands in where the settings name no output.
///
/// # Errors
/// When a setting, the transform or a target is not right. Targets are opened last, so that nothing
/// is made on disk for a start that fails.
pub async fn processor(
    settings: &Settings,
    routes_from_variables: &[Route],
    default_output: &Target,
) -> Result<Processor, AssemblyError> {
    assemble(settings, routes_from_variables, default_output, ProcessorOptions::default()).await
}

/// Assembles a processor with options that settings do not have.
///
/// # Errors
/// When a setting, the transform or a target is not right.
pub async fn processor_with(
    settings: &Settings,
    routes_from_variables: &[Route],
    default_output: &Target,
    assembly_options: AssemblyOptions,
) -> Result<Processor, AssemblyError> {
    assemble(
        settings,
        routes_from_variables,
        default_output,
        ProcessorOptions { assembly_options, ..ProcessorOptions::default() },
    )
    .await
}

/// What depends on where a processor is at work.
#[derive(Debug)]
pub struct AssemblyOptions {
    /// Instances of the transform, unless the settings say how many.
    pub workers: NonZeroUsize,
    /// Batches that come at once, each of which is to find instances of its own; none: it varies, and a batch takes
    /// what is free.
    pub batches: Option<NonZeroUsize>,
    /// What is kept of the main output.
    pub samples: Option<Arc<OutputSamples>>,
    /// Who looks on.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Default for AssemblyOptions {
    fn default() -> Self {
        Self {
            workers: available_parallelism().unwrap_or(NonZeroUsize::MIN),
            batches: None,
            samples: None,
            observer: None,
        }
    }
}

/// How a processor is to be.
#[derive(Debug)]
struct ProcessorOptions {
    delivering: TargetUse,
    assembly_options: AssemblyOptions,
}

impl Default for ProcessorOptions {
    fn default() -> Self {
        Self { delivering: TargetUse::Deliver, assembly_options: AssemblyOptions::default() }
    }
}

/// Opens the target of descriptions of records that are given up, each a line or a message.
///
/// # Errors
/// When it can't be opened.
pub async fn on_failure(settings: &Settings, target: &Target) -> Result<OnFailure, AssemblyError> {
    let options = SinkOptions {
        lines: LineContent::Bare,
        order: Order::None,
        compression: settings.s3_compression,
        events: settings.event_labels().with_detail_type("given-up"),
    };
    // As Lambda does: a queue has no room for the records.
    let has_room = target.capabilities().storage.is_some();
    let payload = if has_room { IncludeRecords::Included } else { IncludeRecords::LeftOut };
    Ok(OnFailure { sink: open(target, options).await?, payload })
}

/// Assembles a processor that delivers nothing: no target is opened.
///
/// # Errors
/// When a setting or the transform is not right.
pub async fn rehearsal(settings: &Settings, routes_from_variables: &[Route]) -> Result<Processor, AssemblyError> {
    let processor_options = ProcessorOptions { delivering: TargetUse::Discard, ..ProcessorOptions::default() };
    assemble(settings, routes_from_variables, &Target::None, processor_options).await
}

/// Assembles a processor that delivers nothing and counts what can't be processed as dead-lettered, so that no event
/// blocks it.
///
/// # Errors
/// When a setting or the transform is not right.
pub async fn trial(
    settings: &Settings,
    routes_from_variables: &[Route],
    assembly_options: AssemblyOptions,
) -> Result<Processor, AssemblyError> {
    let processor_options = ProcessorOptions { delivering: TargetUse::DiscardAndAccept, assembly_options };
    assemble(settings, routes_from_variables, &Target::None, processor_options).await
}

/// What is done with outputs and dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TargetUse {
    /// Open the targets that the settings name, and deliver to them.
    Deliver,
    /// Open no target, and deliver nothing.
    Discard,
    /// Deliver nothing, and accept dead letters whether or not the settings have a target for them.
    DiscardAndAccept,
}

async fn assemble(
    settings: &Settings,
    routes_from_variables: &[Route],
    default_output: &Target,
    processor_options: ProcessorOptions,
) -> Result<Processor, AssemblyError> {
    let place = |target| if processor_options.delivering == TargetUse::Deliver { target } else { &Target::None };
    let routes = settings.routes(routes_from_variables)?;
    settings.check(&routes)?;
    let transform_settings = looked_up(settings.transform_settings()?).await.map_err(SettingsError::from)?;
    let limits = Limits {
        event_time: settings.event_timeout,
        memory: usize::try_from(settings.memory_limit.as_u64()).unwrap_or(usize::MAX),
    };
    // Whoever looks on wants to know where it broke; for all others that would take too long.
    let is_looked_on = processor_options.assembly_options.observer.is_some();
    let insight = if is_looked_on { Insight::Lines } else { Insight::None };
    let transform = settings.transform_path().map(|path| Transform::load_with(path, insight)).transpose()?;
    if transform.is_none() && !transform_settings.is_empty() {
        return Err(SettingsError::Contradiction(
            "there are settings for a transform (KINESIEVE_TRANSFORM_SETTINGS), and no transform".to_owned(),
        )
        .into());
    }
    let batches = processor_options.assembly_options.batches.unwrap_or(NonZeroUsize::MIN);
    let workers = settings.workers.unwrap_or(processor_options.assembly_options.workers).max(batches);
    let workers_for_a_batch = NonZeroUsize::new(workers.get() / batches).unwrap_or(NonZeroUsize::MIN);
    let path = settings.transform.as_ref().map_or_else(String::new, ToString::to_string);
    let guests =
        Guests::start_behind(settings.filter.as_ref(), transform.as_ref(), limits, &transform_settings, workers)
            .map_err(|source| AssemblyError::Start { path, source })?
            .with_most_for_a_batch(workers_for_a_batch);

    let digest = transform.as_ref().map_or("", Transform::digest);
    let options = SinkOptions {
        lines: LineContent::Envelopes,
        order: settings.order,
        compression: settings.s3_compression,
        events: settings.event_labels(),
    };
    let packing = Packing {
        aggregate: settings.aggregate,
        pack: settings.pack,
        pack_records: usize::try_from(settings.pack_records).unwrap_or(usize::MAX),
        pack_bytes: usize::try_from(settings.pack_bytes.as_u64()).unwrap_or(usize::MAX),
        encode: settings.encode,
    };
    let mut open_sinks = OpenSinks { sinks: Vec::new(), options: options.clone(), packing };
    let mut main = open_sinks.open(place(settings.output.as_ref().unwrap_or(default_output))).await?;
    if let Some(samples) = processor_options.assembly_options.samples {
        main = Arc::new(SamplingSink::new(main, samples));
        // Routes that lead to the same place go through it, too.
        open_sinks.sinks.iter_mut().for_each(|(_, sink)| *sink = Arc::clone(&main));
    }
    let mut route_sinks = Vec::new();
    for (name, target) in routes {
        route_sinks.push((name.to_owned(), open_sinks.open(place(target)).await?));
    }
    let on_trial = (processor_options.delivering == TargetUse::DiscardAndAccept).then_some(&Target::None);
    let dead_letters = match settings.dead_letter().or(on_trial) {
        Some(target) => {
            let order = if target.capabilities().keeps_order { settings.order } else { Order::None };
            let events = options.events.with_detail_type("dead-letter");
            let sink = open(place(target), SinkOptions { lines: LineContent::Bare, order, events, ..options }).await?;
            let cutting = if settings.dead_letter_cut { Cutting::Allowed } else { Cutting::Forbidden };
            let dead_letters = DeadLetters::new(sink, digest).with_cutting(cutting);
            let dead_letters = if *target == Target::Discard { dead_letters.discarded() } else { dead_letters };
            Some(match &settings.dead_letter_large {
                Some(large) if processor_options.delivering == TargetUse::Deliver => {
                    dead_letters.with_large(Arc::new(open_large(large, settings.s3_compression).await?))
                }
                _ => dead_letters,
            })
        }
        None => None,
    };
    let retry_limits = RetryLimits { attempts: settings.max_attempts, age: settings.max_event_age };
    let pace = Pace {
        records_per_second: settings.max_records_per_shard_per_second,
        bytes_per_second: settings.max_bytes_per_shard_per_second.and_then(|size| NonZeroU64::new(size.as_u64())),
    };
    let outputs = Outputs::new(main, route_sinks);
    let processor = Processor::new(guests, outputs, dead_letters);
    let processor = processor.of_transform(digest).behind(settings.filter.as_ref().map(Filter::source));
    let processor = processor.with_unpacking(unpacking(settings)).with_retry_limits(retry_limits).with_pace(pace);
    Ok(match processor_options.assembly_options.observer {
        Some(observer) => processor.with_observer(observer),
        None => processor,
    })
}

/// How records are taken apart and decoded.
pub fn unpacking(settings: &Settings) -> Unpacking {
    Unpacking {
        deaggregate: settings.deaggregate,
        decode: settings.decode,
        other: settings.decode_other,
        limit: usize::try_from(settings.decode_limit.as_u64()).unwrap_or(usize::MAX),
    }
}

/// Checks that nothing is asked for which windows can't bear.
///
/// # Errors
/// When the transform works on windows, and something else relies on the position, or on records being apart.
pub fn check_windows(processor: &Processor, checkpoint: &CheckpointSettings) -> Result<(), SettingsError> {
    if !processor.works_on_windows() {
        return Ok(());
    }
    let contradiction = |message: &str| Err(SettingsError::Contradiction(message.to_owned()));
    if checkpoint.parallelization_factor > 1 {
        return contradiction(
            "the transform works on tumbling windows, which Lambda has only with a parallelization factor of 1: set \
             ParallelizationFactor in the template to 1 (KINESIEVE_PARALLELIZATION_FACTOR)",
        );
    }
    if checkpoint.table.is_some() {
        return contradiction(
            "the transform works on tumbling windows, and a position inside a window is none to resume from, since the \
             window's state is not there: leave CheckpointTable in the template out (KINESIEVE_CHECKPOINT_TABLE)",
        );
    }
    Ok(())
}

/// What a function says of itself when it is asked: what is loaded and configured. Values of the transform's settings are
/// left out, since they may be secret.
///
/// # Errors
/// When the settings contradict each other.
pub fn about(
    settings: &Settings,
    checkpoint: &CheckpointSettings,
    routes_from_variables: &[Route],
    processor: &Processor,
) -> Result<Value, SettingsError> {
    let routes = settings.routes(routes_from_variables)?;
    let routes: Map<String, Value> =
        routes.into_iter().map(|(name, target)| (name.to_owned(), target.to_string().into())).collect();
    let names: Vec<String> = settings.transform_settings()?.into_iter().map(|(name, _)| name).collect();
    Ok(json!({
        "status": "ready",
        "version": env!("CARGO_PKG_VERSION"),
        "transform": settings.transform_path().map(|path| json!({
            "file": path.display().to_string(),
            "digest": processor.transform(),
            "world": processor.world().as_str(),
            "settings": names,
            "eventTimeout": humantime::format_duration(settings.event_timeout).to_string(),
            "memoryLimit": settings.memory_limit.to_string(),
        })),
        "filter": settings.filter.as_ref().map(Filter::source),
        "output": settings.output.as_ref().map(ToString::to_string),
        "routes": routes,
        "deadLetter": settings.dead_letter().map(ToString::to_string),
        "deadLetterLarge": settings.dead_letter_large.as_ref().map(ToString::to_string),
        "checkpointTable": checkpoint.table.as_ref().map(TableName::as_str),
        "deaggregate": settings.deaggregate,
        "decode": settings.decode.to_string(),
        "decodeOther": name_of(settings.decode_other),
        "encode": name_of(settings.encode),
        "aggregate": settings.aggregate,
        "pack": name_of(settings.pack),
    }))
}

/// How long a table that is made is waited for: DynamoDB takes some seconds.
pub const TABLE_TIME_LIMIT: Duration = Duration::from_secs(8);

/// Puts the mirror of positions together, if one is asked for, and makes its table, if that is. `written_by` is the
/// function's name; `time_limit` is how long the table is waited for. Whatever is wrong with it is logged, and stops no
/// start: the mirror is no condition. `run` is the name of the run that writes, if it is one.
///
/// # Errors
/// When the settings contradict each other.
pub async fn checkpoint_writer(
    settings: &CheckpointSettings,
    written_by: &str,
    run: Option<&str>,
    time_limit: Duration,
) -> Result<Option<CheckpointWriter>, SettingsError> {
    settings.check()?;
    let Some(name) = &settings.table else { return Ok(None) };
    if settings.create {
        // It goes on where it is not waited for: a start that is slow each time comes to its table, too.
        let making = tokio::spawn(make_table(name.clone(), settings.capacity));
        if tokio::time::timeout(time_limit, making).await.is_err() {
            tracing::warn!(
                table = name.as_str(),
                "the checkpoint table is not ready; the start continues, and positions are recorded once the table is active"
            );
        }
    }
    let options = CheckpointOptions {
        stream_id: settings.stream_id.clone(),
        timeout: settings.timeout,
        period: settings.period,
        parallelization_factor: settings.parallelization_factor,
        skips_acknowledged: settings.skip_acknowledged,
        written_by: written_by.to_owned(),
        run: run.map(str::to_owned),
    };
    Ok(Some(CheckpointWriter::new(checkpoint::open(name, settings.timeout).await, options)))
}

/// Makes the table of positions if it is missing.
async fn make_table(name: TableName, capacity: TableCapacity) {
    let table = checkpoint::open(&name, TABLE_TIME_LIMIT).await;
    if let Err(error) = checkpoint::create_if_missing(&table, capacity, TABLE_TIME_LIMIT).await {
        tracing::warn!(table = name.as_str(), code = error.code().as_str(), "the checkpoint table: {error}");
    }
}

/// The targets of outputs that are open.
struct OpenSinks<'a> {
    sinks: Vec<(&'a Target, Arc<dyn Sink>)>,
    options: SinkOptions,
    packing: Packing,
}

impl<'a> OpenSinks<'a> {
    /// Outputs that go to one place go through one sink: two would not know of each other's order.
    async fn open(&mut self, target: &'a Target) -> Result<Arc<dyn Sink>, AssemblyError> {
        if let Some((_, sink)) = self.sinks.iter().find(|(known, _)| known.is_same_place(target)) {
            return Ok(Arc::clone(sink));
        }
        let sink = self.packing.open(target, self.options.clone()).await;
        let sink = sink.map_err(|source| AssemblyError::Target { target: target.clone(), source })?;
        self.sinks.push((target, Arc::clone(&sink)));
        Ok(sink)
    }
}

async fn open(target: &Target, options: SinkOptions) -> Result<Arc<dyn Sink>, AssemblyError> {
    sink::open(target, options).await.map_err(|source| AssemblyError::Target { target: target.clone(), source })
}

/// Opens where large dead letters go.
async fn open_large(place: &Arn, compression: Compression) -> Result<S3Sink, AssemblyError> {
    let open_sinks = sink::open_bucket(place, LineContent::Bare, compression).await;
    open_sinks.map_err(|source| AssemblyError::Target { target: Target::bucket(place.clone()), source })
}

//! What is compared: the records of a file or of live streams, read ahead on a thread of their own, so that an input that gives
//! nothing for a while keeps nobody from ending it.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::flags::CompareStreamFlags;
use super::watch::StreamWatch;
use crate::cli::error::CommandError;
use crate::cli::input_name::{not_a_file_either, not_a_stream, refuse_stream_flags};
use crate::cli::progress::ProgressDisplay;
use crate::event::Batch;
use crate::source::live::{Cancellation, LiveSource, ShardStatuses, StreamPlace};
use crate::source::{FileSource, Format};

/// What a batch of a file holds at most, so that two of them are at work on the same few records.
const BATCH: (usize, usize) = (1_000, 1 << 20);

/// What is compared.
pub(super) enum CompareInput {
    File(Box<FileSource>),
    Streams(Box<StreamInput>),
}

/// Streams that are open, with the runtime that their connections are of.
pub(super) struct StreamInput {
    live: LiveSource,
    runtime: Runtime,
    flags: CompareStreamFlags,
}

/// The batches of an input, no further ahead of the comparison than one, and of streams a page of each shard.
pub(super) struct ReadAhead {
    batches: mpsc::Receiver<Batch>,
    reader: JoinHandle<Result<(), CommandError>>,
    meter: Arc<InputMeter>,
    /// What shows how far a file is. The watch over streams says that itself.
    file_progress: Option<ProgressDisplay>,
}

/// How far a comparison is.
#[derive(Debug, Default)]
pub(super) struct InputMeter {
    /// How much of a file was read, in bytes.
    bytes_read: AtomicU64,
    records: AtomicU64,
    different: AtomicU64,
}

impl CompareInput {
    /// Opens a file, or the streams that the input names: it is read as by `kinesieve run`.
    pub(super) fn open(input: &Path, format: Format, flags: &CompareStreamFlags) -> Result<Self, CommandError> {
        let text = input.to_string_lossy();
        // A name that is no text is that of a file.
        let places = match input.to_str() {
            Some(text) => StreamPlace::in_input(text)?,
            None => None,
        };
        let Some(places) = places else {
            refuse_stream_flags(&text, flags.given())?;
            let source = FileSource::open(input, format).map_err(|error| not_a_stream(&text, error))?;
            return Ok(CompareInput::File(Box::new(source.in_batches_of(BATCH.0, BATCH.1))));
        };
        let plan = flags.plan(places)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let live = runtime.block_on(LiveSource::open(plan));
        let live = live.map_err(|error| not_a_file_either(&text, error.into()))?;
        Ok(CompareInput::Streams(Box::new(StreamInput { live, runtime, flags: flags.clone() })))
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self, CompareInput::Streams(_))
    }

    /// How long it is, in bytes, where that is known.
    pub(super) fn bytes(&self) -> Option<u64> {
        match self {
            CompareInput::File(source) => source.bytes(),
            CompareInput::Streams(_) => None,
        }
    }

    /// Begins to read.
    pub(super) fn read_ahead(self, progress: &ProgressDisplay) -> io::Result<ReadAhead> {
        let (sender, batches) = mpsc::channel(1);
        let meter = Arc::<InputMeter>::default();
        let file_progress = (!self.is_live()).then(|| progress.clone());
        let (shared, progress) = (Arc::clone(&meter), progress.clone());
        let reader = std::thread::Builder::new().name("input".into()).spawn(move || match self {
            CompareInput::File(source) => read_file(*source, &sender, &shared),
            CompareInput::Streams(input) => input.read(&sender, progress, shared),
        })?;
        Ok(ReadAhead { batches, reader, meter, file_progress })
    }
}

fn read_file(mut source: FileSource, batches: &mpsc::Sender<Batch>, meter: &InputMeter) -> Result<(), CommandError> {
    while let Some(batch) = source.next_batch()? {
        meter.bytes_read.store(source.bytes_read(), Ordering::Relaxed);
        if batches.blocking_send(batch).is_err() {
            break;
        }
    }
    Ok(())
}

impl StreamInput {
    fn read(
        self,
        batches: &mpsc::Sender<Batch>,
        progress: ProgressDisplay,
        meter: Arc<InputMeter>,
    ) -> Result<(), CommandError> {
        let Self { live, runtime, flags } = self;
        let statuses = Arc::new(ShardStatuses::default());
        let cancellation = Cancellation::default();
        let watch = StreamWatch { statuses: Arc::clone(&statuses), patience: flags.patience(), progress, meter };
        let outcome = runtime.block_on(async {
            tokio::select! {
                outcome = live.read(batches, &statuses, &cancellation) => outcome.map_err(CommandError::from),
                error = watch.until_out_of_patience() => Err(error),
            }
        });
        runtime.shutdown_background();
        outcome
    }
}

impl ReadAhead {
    /// The next batch; none: there is none, and [`end`](Self::end) says why.
    pub(super) async fn next(&mut self) -> Option<Batch> {
        self.batches.recv().await
    }

    /// Notes that so many records are compared, and so many of them differ.
    pub(super) fn compared(&self, records: u64, different: u64) {
        self.meter.records.store(records, Ordering::Relaxed);
        self.meter.different.store(different, Ordering::Relaxed);
    }

    /// Shows how far a file is.
    pub(super) fn show_progress(&self) {
        if let Some(progress) = &self.file_progress {
            progress.update(self.meter.bytes_read.load(Ordering::Relaxed), self.meter.counts().0);
        }
    }

    /// Why there is no other batch.
    ///
    /// # Errors
    /// When the input can't be read any further.
    pub(super) fn end(self) -> Result<(), CommandError> {
        self.reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl InputMeter {
    /// How many records are compared, and how many of them differ.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.records.load(Ordering::Relaxed), self.different.load(Ordering::Relaxed))
    }
}

//! The lines of the input, read ahead while others are on their way.

use tokio::sync::mpsc;

use crate::cli::interrupt::Interrupt;
use crate::event::Batch;
use crate::source::{FileSource, SourceError};

/// What is read at a time: enough for two requests.
const BATCH_RECORDS: usize = 1000;
const BATCH_BYTES: usize = 1 << 20;

/// So much is read ahead, and then the input has to wait: memory stays bounded.
const BATCHES_AHEAD: usize = 4;

/// What is put together: what several requests hold.
const GATHERED_RECORDS: usize = 10_000;
const GATHERED_BYTES: usize = 4 << 20;

/// Lines that were read.
#[derive(Debug, Default)]
pub(super) struct ReadLines {
    pub(super) batches: Vec<Batch>,
    /// How much of the input was read with them, in bytes.
    pub(super) bytes_read: u64,
    /// Whether there are no more, and why.
    pub(super) end: Option<InputEnd>,
}

/// Why there are no more lines.
#[derive(Debug)]
pub(super) enum InputEnd {
    /// The input ends here.
    Whole,
    /// The input can't be read on.
    Broken(String),
    /// Ctrl-C.
    Interrupted,
}

enum Read {
    Lines { batch: Batch, bytes_read: u64 },
    Whole,
    Broken(SourceError),
}

/// Reads on a thread of its own: a read can't be given up, and may wait for ever.
#[derive(Debug)]
pub(super) struct PutInput {
    reads: mpsc::Receiver<Read>,
}

impl PutInput {
    pub(super) fn read(source: FileSource) -> Self {
        let (sender, reads) = mpsc::channel(BATCHES_AHEAD);
        let mut source = source.in_batches_of(BATCH_RECORDS, BATCH_BYTES);
        std::thread::spawn(move || {
            loop {
                let read = match source.next_batch() {
                    Ok(Some(batch)) => Read::Lines { batch, bytes_read: source.bytes_read() },
                    Ok(None) => Read::Whole,
                    Err(error) => Read::Broken(error),
                };
                let is_last = !matches!(read, Read::Lines { .. });
                if sender.blocking_send(read).is_err() || is_last {
                    return;
                }
            }
        });
        Self { reads }
    }

    /// The lines that are there, at least one unless there are no more. Many small reads, of a pipe, are put
    /// together.
    pub(super) async fn gather(&mut self, interrupt: &mut Interrupt) -> ReadLines {
        let mut gathered = ReadLines::default();
        let Some(first) = interrupt.or(self.reads.recv()).await else {
            gathered.end = Some(InputEnd::Interrupted);
            return gathered;
        };
        let mut next = Some(first);
        while let Some(read) = next {
            match read {
                Some(Read::Lines { batch, bytes_read }) => {
                    gathered.batches.push(batch);
                    gathered.bytes_read = bytes_read;
                }
                Some(Read::Whole) => gathered.end = Some(InputEnd::Whole),
                Some(Read::Broken(error)) => gathered.end = Some(InputEnd::Broken(error.to_string())),
                None => gathered.end = Some(InputEnd::Broken("the input is not read on".to_owned())),
            }
            if gathered.end.is_some() || gathered.is_enough() {
                break;
            }
            next = self.reads.try_recv().ok().map(Some);
        }
        gathered
    }
}

impl ReadLines {
    fn is_enough(&self) -> bool {
        self.batches.iter().map(Batch::len).sum::<usize>() >= GATHERED_RECORDS
            || self.batches.iter().map(Batch::payload_bytes).sum::<usize>() >= GATHERED_BYTES
    }
}

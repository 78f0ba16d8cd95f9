//! The records that are measured: read and decoded once, held in memory, and put through again and again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::event::{Batch, Unpacking};
use crate::source::{FileSource, Format, SourceError};

/// The most records that are held: more say nothing more about a transform.
const MOST_RECORDS: usize = 100_000;

/// The most bytes of their payloads.
const MOST_BYTES: usize = 64 << 20;

/// What a batch of them holds at most.
const BATCH: (usize, usize) = (1_000, 1 << 20);

/// The records that are measured.
#[derive(Debug)]
pub(super) struct BenchRecords {
    pub(super) batches: Vec<Arc<Batch>>,
    /// Whether they are all that there are.
    pub(super) is_all: bool,
    input: BenchInput,
    /// Whether the input can be read again.
    is_repeatable: bool,
}

/// Where they come from, and how they are read.
#[derive(Debug, Clone)]
pub(super) struct BenchInput {
    pub(super) path: PathBuf,
    pub(super) format: Format,
    pub(super) unpacking: Unpacking,
}

impl BenchRecords {
    /// Reads as many as are held.
    pub(super) fn read(input: BenchInput) -> Result<Self, SourceError> {
        let mut reading = Reading::begin(&input)?;
        let is_repeatable = input.path != Path::new("-") && reading.source.bytes().is_some();
        let mut batches = Vec::new();
        let (mut left, mut bytes) = (MOST_RECORDS, 0);
        let is_all = loop {
            let Some(batch) = reading.next()? else { break true };
            if left == 0 || bytes >= MOST_BYTES {
                break false;
            }
            let batch = if batch.len() > left { Arc::new(batch.part(0..left)) } else { batch };
            left -= batch.len();
            bytes += batch.payload_bytes();
            batches.push(batch);
        };
        Ok(Self { batches, is_all, input, is_repeatable })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.batches.iter().map(|batch| batch.len()).sum()
    }

    /// The bytes of the payloads of so many of the first ones.
    pub(super) fn payload_bytes(&self, count: usize) -> u64 {
        let events = self.batches.iter().flat_map(|batch| batch.iter());
        events.take(count).map(|event| event.payload.bytes().len() as u64).sum()
    }

    /// Reads and decodes so many of the first ones once more; answers how long it takes. None: it can't be read again.
    pub(super) fn read_again(&self, count: usize) -> Result<Option<Duration>, SourceError> {
        if !self.is_repeatable {
            return Ok(None);
        }
        let began = Instant::now();
        let mut reading = Reading::begin(&self.input)?;
        let mut read = 0;
        while read < count
            && let Some(batch) = reading.next()?
        {
            read += batch.len();
        }
        // The last batch may have more of them than are measured.
        let share = if read == 0 { 1.0 } else { count as f64 / read as f64 };
        Ok(Some(began.elapsed().mul_f64(share)))
    }
}

/// An input on its way to decoded records.
struct Reading {
    source: FileSource,
    unpacking: Unpacking,
    /// What of the last batch is not unpacked yet.
    rest: Option<Arc<Batch>>,
}

impl Reading {
    fn begin(input: &BenchInput) -> Result<Self, SourceError> {
        let source = FileSource::open(&input.path, input.format)?.in_batches_of(BATCH.0, BATCH.1);
        Ok(Self { source, unpacking: input.unpacking, rest: None })
    }

    fn next(&mut self) -> Result<Option<Arc<Batch>>, SourceError> {
        let packed = match self.rest.take() {
            Some(rest) => rest,
            None => match self.source.next_batch()? {
                Some(batch) => Arc::new(batch),
                None => return Ok(None),
            },
        };
        let unpacked = self.unpacking.unpack(packed);
        self.rest = unpacked.rest;
        Ok(Some(unpacked.batch))
    }
}

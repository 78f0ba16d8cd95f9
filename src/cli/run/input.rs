//! What a run over a file reads: the file, or the streams that it leads to.

use std::sync::Arc;

use crate::cli::error::CommandError;
use crate::event::Batch;
use crate::source::on_failure::DescribedStream;
use crate::source::{BatchBounds, BatchCheck, BatchCutter, FileSource};

/// The records of a run over a file, in batches of a size.
pub(super) struct RecordInput {
    source: RecordSource,
    check: Option<BatchCheck>,
    cutter: BatchCutter,
}

/// Where the records of a run over a file are.
pub(super) enum RecordSource {
    /// They are in it.
    File(FileSource),
    /// It describes them, and they are in it or in their streams.
    Described(DescribedStream),
}

impl RecordInput {
    /// Records in batches of no more than this, which a check ends as well, if there is one.
    pub(super) fn new(source: RecordSource, bounds: BatchBounds, check: Option<BatchCheck>) -> Self {
        Self { source, check, cutter: BatchCutter::new(bounds) }
    }

    /// The next batch; none at the end.
    pub(super) async fn next_batch(&mut self) -> Result<Option<Batch>, CommandError> {
        loop {
            if let Some(piece) = self.cutter.next_piece() {
                return Ok(Some(piece));
            }
            let next = match &mut self.source {
                RecordSource::File(source) => source.next_batch()?,
                RecordSource::Described(source) => source.next_batch().await?,
            };
            match (next, &self.check) {
                (Some(batch), None) => self.cutter.cut(batch, Vec::new()),
                (Some(batch), Some(check)) => {
                    let batch = Arc::new(batch);
                    let ends = check.ends(Arc::clone(&batch)).await;
                    self.cutter.cut(Arc::unwrap_or_clone(batch), ends);
                }
                (None, _) => return Ok(None),
            }
        }
    }

    /// How long the file is, in bytes, where that is known.
    pub(super) fn bytes(&self) -> Option<u64> {
        match &self.source {
            RecordSource::File(source) => source.bytes(),
            RecordSource::Described(source) => source.bytes(),
        }
    }

    /// How much of the file was read so far, in bytes.
    pub(super) fn bytes_read(&self) -> u64 {
        match &self.source {
            RecordSource::File(source) => source.bytes_read(),
            RecordSource::Described(source) => source.bytes_read(),
        }
    }
}

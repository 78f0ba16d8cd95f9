//! What a run over a file reads: the file, or the streams that it leads to.

use crate::cli::error::CommandError;
use crate::event::Batch;
use crate::source::FileSource;
use crate::source::on_failure::DescribedStream;

/// The records of a run over a file.
pub(super) enum RecordInput {
    /// They are in it.
    File(FileSource),
    /// It describes them, and they are in it or in their streams.
    Described(DescribedStream),
}

impl RecordInput {
    /// The next batch; none at the end.
    pub(super) async fn next_batch(&mut self) -> Result<Option<Batch>, CommandError> {
        match self {
            RecordInput::File(source) => Ok(source.next_batch()?),
            RecordInput::Described(source) => Ok(source.next_batch().await?),
        }
    }

    /// How long the file is, in bytes, where that is known.
    pub(super) fn bytes(&self) -> Option<u64> {
        match self {
            RecordInput::File(source) => source.bytes(),
            RecordInput::Described(source) => source.bytes(),
        }
    }

    /// How much of the file was read so far, in bytes.
    pub(super) fn bytes_read(&self) -> u64 {
        match self {
            RecordInput::File(source) => source.bytes_read(),
            RecordInput::Described(source) => source.bytes_read(),
        }
    }
}

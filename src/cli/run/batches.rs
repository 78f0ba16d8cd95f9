//! Bounds on the batches of a run, over files and over streams.

use std::num::NonZeroU32;

use bytesize::ByteSize;
use clap::Args;

use crate::source::BatchBounds;

/// How large batches become, whatever they come from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Of batches")]
pub(super) struct BatchFlags {
    /// Maximum payload bytes of a batch, 1B to 1GiB: it ends before the record that would exceed them, and a larger record
    /// is a batch by itself. Counted is the data of a record as it is in the stream, or in the file, before it is taken
    /// apart or decoded, without its key. A batch never has more than 6 MB of event [default: no bound of its own]
    #[arg(long, value_name = "SIZE", value_parser = batch_bytes)]
    batch_bytes: Option<ByteSize>,

    /// Maximum number of records of a shard that are being processed, over all of its lanes: no more than this are handed
    /// on beyond the last one that is acknowledged with all before it. With 1, each is settled before the next begins. A
    /// batch has no more records than this [default: as many as the batches have]
    #[arg(long, value_name = "COUNT")]
    max_in_flight: Option<NonZeroU32>,
}

impl BatchFlags {
    /// What a batch holds at most. All of a file is one shard's, or each batch is, and a batch is settled before the next
    /// begins: so what may be in flight is a batch.
    pub(super) fn bounds(&self) -> BatchBounds {
        let as_count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        BatchBounds {
            records: self.max_in_flight.map(|limit| as_count(limit.get().into())),
            bytes: self.batch_bytes.map(|bytes| as_count(bytes.as_u64())),
        }
    }
}

fn batch_bytes(text: &str) -> Result<ByteSize, String> {
    let parsed: ByteSize =
        text.parse().map_err(|error| format!("invalid size {text:?} ({error}): use for example 5000 or 1MiB"))?;
    if (1..=1 << 30).contains(&parsed.as_u64()) {
        return Ok(parsed);
    }
    Err(format!("{text:?} is out of range: use 1B to 1GiB"))
}

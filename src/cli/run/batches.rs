//! Bounds on the batches of a run, over files and over streams.

use std::num::NonZeroU32;

use bytesize::ByteSize;
use clap::Args;

use crate::assembly;
use crate::filter::Filter;
use crate::settings::{Settings, SettingsError};
use crate::source::{BatchBounds, BatchCheck};

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

    /// Expression that ends batches, in the language of --filter and of the same names; for example `json.type == 'end'`. It is
    /// judged for each event as it comes in, decoded and before the filter: where it is true, the batch ends behind the
    /// event's record. What it can't judge counts as false, and is counted in the log
    #[arg(long, value_name = "EXPRESSION")]
    batch_check: Option<Filter>,
}

impl BatchFlags {
    /// Checks that batches can be ended where one is to end them.
    ///
    /// # Errors
    /// When each batch has one record in any case.
    pub(super) fn refuse_contradictions(&self, batch_size: Option<u16>) -> Result<(), SettingsError> {
        let one = match (batch_size, self.max_in_flight.map(NonZeroU32::get)) {
            _ if self.batch_check.is_none() => return Ok(()),
            (Some(1), _) => "--batch-size 1",
            (_, Some(1)) => "--max-in-flight 1",
            _ => return Ok(()),
        };
        Err(SettingsError::Contradiction(format!(
            "--batch-check ends batches, and with {one} each is one record already: leave one of the two out"
        )))
    }

    /// What ends batches besides their size; none: nothing does. Events are decoded as for the transform.
    pub(super) fn check(&self, settings: &Settings) -> Option<BatchCheck> {
        let expression = self.batch_check.clone()?;
        Some(BatchCheck::new(expression, assembly::unpacking(settings), settings.event_timeout))
    }

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

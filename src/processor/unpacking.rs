//! Batches of records, part by part: what one unpacks to must fit into memory.

use std::sync::Arc;

use super::{Deadline, Ends, Processor, Report};
use crate::checkpoint::Mirror;
use crate::event::{Batch, Unpacked};

impl Processor {
    /// Processes a batch as far as it goes. Its records are taken apart and decoded first; it costs least if nobody else
    /// holds the batch.
    pub async fn process(&self, batch: Arc<Batch>, deadline: Option<Deadline>) -> Report {
        self.process_parts(batch, deadline, &self.ends, self.mirror.as_ref()).await
    }

    /// The same, for records that are in no shard: what comes of them ends up elsewhere, and no position is mirrored.
    pub async fn process_into(&self, ends: &Ends, batch: Arc<Batch>, deadline: Option<Deadline>) -> Report {
        self.process_parts(batch, deadline, ends, None).await
    }

    async fn process_parts(
        &self,
        batch: Arc<Batch>,
        deadline: Option<Deadline>,
        ends: &Ends,
        mirror: Option<&Mirror>,
    ) -> Report {
        let Unpacked { batch, mut rest } = self.unpack(batch).await;
        let mut report = self.process_events(batch, deadline, ends, mirror).await;
        while let Some(records) = rest {
            if report.stop.is_some() {
                report.leave(&records);
                break;
            }
            let unpacked = self.unpack(records).await;
            rest = unpacked.rest;
            report.go_on_with(self.process_events(unpacked.batch, deadline, ends, mirror).await);
        }
        report
    }

    pub(super) async fn unpack(&self, batch: Arc<Batch>) -> Unpacked {
        let unpacking = self.unpacking;
        if !unpacking.is_work(&batch) {
            return unpacking.unpack(batch);
        }
        // Others have theirs to do meanwhile.
        match tokio::task::spawn_blocking(move || unpacking.unpack(batch)).await {
            Ok(unpacked) => unpacked,
            Err(error) => match error.try_into_panic() {
                // As on this thread: nothing of the batch is acknowledged.
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends, and with it whoever waits for this.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

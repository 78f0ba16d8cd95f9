//! Batches of records, part by part: what one unpacks to must fit into memory.

use std::sync::Arc;

use crate::event::{Batch, Unpacked, Unpacking};

/// Takes the records of a batch apart and decodes them, as far as there is memory for.
pub(super) async fn unpack(unpacking: Unpacking, batch: Arc<Batch>) -> Unpacked {
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

//! Standard output. A process has one of it, and all that goes there is written here, so that everybody learns when nothing
//! more can be: its reader is gone, or its disk is full.
//!
//! A failure is for good. Whoever reads a pipe does not come back, and behind what was half written nothing would be
//! understood. So nothing is tried again, and whatever works for standard output comes to its end.

use std::io::{self, Write};
use std::sync::OnceLock;

use tokio::sync::Notify;

static FAILURE: OnceLock<StdoutError> = OnceLock::new();
static FAILED: Notify = Notify::const_new();

/// Why nothing more can be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("standard output: {reason}")]
pub(crate) struct StdoutError {
    reason: String,
    kind: io::ErrorKind,
}

impl StdoutError {
    /// Whether its reader is gone, as that of `| head` is: it has what it wanted, and nothing is wrong.
    pub(crate) fn is_closed(&self) -> bool {
        self.kind == io::ErrorKind::BrokenPipe
    }
}

/// Writes all of a text at once.
///
/// # Errors
/// When it can't be written, or something before it could not. A part of it may have been.
pub(crate) fn write(text: &[u8]) -> Result<(), StdoutError> {
    let mut stdout = io::stdout().lock();
    if let Some(failure) = FAILURE.get() {
        return Err(failure.clone());
    }
    let written = stdout.write_all(text).and_then(|()| stdout.flush());
    written.map_err(|error| {
        let failure = StdoutError { reason: error.to_string(), kind: error.kind() };
        // A terminal or pipe that somebody made non-blocking takes more later.
        if error.kind() != io::ErrorKind::WouldBlock {
            let _ = FAILURE.set(failure.clone());
            FAILED.notify_waiters();
        }
        failure
    })
}

/// Why nothing more can be written; none: nothing is wrong.
pub(crate) fn failure() -> Option<&'static StdoutError> {
    FAILURE.get()
}

/// Waits until nothing more can be written.
pub(crate) async fn fails() {
    // It is woken by whatever fails after this line.
    let failed = FAILED.notified();
    if FAILURE.get().is_none() {
        failed.await;
    }
}

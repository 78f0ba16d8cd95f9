//! The target `file:PATH`: a line an output, or what outputs are packed into, appended.
//!
//! Delivered means handed to the operating system: it survives the end of this process, not a power
//! cut. One process writes to a file at a time.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::{Delivery, LineContent, Output, Sink, SinkFuture, SinkResponse, TargetHealth, line, reason};

/// Appends to a file.
#[derive(Debug)]
pub(super) struct FileSink {
    appender: Arc<Mutex<Appender>>,
    lines: LineContent,
    health: TargetHealth,
}

#[derive(Debug)]
struct Appender {
    path: PathBuf,
    file: fs::File,
}

impl FileSink {
    /// Opens the file to append to, and makes it if it is not there.
    pub(super) fn open(path: &Path, lines: LineContent) -> io::Result<Self> {
        let file = fs::OpenOptions::new().append(true).create(true).open(path)?;
        let health = TargetHealth::of(format!("file:{}", path.display()));
        Ok(Self { appender: Arc::new(Mutex::new(Appender { path: path.to_owned(), file })), lines, health })
    }
}

impl Sink for FileSink {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
        let appender = Arc::clone(&self.appender);
        Box::pin(async move {
            let text = line::encode(outputs, self.lines).await;
            off_the_runtime(&self.health, outputs.len(), move || {
                // A panic while appending is impossible to cause from here; the lock only orders writers.
                appender.lock().unwrap_or_else(PoisonError::into_inner).append(&text)
            })
            .await
        })
    }

    fn health(&self) -> Option<&TargetHealth> {
        Some(&self.health)
    }
}

impl Appender {
    /// All of it or nothing: what a failed write left behind is taken back, so that no reader meets
    /// half a line.
    fn append(&mut self, text: &[u8]) -> Result<(), String> {
        let before = self.file.metadata().ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len());
        self.file.write_all(text).map_err(|error| {
            if let Some(length) = before {
                // If even that fails, the error at hand is still the one to tell.
                let _ = self.file.set_len(length);
            }
            format!("{}: {error}", self.path.display())
        })
    }
}

/// Writes on a thread that may block, so that a full pipe or a slow disk can't hold up the deadline.
/// The outputs of one write share its fate.
pub(super) async fn off_the_runtime(
    health: &TargetHealth,
    count: usize,
    write: impl FnOnce() -> Result<(), String> + Send + 'static,
) -> SinkResponse {
    let _delivery = health.begin();
    let fate = match tokio::task::spawn_blocking(write).await {
        Ok(Ok(())) => {
            health.took();
            Delivery::Delivered
        }
        Ok(Err(why)) => {
            health.failed(&why, None);
            Delivery::Failed { reason: reason(why) }
        }
        Err(error) => Delivery::Failed { reason: reason(format!("the write did not end: {error}")) },
    };
    SinkResponse::of_all(count, fate)
}

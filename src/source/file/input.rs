//! What a path leads to, while it is read.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a path leads to, while it is read.
pub(in crate::source) struct FileInput {
    pub(in crate::source) reader: Box<dyn Read + Send>,
    /// How long it is, in bytes, where that is known.
    pub(in crate::source) bytes: Option<u64>,
    /// How much of it was read so far, in bytes.
    pub(in crate::source) bytes_read: Arc<AtomicU64>,
}

impl FileInput {
    /// Opens a file, or standard input for `-`.
    pub(in crate::source) fn open(path: &Path) -> io::Result<Self> {
        let (input, bytes): (Box<dyn Read + Send>, _) = if is_stdin(path) {
            // A file that was led in is one.
            (
                Box::new(io::stdin()),
                io::stdin().as_fd().try_clone_to_owned().ok().and_then(|stdin| length(&stdin.into())),
            )
        } else {
            let file = File::open(path)?;
            let bytes = length(&file);
            (Box::new(file), bytes)
        };
        let bytes_read = Arc::new(AtomicU64::new(0));
        Ok(Self { reader: Box::new(CountedReader { input, bytes_read: Arc::clone(&bytes_read) }), bytes, bytes_read })
    }
}

/// How long a file is, in bytes; none: it is no regular one, and its length is not known.
fn length(file: &File) -> Option<u64> {
    file.metadata().ok().filter(Metadata::is_file).map(|metadata| metadata.len())
}

/// Returns whether a path stands for standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Counts what is read, for the progress.
struct CountedReader {
    input: Box<dyn Read + Send>,
    bytes_read: Arc<AtomicU64>,
}

impl Read for CountedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.bytes_read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

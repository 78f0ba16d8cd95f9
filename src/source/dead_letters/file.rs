//! Dead letters in a file, or on standard input.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::lines::LetterLines;
use super::{Found, Place, ReadError};
use crate::source::file::Input;

/// Reads the letters of a file.
#[derive(Debug)]
pub(super) struct FileLetters {
    name: String,
    lines: LetterLines,
    bytes: Option<u64>,
    bytes_read: Arc<AtomicU64>,
}

impl FileLetters {
    pub(super) fn open(path: &Path) -> Result<Self, ReadError> {
        let name = Place::File(path.to_owned()).to_string();
        let unreadable = |source| ReadError::Unreadable { place: name.clone(), source };
        let Input { reader, bytes, bytes_read } = Input::open(path).map_err(unreadable)?;
        let lines = LetterLines::open(name.clone(), reader).map_err(unreadable)?;
        Ok(Self { name, lines, bytes, bytes_read })
    }

    pub(super) fn next(&mut self) -> Result<Option<Found>, ReadError> {
        self.lines.next().map_err(|source| ReadError::Unreadable { place: self.name.clone(), source })
    }

    pub(super) fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }
}

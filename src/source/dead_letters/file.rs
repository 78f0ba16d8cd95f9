//! Dead letters in a file, or on standard input.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::lines::LetterLines;
use super::{DeadLetterLocation, FoundLetter, LetterReadError};
use crate::source::file::FileInput;

/// Reads the letters of a file.
#[derive(Debug)]
pub(super) struct FileLetters {
    name: String,
    lines: LetterLines,
    bytes: Option<u64>,
    bytes_read: Arc<AtomicU64>,
}

impl FileLetters {
    pub(super) fn open(path: &Path) -> Result<Self, LetterReadError> {
        let name = DeadLetterLocation::File(path.to_owned()).to_string();
        let unreadable = |source| LetterReadError::Unreadable { place: name.clone(), source };
        let FileInput { reader, bytes, bytes_read } = FileInput::open(path).map_err(unreadable)?;
        let lines = LetterLines::open(name.clone(), reader).map_err(unreadable)?;
        Ok(Self { name, lines, bytes, bytes_read })
    }

    pub(super) fn next(&mut self) -> Result<Option<FoundLetter>, LetterReadError> {
        self.lines.next().map_err(|source| LetterReadError::Unreadable { place: self.name.clone(), source })
    }

    pub(super) fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }
}

//! Descriptions in a file, in the files of a folder, or on standard input.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::documents::{Document, Documents};
use super::names::{left_out, may_hold_descriptions};
use super::{DescriptionReadError, FoundDescription, MalformedDescription, OnFailureLocation, Origin};
use crate::source::file::FileInput;

/// Reads the descriptions of a file, or of all files in a folder and those below it, in the order of their names.
#[derive(Debug)]
pub(super) struct PathDescriptions {
    name: String,
    documents: Option<Documents>,
    /// Not read yet, the next one last.
    paths: Vec<PathBuf>,
    bytes: Option<u64>,
    /// Of the files before.
    bytes_before: u64,
    bytes_read: Arc<AtomicU64>,
    left_out: u64,
}

impl PathDescriptions {
    pub(super) fn open(path: &Path) -> Result<Self, DescriptionReadError> {
        let name = OnFailureLocation::Path(path.to_owned()).to_string();
        let mut own = Self {
            name: name.clone(),
            documents: None,
            paths: Vec::new(),
            bytes: None,
            bytes_before: 0,
            bytes_read: Arc::default(),
            left_out: 0,
        };
        let opened = if path.is_dir() { own.enter(path) } else { own.open_file(name.clone(), path) };
        opened.map_err(|source| DescriptionReadError::Unreadable { place: name, source })?;
        if path.is_dir() {
            own.bytes = None;
        }
        Ok(own)
    }

    pub(super) fn next(&mut self) -> Result<Option<FoundDescription>, DescriptionReadError> {
        loop {
            if let Some(documents) = &mut self.documents {
                let next = documents.next();
                let unreadable = |source| DescriptionReadError::Unreadable { place: self.name.clone(), source };
                if let Some(Document { place, text }) = next.map_err(unreadable)? {
                    return Ok(Some(FoundDescription::of(place, text, Origin::Kept)));
                }
                self.documents = None;
            }
            let Some(path) = self.paths.pop() else { return Ok(None) };
            let name = path.display().to_string();
            // What can't be read of a folder harms nothing else in it.
            let opened = if path.is_dir() { self.enter(&path) } else { self.open_file(name.clone(), &path) };
            if let Err(error) = opened {
                let malformed = MalformedDescription::Unreadable(error.to_string());
                return Ok(Some(FoundDescription::of(name, Err(malformed), Origin::Kept)));
            }
        }
    }

    pub(super) fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_before + self.bytes_read.load(Ordering::Relaxed)
    }

    pub(super) fn left_out(&self) -> Option<String> {
        left_out(self.left_out, "file")
    }

    fn open_file(&mut self, name: String, path: &Path) -> io::Result<()> {
        let FileInput { reader, bytes, bytes_read } = FileInput::open(path)?;
        self.bytes_before += self.bytes_read.load(Ordering::Relaxed);
        (self.bytes, self.bytes_read) = (bytes, bytes_read);
        self.documents = Some(Documents::open(name, reader)?);
        Ok(())
    }

    /// Puts what a folder holds before what is still to be read. A link to a folder is not followed: it may lead back.
    fn enter(&mut self, folder: &Path) -> io::Result<()> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                paths.push(path);
            } else if path.is_file() {
                match may_hold_descriptions(&entry.file_name().to_string_lossy()) {
                    true => paths.push(path),
                    false => self.left_out += 1,
                }
            }
        }
        paths.sort_unstable_by(|left, right| right.cmp(left));
        self.paths.append(&mut paths);
        Ok(())
    }
}

//! The records of descriptions in a file, for a run over it: a batch each.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::documents::{Document, Documents};
use super::range::{LostRecords, RangeError, RangeReader, RangeRecords};
use super::{Description, RecordRange};
use crate::error_code::ErrorCode;
use crate::event::Batch;
use crate::source::SourceError;
use crate::source::file::{FileInput, UnpackedReader};

/// Batches of records that came along with their descriptions.
#[derive(Debug)]
pub(in crate::source) struct DescribedBatches {
    descriptions: Descriptions,
    /// Looked at already: what it lacks is told before anything is loaded.
    first: Option<Batch>,
}

impl DescribedBatches {
    /// `name` is what messages call the input.
    ///
    /// # Errors
    /// When it can't be read, or the first description is broken or lacks its records.
    pub(in crate::source) fn open(name: &str, input: impl Read + Send + 'static) -> Result<Self, SourceError> {
        let mut descriptions = Descriptions::open(name, input)?;
        let first = descriptions.next()?.map(|description| descriptions.records_of(description)).transpose()?;
        Ok(Self { descriptions, first })
    }

    /// The next batch; none at the end.
    ///
    /// # Errors
    /// When the next description is broken or lacks its records.
    pub(in crate::source) fn next_batch(&mut self) -> Result<Option<Batch>, SourceError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        self.descriptions.next()?.map(|description| self.descriptions.records_of(description)).transpose()
    }
}

/// Batches of records that came along with their descriptions, or are still in their streams.
#[derive(Debug)]
pub struct DescribedStream {
    descriptions: Descriptions,
    first: Option<Description>,
    ranges: RangeReader,
    bytes: Option<u64>,
    bytes_read: Arc<AtomicU64>,
}

/// Why the records of a description are not to be had.
#[derive(Debug, thiserror::Error)]
pub enum DescribedError {
    /// The descriptions can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The stream does not give the records.
    #[error("input {name}: {range}: {error}")]
    Range {
        /// The file, or `standard input`.
        name: String,
        /// Which records.
        range: Box<RecordRange>,
        /// Why.
        error: RangeError,
    },
    /// The stream has some of them.
    #[error("input {name}: {range}: {lost}; `kinesieve rescue` processes the others")]
    PartlyLost {
        /// The file, or `standard input`.
        name: String,
        /// Which records.
        range: Box<RecordRange>,
        /// Which of them are gone.
        lost: LostRecords,
    },
}

impl DescribedError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            DescribedError::Source(error) => error.code(),
            DescribedError::Range { error, .. } => error.code(),
            DescribedError::PartlyLost { .. } => ErrorCode::GivenUpRecordsLost,
        }
    }
}

impl DescribedStream {
    /// Opens a file, or standard input for `-`. No stream is asked for anything yet.
    ///
    /// # Errors
    /// When it can't be read, or does not begin with a description.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
        let unreadable = |source| SourceError::Unreadable { name: name.clone(), source };
        let FileInput { reader, bytes, bytes_read } = FileInput::open(path).map_err(unreadable)?;
        let mut descriptions = Descriptions::open(&name, UnpackedReader::new(reader))?;
        let first = match descriptions.next() {
            Err(SourceError::Broken { name, reason }) => {
                let reason = format!("{reason}; --from-stream is for descriptions of given-up records");
                return Err(SourceError::Broken { name, reason });
            }
            first => first?,
        };
        Ok(Self { descriptions, first, ranges: RangeReader::default(), bytes, bytes_read })
    }

    /// The next batch; none at the end.
    ///
    /// # Errors
    /// When the next description is broken, or its records are not to be had.
    pub async fn next_batch(&mut self) -> Result<Option<Batch>, DescribedError> {
        let Some(description) = self.first.take().map_or_else(|| self.descriptions.next(), |first| Ok(Some(first)))?
        else {
            return Ok(None);
        };
        if description.records.is_some() {
            return Ok(Some(self.descriptions.records_of(description)?));
        }
        let name = || self.descriptions.name.clone();
        match self.ranges.fetch(&description.range).await {
            Ok(RangeRecords { batch, lost: None }) => Ok(Some(batch)),
            Ok(RangeRecords { lost: Some(lost), .. }) => {
                Err(DescribedError::PartlyLost { name: name(), range: Box::new(description.range), lost })
            }
            Err(error) => Err(DescribedError::Range { name: name(), range: Box::new(description.range), error }),
        }
    }

    /// How long the input is, in bytes, where that is known.
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// How much of it was read so far, in bytes.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }
}

/// The descriptions of one input, of which none may be broken.
#[derive(Debug)]
struct Descriptions {
    name: String,
    documents: Documents,
}

impl Descriptions {
    fn open(name: &str, input: impl Read + Send + 'static) -> Result<Self, SourceError> {
        let unreadable = |source| SourceError::Unreadable { name: name.to_owned(), source };
        Ok(Self { name: name.to_owned(), documents: Documents::open(name.to_owned(), input).map_err(unreadable)? })
    }

    fn next(&mut self) -> Result<Option<Description>, SourceError> {
        let unreadable = |source: io::Error| SourceError::Unreadable { name: self.name.clone(), source };
        let Some(Document { place, text }) = self.documents.next().map_err(unreadable)? else { return Ok(None) };
        let description = text.and_then(|text| Description::parse(&text));
        description.map(Some).map_err(|malformed| SourceError::Broken { name: place, reason: malformed.to_string() })
    }

    fn records_of(&self, description: Description) -> Result<Batch, SourceError> {
        match description.records {
            Some(records) => Ok(Arc::unwrap_or_clone(records)),
            None => Err(SourceError::InStream { name: self.name.clone(), range: Box::new(description.range) }),
        }
    }
}

//! A file, or standard input, in one of several forms that are told apart by content.

mod array;
mod arrivals;
mod elements;
mod form;
mod identity;
mod input;
mod pipes;
mod signature;
mod unpacked;

use std::collections::VecDeque;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use self::array::{ArraySource, Element};
use self::arrivals::NoArrival;
use self::elements::ArrayError;
use self::form::{Form, TellError, Told, read_document, tell};
use self::identity::local_shard;
use self::input::is_stdin;
use super::lines::{Buffered, LineSource, LineSupply, buffered};
use super::on_failure::DescribedBatches;
use super::{SourceError, get_records, similar_files};
use crate::event::{Batch, Shard, parse_firehose_event, parse_lambda_event};
use crate::timestamp::now_millis;

pub use self::arrivals::ArrivalField;
pub use self::form::Format;
pub(super) use self::input::FileInput;
pub(super) use self::unpacked::UnpackedReader;

/// Batches from an input.
pub struct FileSource {
    name: String,
    bytes: Option<u64>,
    bytes_read: Arc<AtomicU64>,
    batches: Batches,
    /// Where records say when they arrived; none: as their form says it.
    arrivals: Option<ArrivalField>,
    /// What is said once the records before it are processed.
    broken: Option<SourceError>,
}

enum Batches {
    /// A document, by the shards that its records are of.
    Document(VecDeque<Batch>),
    Lines(LineSource),
    Array(ArraySource),
    Described(DescribedBatches),
}

impl FileSource {
    /// Opens a file, or standard input for `-`, and looks at how it holds its records. One that is compressed with gzip
    /// or zstd is read as what is inside.
    ///
    /// # Errors
    /// When it can't be read, or is in no form that we know.
    pub fn open(path: &Path, format: Format) -> Result<Self, SourceError> {
        Self::open_through(path, format, |input| Box::new(UnpackedReader::new(input)))
    }

    /// Opens the lines of a file, or of standard input for `-`, byte for byte as they are.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn open_lines(path: &Path) -> Result<Self, SourceError> {
        Self::open_through(path, Format::Lines, |input| input)
    }

    fn open_through(
        path: &Path,
        format: Format,
        unpack: impl FnOnce(Box<dyn Read + Send>) -> Box<dyn Read + Send>,
    ) -> Result<Self, SourceError> {
        let name = if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() };
        let FileInput { reader, bytes, bytes_read } = FileInput::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => SourceError::Missing { name: name.clone(), similar: similar_files(path) },
            _ => SourceError::Unreadable { name: name.clone(), source },
        })?;
        let supply = if bytes.is_some() { LineSupply::Complete } else { LineSupply::Growing };
        let opener = FileOpener { name: &name, shard: local_shard(path), supply };
        let batches = opener.open(buffered(unpack(reader)), format)?;
        Ok(Self { name, bytes, bytes_read, batches, arrivals: None, broken: None })
    }

    /// Batches of lines, or of elements, hold no more than this.
    #[must_use]
    pub fn in_batches_of(mut self, records: usize, payload_bytes: usize) -> Self {
        match &mut self.batches {
            Batches::Document(_) | Batches::Described(_) => {}
            Batches::Lines(lines) => lines.set_limits(records, payload_bytes),
            Batches::Array(array) => array.set_limits(records, payload_bytes),
        }
        self
    }

    /// Records arrive when this field of theirs says.
    #[must_use]
    pub fn with_arrivals(self, arrivals: Option<ArrivalField>) -> Self {
        Self { arrivals, ..self }
    }

    /// The next batch; none at the end. One in which a record does not say when it arrived gives what is before first.
    ///
    /// # Errors
    /// When the input can't be read on.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, SourceError> {
        if let Some(broken) = self.broken.take() {
            return Err(broken);
        }
        let Some(batch) = self.read_batch()? else { return Ok(None) };
        let Some(arrivals) = &self.arrivals else { return Ok(Some(batch)) };
        let (batch, missing) = arrivals.applied_to(batch);
        let Some(missing) = missing else { return Ok(Some(batch)) };
        let is_first = missing.index == 0;
        let broken = self.without_arrival(missing);
        if is_first {
            return Err(broken);
        }
        self.broken = Some(broken);
        Ok(Some(batch))
    }

    fn without_arrival(&self, missing: NoArrival) -> SourceError {
        let NoArrival { sequence_number, reason, .. } = missing;
        let place = match &self.batches {
            Batches::Lines(_) => "line",
            Batches::Array(array) if array.holds_payloads() => "element",
            Batches::Array(_) | Batches::Document(_) | Batches::Described(_) => "record",
        };
        SourceError::Broken { name: self.name.clone(), reason: format!("{place} {sequence_number}: {reason}") }
    }

    fn read_batch(&mut self) -> Result<Option<Batch>, SourceError> {
        let unreadable = |source| SourceError::Unreadable { name: self.name.clone(), source };
        match &mut self.batches {
            Batches::Document(batches) => Ok(batches.pop_front()),
            Batches::Described(batches) => batches.next_batch(),
            Batches::Lines(lines) => lines.next_batch().map_err(unreadable),
            Batches::Array(array) => array.next_batch().map_err(|error| match error {
                ArrayError::Read(source) => unreadable(source),
                ArrayError::Broken(reason) => SourceError::Broken { name: self.name.clone(), reason },
            }),
        }
    }

    /// How long the input is, in bytes as it lies there, where that is known.
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// How much of it was read so far, in bytes as it lies there.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }
}

/// Makes batches of an input, once it is known in which form it is.
struct FileOpener<'a> {
    name: &'a str,
    shard: Shard,
    supply: LineSupply,
}

impl FileOpener<'_> {
    fn open(self, mut input: Buffered, format: Format) -> Result<Batches, SourceError> {
        let told = match format {
            Format::Auto => tell(&mut input).map_err(|error| self.refused(error))?,
            Format::LambdaEvent => self.document(Form::LambdaEvent, &mut input)?,
            Format::GetRecords => self.document(Form::GetRecords, &mut input)?,
            Format::Firehose => self.document(Form::Firehose, &mut input)?,
            Format::Pipes => Told { form: Form::Pipes, ahead: Vec::new() },
            Format::OnFailure => Told { form: Form::OnFailure, ahead: Vec::new() },
            Format::Array => Told { form: Form::Array, ahead: Vec::new() },
            Format::Lines => Told { form: Form::Lines, ahead: Vec::new() },
        };
        let Told { form, ahead } = told;
        let Self { supply, ref shard, .. } = self;
        match form {
            Form::Lines => Ok(Batches::Lines(LineSource::new(ahead, input, supply, self.shard))),
            Form::Array => Ok(Batches::Array(ArraySource::new(ahead, input, supply, self.shard, Element::Payload))),
            Form::Pipes => Ok(Batches::Array(ArraySource::new(ahead, input, supply, self.shard, Element::PipesRecord))),
            Form::LambdaEvent => self.one(parse_lambda_event(&ahead).map_err(|error| error.to_string())),
            Form::GetRecords => self.one(get_records::parse(&ahead, shard)),
            Form::Firehose => self.batches(firehose_batches(&ahead)),
            Form::OnFailure => {
                DescribedBatches::open(self.name, Cursor::new(ahead).chain(input)).map(Batches::Described)
            }
        }
    }

    /// A document of a form that somebody said.
    fn document(&self, form: Form, input: &mut Buffered) -> Result<Told, SourceError> {
        let ahead = read_document(input).map_err(|error| self.refused(error))?;
        Ok(Told { form, ahead })
    }

    fn one(&self, parsed: Result<Batch, String>) -> Result<Batches, SourceError> {
        self.batches(parsed.map(|batch| vec![batch]))
    }

    fn batches(&self, parsed: Result<Vec<Batch>, String>) -> Result<Batches, SourceError> {
        match parsed {
            Ok(batches) => Ok(Batches::Document(batches.into())),
            Err(reason) => Err(SourceError::Broken { name: self.name.to_owned(), reason }),
        }
    }

    fn refused(&self, error: TellError) -> SourceError {
        let name = self.name.to_owned();
        match error {
            TellError::Read(source) => SourceError::Unreadable { name, source },
            TellError::Refused(refusal) => SourceError::Unknown { name, what: refusal.what, remedy: refusal.remedy },
        }
    }
}

/// The records of an event of Firehose. Those without an id would be left out, and nobody told.
fn firehose_batches(event: &[u8]) -> Result<Vec<Batch>, String> {
    let records = parse_firehose_event(event, now_millis())?;
    match records.without_id {
        0 => Ok(records.batches),
        1 => Err("a record of the event of Firehose has no \"recordId\"".to_owned()),
        several => Err(format!("{several} records of the event of Firehose have no \"recordId\"")),
    }
}

#[cfg(test)]
mod tests;

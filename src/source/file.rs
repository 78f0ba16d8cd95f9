//! A file, or standard input, in one of three formats that are told apart by content.

use std::fs::{File, Metadata};
use std::io::{self, BufRead, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::ValueEnum;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::lines::{Buffered, LineSource, LineSupply, buffered};
use super::{SourceError, get_records};
use crate::event::{Batch, parse_lambda_event};

/// How an input holds its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Told by content
    Auto,
    /// The event that Lambda would hand to the function
    LambdaEvent,
    /// The output of `aws kinesis get-records`
    GetRecords,
    /// Each line is the payload of a record
    Lines,
}

/// How far the first line is looked for: the largest event or answer in one line has some 14 MB.
const MAX_HEAD_BYTES: usize = 32 << 20;

/// Batches from an input.
pub struct FileSource {
    name: String,
    bytes: Option<u64>,
    bytes_read: Arc<AtomicU64>,
    batches: Batches,
}

enum Batches {
    /// A document is one batch.
    One(Option<Batch>),
    Lines(LineSource),
}

impl FileSource {
    /// Opens a file, or standard input for `-`, and looks at how it holds its records.
    ///
    /// # Errors
    /// When it can't be read, or is in no format that we know.
    pub fn open(path: &Path, format: Format) -> Result<Self, SourceError> {
        let name = if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() };
        let unreadable = |source| SourceError::Unreadable { name: name.clone(), source };
        let FileInput { reader, bytes, bytes_read } = FileInput::open(path).map_err(unreadable)?;
        let supply = if bytes.is_some() { LineSupply::Complete } else { LineSupply::Growing };
        let stem = path.file_stem().map_or_else(|| "-".into(), |stem| stem.to_string_lossy().into_owned());
        let stream_arn = format!("arn:aws:kinesis:local:000000000000:stream/{stem}");
        let batches = FileOpener { name: &name, stream_arn, supply }.open(buffered(reader), format)?;
        Ok(Self { name, bytes, bytes_read, batches })
    }

    /// Batches of lines hold no more than this.
    #[must_use]
    pub fn in_batches_of(mut self, records: usize, payload_bytes: usize) -> Self {
        if let Batches::Lines(lines) = &mut self.batches {
            lines.set_limits(records, payload_bytes);
        }
        self
    }

    /// The next batch; none at the end.
    ///
    /// # Errors
    /// When the input can't be read on.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, SourceError> {
        match &mut self.batches {
            Batches::One(batch) => Ok(batch.take()),
            Batches::Lines(lines) => {
                lines.next_batch().map_err(|source| SourceError::Unreadable { name: self.name.clone(), source })
            }
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

/// What a path leads to, while it is read.
pub(super) struct FileInput {
    pub(super) reader: Box<dyn Read + Send>,
    /// How long it is, in bytes, where that is known.
    pub(super) bytes: Option<u64>,
    /// How much of it was read so far, in bytes.
    pub(super) bytes_read: Arc<AtomicU64>,
}

impl FileInput {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
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

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Finds out how an input holds its records.
struct FileOpener<'a> {
    name: &'a str,
    stream_arn: String,
    supply: LineSupply,
}

/// What of a document says which of the two it is.
#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Records")]
    records: Option<Vec<DocumentRecord>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DocumentRecord {
    sequence_number: Option<IgnoredAny>,
    data: Option<IgnoredAny>,
}

/// Only whether it is one: a line with `Records` may be a document by itself.
#[derive(Deserialize)]
struct DocumentProbe {
    #[serde(rename = "Records")]
    records: Option<IgnoredAny>,
}

impl FileOpener<'_> {
    fn open(self, input: Buffered, format: Format) -> Result<Batches, SourceError> {
        match format {
            Format::Lines => Ok(self.lines(Vec::new(), input)),
            Format::LambdaEvent => self.read_all(input).and_then(|text| self.lambda_event(&text)),
            Format::GetRecords => self.read_all(input).and_then(|text| self.get_records(&text)),
            Format::Auto => self.open_unknown(input),
        }
    }

    fn open_unknown(self, mut reader: Buffered) -> Result<Batches, SourceError> {
        let head = self.read_head(&mut reader)?;
        if head.starts_with(&[0x1f, 0x8b]) {
            return Err(self.unknown("it is compressed with gzip: unpack it first"));
        }
        if head.contains(&0) {
            return Err(self.unknown("it is binary"));
        }
        let first_line = head.trim_ascii();
        let is_document = match first_line.first() {
            // A line of NDJSON is whole by itself; a document's first line is not, or holds "Records".
            Some(b'{') => {
                serde_json::from_slice::<DocumentProbe>(first_line).map_or(true, |line| line.records.is_some())
            }
            _ => false,
        };
        if !is_document {
            return Ok(self.lines(head, reader));
        }
        let text = self.read_all(head.as_slice().chain(reader))?;
        match serde_json::from_str::<Document>(&text) {
            Ok(Document { records: None }) => Err(self
                .unknown("it is one JSON object over several lines, without \"Records\" (`jq -c .` makes it a line)")),
            Ok(Document { records: Some(records) }) => {
                let is_get_records =
                    records.first().is_some_and(|first| first.sequence_number.is_some() || first.data.is_some());
                if is_get_records { self.get_records(&text) } else { self.lambda_event(&text) }
            }
            Err(error) => Err(self.unknown(&format!("it starts like JSON, but is not whole: {error}"))),
        }
    }

    /// Everything up to the first line that holds something: it says most. A mark of the byte order is
    /// left out.
    fn read_head(&self, reader: &mut impl BufRead) -> Result<Vec<u8>, SourceError> {
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

        let mut head = Vec::new();
        loop {
            let line_start = head.len();
            let room = (MAX_HEAD_BYTES - line_start) as u64;
            let read = reader.take(room).read_until(b'\n', &mut head).map_err(|source| self.unreadable(source))?;
            if line_start == 0 && head.starts_with(BYTE_ORDER_MARK) {
                head.drain(..BYTE_ORDER_MARK.len());
            }
            let line_start = line_start.min(head.len());
            if read == 0 || head.len() >= MAX_HEAD_BYTES || !head[line_start..].trim_ascii().is_empty() {
                return Ok(head);
            }
        }
    }

    fn lines(self, head: Vec<u8>, rest: Buffered) -> Batches {
        Batches::Lines(LineSource::new(head, rest, self.supply, self.stream_arn))
    }

    fn lambda_event(&self, text: &str) -> Result<Batches, SourceError> {
        let batch = parse_lambda_event(text.as_bytes()).map_err(|error| self.broken(error.to_string()))?;
        Ok(Batches::One(Some(batch)))
    }

    fn get_records(&self, text: &str) -> Result<Batches, SourceError> {
        let batch = get_records::parse(text, &self.stream_arn).map_err(|reason| self.broken(reason))?;
        Ok(Batches::One(Some(batch)))
    }

    fn read_all(&self, mut input: impl Read) -> Result<String, SourceError> {
        let mut text = String::new();
        input.read_to_string(&mut text).map_err(|source| self.unreadable(source))?;
        Ok(text)
    }

    fn unreadable(&self, source: io::Error) -> SourceError {
        SourceError::Unreadable { name: self.name.to_owned(), source }
    }

    fn unknown(&self, reason: &str) -> SourceError {
        SourceError::Unknown { name: self.name.to_owned(), reason: reason.to_owned() }
    }

    fn broken(&self, reason: String) -> SourceError {
        SourceError::Broken { name: self.name.to_owned(), reason }
    }
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

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsRawFd;

    use super::*;

    fn payloads(content: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("input");
        std::fs::write(&path, content).expect("written");
        let mut source = FileSource::open(&path, Format::Auto).map_err(|error| error.to_string())?;
        let mut payloads = Vec::new();
        while let Some(batch) = source.next_batch().map_err(|error| error.to_string())? {
            payloads.extend(batch.iter().map(|event| String::from_utf8_lossy(event.payload.bytes()).into_owned()));
        }
        assert_eq!(source.bytes_read(), content.len() as u64, "{content:?}");
        Ok(payloads)
    }

    const LAMBDA_EVENT: &str = r#"{"Records":[{"eventID":"shardId-000000000000:1","eventSourceARN":"arn","kinesis":
        {"partitionKey":"k","sequenceNumber":"1","data":"SGVsbG8=","approximateArrivalTimestamp":1.5}}]}"#;
    const GET_RECORDS: &str = r#"{"Records":[{"SequenceNumber":"1","PartitionKey":"k","Data":"SGVsbG8=",
        "ApproximateArrivalTimestamp":1.5}],"NextShardIterator":"AAA="}"#;

    #[test]
    fn documents_are_told_apart_however_they_are_laid_out() {
        for document in [LAMBDA_EVENT, GET_RECORDS] {
            let value: serde_json::Value = serde_json::from_str(document).expect("JSON");
            let compact = value.to_string();
            let pretty = serde_json::to_string_pretty(&value).expect("JSON");
            for text in [document, &compact, &pretty, &format!("\n\n{compact}\n"), &format!("\u{feff}{pretty}")] {
                assert_eq!(payloads(text), Ok(vec!["Hello".to_owned()]), "{text}");
            }
        }
    }

    #[test]
    fn everything_else_that_is_text_is_lines() {
        for lines in
            ["one\ntwo", "{\"a\":1}\n{\"b\":2}\n", "[2018-12-17] started\n[2018-12-18] ended\n", "[1,2]\n[3]\n"]
        {
            let expected: Vec<String> = lines.lines().map(str::to_owned).collect();
            assert_eq!(payloads(lines), Ok(expected));
        }
        assert_eq!(payloads(""), Ok(Vec::new()));
        assert_eq!(payloads("\u{feff}one\n"), Ok(vec!["one".to_owned()]));
        // Seconds, if each blank line meant looking at all before it.
        assert_eq!(payloads(&"\n".repeat(1_000_000)), Ok(Vec::new()));
    }

    fn sizes(mut source: FileSource) -> Vec<usize> {
        let mut sizes = Vec::new();
        while let Some(batch) = source.next_batch().expect("readable") {
            sizes.push(batch.len());
        }
        sizes
    }

    /// What was read to tell the format is part of the first batch, as all that is behind it.
    #[test]
    fn looking_at_the_format_takes_no_batch_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("input");
        let lines = "{\"a\":1}\n".repeat(25_000);
        for content in [lines.clone(), format!("\u{feff}{lines}"), format!("\n\r\n{lines}"), format!("plain\n{lines}")]
        {
            std::fs::write(&path, &content).expect("written");
            let rest = 5_000 + usize::from(content.starts_with("plain"));
            let source = FileSource::open(&path, Format::Auto).expect("lines");
            assert_eq!(sizes(source), [10_000, 10_000, rest], "{:?}", &content[..10]);
            let source = FileSource::open(&path, Format::Auto).expect("lines").in_batches_of(20_000, usize::MAX);
            assert_eq!(sizes(source), [20_000, rest], "{:?}", &content[..10]);
        }
        std::fs::write(&path, &lines).expect("written");
        assert_eq!(sizes(FileSource::open(&path, Format::Lines).expect("lines")), [10_000, 10_000, 5_000]);
    }

    #[test]
    fn what_is_at_hand_in_a_pipe_is_one_batch() {
        for lines in ["one\ntwo\nthree\n", "{\"a\":1}\n{\"b\":2}\n[3]\n", "\none\n\ntwo\nthree"] {
            for format in [Format::Auto, Format::Lines] {
                let (reader, mut writer) = io::pipe().expect("a pipe");
                writer.write_all(lines.as_bytes()).expect("written");
                let path = format!("/dev/fd/{}", reader.as_raw_fd());
                let source = FileSource::open(Path::new(&path), format).expect("lines");
                drop((reader, writer));
                assert_eq!(source.bytes(), None);
                let expected: &[usize] = if lines.ends_with('\n') { &[3] } else { &[2, 1] };
                assert_eq!(sizes(source), expected, "{format:?} {lines:?}");
            }
        }
    }

    #[test]
    fn what_is_none_of_the_three_is_said() {
        let message = |content: &str| payloads(content).expect_err(content);
        assert!(message("{\n \"a\": 1\n}").contains("jq -c"));
        assert!(message(&LAMBDA_EVENT[..100]).contains("not whole"));
        assert!(message("\u{0}\u{1}binary").contains("binary"));
        assert!(message(r#"{"Records":[{"eventSource":"aws:sqs","eventID":"1"}]}"#).contains("aws:sqs"));
        assert!(message(&format!("{}\n{{}}", LAMBDA_EVENT.replace('\n', ""))).contains("not whole"));
        let missing = FileSource::open(Path::new("/nowhere/input"), Format::Auto).err().map(|error| error.to_string());
        assert!(missing.is_some_and(|message| message.contains("/nowhere/input")));
    }
}

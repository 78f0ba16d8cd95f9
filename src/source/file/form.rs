//! In which form an input holds its records, told by its content.
//!
//! A document is told from lines by its first line: a line of NDJSON is whole by itself. What starts like a document and
//! is none is refused, since to take its lines for records would end well and be wrong.

use std::io::{self, BufRead, Read};

use clap::ValueEnum;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::elements::ElementReader;
use super::signature;
use crate::event::foreign_shape;
use crate::json_error::explained_without_values;
use crate::source::on_failure::is_description;

/// How an input holds its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Told by content
    Auto,
    /// The event that Lambda would hand to the function
    LambdaEvent,
    /// The output of `aws kinesis get-records`
    GetRecords,
    /// The event that Firehose would hand to a function that transforms its records
    Firehose,
    /// The array of records that EventBridge Pipes would hand to the function
    Pipes,
    /// What Lambda wrote to an on-failure destination
    OnFailure,
    /// A JSON array, of which each element is the payload of a record
    Array,
    /// Each line is the payload of a record
    Lines,
}

/// The form that was told, and what was read for it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) form: Form,
    /// The beginning of the input; its whole, where the form is a document that is read at once.
    pub(super) ahead: Vec<u8>,
}

/// In which form the records are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    LambdaEvent,
    GetRecords,
    Firehose,
    Pipes,
    OnFailure,
    Array,
    Lines,
}

/// Why the form is none that is taken.
#[derive(Debug)]
pub(super) struct Refusal {
    /// What the input looks like, as a sentence without its end. It holds nothing of the content.
    pub(super) what: String,
    /// What to do about it.
    pub(super) remedy: String,
}

impl Refusal {
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}

/// Why no form is told.
#[derive(Debug)]
pub(super) enum TellError {
    Read(io::Error),
    Refused(Refusal),
}

impl From<io::Error> for TellError {
    fn from(error: io::Error) -> Self {
        TellError::Read(error)
    }
}

impl From<Refusal> for TellError {
    fn from(refusal: Refusal) -> Self {
        TellError::Refused(refusal)
    }
}

/// How far the first line is looked for: the largest event or answer in one line has some 14 MB.
const MAX_HEAD_BYTES: usize = 32 << 20;

/// The largest document that is read at once. Lambda's events have 6 MB and answers 14, laid out in lines a multiple.
const MAX_DOCUMENT_BYTES: usize = 256 << 20;

/// So much of an array is read before its first element is processed: one that ends within it is known to be whole.
const ARRAY_AHEAD_BYTES: usize = 8 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

const AS_LINES: &str = "--input-format lines takes each line as the payload of a record";
const AS_ARRAY: &str = "--input-format array takes each element as the payload of a record";

/// Tells the form of an input, and reads no further than that takes.
pub(super) fn tell(input: &mut impl BufRead) -> Result<Told, TellError> {
    let head = read_head(input)?;
    if let Some(refusal) = signature::refusal(&head) {
        return Err(refusal.into());
    }
    match head.trim_ascii().first() {
        Some(b'{') => tell_object(head, input),
        Some(b'[') => tell_array(head, input),
        _ => Ok(Told { form: Form::Lines, ahead: head }),
    }
}

/// Reads a document to its end, without a mark of the byte order.
pub(super) fn read_document(input: &mut impl BufRead) -> Result<Vec<u8>, TellError> {
    let mut document = Vec::new();
    read_on(&mut document, input)?;
    if document.starts_with(BYTE_ORDER_MARK) {
        document.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(document)
}

/// Everything up to the first line that holds something: it says most. A mark of the byte order is left out.
fn read_head(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    loop {
        let line_start = head.len();
        let room = (MAX_HEAD_BYTES - line_start) as u64;
        let read = input.take(room).read_until(b'\n', &mut head)?;
        if line_start == 0 && head.starts_with(BYTE_ORDER_MARK) {
            head.drain(..BYTE_ORDER_MARK.len());
        }
        let line_start = line_start.min(head.len());
        if read == 0 || head.len() >= MAX_HEAD_BYTES || !head[line_start..].trim_ascii().is_empty() {
            return Ok(head);
        }
    }
}

/// Reads all of a document behind what is there already.
fn read_on(ahead: &mut Vec<u8>, input: &mut impl BufRead) -> Result<(), TellError> {
    let room = (MAX_DOCUMENT_BYTES + 1).saturating_sub(ahead.len());
    input.take(room as u64).read_to_end(ahead)?;
    if ahead.len() > MAX_DOCUMENT_BYTES {
        let what = "it is one JSON document of more than 256 MiB";
        return Err(Refusal::new(what, "put each record on a line of its own, as with `jq -c`").into());
    }
    Ok(())
}

/// Reads on to the first line that holds something, if there is one: it comes behind what is there already.
fn has_more(ahead: &mut Vec<u8>, input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let at_hand = input.fill_buf()?;
        if at_hand.is_empty() {
            return Ok(false);
        }
        if !at_hand.trim_ascii().is_empty() {
            return Ok(true);
        }
        let space = at_hand.len();
        ahead.extend_from_slice(at_hand);
        input.consume(space);
        // As little as that is no line.
        if ahead.len() > MAX_HEAD_BYTES {
            return Ok(true);
        }
    }
}

/// What of an object says which it is.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DocumentProbe<'a> {
    /// Of Lambda's event, and of what get-records answers.
    #[serde(borrow, rename = "Records")]
    event_records: Option<&'a RawValue>,
    #[serde(borrow)]
    records: Option<&'a RawValue>,
    delivery_stream_arn: Option<IgnoredAny>,
    #[serde(rename = "sourceMSKArn")]
    source_msk_arn: Option<IgnoredAny>,
}

/// What of a record says where it is from.
#[derive(Default, Deserialize)]
struct RecordProbe<'a> {
    #[serde(rename = "SequenceNumber")]
    upper_sequence_number: Option<IgnoredAny>,
    #[serde(rename = "Data")]
    upper_data: Option<IgnoredAny>,
    #[serde(rename = "sequenceNumber")]
    sequence_number: Option<IgnoredAny>,
    data: Option<IgnoredAny>,
    kinesis: Option<IgnoredAny>,
    #[serde(rename = "kinesisSchemaVersion")]
    kinesis_schema_version: Option<IgnoredAny>,
    #[serde(borrow, rename = "eventSource")]
    event_source: Option<&'a RawValue>,
}

impl RecordProbe<'_> {
    fn is_of_kinesis(&self) -> bool {
        self.event_source.is_some_and(|source| source.get() == "\"aws:kinesis\"")
    }

    fn is_of_pipes(&self) -> bool {
        let is_marked = self.kinesis_schema_version.is_some() || self.is_of_kinesis();
        is_marked && self.kinesis.is_none() && self.sequence_number.is_some() && self.data.is_some()
    }

    fn is_of_get_records(&self) -> bool {
        self.upper_sequence_number.is_some() || self.upper_data.is_some()
    }
}

/// The documents that are objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Document {
    Known(Form),
    /// None of those that hold records of Kinesis.
    Other,
}

impl Document {
    fn of(object: &[u8]) -> Self {
        let probe: DocumentProbe<'_> = serde_json::from_slice(object).unwrap_or_default();
        if let Some(records) = probe.event_records {
            let records: Vec<&RawValue> = serde_json::from_str(records.get()).unwrap_or_default();
            let first = records.first().and_then(|first| serde_json::from_str::<RecordProbe<'_>>(first.get()).ok());
            let form =
                if first.is_some_and(|first| first.is_of_get_records()) { Form::GetRecords } else { Form::LambdaEvent };
            return Document::Known(form);
        }
        if probe.records.is_some() && (probe.delivery_stream_arn.is_some() || probe.source_msk_arn.is_some()) {
            return Document::Known(Form::Firehose);
        }
        Document::Other
    }
}

fn tell_object(mut ahead: Vec<u8>, input: &mut impl BufRead) -> Result<Told, TellError> {
    let is_one_line = match serde_json::from_slice::<IgnoredAny>(ahead.trim_ascii()) {
        Ok(_) => true,
        Err(error) if error.is_eof() => false,
        Err(error) => return Err(no_document(&error).into()),
    };
    if !is_one_line {
        read_on(&mut ahead, input)?;
    }
    // Several of them may come behind each other, each in lines.
    if is_description(&ahead) {
        return Ok(Told { form: Form::OnFailure, ahead });
    }
    if !is_one_line {
        check_whole(&ahead)?;
    }
    let refused = |what: &str| Refusal::new(format!("it is {what}"), AS_LINES);
    // A foreign event stands alone. In many lines, events of another service may well be the payloads of a stream.
    match (Document::of(&ahead), foreign_shape(&ahead)) {
        (Document::Known(form), foreign) => {
            if is_one_line && has_more(&mut ahead, input)? {
                let what = "it holds several JSON documents, each on a line of its own, with \"Records\" in the first";
                return Err(Refusal::new(what, format!("give one of them at a time, or {AS_LINES}")).into());
            }
            match foreign {
                Some(foreign) => Err(refused(foreign).into()),
                None => Ok(Told { form, ahead }),
            }
        }
        (_, Some(foreign)) if !is_one_line || !has_more(&mut ahead, input)? => Err(refused(foreign).into()),
        _ if is_one_line => Ok(Told { form: Form::Lines, ahead }),
        _ => {
            let what = "it is one JSON object over several lines, without \"Records\"";
            Err(Refusal::new(what, "`jq -c .` makes it a line, which is the payload of a record").into())
        }
    }
}

fn tell_array(mut ahead: Vec<u8>, input: &mut impl BufRead) -> Result<Told, TellError> {
    match serde_json::from_slice::<IgnoredAny>(ahead.trim_ascii()) {
        // Several arrays, a line each, are payloads.
        Ok(_) if has_more(&mut ahead, input)? => return Ok(Told { form: Form::Lines, ahead }),
        Ok(_) => {}
        Err(error) if error.is_eof() => {
            let room = ARRAY_AHEAD_BYTES.saturating_sub(ahead.len()) as u64;
            input.take(room).read_to_end(&mut ahead)?;
            if ahead.len() < ARRAY_AHEAD_BYTES {
                check_whole(&ahead)?;
            }
        }
        // Lines of a log start with a bracket.
        Err(_) => return Ok(Told { form: Form::Lines, ahead }),
    }
    let mut first = Vec::new();
    // One that is not at hand as a whole is no record of Pipes.
    let has_first = ElementReader::new(ahead.as_slice()).next(&mut first).unwrap_or(false);
    let probe: RecordProbe<'_> =
        if has_first { serde_json::from_slice(&first).unwrap_or_default() } else { RecordProbe::default() };
    if probe.is_of_pipes() {
        return Ok(Told { form: Form::Pipes, ahead });
    }
    if probe.is_of_get_records() || probe.kinesis.is_some() && probe.is_of_kinesis() {
        let what = "it is an array of records of Kinesis, without the object around it that says of what kind they are";
        return Err(Refusal::new(what, format!("`jq '{{Records: .}}'` puts it around them, or {AS_ARRAY}")).into());
    }
    // Pipes hands over records of other services as well, in which each says its own.
    if probe.event_source.is_some()
        && let Some(foreign) = foreign_shape(&first)
    {
        return Err(Refusal::new(format!("it is an array, and its first element is {foreign}"), AS_ARRAY).into());
    }
    Ok(Told { form: Form::Array, ahead })
}

/// Refuses what is not one whole JSON document, and says what it is instead.
fn check_whole(document: &[u8]) -> Result<(), Refusal> {
    let Err(error) = serde_json::from_slice::<IgnoredAny>(document) else { return Ok(()) };
    if error.is_eof() {
        let what = format!("it starts like a JSON document, but is not whole: it ends at line {}", error.line());
        return Err(Refusal::new(what, format!("get the rest of it, or {AS_LINES}")));
    }
    let mut documents = serde_json::Deserializer::from_slice(document).into_iter::<IgnoredAny>();
    let is_first_whole = documents.next().is_some_and(|first| first.is_ok());
    if is_first_whole && documents.next().is_some_and(|next| next.is_ok()) {
        let what = "it holds several JSON documents over several lines";
        return Err(Refusal::new(what, "`jq -c .` makes a line of each, which is the payload of a record"));
    }
    Err(no_document(&error))
}

fn no_document(error: &serde_json::Error) -> Refusal {
    let wrong = explained_without_values(error, "a JSON document");
    Refusal::new(format!("it starts like a JSON document, but is not whole: {wrong}"), AS_LINES)
}

//! How the records of an event are laid out, which is alike as Lambda writes them.
//!
//! Of a record's 650 bytes, five values change from one to the next: partition key, sequence number, data, arrival and
//! event id. So the layout is learnt from the first record, the text between the values is compared as a whole, and
//! only the values are read: a fraction of the time that a JSON parser takes.

use std::ops::Range;

use super::batch::{Batch, BatchBuilder, Record};
use super::cursor::{Cursor, Member};

/// A value that changes from record to record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LayoutField {
    PartitionKey,
    SequenceNumber,
    Data,
    Arrival,
    EventId,
}

const FIELDS: [LayoutField; 5] = [
    LayoutField::PartitionKey,
    LayoutField::SequenceNumber,
    LayoutField::Data,
    LayoutField::Arrival,
    LayoutField::EventId,
];

/// How a record is laid out: a text, a value, and so on, and a text at the end.
#[derive(Debug)]
pub(super) struct Layout {
    /// The first record as it came, of which all else is a part.
    record: Box<[u8]>,
    /// Before each value, the text that stands there.
    values: [(Range<usize>, LayoutField); FIELDS.len()],
    end: Range<usize>,
    /// What each event id starts with: the shard and a colon.
    event_id_start: Range<usize>,
    arn: Range<usize>,
}

impl Layout {
    /// Learns it from the record that comes next, without going past it.
    pub(super) fn learn(cursor: Cursor<'_>) -> Option<Self> {
        let mut behind = cursor;
        let mut found = FoundField::default();
        record(&mut behind, &mut found)?;
        let bytes = &cursor.body[cursor.at..behind.at];
        // All that is compared with this record is text, as it is.
        let whole = std::str::from_utf8(bytes).ok()?;
        let here = |span: Range<usize>| span.start - cursor.at..span.end - cursor.at;
        if found.event_source.is_some_and(|source| &whole[here(source)] != "aws:kinesis") {
            return None;
        }
        let arn = here(found.event_source_arn?);
        let mut values = Vec::with_capacity(FIELDS.len());
        for (span, field) in found.values.into_iter().zip(FIELDS) {
            values.push((here(span?), field));
        }
        let event_id = values[LayoutField::EventId as usize].0.clone();
        let (shard_id, _) = whole[event_id.clone()].rsplit_once(':')?;
        if shard_id.is_empty() {
            return None;
        }
        let event_id_start = event_id.start..event_id.start + shard_id.len() + 1;
        values.sort_unstable_by_key(|(span, _)| span.start);
        let mut end = 0;
        for (span, _) in &mut values {
            let text = end..span.start;
            end = std::mem::replace(span, text).end;
        }
        let values = <[_; FIELDS.len()]>::try_from(values).ok()?;
        Some(Self { record: bytes.into(), values, end: end..bytes.len(), event_id_start, arn })
    }

    /// A batch for the records of such an event.
    pub(super) fn batch(&self) -> BatchBuilder {
        let shard_id = self.event_id_start.start..self.event_id_start.end - 1;
        // It was looked at as text before.
        let text = |span: Range<usize>| String::from_utf8_lossy(&self.record[span]);
        Batch::builder(stream_of(&text(self.arn.clone())), text(shard_id))
    }

    /// The length of the first record, which others have about as well.
    pub(super) fn record_length(&self) -> usize {
        self.record.len()
    }

    /// Reads a record of this layout into the batch; none: it is none, or not whole.
    #[inline]
    pub(super) fn read(&self, cursor: &mut Cursor<'_>, batch: &mut BatchBuilder) -> Option<()> {
        let (mut partition_key, mut sequence_number, mut event_id) = ("", "", "");
        let (mut data, mut arrived_at) = (&b""[..], 0);
        for (text, field) in &self.values {
            cursor.expect(&self.record[text.clone()])?;
            match field {
                LayoutField::PartitionKey => partition_key = cursor.text()?,
                LayoutField::SequenceNumber => sequence_number = cursor.sequence_number()?,
                LayoutField::Data => data = cursor.unescaped()?,
                LayoutField::Arrival => arrived_at = cursor.milliseconds()?,
                LayoutField::EventId => {
                    cursor.expect(&self.record[self.event_id_start.clone()])?;
                    event_id = cursor.sequence_number()?;
                }
            }
        }
        cursor.expect(&self.record[self.end.clone()])?;
        // It says nothing else then, and holds nothing that is no digit.
        if event_id != sequence_number {
            return None;
        }
        batch.push_sound_base64(Record { partition_key, sequence_number, sub_sequence_number: 0, arrived_at }, data)
    }
}

/// The stream of an ARN that may be a consumer's (`.../consumer/NAME:TIME`, enhanced fan-out).
pub(super) fn stream_of(arn: &str) -> &str {
    arn.split_once("/consumer/").map_or(arn, |(stream, _)| stream)
}

/// Where values of a record lie: what is between the quotes, or the number.
#[derive(Default)]
struct FoundField {
    has_kinesis: bool,
    values: [Option<Range<usize>>; FIELDS.len()],
    event_source: Option<Range<usize>>,
    event_source_arn: Option<Range<usize>>,
}

impl FoundField {
    /// Notes a member of the record; none: it is of another type than in a Kinesis event, or comes twice.
    fn note(&mut self, name: &str, member: Member) -> Option<()> {
        let place = match name {
            "eventID" => &mut self.values[LayoutField::EventId as usize],
            "eventSource" => &mut self.event_source,
            "eventSourceARN" => &mut self.event_source_arn,
            _ => return Some(()),
        };
        put_text(place, member)
    }

    /// Notes a member of the record's `kinesis` object.
    fn note_kinesis(&mut self, name: &str, member: Member) -> Option<()> {
        let field = match name {
            "partitionKey" => LayoutField::PartitionKey,
            "sequenceNumber" => LayoutField::SequenceNumber,
            "data" => LayoutField::Data,
            "approximateArrivalTimestamp" => {
                let Member::Number(span) = member else { return None };
                return put(&mut self.values[LayoutField::Arrival as usize], span);
            }
            _ => return Some(()),
        };
        put_text(&mut self.values[field as usize], member)
    }
}

fn put_text(place: &mut Option<Range<usize>>, member: Member) -> Option<()> {
    let Member::Text(span) = member else { return None };
    put(place, span)
}

fn put(place: &mut Option<Range<usize>>, span: Range<usize>) -> Option<()> {
    place.replace(span).is_none().then_some(())
}

/// Goes through a record, and notes where its values lie.
fn record(cursor: &mut Cursor<'_>, found: &mut FoundField) -> Option<()> {
    cursor.members(|cursor, name| {
        if name != "kinesis" {
            return found.note(name, cursor.member()?);
        }
        if std::mem::replace(&mut found.has_kinesis, true) {
            return None;
        }
        cursor.members(|cursor, name| found.note_kinesis(name, cursor.member()?))
    })
}

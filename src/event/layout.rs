//! Events whose records are all laid out alike, which is how Lambda writes them.
//!
//! Of a record's 650 bytes, five values change from one to the next: partition key, sequence number, data, arrival and
//! event id. So the layout is learnt from the first record, the text between the values is compared as a whole, and
//! only the values are read: a fraction of the time that a JSON parser takes. Where anything is out of the ordinary
//! there is no answer here, and the general parser has the word; where there is one, it is that parser's, which a
//! property test holds it to.

use std::ops::Range;

use memchr::{memchr, memchr2};

use super::batch::{Batch, BatchBuilder, Record};

/// A value that changes from record to record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    PartitionKey,
    SequenceNumber,
    Data,
    Arrival,
    EventId,
}

const FIELDS: [Field; 5] = [Field::PartitionKey, Field::SequenceNumber, Field::Data, Field::Arrival, Field::EventId];

/// Takes an event whose records are laid out alike; none: it has to be parsed as any other.
pub(super) fn parse_alike(body: &[u8]) -> Option<Batch> {
    let mut cursor = Cursor { body, at: 0 };
    cursor.spaced(b"{")?;
    cursor.spaced(b"\"Records\"")?;
    cursor.spaced(b":")?;
    cursor.spaced(b"[")?;
    let layout = Layout::learn(cursor)?;
    let mut batch = Batch::builder(layout.stream_arn, layout.shard_id);
    // The first record is about as long as any; base64 holds three bytes in four characters.
    batch.reserve(body.len() / layout.record_length + 1, body.len() / 4 * 3);
    loop {
        layout.read(&mut cursor, &mut batch)?;
        cursor.skip_whitespace();
        if cursor.spaced(b",").is_none() {
            break;
        }
    }
    cursor.spaced(b"]")?;
    cursor.spaced(b"}")?;
    (cursor.at == body.len()).then(|| batch.build())
}

/// How a record is laid out: a text, a value, and so on, and a text at the end.
struct Layout<'a> {
    values: [(&'a [u8], Field); FIELDS.len()],
    end: &'a [u8],
    /// What each event id starts with: the shard and a colon.
    event_id_start: &'a [u8],
    shard_id: &'a str,
    stream_arn: &'a str,
    record_length: usize,
}

impl<'a> Layout<'a> {
    /// Learns it from the record that comes next.
    fn learn(mut cursor: Cursor<'a>) -> Option<Self> {
        let body = cursor.body;
        let start = cursor.at;
        let mut found = Found::default();
        cursor.record(&mut found)?;
        let end = cursor.at;
        // All that is compared with this record is text, as it is.
        std::str::from_utf8(&body[start..end]).ok()?;
        let text = |span: &Range<usize>| std::str::from_utf8(&body[span.clone()]).ok();
        if found.event_source.is_some_and(|source| text(&source) != Some("aws:kinesis")) {
            return None;
        }
        let arn = text(&found.event_source_arn?)?;
        let event_id = found.values[Field::EventId as usize].clone()?;
        let (shard_id, _) = text(&event_id)?.rsplit_once(':')?;
        if shard_id.is_empty() {
            return None;
        }
        let mut spans = Vec::with_capacity(FIELDS.len());
        for (span, field) in found.values.into_iter().zip(FIELDS) {
            spans.push((span?, field));
        }
        spans.sort_unstable_by_key(|(span, _)| span.start);
        let mut values = [(&body[..0], Field::Data); FIELDS.len()];
        let mut behind = start;
        for (value, (span, field)) in values.iter_mut().zip(spans) {
            *value = (&body[behind..span.start], field);
            behind = span.end;
        }
        Some(Self {
            values,
            end: &body[behind..end],
            event_id_start: &body[event_id.start..event_id.start + shard_id.len() + 1],
            shard_id,
            stream_arn: stream_of(arn),
            record_length: end - start,
        })
    }

    /// Reads a record of this layout into the batch.
    #[inline]
    fn read(&self, cursor: &mut Cursor<'_>, batch: &mut BatchBuilder) -> Option<()> {
        let (mut partition_key, mut sequence_number, mut event_id) = ("", "", "");
        let (mut data, mut arrived_at) = (&b""[..], 0);
        for (text, field) in &self.values {
            cursor.expect(text)?;
            match field {
                Field::PartitionKey => partition_key = cursor.text()?,
                Field::SequenceNumber => sequence_number = cursor.sequence_number()?,
                Field::Data => data = cursor.unescaped()?,
                Field::Arrival => arrived_at = cursor.milliseconds()?,
                Field::EventId => {
                    cursor.expect(self.event_id_start)?;
                    event_id = cursor.sequence_number()?;
                }
            }
        }
        cursor.expect(self.end)?;
        // It says nothing else then, and holds nothing that is no digit.
        if event_id != sequence_number {
            return None;
        }
        batch.push_sound_base64(Record { partition_key, sequence_number, sub_sequence_number: 0, arrived_at }, data)
    }
}

/// The number that stands at the front, and how many digits it has; of more than 12, those.
#[inline]
fn number(bytes: &[u8]) -> (u64, usize) {
    let (mut number, mut digits) = (0, 0);
    for byte in bytes.iter().take(12) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        number = number * 10 + u64::from(digit);
        digits += 1;
    }
    (number, digits)
}

/// The stream of an ARN that may be a consumer's (`.../consumer/NAME:TIME`, enhanced fan-out).
pub(super) fn stream_of(arn: &str) -> &str {
    arn.split_once("/consumer/").map_or(arn, |(stream, _)| stream)
}

/// Where values of a record lie: what is between the quotes, or the number.
#[derive(Default)]
struct Found {
    has_kinesis: bool,
    values: [Option<Range<usize>>; FIELDS.len()],
    event_source: Option<Range<usize>>,
    event_source_arn: Option<Range<usize>>,
}

/// A member of an object that is no object itself.
enum Member {
    Text(Range<usize>),
    Number(Range<usize>),
}

impl Found {
    /// Notes a member of the record; none: it is of another type than in a Kinesis event, or comes twice.
    fn note(&mut self, name: &str, member: Member) -> Option<()> {
        let place = match name {
            "eventID" => &mut self.values[Field::EventId as usize],
            "eventSource" => &mut self.event_source,
            "eventSourceARN" => &mut self.event_source_arn,
            _ => return Some(()),
        };
        put_text(place, member)
    }

    /// The same for a member of its part `kinesis`.
    fn note_kinesis(&mut self, name: &str, member: Member) -> Option<()> {
        let field = match name {
            "partitionKey" => Field::PartitionKey,
            "sequenceNumber" => Field::SequenceNumber,
            "data" => Field::Data,
            "approximateArrivalTimestamp" => {
                let Member::Number(span) = member else { return None };
                return put(&mut self.values[Field::Arrival as usize], span);
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

/// A place in an event.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.body[self.at..]
    }

    /// Goes past these bytes; none: something else is there.
    #[inline]
    fn expect(&mut self, bytes: &[u8]) -> Option<()> {
        self.rest().starts_with(bytes).then(|| self.at += bytes.len())
    }

    /// Goes past these bytes and the whitespace behind them.
    fn spaced(&mut self, bytes: &[u8]) -> Option<()> {
        // Before the first of them there may be some, too.
        self.skip_whitespace();
        self.expect(bytes)?;
        self.skip_whitespace();
        Some(())
    }

    #[inline]
    fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.body.get(self.at) {
            self.at += 1;
        }
    }

    /// What stands up to the next quote; none: an escape stands there.
    #[inline]
    fn unescaped(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest();
        let length = memchr2(b'"', b'\\', rest)?;
        self.at += length;
        (rest[length] == b'"').then_some(&rest[..length])
    }

    /// The same, as a text that JSON allows as it is.
    #[inline]
    fn text(&mut self) -> Option<&'a str> {
        let bytes = self.unescaped()?;
        if bytes.iter().any(|byte| *byte < b' ') {
            return None;
        }
        std::str::from_utf8(bytes).ok()
    }

    /// A sequence number, which a quote ends. The batch looks at its digits.
    #[inline]
    fn sequence_number(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let length = memchr(b'"', rest)?;
        self.at += length;
        std::str::from_utf8(&rest[..length]).ok()
    }

    /// Seconds with up to three digits of a fraction, in milliseconds; what is longer is not for here.
    #[inline]
    fn milliseconds(&mut self) -> Option<u64> {
        let rest = self.rest();
        let (seconds, whole) = number(rest);
        // JSON knows no leading zeros.
        if !(1..12).contains(&whole) || (whole > 1 && rest[0] == b'0') {
            return None;
        }
        let (mut length, mut milliseconds) = (whole, 0);
        if rest.get(whole) == Some(&b'.') {
            let (fraction, digits) = number(&rest[whole + 1..]);
            if !(1..4).contains(&digits) {
                return None;
            }
            length += 1 + digits;
            milliseconds = fraction * [1000, 100, 10, 1][digits];
        }
        self.at += length;
        // An exponent may follow.
        let ends = matches!(rest.get(length), Some(b',' | b'}' | b' ' | b'\n' | b'\r' | b'\t'));
        ends.then_some(seconds * 1000 + milliseconds)
    }

    /// Goes through a record, and notes where its values lie.
    fn record(&mut self, found: &mut Found) -> Option<()> {
        self.members(|cursor, name| {
            if name != "kinesis" {
                return found.note(name, cursor.member()?);
            }
            if std::mem::replace(&mut found.has_kinesis, true) {
                return None;
            }
            cursor.members(|cursor, name| found.note_kinesis(name, cursor.member()?))
        })
    }

    /// Goes through the members of an object, whose names hold no escapes.
    fn members(&mut self, mut member: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.expect(b"{")?;
        loop {
            self.skip_whitespace();
            self.expect(b"\"")?;
            let name = self.text()?;
            self.expect(b"\"")?;
            self.spaced(b":")?;
            member(self, name)?;
            self.skip_whitespace();
            if self.expect(b",").is_none() {
                return self.expect(b"}");
            }
        }
    }

    /// Goes past a text or a time. What else there may be in JSON is not for here.
    fn member(&mut self) -> Option<Member> {
        if self.expect(b"\"").is_none() {
            let start = self.at;
            self.milliseconds()?;
            return Some(Member::Number(start..self.at));
        }
        let start = self.at;
        self.text()?;
        let span = start..self.at;
        self.expect(b"\"")?;
        Some(Member::Text(span))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::envelope::parse_any;
    use super::*;

    /// A record with these parts; `order` lays it out.
    fn record(index: usize, key: &str, data: &str, arrival: &str, order: usize) -> String {
        let number = format!("4959033827149025660855969253836157109592157598913658{index:04}");
        let mut kinesis = [
            r#""kinesisSchemaVersion":"1.0""#.to_owned(),
            format!(r#""partitionKey":{key}"#),
            format!(r#""sequenceNumber":"{number}""#),
            format!(r#""data":"{data}""#),
            format!(r#""approximateArrivalTimestamp":{arrival}"#),
        ];
        kinesis.rotate_left(order % 5);
        let mut members = [
            format!(r#""kinesis":{{{}}}"#, kinesis.join(",")),
            r#""eventSource":"aws:kinesis""#.to_owned(),
            format!(r#""eventID":"shardId-000000000006:{number}""#),
            r#""eventSourceARN":"arn:aws:kinesis:eu-west-1:123456789012:stream/readings""#.to_owned(),
        ];
        members.rotate_left(order % 4);
        format!("{{{}}}", members.join(","))
    }

    fn event(records: &[String]) -> String {
        format!(r#"{{"Records":[{}]}}"#, records.join(","))
    }

    fn plain(index: usize) -> String {
        record(index, r#""key""#, "SGVsbG8=", "1545084650.987", 0)
    }

    #[test]
    fn an_event_as_lambda_writes_it_is_taken() {
        let records: Vec<String> = (0..3).map(plain).collect();
        let batch = parse_alike(event(&records).as_bytes()).expect("they are alike");
        assert_eq!((batch.len(), batch.shard_id()), (3, "shardId-000000000006"));
        assert_eq!((batch.event(2).payload.bytes(), batch.event(2).arrived_at), (&b"Hello"[..], 1_545_084_650_987));
        let pretty: serde_json::Value = serde_json::from_str(&event(&records)).expect("JSON");
        let pretty = serde_json::to_vec_pretty(&pretty).expect("JSON");
        assert_eq!(parse_alike(&pretty), parse_any(&pretty).ok().map(|any| any.batch));
        assert!(parse_alike(&pretty).is_some());
    }

    #[test]
    fn what_is_out_of_the_ordinary_is_left_to_the_general_parser() {
        let out_of_order = record(1, r#""key""#, "SGVsbG8=", "1545084650.987", 1);
        let twice = plain(1).replacen("\"kinesis\":", r#""kinesis":{"a":"b"},"kinesis":"#, 1);
        for odd in [
            out_of_order,
            twice,
            record(1, r#""k\u0065y""#, "SGVsbG8=", "1545084650.987", 0),
            record(1, "7", "SGVsbG8=", "1545084650.987", 0),
            record(1, r#""key""#, "SGVs?G8=", "1545084650.987", 0),
            record(1, r#""key""#, "SGVsbG8=", "1.545084650987E9", 0),
            record(1, r#""key""#, "SGVsbG8=", r#""yesterday""#, 0),
            record(1, r#""key""#, "SGVsbG8=", "01", 0),
            plain(1).replace("aws:kinesis\"", "aws:sqs\""),
            plain(1).replace("shardId-000000000006", "shardId-000000000007"),
            plain(1).replace("\"sequenceNumber\":\"4", "\"sequenceNumber\":\"x"),
        ] {
            for records in [[plain(0), odd.clone()], [odd.clone(), plain(0)]] {
                let event = event(&records);
                assert_eq!(parse_alike(event.as_bytes()), None, "{event}");
            }
        }
        for event in ["", "{}", r#"{"Records":[]}"#, r#"{"Records":null}"#, r#"{"Records":[{}]}"#] {
            assert_eq!(parse_alike(event.as_bytes()), None, "{event}");
        }
        for behind in ["x", ",", "}"] {
            assert_eq!(parse_alike((event(&[plain(0)]) + behind).as_bytes()), None, "{behind}");
        }
    }

    proptest! {
        // PROPTEST_CASES asks for more.
        #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(5_000), ..ProptestConfig::default() })]

        #[test]
        fn what_it_takes_is_what_the_general_parser_takes(
            parts in prop::collection::vec(("\\PC{0,12}", prop::collection::vec(any::<u8>(), 0..20)), 1..5),
            seconds in 0u64..300_000_000_000,
            fraction in "|\\.[0-9]{1,4}",
            order in 0usize..20,
        ) {
            let records: Vec<String> = parts.iter().enumerate().map(|(index, (key, data))| {
                let key = serde_json::to_string(key).expect("JSON");
                let data = base64_simd::STANDARD.encode_to_string(data);
                record(index, &key, &data, &format!("{seconds}{fraction}"), order)
            }).collect();
            let event = event(&records);
            let expected = parse_any(event.as_bytes()).expect("an event").batch;
            let is_regular = !event.contains('\\') && fraction.len() < 5 && seconds < 100_000_000_000;
            match parse_alike(event.as_bytes()) {
                Some(batch) => prop_assert_eq!(batch, expected),
                None => prop_assert!(!is_regular, "{}", event),
            }
        }

        #[test]
        fn damage_makes_no_difference_between_the_parsers(
            place in 0usize..2000, with in prop::collection::vec(any::<u8>(), 0..6), cut in 0usize..12,
        ) {
            let mut body = event(&[plain(0), plain(1), plain(2)]).into_bytes();
            let place = place % body.len();
            let end = (place + cut).min(body.len());
            body.splice(place..end, with);
            if let Some(batch) = parse_alike(&body) {
                prop_assert_eq!(Some(batch), parse_any(&body).ok().map(|any| any.batch));
            }
        }
    }
}

//! The records of a Kinesis stream as EventBridge Pipes hands them to a function: flat objects in an array
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-kinesis.html>).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    EnvelopeError, EscapableText, KinesisWireRecord, Readable, WireKinesis, WirePosition, collect, without_content,
};
use crate::event::arrival_time::ArrivalTime;
use crate::event::batch::Batch;

/// A record: what is below `kinesis` in an event of Lambda stands beside the rest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FlatRecord<'a> {
    #[serde(borrow, rename = "eventID")]
    event_id: Option<EscapableText<'a>>,
    #[serde(borrow)]
    event_source: Option<EscapableText<'a>>,
    #[serde(borrow, rename = "eventSourceARN")]
    event_source_arn: Option<EscapableText<'a>>,
    #[serde(borrow)]
    data: Option<EscapableText<'a>>,
    #[serde(borrow)]
    partition_key: Option<EscapableText<'a>>,
    #[serde(borrow)]
    sequence_number: Option<EscapableText<'a>>,
    /// Seconds since the Unix epoch, with a fraction.
    #[serde(default)]
    approximate_arrival_timestamp: ArrivalTime,
}

/// What must be readable of a record for its failure to be its own.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FlatPosition<'a> {
    #[serde(borrow, rename = "eventID")]
    event_id: Option<EscapableText<'a>>,
    #[serde(borrow)]
    event_source: Option<EscapableText<'a>>,
    #[serde(borrow, rename = "eventSourceARN")]
    event_source_arn: Option<EscapableText<'a>>,
    #[serde(borrow)]
    sequence_number: Option<EscapableText<'a>>,
}

impl<'a> From<FlatRecord<'a>> for KinesisWireRecord<'a, WireKinesis<'a>> {
    fn from(flat: FlatRecord<'a>) -> Self {
        let FlatRecord { event_id, event_source, event_source_arn, data, partition_key, sequence_number, .. } = flat;
        let approximate_arrival_timestamp = flat.approximate_arrival_timestamp;
        let kinesis = Some(WireKinesis { data, partition_key, sequence_number, approximate_arrival_timestamp });
        Self { event_id, event_source, event_source_arn, kinesis }
    }
}

impl<'a> From<FlatPosition<'a>> for KinesisWireRecord<'a, WirePosition<'a>> {
    fn from(flat: FlatPosition<'a>) -> Self {
        let FlatPosition { event_id, event_source, event_source_arn, sequence_number } = flat;
        Self { event_id, event_source, event_source_arn, kinesis: Some(WirePosition { sequence_number }) }
    }
}

/// Parses the array of records that EventBridge Pipes invokes a function with. As in an event of Lambda, a record that
/// can't be decoded is undecodable by itself, so long as its position can be read.
///
/// # Errors
/// When the body is no such array, or a record lacks what every record of a stream has.
pub fn parse_pipes_event(body: &[u8]) -> Result<Batch, EnvelopeError> {
    let text = std::str::from_utf8(body)?;
    let batch = match serde_json::from_str::<Vec<FlatRecord<'_>>>(text) {
        Ok(records) => collect(text.len(), records, |_, record| Ok(Readable::Whole(record.into()))),
        // One broken record must not fail the others.
        Err(_) => {
            let records: Vec<&RawValue> =
                serde_json::from_str(text).map_err(|error| EnvelopeError::NotKinesis(without_content(&error)))?;
            collect(text.len(), records, read_alone)
        }
    };
    batch.map_err(|error| match error {
        // Here, its fields are the record's own.
        EnvelopeError::MissingField { index, field } => {
            EnvelopeError::MissingField { index, field: field.strip_prefix("kinesis.").unwrap_or(field) }
        }
        other => other,
    })
}

fn read_alone(index: usize, raw: &RawValue) -> Result<Readable<'_>, EnvelopeError> {
    let reason = match serde_json::from_str::<FlatRecord<'_>>(raw.get()) {
        Ok(record) => return Ok(Readable::Whole(record.into())),
        Err(error) => {
            let error = without_content(&error);
            format!("the record can't be decoded: {error}; the payload is the record's JSON as it came")
        }
    };
    match serde_json::from_str::<FlatPosition<'_>>(raw.get()) {
        Ok(record) => Ok(Readable::PositionOnly { record: record.into(), raw: raw.get(), reason }),
        Err(error) => Err(EnvelopeError::Unreadable { index, reason: without_content(&error) }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::event::Payload;

    fn record(number: u64) -> Value {
        json!({
            "kinesisSchemaVersion": "1.0", "partitionKey": "device-7", "sequenceNumber": number.to_string(),
            "data": "SGVsbG8=", "approximateArrivalTimestamp": 1545084650.987, "eventSource": "aws:kinesis",
            "eventVersion": "1.0", "eventID": format!("shardId-000000000006:{number}"),
            "eventName": "aws:kinesis:record", "invokeIdentityArn": "arn:aws:iam::123456789012:role/pipe",
            "awsRegion": "eu-west-1", "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/readings",
        })
    }

    fn parse(records: &[Value]) -> Result<Batch, String> {
        parse_pipes_event(Value::from(records.to_vec()).to_string().as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn records_are_those_that_a_mapping_would_bring() {
        let batch = parse(&[record(7), record(8)]).expect("a batch");
        let kinesis = |flat: &Value| {
            json!({
                "eventSource": flat["eventSource"], "eventID": flat["eventID"], "eventSourceARN": flat["eventSourceARN"],
                "kinesis": flat,
            })
        };
        let event = json!({ "Records": [kinesis(&record(7)), kinesis(&record(8))] });
        assert_eq!(Ok(batch), super::super::parse_lambda_event(event.to_string().as_bytes()).map_err(|_| ()));
        assert_eq!(parse(&[]).map(|batch| batch.len()), Ok(0));
    }

    #[test]
    fn an_odd_record_is_undecodable_alone() {
        let mut odd = record(8);
        odd["partitionKey"] = 7.into();
        let mut broken = record(9);
        broken["data"] = "%".into();
        let batch = parse(&[record(7), odd, broken, record(10)]).expect("a batch");
        let decoded: Vec<bool> = batch.iter().map(|event| matches!(event.payload, Payload::Decoded(_))).collect();
        assert_eq!(decoded, [true, false, false, true]);
    }

    #[test]
    fn what_is_none_of_a_stream_is_refused() {
        let without = |field: &str| {
            let mut record = record(8);
            record.as_object_mut().expect("an object").remove(field);
            parse(&[self::record(7), record]).expect_err(field)
        };
        for field in ["sequenceNumber", "data", "partitionKey", "eventID", "eventSourceARN"] {
            assert_eq!(without(field), format!("record 1 is not a Kinesis record: it has no \"{field}\""));
        }
        let mut other = record(8);
        other["eventID"] = "shardId-000000000009:8".into();
        assert!(parse(&[record(7), other]).expect_err("two shards").contains("a batch holds records of one shard"));
        let mut other = record(8);
        other["eventSource"] = "aws:sqs".into();
        assert!(parse(&[other]).expect_err("a message").contains(r#"its eventSource is "aws:sqs""#));
        for body in ["", "[", "{}", "[7]", "[[]]", "null"] {
            let error = parse_pipes_event(body.as_bytes()).expect_err(body).to_string();
            assert!(!error.is_empty(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_damage_makes_it_panic(place in 0usize..400, bytes in prop::collection::vec(any::<u8>(), 0..8), cut in 0usize..20) {
            let mut body = Value::from(vec![record(7)]).to_string().into_bytes();
            let place = place % body.len();
            body.splice(place..(place + cut).min(body.len()), bytes);
            let _ = parse_pipes_event(&body);
        }
    }
}

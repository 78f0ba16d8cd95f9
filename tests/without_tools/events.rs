//! The parser of Lambda's event against `aws_lambda_events`, where that is right.

use aws_lambda_events::kinesis::KinesisEvent;
use kinesieve::event::{Payload, parse_lambda_event};
use proptest::prelude::*;

use crate::support::events::{Data, SHARD_ID, STREAM_ARN, arrived_at, event_of, record, sequence_number};

/// Parses with both and compares all that they agree on.
fn agree(body: &[u8]) -> Result<(), TestCaseError> {
    let oracle: KinesisEvent = serde_json::from_slice(body).expect("the oracle takes it");
    let batch = parse_lambda_event(body).expect("we take it");
    prop_assert_eq!(batch.len(), oracle.records.len());
    for (event, record) in batch.iter().zip(&oracle.records) {
        prop_assert_eq!(event.payload, Payload::Decoded(&record.kinesis.data.0));
        prop_assert_eq!(event.partition_key, &record.kinesis.partition_key);
        prop_assert_eq!(event.sequence_number.as_str(), &record.kinesis.sequence_number);
        let arrived_at = record.kinesis.approximate_arrival_timestamp.timestamp_millis();
        prop_assert_eq!(event.arrived_at as i64, arrived_at);
        prop_assert_eq!(Some(batch.stream_arn()), record.event_source_arn.as_deref());
        prop_assert_eq!(Some(format!("{}:{}", batch.shard_id(), event.sequence_number)), record.event_id.clone());
    }
    Ok(())
}

proptest! {
    #[test]
    fn generated_events_mean_the_same_to_the_oracle(
        records in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..300), "\\PC{1,40}"), 0..40),
        pretty: bool,
    ) {
        // The oracle takes the fraction of an arrival for whole milliseconds, so that 0.05 s become
        // 5 ms: only fractions of three digits without a zero at either end mean the same to it.
        let is_fair = |index: &usize| arrived_at(*index) % 1000 >= 100 && !arrived_at(*index).is_multiple_of(10);
        let records = (0..).filter(is_fair).zip(records);
        let body = event_of(records.map(|(index, (data, key))| record(index, &key, &Data::Bytes(data))));
        let body = if pretty {
            let value: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            serde_json::to_vec_pretty(&value).expect("JSON")
        } else {
            body
        };
        agree(&body)?;
    }

    #[test]
    fn no_bytes_make_the_parser_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
        // Random bytes hardly ever are an event; what matters is that there is an answer.
        let _ = parse_lambda_event(&body);
    }

    #[test]
    fn no_damage_to_an_event_makes_the_parser_panic(
        place in 0usize..1000, bytes in prop::collection::vec(any::<u8>(), 0..8), cut in 0usize..20,
    ) {
        let mut body = event_of([record(0, "key", &"payload".into()), record(1, "key", &"payload".into())]);
        let place = place % body.len();
        let end = (place + cut).min(body.len());
        body.splice(place..end, bytes);
        if let Ok(batch) = parse_lambda_event(&body) {
            prop_assert!(batch.len() <= 2);
        }
    }
}

#[test]
fn an_event_as_the_aws_documentation_shows_it() {
    let body = br#"{
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "1",
                    "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
                    "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
                    "approximateArrivalTimestamp": 1545084650.987
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": "shardId-000000000006:49590338271490256608559692538361571095921575989136588898",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::111122223333:role/lambda-kinesis-role",
                "awsRegion": "us-east-2",
                "eventSourceARN": "arn:aws:kinesis:us-east-2:111122223333:stream/lambda-stream"
            }
        ]
    }"#;
    agree(body).expect("both agree");
    let batch = parse_lambda_event(body).expect("a batch");
    assert_eq!(batch.event(0).payload, Payload::Decoded(b"Hello, this is a test."));
}

#[test]
fn where_the_oracle_fails_a_whole_event_only_the_broken_record_is_undecodable() {
    let body = event_of([
        record(0, "a", &"good".into()),
        record(1, "b", &Data::Broken("not base64!".to_owned())),
        record(2, "c", &"good".into()),
    ]);
    assert!(serde_json::from_slice::<KinesisEvent>(&body).is_err());
    let batch = parse_lambda_event(&body).expect("a batch");
    assert_eq!((batch.stream_arn(), batch.shard_id()), (STREAM_ARN, SHARD_ID));
    let payloads: Vec<Payload<'_>> = batch.iter().map(|event| event.payload).collect();
    assert_eq!((payloads[0], payloads[2]), (Payload::Decoded(b"good"), Payload::Decoded(b"good")));
    assert!(matches!(payloads[1], Payload::Undecodable { raw: b"not base64!", .. }));
    assert_eq!(batch.event(1).sequence_number.as_str(), sequence_number(1));
}

//! The JSON event that Firehose sends a function that transforms its records.

use std::borrow::Cow;

use serde::Deserialize;

use super::batch::{Batch, Record};

/// The shard of records that are in none.
const NO_SHARD: &str = "shardId-000000000000";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FirehoseEvent<'a> {
    #[serde(borrow)]
    delivery_stream_arn: Cow<'a, str>,
    #[serde(borrow)]
    records: Vec<FirehoseWireRecord<'a>>,
}

/// Only the id has to be there: without it there is no answering for the record.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FirehoseWireRecord<'a> {
    #[serde(borrow)]
    record_id: Option<Cow<'a, str>>,
    /// In milliseconds since the Unix epoch.
    approximate_arrival_timestamp: Option<u64>,
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
    /// Where the record came out of a Kinesis stream.
    #[serde(borrow)]
    kinesis_record_metadata: Option<FirehoseMetadata<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FirehoseMetadata<'a> {
    #[serde(borrow)]
    partition_key: Option<Cow<'a, str>>,
}

/// Records of a delivery stream.
#[derive(Debug)]
pub struct FirehoseRecords {
    /// Their ids. The sequence number of a record in the batch is the place of its id, counted from 1.
    pub ids: Vec<String>,
    /// The records that there are answers for.
    pub batch: Batch,
    /// Records without an id: nobody can be told of them.
    pub without_id: usize,
}

/// Parses the body of an invocation.
///
/// # Errors
/// What of it is not as Firehose sends it. The message quotes nothing of it.
pub fn parse_firehose_event(body: &[u8]) -> Result<FirehoseRecords, String> {
    let envelope: FirehoseEvent<'_> = serde_json::from_slice(body).map_err(|error| {
        format!("the event is not one of Firehose: at line {} column {}", error.line(), error.column())
    })?;
    let mut batch = Batch::builder(envelope.delivery_stream_arn, NO_SHARD);
    batch.reserve(envelope.records.len(), body.len() / 4 * 3);
    let mut ids = Vec::with_capacity(envelope.records.len());
    let mut without_id = 0;
    for wire in &envelope.records {
        let Some(id) = wire.record_id.as_deref().filter(|id| !id.is_empty()) else {
            without_id += 1;
            continue;
        };
        ids.push(id.to_owned());
        let key = wire.kinesis_record_metadata.as_ref().and_then(|metadata| metadata.partition_key.as_deref());
        let record = Record {
            partition_key: key.unwrap_or(id),
            sequence_number: &ids.len().to_string(),
            sub_sequence_number: 0,
            arrived_at: wire.approximate_arrival_timestamp.unwrap_or_default(),
        };
        let pushed = match &wire.data {
            Some(data) => batch.push_base64(record, data),
            None => batch.push_undecodable(record, b"", "the record has no data"),
        };
        pushed.map_err(|error| error.to_string())?;
    }
    Ok(FirehoseRecords { ids, batch: batch.build(), without_id })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::Payload;

    const EVENT: &str = r#"{"invocationId":"1","deliveryStreamArn":"arn:aws:firehose:eu-west-1:123456789012:deliverystream/in",
        "region":"eu-west-1","records":[
        {"recordId":"a","approximateArrivalTimestamp":1545084650987,"data":"SGVsbG8="},
        {"approximateArrivalTimestamp":1,"data":"SGVsbG8="},
        {"recordId":"b","data":"%"},
        {"recordId":"c"},
        {"recordId":"d","data":"","kinesisRecordMetadata":{"partitionKey":"device-7","sequenceNumber":"1"}}]}"#;

    #[test]
    fn a_record_is_known_by_the_place_of_its_id() {
        let FirehoseRecords { ids, batch, without_id } = parse_firehose_event(EVENT.as_bytes()).expect("an event");
        assert_eq!((ids, without_id), (vec!["a".into(), "b".into(), "c".into(), "d".to_owned()], 1));
        let positions: Vec<&str> = batch.iter().map(|event| event.sequence_number.as_str()).collect();
        assert_eq!(positions, ["1", "2", "3", "4"]);
        let first = batch.event(0);
        assert_eq!((first.payload, first.partition_key), (Payload::Decoded(b"Hello"), "a"));
        assert_eq!((first.arrived_at, batch.event(3).partition_key), (1_545_084_650_987, "device-7"));
        let is_broken = |index: usize| matches!(batch.event(index).payload, Payload::Undecodable { .. });
        assert!(is_broken(1) && is_broken(2) && !is_broken(3));
    }

    proptest! {
        #[test]
        fn no_damage_makes_it_panic(place in 0usize..600, bytes in prop::collection::vec(any::<u8>(), 0..8), cut in 0usize..20) {
            let mut event = EVENT.as_bytes().to_vec();
            let place = place % event.len();
            event.splice(place..(place + cut).min(event.len()), bytes);
            if let Ok(records) = parse_firehose_event(&event) {
                prop_assert_eq!(records.ids.len(), records.batch.len());
            }
        }
    }
}

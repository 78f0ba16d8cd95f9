//! The output of `aws kinesis get-records`: JSON, with base64 data.

use std::borrow::Cow;

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::event::{Batch, Record, Shard};
use crate::json_error::explained_without_values;
use crate::timestamp::now_millis;

#[derive(Deserialize)]
struct GetRecordsResponse<'a> {
    #[serde(borrow, rename = "Records")]
    records: Vec<GetRecordsWireRecord<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetRecordsWireRecord<'a> {
    #[serde(borrow)]
    sequence_number: Cow<'a, str>,
    #[serde(borrow)]
    partition_key: Cow<'a, str>,
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(borrow)]
    approximate_arrival_timestamp: Option<Timestamp<'a>>,
}

/// Version 2 of the AWS command line writes RFC 3339, version 1 seconds with a fraction.
#[derive(Deserialize)]
#[serde(untagged)]
enum Timestamp<'a> {
    Seconds(f64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

impl Timestamp<'_> {
    fn to_millis(&self) -> Result<u64, String> {
        match self {
            Timestamp::Seconds(seconds) => Ok((seconds * 1000.0).round() as u64),
            Timestamp::Text(text) => {
                let time = OffsetDateTime::parse(text, &Rfc3339)
                    .map_err(|error| format!("ApproximateArrivalTimestamp {text:?} is no RFC 3339 time: {error}"))?;
                Ok(u64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(0))
            }
        }
    }
}

/// Parses the answer into a batch. It does not say its shard, so that comes with it. The time of the run stands in for a
/// time of arrival that is not there: some services that speak as Kinesis does leave it out.
///
/// # Errors
/// A message that names the record and the field. Data with broken base64 is no error: that record is
/// undecodable by itself.
pub(super) fn parse(text: &[u8], shard: &Shard) -> Result<Batch, String> {
    let answer: GetRecordsResponse<'_> = serde_json::from_slice(text)
        .map_err(|error| format!("it is no output of get-records: {}", explained_without_values(&error, "one")))?;
    let mut batch = Batch::builder(&shard.stream_arn, &shard.id);
    for (index, wire) in answer.records.iter().enumerate() {
        let in_record = |reason: String| format!("record {index}: {reason}");
        let arrived_at =
            wire.approximate_arrival_timestamp.as_ref().map(|time| time.to_millis()).transpose().map_err(in_record)?;
        let record = Record {
            partition_key: &wire.partition_key,
            sequence_number: &wire.sequence_number,
            sub_sequence_number: 0,
            arrived_at: arrived_at.unwrap_or_else(now_millis),
        };
        batch.push_base64(record, &wire.data).map_err(|error| in_record(error.to_string()))?;
        if arrived_at.is_none() {
            batch.mark_arrival_assumed();
        }
    }
    Ok(batch.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Batch, String> {
        super::parse(text.as_bytes(), &Shard { stream_arn: "arn".to_owned(), id: "shard".to_owned() })
    }

    fn answer(data: &str, timestamp: &str) -> String {
        format!(
            r#"{{"Records":[{{"SequenceNumber":"49590338271490256608559692538361571095921575989136588898",
            "ApproximateArrivalTimestamp":{timestamp},"Data":"{data}","PartitionKey":"device-7"}}],
            "NextShardIterator":"AAAA","MillisBehindLatest":0}}"#
        )
    }

    #[test]
    fn both_versions_of_the_command_line_are_read() {
        for timestamp in ["1545084650.987", "\"2018-12-17T22:10:50.987000+00:00\"", "\"2018-12-18T00:10:50.987+02:00\""]
        {
            let batch = parse(&answer("SGVsbG8=", timestamp)).expect(timestamp);
            let event = batch.event(0);
            assert_eq!((event.payload.bytes(), event.arrived_at), (&b"Hello"[..], 1_545_084_650_987));
        }
    }

    #[test]
    fn the_time_of_the_run_stands_in_for_one_that_is_missing() {
        let before = now_millis();
        for text in [answer("eA==", "null"), answer("eA==", "0").replace("\"ApproximateArrivalTimestamp\":0,", "")] {
            let batch = parse(&text).expect("a batch");
            let event = batch.event(0);
            assert!(event.is_arrival_assumed && (before..=now_millis()).contains(&event.arrived_at), "{text}");
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let missing = parse(r#"{"Records":[{"Data":"hunter2"}]}"#).expect_err("missing");
        assert_eq!(
            missing,
            "it is no output of get-records: at line 1 column 30, one needs the field `SequenceNumber`"
        );
        let other = parse(r#"{"Records":"hunter2"}"#).expect_err("no list");
        assert_eq!(other, "it is no output of get-records: at line 1 column 20, a part is of another type than in one");
        assert!(parse(&answer("", "\"noon\"")).expect_err("no time").contains("record 0"));
        let batch = parse(&answer("%%", "0")).expect("a batch");
        assert_eq!(batch.event(0).payload.bytes(), b"%%");
    }
}

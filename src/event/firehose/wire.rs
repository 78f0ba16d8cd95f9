//! The event's JSON, as Firehose writes it.
//!
//! Shape: <https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html> and, for records of
//! Kafka, `kafkaRecordValue` in the place of `data`.

use std::borrow::Cow;

use serde::Deserialize;

use crate::event::arrival_time::ArrivalTime;

/// The field that has a record's data, in the event and in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataField {
    /// `data`
    Data,
    /// `kafkaRecordValue`, of delivery streams that read a topic of Amazon MSK.
    KafkaRecordValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FirehoseEvent<'a, R> {
    #[serde(borrow)]
    pub(super) delivery_stream_arn: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) source_kinesis_stream_arn: Option<Cow<'a, str>>,
    #[serde(bound(deserialize = "R: Deserialize<'de>"))]
    pub(super) records: Vec<R>,
}

/// Only the id has to be there: without it there is no answering for the record.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FirehoseWireRecord<'a> {
    #[serde(borrow)]
    record_id: Option<EscapableText<'a>>,
    /// In milliseconds since the Unix epoch.
    #[serde(default)]
    approximate_arrival_timestamp: ArrivalTime,
    #[serde(borrow)]
    data: Option<EscapableText<'a>>,
    #[serde(borrow)]
    kafka_record_value: Option<EscapableText<'a>>,
    /// Where the record came out of a Kinesis stream.
    #[serde(borrow)]
    pub(super) kinesis_record_metadata: Option<KinesisMetadata<'a>>,
    /// Where the record came out of a topic of Amazon MSK.
    #[serde(borrow)]
    pub(super) msk_record_metadata: Option<MskMetadata<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KinesisMetadata<'a> {
    #[serde(borrow)]
    pub(super) shard_id: Option<EscapableText<'a>>,
    #[serde(borrow)]
    partition_key: Option<EscapableText<'a>>,
    #[serde(borrow)]
    pub(super) sequence_number: Option<EscapableText<'a>>,
    /// Of a user record out of a KPL aggregate, which Firehose takes apart; otherwise 0, or an empty text.
    #[serde(borrow)]
    pub(super) subsequence_number: Option<NumberOrText<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MskMetadata<'a> {
    #[serde(borrow)]
    pub(super) offset: Option<NumberOrText<'a>>,
    #[serde(borrow)]
    pub(super) partition_id: Option<NumberOrText<'a>>,
}

/// What must be readable of a record for its failure to be its own.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identifiable<'a> {
    #[serde(borrow)]
    record_id: Option<EscapableText<'a>>,
}

/// A string that borrows unless it holds an escape. (`Option<Cow<str>>` by itself never borrows.)
#[derive(Deserialize)]
pub(super) struct EscapableText<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A number, which some write as a text.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum NumberOrText<'a> {
    Number(u64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

impl NumberOrText<'_> {
    /// Returns the number; none: it is none.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            NumberOrText::Number(number) => Some(*number),
            NumberOrText::Text(text) => text.parse().ok(),
        }
    }
}

impl FirehoseWireRecord<'_> {
    /// Whether there is an id to answer for.
    pub(super) fn has_id(&self) -> bool {
        !self.id().is_empty()
    }

    pub(super) fn id(&self) -> &str {
        text(self.record_id.as_ref())
    }

    /// Returns when the record arrived, in milliseconds since the Unix epoch; none: it does not say it.
    pub(super) fn arrived_at(&self) -> Option<u64> {
        self.approximate_arrival_timestamp.millis(1.0)
    }

    /// Returns the data, in base64, and where it is.
    pub(super) fn data(&self) -> (DataField, Option<&str>) {
        let is_of_kafka =
            self.kafka_record_value.is_some() || (self.data.is_none() && self.msk_record_metadata.is_some());
        let (field, data) = if is_of_kafka {
            (DataField::KafkaRecordValue, &self.kafka_record_value)
        } else {
            (DataField::Data, &self.data)
        };
        (field, data.as_ref().map(|EscapableText(data)| data.as_ref()))
    }

    /// Returns the key that the record has in its stream; elsewhere its id stands in, which spreads records as well.
    pub(super) fn partition_key(&self) -> &str {
        let key = self.kinesis_record_metadata.as_ref().map(|metadata| text(metadata.partition_key.as_ref()));
        key.filter(|key| !key.is_empty()).unwrap_or(self.id())
    }
}

impl Identifiable<'_> {
    /// Whether there is an id to answer for.
    pub(super) fn has_id(&self) -> bool {
        !self.id().is_empty()
    }

    pub(super) fn id(&self) -> &str {
        text(self.record_id.as_ref())
    }
}

pub(super) fn text<'t>(text: Option<&'t EscapableText<'_>>) -> &'t str {
    text.map_or("", |EscapableText(text)| text)
}

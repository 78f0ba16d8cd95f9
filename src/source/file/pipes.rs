//! Records of a Kinesis stream as EventBridge Pipes hands them over: flat objects in an array.

use std::borrow::Cow;

use serde::Deserialize;

use crate::event::{BatchBuilder, Record, Shard};
use crate::timestamp::now_millis;

/// A record. Pipes leaves out nothing of it, while people who keep one by hand do.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PipesRecord<'a> {
    #[serde(borrow, rename = "eventID")]
    event_id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "eventSourceARN")]
    event_source_arn: Option<Cow<'a, str>>,
    #[serde(borrow)]
    partition_key: Cow<'a, str>,
    #[serde(borrow)]
    sequence_number: Cow<'a, str>,
    #[serde(borrow)]
    data: Cow<'a, str>,
    /// Seconds since the Unix epoch, with a fraction.
    approximate_arrival_timestamp: Option<f64>,
}

impl<'a> PipesRecord<'a> {
    /// Parses a record.
    ///
    /// # Errors
    /// Says what is wrong with it, and quotes nothing of it.
    pub(super) fn parse(json: &'a [u8]) -> Result<Self, String> {
        let record: Self = serde_json::from_slice(json).map_err(|error| {
            let field = ["partitionKey", "sequenceNumber", "data"]
                .into_iter()
                .find(|field| error.to_string().contains(&format!("missing field `{field}`")));
            match field {
                Some(field) => format!("it has no \"{field}\""),
                None => "a part of it is of another type".to_owned(),
            }
        })?;
        Ok(record)
    }

    /// The shard of the record, where it does not say one that of the input.
    pub(super) fn shard(&self, local: &Shard) -> Shard {
        let shard_id = self.event_id.as_deref().and_then(|id| id.rsplit_once(':')).map(|(shard, _)| shard);
        let arn = self.event_source_arn.as_deref().filter(|arn| !arn.is_empty());
        Shard {
            stream_arn: arn.unwrap_or(&local.stream_arn).to_owned(),
            id: shard_id.filter(|id| !id.is_empty()).unwrap_or(&local.id).to_owned(),
        }
    }

    /// Puts the record into a batch. Data with broken base64 makes it undecodable by itself.
    ///
    /// # Errors
    /// Says what is wrong with its position.
    pub(super) fn push(&self, batch: &mut BatchBuilder) -> Result<(), String> {
        let arrived_at = self.approximate_arrival_timestamp.map(|seconds| (seconds * 1000.0).round() as u64);
        let record = Record {
            partition_key: &self.partition_key,
            sequence_number: &self.sequence_number,
            sub_sequence_number: 0,
            // The time of the run stands in for one that is not there.
            arrived_at: arrived_at.unwrap_or_else(now_millis),
        };
        batch.push_base64(record, &self.data).map_err(|error| error.to_string())?;
        if arrived_at.is_none() {
            batch.mark_arrival_assumed();
        }
        Ok(())
    }
}

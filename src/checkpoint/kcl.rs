//! A lease of the KCL (Kinesis Client Library), as its lease table holds it, and what it means for a row of ours.
//!
//! The table is named like the application. Its key is `leaseKey`: the shard's id, or `ACCOUNT:STREAM:EPOCH:SHARD` where one
//! application reads several streams. The source is the KCL's documentation of its lease table. It is only read here.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::resume_point::ResumePoint;
use super::start_at::StartAt;
use crate::event::Position;

/// An item of the KCL's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KclItem {
    /// A lease.
    Lease(KclLease),
    /// What newer versions keep in the same table beside leases.
    Other,
}

/// A lease, as far as positions are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KclLease {
    /// The stream by name; none: the application reads one stream, which the lease does not name.
    pub stream: Option<String>,
    /// The shard.
    pub shard_id: String,
    /// Who holds it, as long as somebody does.
    pub owner: Option<String>,
    /// It changes with each renewal: a lease whose counter moves belongs to a consumer that is running.
    pub counter: u64,
    /// How far the shard was processed.
    pub checkpoint: KclCheckpoint,
}

/// How far the KCL processed a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KclCheckpoint {
    /// To its end.
    ShardEnd,
    /// Up to this user record, with it. A record that is no aggregate has one user record, of the number 0.
    Done(Position),
    /// Not at all: it was to begin at the oldest record.
    TrimHorizon,
    /// Not at all: it was to begin with what came after the application started for the first time. When that was, the lease
    /// does not say.
    Latest,
    /// Not at all: it was to begin at a time that is in the application's configuration, and not in the lease.
    AtTimestamp,
}

/// Why an item is no lease that can be read. The names of attributes are the KCL's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KclLeaseError {
    /// Another table's item.
    #[error("an item has no leaseKey: name the lease table of a KCL application, which has the application's name")]
    NoLease,
    /// It lacks what each lease has.
    #[error("the lease {key:?} has no {attribute} that can be read: it was not written by the KCL")]
    Incomplete {
        /// The lease.
        key: String,
        /// The attribute.
        attribute: &'static str,
    },
    /// Its checkpoint is none.
    #[error("the lease {key:?} has the checkpoint {checkpoint:?}, which is neither a sequence number nor a known word")]
    Checkpoint {
        /// The lease.
        key: String,
        /// What it has.
        checkpoint: String,
    },
}

/// The attributes of a lease that are read.
pub(super) const ATTRIBUTES: [&str; 6] =
    ["leaseKey", "leaseOwner", "leaseCounter", "checkpoint", "checkpointSubSequenceNumber", "entityType"];

/// The value of `entityType` that leases have where items have one at all ...
const LEASE: &str = "LEASE";

/// ... and those of what newer versions of the KCL keep beside leases. The source is `EntityType` of its code.
const OTHERS: [&str; 5] = ["STREAM", "LEADER", "CLIENT_VERSION_MIGRATION", "TABLE_MIGRATION", "WORKER_METRIC_STATS"];

impl KclItem {
    /// Reads an item.
    ///
    /// # Errors
    /// When it is no item of the KCL, or a lease that it did not write.
    pub fn of(item: &HashMap<String, AttributeValue>) -> Result<Self, KclLeaseError> {
        let text = |attribute: &str| item.get(attribute).and_then(|value| value.as_s().ok());
        let number = |attribute: &str| item.get(attribute)?.as_n().ok()?.parse::<u64>().ok();
        // A kind that nobody knows yet may be another kind of lease: it is one if it has what each lease has.
        let is_other = text("entityType")
            .is_some_and(|kind| kind != LEASE && (OTHERS.contains(&kind.as_str()) || !item.contains_key("checkpoint")));
        if is_other {
            return Ok(KclItem::Other);
        }
        let key = text("leaseKey").ok_or(KclLeaseError::NoLease)?;
        let incomplete = |attribute| KclLeaseError::Incomplete { key: key.clone(), attribute };
        let (stream, shard_id) = parts(key);
        let checkpoint = text("checkpoint").ok_or_else(|| incomplete("checkpoint"))?;
        let user_record = match item.get("checkpointSubSequenceNumber") {
            None => 0,
            Some(_) => {
                number("checkpointSubSequenceNumber").ok_or_else(|| incomplete("checkpointSubSequenceNumber"))?
            }
        };
        let checkpoint = match checkpoint.as_str() {
            "SHARD_END" => KclCheckpoint::ShardEnd,
            "TRIM_HORIZON" => KclCheckpoint::TrimHorizon,
            "LATEST" => KclCheckpoint::Latest,
            "AT_TIMESTAMP" => KclCheckpoint::AtTimestamp,
            number => KclCheckpoint::Done(Position::new(number, user_record).map_err(|_| {
                KclLeaseError::Checkpoint { key: key.clone(), checkpoint: number.chars().take(LONGEST_QUOTE).collect() }
            })?),
        };
        Ok(KclItem::Lease(KclLease {
            stream,
            shard_id,
            owner: text("leaseOwner").cloned(),
            counter: number("leaseCounter").ok_or_else(|| incomplete("leaseCounter"))?,
            checkpoint,
        }))
    }
}

/// As much of what is no checkpoint as an error quotes, in characters.
const LONGEST_QUOTE: usize = 60;

/// The stream and the shard of a lease's key.
fn parts(key: &str) -> (Option<String>, String) {
    let parts: Vec<&str> = key.split(':').collect();
    match parts[..] {
        [_, stream, _, shard] => (Some(stream.to_owned()), shard.to_owned()),
        _ => (None, key.to_owned()),
    }
}

impl KclCheckpoint {
    /// What it means for a row. `user_records` is how many user records the record of the checkpoint has; none: the record is
    /// gone, or nobody looked. Then nothing is taken for done that may not be: a consumer that goes on inside the record skips
    /// no more than what the KCL had done. `start` is where a shard begins whose lease does not say when.
    pub fn resume_point(&self, user_records: Option<u64>, start: StartAt) -> ResumePoint {
        match self {
            KclCheckpoint::ShardEnd => ResumePoint::ShardEnd,
            KclCheckpoint::TrimHorizon => ResumePoint::Start(StartAt::TrimHorizon),
            KclCheckpoint::Latest | KclCheckpoint::AtTimestamp => ResumePoint::Start(start),
            KclCheckpoint::Done(position) => {
                let next = position.sub_sequence_number().saturating_add(1);
                match user_records {
                    Some(count) if count <= next => ResumePoint::After(position.sequence_number().into()),
                    _ => ResumePoint::Within(Position::at(position.sequence_number(), next)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(attributes: &[(&str, &str)]) -> HashMap<String, AttributeValue> {
        let value = |name: &str, value: &str| match name {
            "leaseCounter" | "checkpointSubSequenceNumber" => AttributeValue::N(value.to_owned()),
            _ => AttributeValue::S(value.to_owned()),
        };
        attributes.iter().map(|(name, text)| ((*name).to_owned(), value(name, text))).collect()
    }

    fn lease(attributes: &[(&str, &str)]) -> KclLease {
        match KclItem::of(&item(attributes)) {
            Ok(KclItem::Lease(lease)) => lease,
            other => panic!("no lease: {other:?}"),
        }
    }

    fn point(checkpoint: &str, user_record: &str, user_records: Option<u64>) -> String {
        let attributes = [
            ("leaseKey", "shardId-000000000000"),
            ("leaseCounter", "7"),
            ("checkpoint", checkpoint),
            ("checkpointSubSequenceNumber", user_record),
        ];
        lease(&attributes).checkpoint.resume_point(user_records, StartAt::AtTimestamp(0)).to_string()
    }

    #[test]
    fn a_lease_names_its_shard_and_perhaps_its_stream() {
        let one = lease(&[("leaseKey", "shardId-000000000007"), ("leaseCounter", "12"), ("checkpoint", "LATEST")]);
        assert_eq!(
            (one.stream, one.shard_id.as_str(), one.owner, one.counter),
            (None, "shardId-000000000007", None, 12)
        );
        let key = "111122223333:readings:1545084650:shardId-000000000007";
        let several =
            lease(&[("leaseKey", key), ("leaseCounter", "1"), ("leaseOwner", "w"), ("checkpoint", "TRIM_HORIZON")]);
        assert_eq!((several.stream.as_deref(), several.shard_id.as_str()), (Some("readings"), "shardId-000000000007"));
        assert_eq!(several.owner.as_deref(), Some("w"));
    }

    #[test]
    fn a_checkpoint_is_the_last_user_record_that_is_done() {
        assert_eq!(point("4966", "0", Some(1)), "after 4966");
        assert_eq!(point("4966", "0", Some(3)), "in 4966, at user record 1");
        assert_eq!(point("4966", "1", Some(3)), "in 4966, at user record 2");
        assert_eq!(point("4966", "2", Some(3)), "after 4966");
    }

    #[test]
    fn where_nobody_looked_at_the_record_no_more_is_taken_for_done_than_the_kcl_did() {
        assert_eq!(point("4966", "0", None), "in 4966, at user record 1");
        let most = u64::MAX.to_string();
        assert_eq!(point("4966", &most, None), format!("in 4966, at user record {most}"));
    }

    #[test]
    fn words_say_where_a_shard_begins_or_that_it_has_ended() {
        assert_eq!(point("SHARD_END", "0", None), "end of the shard");
        assert_eq!(point("TRIM_HORIZON", "0", None), "oldest record");
        assert_eq!(point("LATEST", "0", None), "first record since 1970-01-01T00:00:00Z");
        assert_eq!(point("AT_TIMESTAMP", "0", None), "first record since 1970-01-01T00:00:00Z");
    }

    #[test]
    fn items_of_other_kinds_are_told_from_leases_and_from_those_of_other_tables() {
        for kind in ["WORKER_METRIC_STATS", "STREAM", "OF_LATER"] {
            let other = item(&[("leaseKey", "x"), ("entityType", kind)]);
            assert_eq!(KclItem::of(&other), Ok(KclItem::Other), "{kind}");
        }
        // No lease is ever passed over.
        let later =
            item(&[("leaseKey", "x"), ("entityType", "LEASE_OF_LATER"), ("leaseCounter", "1"), ("checkpoint", "1")]);
        assert!(matches!(KclItem::of(&later), Ok(KclItem::Lease(_))));
        assert!(matches!(
            KclItem::of(&item(&[
                ("leaseKey", "a"),
                ("entityType", "LEASE"),
                ("leaseCounter", "1"),
                ("checkpoint", "1")
            ])),
            Ok(KclItem::Lease(_))
        ));
        assert_eq!(KclItem::of(&item(&[("StreamID", "readings")])), Err(KclLeaseError::NoLease));
        for (attributes, attribute) in [
            (&[("leaseKey", "a"), ("leaseCounter", "1")][..], "checkpoint"),
            (&[("leaseKey", "a"), ("checkpoint", "1")][..], "leaseCounter"),
            (
                &[("leaseKey", "a"), ("leaseCounter", "1"), ("checkpoint", "1"), ("checkpointSubSequenceNumber", "-1")]
                    [..],
                "checkpointSubSequenceNumber",
            ),
        ] {
            let expected = KclLeaseError::Incomplete { key: "a".to_owned(), attribute };
            assert_eq!(KclItem::of(&item(attributes)), Err(expected));
        }
        let long = "x".repeat(100_000);
        let strange = KclItem::of(&item(&[("leaseKey", "a"), ("leaseCounter", "1"), ("checkpoint", &long)]));
        let message = strange.expect_err("no checkpoint").to_string();
        assert!(message.len() < 300, "{message}");
    }
}

//! The table shared with another consumer: the `aws_kinesis` input of Redpanda Connect, played by what is known of
//! its reads and its conditional writes.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use kinesieve::checkpoint::{CheckpointErrorKind, CheckpointOutcome};

use super::Stage;
use crate::support::block_on;
use crate::support::events::sequence_number;
use crate::support::positions::{Positions, STREAM, key, note, stuck_at, up_to};

/// One client of it.
struct Connect<'a> {
    positions: &'a Positions,
    id: &'static str,
}

const LEASE_TIMEOUT: &str = "2026-11-21T07:30:00.123456789Z";

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

impl Connect<'_> {
    /// Claims the shard, if nobody holds it or this one does, and answers where it starts: after that sequence
    /// number, or as it is configured where that is empty.
    fn claim(&self, from: Option<&str>) -> Option<String> {
        let mut request = self
            .positions
            .client()
            .update_item()
            .table_name(&self.positions.name)
            .set_key(Some(key()))
            .update_expression("SET ClientID = :new_client_id, LeaseTimeout = :new_lease_timeout")
            .expression_attribute_values(":new_client_id", text(self.id))
            .expression_attribute_values(":new_lease_timeout", text(LEASE_TIMEOUT))
            .return_values(ReturnValue::AllOld);
        request = match from {
            None => request.condition_expression("attribute_not_exists(ClientID)"),
            Some(old) => request
                .condition_expression("ClientID = :old_client_id")
                .expression_attribute_values(":old_client_id", text(old)),
        };
        match block_on(request.send()) {
            Ok(answer) => {
                let old = answer.attributes.unwrap_or_default();
                Some(old.get("SequenceNumber").map_or_else(String::new, |value| value.as_s().expect("text").clone()))
            }
            Err(error) => match error.into_service_error() {
                UpdateItemError::ConditionalCheckFailedException(_) => None,
                other => panic!("{other:?}"),
            },
        }
    }

    /// Its checkpoint: a whole new row, if it still holds the shard. The final one gives the shard up.
    fn checkpoint(&self, position: &str, is_final: bool) -> bool {
        let mut item = key();
        item.insert("SequenceNumber".to_owned(), text(position));
        if !is_final {
            item.insert("ClientID".to_owned(), text(self.id));
            item.insert("LeaseTimeout".to_owned(), text(LEASE_TIMEOUT));
        }
        let request = self
            .positions
            .client()
            .put_item()
            .table_name(&self.positions.name)
            .set_item(Some(item))
            .condition_expression("ClientID = :client_id")
            .expression_attribute_values(":client_id", text(self.id));
        match block_on(request.send()) {
            Ok(_) => true,
            Err(error) => match error.into_service_error() {
                PutItemError::ConditionalCheckFailedException(_) => false,
                other => panic!("{other:?}"),
            },
        }
    }

    /// Who holds which shards, with the end of each lease: it fails where a row has a holder and no lease.
    fn all_claims(&self) -> Result<HashMap<String, String>, &'static str> {
        let request = self
            .positions
            .client()
            .scan()
            .table_name(&self.positions.name)
            .filter_expression("StreamID = :stream_id")
            .expression_attribute_values(":stream_id", text(STREAM));
        let rows = block_on(request.send()).expect("an answer").items.unwrap_or_default();
        let mut claims = HashMap::new();
        for row in rows {
            let Some(holder) = row.get("ClientID") else { continue };
            row.get("LeaseTimeout").ok_or("extracting lease timeout from claim")?;
            claims.insert(row["ShardID"].as_s().expect("text").clone(), holder.as_s().expect("text").clone());
        }
        Ok(claims)
    }
}

#[test]
fn the_other_consumer_goes_on_from_where_the_function_is() {
    let positions = Positions::new();
    Stage::new(positions.checkpoint_writer()).process(&["keep", "keep", "retry later"]);
    let connect = Connect { positions: &positions, id: "connect-1" };
    assert_eq!(connect.all_claims(), Ok(HashMap::new()), "a row of ours is free to claim");
    assert_eq!(connect.claim(None), Some(sequence_number(1)));
    assert_eq!(connect.all_claims().expect("claims").into_values().collect::<Vec<_>>(), ["connect-1"]);
    assert!(connect.checkpoint(&sequence_number(7), false));
    // What we had said of the shard is gone with the old row, and nothing hangs on it.
    let row = positions.row();
    assert_eq!((row.position, row.stuck, row.written_by), (Some(sequence_number(7)), None, None));
}

/// A row that only says what stands still has no position: it starts as it is configured.
#[test]
fn a_row_without_a_position_is_no_place_to_start_from() {
    let positions = Positions::new();
    note(&positions.checkpoint_writer(), stuck_at("5", 1));
    let side_by_side = positions.mirror_with(|options| options.parallelization_factor = 2);
    note(&side_by_side, up_to("500"));
    assert_eq!(Connect { positions: &positions, id: "connect-1" }.claim(None).as_deref(), Some(""));
}

#[test]
fn a_row_that_is_held_is_not_touched() {
    let positions = Positions::new();
    let checkpoint_writer = positions.checkpoint_writer();
    note(&checkpoint_writer, up_to("10"));
    let connect = Connect { positions: &positions, id: "connect-1" };
    assert_eq!(connect.claim(None).as_deref(), Some("10"));
    for (progress, checkpoint) in [(up_to("20"), "11"), (stuck_at("30", 1), "12")] {
        assert_eq!(note(&checkpoint_writer, progress), CheckpointOutcome::Failed(CheckpointErrorKind::Held));
        assert!(connect.checkpoint(checkpoint, false), "its lease is untouched");
        assert_eq!(positions.position().as_deref(), Some(checkpoint));
    }
    // Another client takes over, and the first one is told.
    let thief = Connect { positions: &positions, id: "connect-2" };
    assert_eq!(thief.claim(None), None);
    assert_eq!(thief.claim(Some("connect-1")).as_deref(), Some("12"));
    assert!(!connect.checkpoint("13", false));
    assert_eq!(note(&checkpoint_writer, up_to("40")), CheckpointOutcome::Failed(CheckpointErrorKind::Held));
}

#[test]
fn the_function_goes_on_from_where_the_other_consumer_is() {
    let positions = Positions::new();
    let connect = Connect { positions: &positions, id: "connect-1" };
    assert_eq!(connect.claim(None).as_deref(), Some(""));
    assert!(connect.checkpoint(&sequence_number(1), false));
    let skipping = || positions.mirror_with(|options| options.skips_acknowledged = true);
    // While it is at work, what it has done is no business of ours.
    let report = Stage::new(skipping()).process(&["keep", "keep", "keep"]);
    assert_eq!(
        (report.counts.skipped, report.checkpoint),
        (0, Some(CheckpointOutcome::Failed(CheckpointErrorKind::Held)))
    );
    assert!(connect.checkpoint(&sequence_number(1), true));
    let stage = Stage::new(skipping());
    let report = stage.process(&["keep", "drop", "keep"]);
    assert_eq!((report.counts.skipped, report.counts.kept), (2, 1));
    assert_eq!((report.checkpoint, positions.position()), (Some(CheckpointOutcome::Written), Some(sequence_number(2))));
    // And it never goes back to where the other one was.
    assert_eq!(
        note(&positions.checkpoint_writer(), up_to(&sequence_number(1))),
        CheckpointOutcome::Failed(CheckpointErrorKind::Overtaken)
    );
}

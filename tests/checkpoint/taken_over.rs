//! Rows that say where another consumer was: at the end of a shard, inside of an aggregate, or before everything.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use kinesieve::event::{AggregateWriter, Batch, Record, Unpacking};
use kinesieve::processor::Report;

use super::Stage;
use crate::support::block_on;
use crate::support::events::{SHARD_ID, STREAM_ARN, arrived_at, sequence_number};
use crate::support::positions::{Positions, key};

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// A table whose row of the shard has these attributes.
fn with_row(attributes: &[(&str, AttributeValue)]) -> Positions {
    let positions = Positions::new();
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let item = key().into_iter().chain(attributes).collect();
    block_on(positions.client().put_item().table_name(&positions.name).set_item(Some(item)).send()).expect("a row");
    positions
}

/// Another consumer broke off at this user record of the second record.
fn broken_off_at(user_record: u64) -> Positions {
    with_row(&[
        ("StuckAt", text(&sequence_number(1))),
        ("StuckSubSequenceNumber", AttributeValue::N(user_record.to_string())),
        ("StuckMadeBy", text("user-records")),
    ])
}

/// A record by itself, and one of three user records, and another one by itself.
fn records() -> Arc<Batch> {
    let mut aggregate = AggregateWriter::default();
    for number in 0..3 {
        aggregate.push("key", format!("keep user {number}").as_bytes());
    }
    let aggregate = aggregate.finish();
    let mut batch = Batch::builder(STREAM_ARN, SHARD_ID);
    for (index, payload) in [b"keep first", aggregate.as_slice(), b"keep last"].into_iter().enumerate() {
        let number = sequence_number(index);
        let record = Record {
            partition_key: "key",
            sequence_number: &number,
            sub_sequence_number: 0,
            arrived_at: arrived_at(index),
        };
        batch.push_bytes(record, payload).expect("a record");
    }
    Arc::new(batch.build())
}

fn processed(positions: &Positions, skips_acknowledged: bool, unpacking: Unpacking) -> (Report, Vec<String>) {
    let stage = Stage::new(positions.mirror_with(|options| options.skips_acknowledged = skips_acknowledged));
    let processor = stage.processor.with_unpacking(unpacking);
    let report = block_on(processor.process(records(), None));
    (report, stage.output.texts())
}

#[test]
fn a_shard_goes_on_inside_the_aggregate_in_which_another_consumer_broke_off() {
    let positions = broken_off_at(2);
    let (report, delivered) = processed(&positions, true, Unpacking::default());
    assert_eq!(delivered, ["keep user 2", "keep last"]);
    assert_eq!((report.counts.skipped, report.stop), (3, None));
    let row = positions.row();
    assert_eq!((row.position, row.broken_off_at, row.stuck), (Some(sequence_number(2)), None, None));
}

#[test]
fn records_before_that_aggregate_come_again_where_nothing_is_skipped() {
    let (_, delivered) = processed(&broken_off_at(2), false, Unpacking::default());
    assert_eq!(delivered, ["keep first", "keep user 2", "keep last"]);
}

/// Who does not take aggregates apart can't go on inside of one: it comes whole, since the rest of it would be lost.
#[test]
fn an_aggregate_that_is_not_taken_apart_comes_whole() {
    let whole = Unpacking { deaggregate: false, ..Unpacking::default() };
    let (report, _) = processed(&broken_off_at(2), true, whole);
    assert_eq!((report.counts.skipped, report.counts.records), (1, 3));
}

#[test]
fn a_row_that_is_blocked_by_nothing_says_so() {
    let row = broken_off_at(2).row();
    assert_eq!((row.stuck, row.position), (None, None));
    assert_eq!(row.broken_off_at.expect("a position").to_string(), format!("{}.2", sequence_number(1)));
}

#[test]
fn nothing_of_a_shard_comes_that_was_read_to_its_end() {
    let positions = with_row(&[("ShardEnd", AttributeValue::Bool(true))]);
    let (report, delivered) = processed(&positions, true, Unpacking::default());
    assert_eq!((report.counts.skipped, report.stop, delivered.len()), (5, None, 0));
    assert_eq!(processed(&positions, false, Unpacking::default()).1.len(), 5, "it is not asked to skip anything");
}

#[test]
fn a_shard_begins_at_the_time_that_its_row_says() {
    let start = format!("AT_TIMESTAMP={}", arrived_at(1));
    let (_, delivered) = processed(&with_row(&[("StartAt", text(&start))]), true, Unpacking::default());
    assert_eq!(delivered, ["keep user 0", "keep user 1", "keep user 2", "keep last"]);
    let oldest = with_row(&[("StartAt", text("TRIM_HORIZON"))]);
    assert_eq!(processed(&oldest, true, Unpacking::default()).1.len(), 5);
}

/// A row that somebody holds is not to be relied on, whatever else it says.
#[test]
fn a_held_row_skips_nothing() {
    let positions = with_row(&[("ShardEnd", AttributeValue::Bool(true)), ("ClientID", text("another"))]);
    assert_eq!(processed(&positions, true, Unpacking::default()).1.len(), 5);
}

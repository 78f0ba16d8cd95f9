//! A table that is made where it is missing.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableDescription,
};
use futures_util::future::join_all;
use kinesieve::checkpoint::{CheckpointOutcome, CreationError, KeysError, create_if_missing};
use kinesieve::settings::TableCapacity;

use crate::support::block_on;
use crate::support::positions::{Positions, TIME_LIMIT, note, units, up_to};

fn described(positions: &Positions) -> TableDescription {
    let request = positions.client().describe_table().table_name(&positions.name);
    block_on(request.send()).expect("an answer").table.expect("a table")
}

#[test]
fn many_functions_that_start_at_once_make_one_table() {
    let positions = Positions::missing();
    let tables: Vec<_> = (0..12).map(|_| positions.table()).collect();
    let made =
        block_on(join_all(tables.iter().map(|table| create_if_missing(table, TableCapacity::OnDemand, TIME_LIMIT))));
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    let table = described(&positions);
    assert_eq!(table.billing_mode_summary.expect("a mode").billing_mode, Some(BillingMode::PayPerRequest));
    assert_eq!(note(&positions.checkpoint_writer(), up_to("5")), CheckpointOutcome::Written);
    // A later start finds the table, and what stands in it.
    block_on(create_if_missing(&positions.table(), TableCapacity::OnDemand, TIME_LIMIT)).expect("it is there");
    assert_eq!(positions.position().as_deref(), Some("5"));
}

#[test]
fn a_table_can_have_units_by_the_hour() {
    let positions = Positions::missing();
    let capacity = TableCapacity::Provisioned { read: units(3), write: units(7) };
    block_on(create_if_missing(&positions.table(), capacity, TIME_LIMIT)).expect("a table");
    let units = described(&positions).provisioned_throughput.expect("units");
    assert_eq!((units.read_capacity_units, units.write_capacity_units), (Some(3), Some(7)));
}

#[test]
fn another_table_of_the_name_is_left_alone() {
    let positions = Positions::missing();
    let definition =
        AttributeDefinition::builder().attribute_name("StreamID").attribute_type(ScalarAttributeType::N).build();
    let key = KeySchemaElement::builder().attribute_name("StreamID").key_type(KeyType::Hash).build();
    let request = positions
        .client()
        .create_table()
        .table_name(&positions.name)
        .attribute_definitions(definition.expect("a definition"))
        .key_schema(key.expect("a key"))
        .billing_mode(BillingMode::PayPerRequest);
    block_on(request.send()).expect("a table");
    let error =
        block_on(create_if_missing(&positions.table(), TableCapacity::OnDemand, TIME_LIMIT)).expect_err("not ours");
    assert_eq!(error, CreationError::Keys(KeysError::Other { found: "StreamID (HASH, no string)".to_owned() }));
}

//! A batch that is processed in parts is one batch for the table.

use std::sync::Arc;

use kinesieve::checkpoint::{CheckpointOutcome, CheckpointWriter};
use kinesieve::event::{Unpacking, parse_lambda_event};

use super::Stage;
use crate::payloads::gzipped;
use crate::support::block_on;
use crate::support::events::{Data, event_of, record};
use crate::support::positions::{TIME_LIMIT, options, table_at};
use crate::support::services::{Faults, Service, Stub};

/// Each of these records unpacks to 18 MiB, so that there are three parts: the row is read before the first and written
/// behind the last.
#[test]
fn the_table_is_asked_and_told_once_however_many_parts_there_are() {
    let stub = Stub::start(Service::DynamoDb, Faults::default(), 1);
    let mut stage = Stage::new(CheckpointWriter::new(table_at(stub.endpoint(), TIME_LIMIT), options()));
    let unpacking = Unpacking { decode: kinesieve::event::DecodeStep::Auto.into(), ..Unpacking::default() };
    stage.processor = stage.processor.with_unpacking(unpacking);
    let large = Data::Bytes(gzipped(format!("drop {}", "x".repeat(18 << 20)).as_bytes()));
    let event = event_of((0..5).map(|index| record(index, "key", &large)));
    let process = || {
        let batch = Arc::new(parse_lambda_event(&event).expect("a batch"));
        block_on(stage.processor.process(batch, None))
    };
    let report = process();
    assert_eq!((report.counts.dropped, report.checkpoint), (5, Some(CheckpointOutcome::Written)));
    assert_eq!(stub.trace_ids().len(), 2);
    // Only the first batch of a shard is read for.
    process();
    assert_eq!(stub.trace_ids().len(), 3);
}

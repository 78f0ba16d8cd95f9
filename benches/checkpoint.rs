//! What the mirror of positions adds to an invocation, at a table that does nothing but answer: of a small batch and
//! of a full one, each with and without it. What the network and DynamoDB take comes on top.

use std::hint::black_box;
use std::time::Duration;

use aws_config::SdkConfig;
use criterion::Criterion;
use kinesieve::checkpoint::{CheckpointOptions, CheckpointOutcome, CheckpointWriter, Table};
use kinesieve::lambda::handle;
use kinesieve::processor::{Outputs, Processor};
use kinesieve::settings::StreamIdForm;

use crate::answering::answering;
use crate::{event_of, guests, measure, nowhere, runtime};

/// How long a batch may wait for the table: as long as it does by default.
const TIMEOUT: Duration = Duration::from_millis(500);

/// The time of an invocation, not of a record.
pub fn checkpoint(criterion: &mut Criterion) {
    let runtime = runtime();
    let config = answering(|_| "{}".to_owned());
    let mut group = criterion.benchmark_group("checkpoint");
    for records in [1, 9_000] {
        let event = event_of(records);
        for (name, mirrors, skips) in
            [("without", false, false), ("written after", true, false), ("read before and written after", true, true)]
        {
            let mut processor = Processor::new(guests("keep", &[], 1), Outputs::new(nowhere(&runtime), []), None);
            if mirrors {
                processor = processor.with_checkpoint_writer(checkpoint_writer(&config, skips));
            }
            measure(&mut group, &format!("invocation of {records}, {name}"), 1, || {
                let handled = runtime.block_on(handle(&processor, black_box(&event), None)).expect("an answer");
                assert_eq!(handled.report.checkpoint, mirrors.then_some(CheckpointOutcome::Written));
            });
        }
    }
    group.finish();
}

fn checkpoint_writer(config: &SdkConfig, skips_acknowledged: bool) -> CheckpointWriter {
    let options = CheckpointOptions {
        stream_id: StreamIdForm::Name,
        timeout: TIMEOUT,
        period: Duration::ZERO,
        parallelization_factor: 1,
        skips_acknowledged,
        written_by: "bench".to_owned(),
        run: None,
    };
    CheckpointWriter::new(Table::new(config, &"positions".parse().expect("a name"), TIMEOUT), options)
}

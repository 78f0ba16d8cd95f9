//! What records cost that hold several, and outputs that travel together, beside plain ones.

use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;

use criterion::Criterion;
use flate2::write::GzEncoder;
use kinesieve::event::DecodeStep;
use kinesieve::event::{AggregateWriter, Batch, Unpacking, parse_lambda_event};
use kinesieve::lambda::handle;
use kinesieve::processor::{Outputs, Processor};
use kinesieve::settings::{Decode, Encode, Order, Pack, Target};
use kinesieve::sink::{KinesisSink, Output, Packing, Sink};

use crate::answering::answering;
use crate::delivery::{STREAM, taken};
use crate::{event_with, full_event, guests, measure, nowhere, runtime};

/// User records of an aggregate, as the KPL fills one within its default of 50 KB.
const TOGETHER: usize = 450;

/// The records of a full event as aggregates, or each compressed.
struct Events {
    plain: Batch,
}

impl Events {
    fn aggregated(&self) -> Vec<u8> {
        let events: Vec<_> = self.plain.iter().collect();
        event_with(events.chunks(TOGETHER).map(|events| {
            let mut writer = AggregateWriter::default();
            events.iter().for_each(|event| writer.push(event.partition_key, event.payload.bytes()));
            writer.finish()
        }))
    }

    fn gzipped(&self) -> Vec<u8> {
        event_with(self.plain.iter().map(|event| {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(event.payload.bytes()).expect("into memory");
            encoder.finish().expect("into memory")
        }))
    }
}

/// The whole handler over the same records in three forms, with `none` as output.
pub fn incoming(criterion: &mut Criterion) {
    let runtime = runtime();
    let plain = full_event();
    let events = Events { plain: parse_lambda_event(&plain).expect("an event") };
    let mut group = criterion.benchmark_group("payloads");
    for (name, event, decode) in [
        ("plain", plain.clone(), Decode::NONE),
        ("plain, decode auto", plain.clone(), DecodeStep::Auto.into()),
        ("aggregates", events.aggregated(), Decode::NONE),
        ("gzip", events.gzipped(), DecodeStep::Gzip.into()),
    ] {
        let unpacking = Unpacking { decode, ..Unpacking::default() };
        let processor =
            Processor::new(guests("keep", &[], 1), Outputs::new(nowhere(&runtime), []), None).with_unpacking(unpacking);
        measure(&mut group, &format!("whole handler, keep, {name}"), events.plain.len(), || {
            let handled = runtime.block_on(handle(&processor, black_box(&event), None)).expect("an answer");
            assert_eq!(handled.report.counts.kept, events.plain.len() as u64);
        });
    }
    group.finish();
}

/// The outputs of a whole batch of 1,000 keys to a stream that does nothing but answer.
pub fn outgoing(criterion: &mut Criterion) {
    let runtime = runtime();
    let config = answering(taken);
    let batch = parse_lambda_event(&full_event()).expect("an event");
    let outputs: Vec<Output<'_>> = batch.iter().map(|event| Output::as_it_came(batch.shard(), event)).collect();
    let target: Target = STREAM.parse().expect("a target");
    let aggregate = Packing { aggregate: true, ..Packing::default() };
    let mut group = criterion.benchmark_group("payloads");
    for (name, packing) in [
        ("plain", Packing::default()),
        ("aggregates", aggregate),
        ("aggregates of gzip", Packing { encode: Encode::Gzip, ..aggregate }),
    ] {
        let stream: Arc<dyn Sink> = Arc::new(KinesisSink::new(&config, &STREAM.parse().expect("an ARN"), Order::Key));
        let stream = packing.wrap(stream, &target);
        measure(&mut group, &format!("to a stream, {name}"), outputs.len(), || {
            black_box(runtime.block_on(stream.deliver(black_box(&outputs), None)));
        });
    }
    let firehose: Target = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/out".parse().expect("a target");
    let lines = Packing { pack: Pack::Lines, ..Packing::default() }.wrap(nowhere(&runtime), &firehose);
    measure(&mut group, "packed as lines, and no target", outputs.len(), || {
        black_box(runtime.block_on(lines.deliver(black_box(&outputs), None)));
    });
    group.finish();
}

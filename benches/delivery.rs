//! What an output costs on its way into a Kinesis stream that does nothing but answer: in all, and on the
//! thread that delivers.

use std::hint::black_box;
use std::sync::Arc;

use cpu_time::ThreadTime;
use criterion::Criterion;
use kinesieve::event::{Batch, parse_lambda_event};
use kinesieve::lambda::handle;
use kinesieve::processor::{Outputs, Processor};
use kinesieve::settings::Order;
use kinesieve::sink::{Delivery, KinesisSink, Output, Sink};

use crate::answering::answering;
use crate::{full_event, guests, measure, runtime};

pub const STREAM: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/out";

/// The outputs of a whole batch at once, then the whole handler with the stream as its output.
pub fn delivery(criterion: &mut Criterion) {
    let runtime = runtime();
    let config = answering(taken);
    let event = full_event();
    let batch = parse_lambda_event(&event).expect("an event");
    let outputs = outputs_of(&batch);
    let mut group = criterion.benchmark_group("kinesis");
    for (name, order) in [("key", Order::Key), ("none", Order::None)] {
        let stream = KinesisSink::new(&config, &STREAM.parse().expect("an ARN"), order);
        let deliver = || {
            let answer = runtime.block_on(stream.deliver(black_box(&outputs), None));
            assert!(answer.deliveries.iter().all(|delivery| *delivery == Delivery::Delivered));
        };
        measure(&mut group, &format!("order {name}"), outputs.len(), deliver);
        let records = u32::try_from(outputs.len()).expect("a batch");
        group.bench_function(format!("order {name}, time on the CPU"), |bencher| {
            bencher.iter_custom(|iterations| {
                let started = ThreadTime::now();
                (0..iterations).for_each(|_| deliver());
                started.elapsed() / records
            });
        });
    }
    for (name, order) in [("key", Order::Key), ("none", Order::None)] {
        let stream: Arc<dyn Sink> = Arc::new(KinesisSink::new(&config, &STREAM.parse().expect("an ARN"), order));
        let processor = Processor::new(guests("keep", &[], 1), Outputs::new(stream, []), None);
        measure(&mut group, &format!("whole handler, keep, order {name}"), batch.len(), || {
            let handled = runtime.block_on(handle(&processor, black_box(&event), None)).expect("an answer");
            assert!(handled.response().batch_item_failures.is_empty());
        });
    }
    group.finish();
}

fn outputs_of(batch: &Batch) -> Vec<Output<'_>> {
    batch.iter().map(|event| Output::as_it_came(batch.shard(), event)).collect()
}

/// What a stream answers that takes everything.
pub fn taken(request: &str) -> String {
    const TAKEN: &str = r#"{"SequenceNumber":"49663180427159280344751027653810273645901442797913634337","ShardId":"shardId-000000000000"}"#;

    let records = request.matches("\"PartitionKey\"").count();
    format!(r#"{{"FailedRecordCount":0,"Records":[{}]}}"#, vec![TAKEN; records].join(","))
}

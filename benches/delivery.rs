//! What an output costs on its way into a Kinesis stream that does nothing but answer: in all, and on the
//! thread that delivers.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_kinesis::config::{Credentials, SharedCredentialsProvider};
use cpu_time::ThreadTime;
use criterion::Criterion;
use kinesieve::event::{Batch, parse_lambda_event};
use kinesieve::lambda::handle;
use kinesieve::processor::{Outputs, Processor};
use kinesieve::settings::Order;
use kinesieve::sink::{Delivery, Kinesis, Output, Sink};

use crate::{full_event, guest, measure, runtime};

const STREAM: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/out";

/// The outputs of a whole batch at once, then the whole handler with the stream as its output.
pub fn delivery(criterion: &mut Criterion) {
    let runtime = runtime();
    let config = answering();
    let event = full_event();
    let batch = parse_lambda_event(&event).expect("an event");
    let outputs = outputs_of(&batch);
    let mut group = criterion.benchmark_group("kinesis");
    for (name, order) in [("key", Order::Key), ("none", Order::None)] {
        let stream = Kinesis::new(&config, &STREAM.parse().expect("an ARN"), order);
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
        let stream: Arc<dyn Sink> = Arc::new(Kinesis::new(&config, &STREAM.parse().expect("an ARN"), order));
        let processor = Processor::new(guest("keep", &[]), Outputs::new(stream, []), None);
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

/// A client's configuration that leads to a stream which takes everything.
fn answering() -> SdkConfig {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("id", "key", None, None, "bench")))
        .build()
}

fn answer(stream: TcpStream) -> std::io::Result<()> {
    const TAKEN: &str = r#"{"SequenceNumber":"49663180427159280344751027653810273645901442797913634337","ShardId":"shardId-000000000000"}"#;

    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(1 << 16, stream.try_clone()?);
    let mut writer = stream;
    let mut body = Vec::new();
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
        let records = String::from_utf8_lossy(&body).matches("\"PartitionKey\"").count();
        let answer = format!(r#"{{"FailedRecordCount":0,"Records":[{}]}}"#, vec![TAKEN; records].join(","));
        let length = answer.len();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\n";
        writer.write_all(format!("{head}content-length: {length}\r\n\r\n{answer}").as_bytes())?;
    }
}

//! The targets at stubs: the suite that all of them pass, and what stubs can do and services do not, such as lie and stand
//! still.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use kinesieve::aws::ExchangeBounds;
use kinesieve::settings::{Compression, Order, Target};
use kinesieve::sink::{self, Delivery, LineContent, Sink, SinkOptions};

use crate::support::block_on;
use crate::support::client::ANSWER_BYTES;
use crate::support::conformance::{Place, Sample, all_delivered, check_arrived, deliver, numbered, sample, suite};
use crate::support::services::{Details, Faults, Lie, Reading, Service, Stub};
use crate::support::targets::{Arrived, Kind, arrived, of_line, wrapped};

/// A target of each kind, at a stub.
struct AtStub {
    stub: Stub,
    kind: Kind,
    bounds: ExchangeBounds,
}

/// As much as any answer needs, and longer than one takes on a busy machine.
const BOUNDS: ExchangeBounds = ExchangeBounds { silence: Duration::from_secs(20), answer_bytes: ANSWER_BYTES };

impl AtStub {
    fn new(kind: Kind, faults: Faults) -> Self {
        Self { stub: Stub::start(kind.service(), faults, 7), kind, bounds: BOUNDS }
    }
}

impl Place for AtStub {
    fn sink(&self, order: Order) -> Arc<dyn Sink> {
        self.kind.sink(&self.stub.config_within(self.bounds), self.kind.arn(), order)
    }

    fn arrived(&self) -> Vec<Arrived> {
        arrived(&self.stub.puts())
    }

    fn has_keys(&self) -> bool {
        self.kind != Kind::Firehose
    }

    fn largest(&self) -> Option<usize> {
        match self.kind {
            Kind::Kinesis => Some((10 << 20) - "key".len()),
            Kind::Firehose => Some(1000 << 10),
            Kind::Queue | Kind::FifoQueue | Kind::Topic | Kind::FifoTopic => {
                Some((1 << 20) - "partitionKeyStringkey".len())
            }
            Kind::Bus => Some((1 << 20) - 1 - "kinesieverecord".len() - wrapped("key", b"").len()),
            Kind::Bucket | Kind::ZippedBucket => None,
        }
    }
}

/// A file, the one target that is no service and can be read back.
struct InFile(tempfile::TempDir);

impl InFile {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }
}

impl Place for InFile {
    fn sink(&self, order: Order) -> Arc<dyn Sink> {
        let options = SinkOptions {
            lines: LineContent::Envelopes,
            order,
            compression: Compression::None,
            events: sink::EventLabels::default(),
        };
        block_on(sink::open(&Target::File(self.0.path().join("out.ndjson")), options)).expect("a file")
    }

    fn arrived(&self) -> Vec<Arrived> {
        let text = std::fs::read_to_string(self.0.path().join("out.ndjson")).expect("written");
        text.lines().map(of_line).collect()
    }

    fn largest(&self) -> Option<usize> {
        None
    }
}

#[test]
fn each_target_passes_the_suite() {
    suite(|| Box::new(InFile::new()));
    for kind in Kind::ALL {
        suite(move || Box::new(AtStub::new(kind, Faults::default())));
    }
}

/// The stubs refuse what the services refuse, so the limits are kept if nothing had to go again.
#[test]
fn requests_are_filled_to_the_limits_and_not_beyond() {
    for kind in Kind::ALL {
        let place = AtStub::new(kind, Faults::default());
        let largest = place.largest().unwrap_or(1 << 20);
        let mut samples = numbered(700, 700);
        samples.extend((0..4).map(|_| Sample { key: "key".to_owned(), data: vec![b'x'; largest] }));
        samples.extend((0..40).map(|index| sample(&format!("half-{index}"), &vec![b'y'; largest / 20])));
        let answer = deliver(&*place.sink(Order::None), &samples, None);
        assert!(all_delivered(&answer), "{kind:?}");
        assert_eq!(answer.retries, 0, "{kind:?}: a request was refused");
        assert_eq!(place.arrived().len(), samples.len(), "{kind:?}");
        let largest_request = place.stub.requests().iter().map(Vec::len).max();
        let expected = match kind.service() {
            Service::Kinesis | Service::Firehose => 500,
            Service::Sqs | Service::Sns | Service::EventBridge => 10,
            Service::S3 => 1,
            Service::DynamoDb => unreachable!("it is no target"),
        };
        assert_eq!(largest_request, Some(expected), "{kind:?}");
    }
}

/// All kinds at once: they wait most of the time, for a pause to end.
fn side_by_side(check: impl Fn(Kind) + Sync) {
    std::thread::scope(|scope| {
        for kind in Kind::ALL {
            let check = &check;
            scope.spawn(move || check(kind));
        }
    });
}

#[test]
fn what_is_refused_goes_again_and_each_key_stays_in_order() {
    let faults = Faults { refused_record: 0.3, refused_request: 0.3, dropped_before: 0.1, ..Faults::default() };
    side_by_side(|kind| {
        for order in [Order::Key, Order::None] {
            let place = AtStub::new(kind, faults);
            let samples = numbered(40, 20);
            let sink = place.sink(order);
            let mut retries = 0;
            // An object is one request, which may be lucky.
            for _ in 0..4 {
                let answer = deliver(&*sink, &samples, None);
                assert!(all_delivered(&answer), "{kind:?}: {answer:?}");
                retries += answer.retries;
            }
            check_arrived(&place, &samples, order);
            assert!(retries > 0, "{kind:?}");
        }
    });
}

#[test]
fn what_lacks_a_permission_is_told_at_once() {
    for kind in Kind::ALL {
        let code = match kind.service() {
            Service::S3 => "AccessDenied",
            Service::Sns => "AuthorizationError",
            _ => "AccessDeniedException",
        };
        let place = AtStub::new(kind, Faults { always: Some(code), ..Faults::default() });
        let answer = deliver(&*place.sink(Order::Key), &numbered(3, 3), None);
        for delivery in &answer.deliveries {
            let Delivery::Failed { reason } = delivery else { panic!("{kind:?}: {delivery:?}") };
            assert!(reason.contains(code) && reason.contains("the service refuses it"), "{kind:?}: {reason}");
        }
        assert_eq!(place.stub.requests().len(), 1, "{kind:?}");
    }
}

#[test]
fn a_target_that_hangs_or_refuses_everything_is_given_up_in_time() {
    let hangs = Faults { hangs: 1.0, ..Faults::default() };
    let refuses = Faults { refused_request: 1.0, ..Faults::default() };
    side_by_side(|kind| {
        for (faults, most_requests) in [(hangs, 20), (refuses, 100)] {
            let bounds = ExchangeBounds { silence: Duration::from_millis(250), ..BOUNDS };
            let place = AtStub { bounds, ..AtStub::new(kind, faults) };
            let started = Instant::now();
            let until = started + Duration::from_millis(700);
            let answer = deliver(&*place.sink(Order::Key), &numbered(3, 3), Some(until));
            assert!(started.elapsed() < Duration::from_secs(10), "{kind:?}: {:?}", started.elapsed());
            for delivery in &answer.deliveries {
                let Delivery::Failed { reason } = delivery else { panic!("{kind:?}: {delivery:?}") };
                assert!(reason.contains("before the deadline"), "{kind:?}: {reason}");
            }
            // With backoff there is room for a handful of tries; without, for thousands.
            assert!(place.stub.requests().len() < most_requests, "{kind:?}: {}", place.stub.requests().len());
        }
    });
}

#[test]
fn a_target_that_comes_back_gets_everything() {
    for kind in Kind::ALL {
        let stub = Stub::start_refusing_for(kind.service(), Faults::default(), 7, Duration::from_millis(300));
        let place = AtStub { stub, kind, bounds: BOUNDS };
        let samples = numbered(30, 10);
        let answer = deliver(&*place.sink(Order::Key), &samples, None);
        assert!(all_delivered(&answer), "{kind:?}: {answer:?}");
        assert!(answer.retries > 0, "{kind:?}");
        check_arrived(&place, &samples, Order::Key);
    }
}

/// Credentials whose service is throttled at first.
#[derive(Debug)]
struct Throttled(AtomicU32);

impl ProvideCredentials for Throttled {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let is_throttled = self.0.fetch_add(1, Ordering::Relaxed) < 3;
        future::ProvideCredentials::ready(if is_throttled {
            Err(CredentialsError::provider_error("throttled on purpose"))
        } else {
            Ok(Credentials::new("id", "key", None, None, "test"))
        })
    }
}

#[test]
fn credentials_that_come_late_cost_time_and_no_output() {
    for kind in Kind::ALL {
        let stub = Stub::start(kind.service(), Faults::default(), 7);
        let credentials = SharedCredentialsProvider::new(Throttled(AtomicU32::new(0)));
        let config = stub.config_with(Duration::from_secs(20)).into_builder().credentials_provider(credentials).build();
        let samples = numbered(3, 3);
        let answer = deliver(&*kind.sink(&config, kind.arn(), Order::Key), &samples, None);
        assert!(all_delivered(&answer) && answer.retries > 0, "{kind:?}: {answer:?}");
        assert_eq!(arrived(&stub.puts()).len(), samples.len(), "{kind:?}");
    }
}

/// A stream takes records of 1 MiB unless it is told to take larger ones, and refuses a whole request for
/// one.
#[test]
fn a_record_that_this_stream_does_not_take_is_found_among_others() {
    let place = AtStub::new(Kind::Kinesis, Faults::default());
    place.stub.set_record_limit(1 << 20);
    let mut samples = numbered(20, 20);
    samples.insert(7, Sample { key: "key".to_owned(), data: vec![b'x'; (1 << 20) + 1] });
    let answer = deliver(&*place.sink(Order::Key), &samples, None);
    let undeliverable: Vec<usize> =
        (0..samples.len()).filter(|&index| answer.deliveries[index] != Delivery::Delivered).collect();
    assert_eq!(undeliverable, [7]);
    assert!(matches!(answer.deliveries[7], Delivery::Undeliverable { .. }));
}

/// A topic takes messages of 256 KiB unless it is told to take larger ones, and refuses a whole request for more.
#[test]
fn a_message_that_this_topic_does_not_take_is_found_among_others() {
    for kind in [Kind::Topic, Kind::FifoTopic] {
        let place = AtStub::new(kind, Faults::default());
        place.stub.set_record_limit(256 << 10);
        let mut samples = numbered(20, 20);
        // All of them fit into one request by number, and not by size.
        samples.extend((0..6).map(|index| sample(&format!("half-{index}"), &vec![b'x'; 130_000])));
        samples.insert(7, Sample { key: "key".to_owned(), data: vec![b'x'; 256 << 10] });
        let answer = deliver(&*place.sink(Order::Key), &samples, None);
        let undeliverable: Vec<usize> =
            (0..samples.len()).filter(|&index| answer.deliveries[index] != Delivery::Delivered).collect();
        assert_eq!((undeliverable, answer.retries), (vec![7], 0), "{kind:?}");
        let Delivery::Undeliverable { reason } = &answer.deliveries[7] else { panic!("{answer:?}") };
        assert!(reason.contains("Message too long"), "{reason}");
    }
}

/// An event is a JSON object, and what is none is told before anything is sent.
#[test]
fn an_event_bus_takes_objects_and_says_what_it_does_not_take() {
    let stub = Stub::start(Service::EventBridge, Faults::default(), 7);
    let bus = Kind::Bus.sink_of_lines(&stub.config_within(BOUNDS), Kind::Bus.arn(), Order::Key, LineContent::Bare);
    let samples =
        [b"{\"a\":1}".as_slice(), b"[1]", b"text", b"", b"{\"a\":\"\xff\"}", b"{}"].map(|data| sample("key", data));
    let answer = deliver(&*bus, &samples, None);
    let reasons: Vec<Option<&str>> = answer
        .deliveries
        .iter()
        .map(|delivery| match delivery {
            Delivery::Undeliverable { reason } => Some(&**reason),
            _ => None,
        })
        .collect();
    assert_eq!((reasons[0], reasons[5]), (None, None));
    for reason in &reasons[1..5] {
        assert!(
            reason.is_some_and(|reason| reason.ends_with("takes a JSON object as the detail of an event")),
            "{reason:?}"
        );
    }
    let details = Details::Event {
        source: "kinesieve".to_owned(),
        detail_type: "record".to_owned(),
        bus: Kind::Bus.arn().to_owned(),
    };
    assert_eq!(stub.puts().len(), 2);
    assert!(stub.puts().iter().all(|put| put.details == details));
}

/// What only the service finds wrong is wrong for good.
#[test]
fn a_detail_that_the_bus_calls_malformed_does_not_come_again() {
    let stub = Stub::start(Service::EventBridge, Faults::default(), 7);
    let bus = Kind::Bus.sink_of_lines(&stub.config_within(BOUNDS), Kind::Bus.arn(), Order::Key, LineContent::Bare);
    // The stub reads 127 levels at most.
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(2000), "]".repeat(2000));
    let answer = deliver(&*bus, &[sample("a", deep.as_bytes()), sample("b", b"{}")], None);
    let Delivery::Undeliverable { reason } = &answer.deliveries[0] else { panic!("{answer:?}") };
    assert!(reason.contains("MalformedDetail"), "{reason}");
    assert_eq!((&answer.deliveries[1], answer.retries), (&Delivery::Delivered, 0));
}

/// A key that SQS and SNS can't carry, or that can't be the name of a group, costs no message.
#[test]
fn a_fifo_queue_or_topic_takes_every_key() {
    for kind in [Kind::FifoQueue, Kind::FifoTopic] {
        takes_every_key(kind);
    }
}

fn takes_every_key(kind: Kind) {
    let place = AtStub::new(kind, Faults::default());
    let keys = ["plain", "two words", "caf\u{e9}", "\u{7}bell", &"k".repeat(256)];
    let samples: Vec<Sample> = keys.iter().map(|key| sample(key, key.as_bytes())).collect();
    assert!(all_delivered(&deliver(&*place.sink(Order::Key), &samples, None)));
    let puts = place.stub.puts();
    assert_eq!(puts.len(), samples.len());
    let mut groups = std::collections::HashSet::new();
    for put in &puts {
        let Details::Message { group_id: Some(group), deduplication_id: Some(_) } = &put.details else {
            panic!("{put:?}")
        };
        groups.insert(group.clone());
    }
    assert_eq!(groups.len(), keys.len());
    // The replay of a batch is told by its deduplication ids.
    assert!(all_delivered(&deliver(&*place.sink(Order::Key), &samples, None)));
    assert_eq!(place.stub.puts().len(), samples.len());
}

#[test]
fn the_replay_of_a_batch_writes_the_same_objects() {
    for kind in [Kind::Bucket, Kind::ZippedBucket] {
        let place = AtStub::new(kind, Faults::default());
        let samples = numbered(100, 10);
        for _ in 0..2 {
            assert!(all_delivered(&deliver(&*place.sink(Order::Key), &samples, None)));
        }
        assert_eq!((place.stub.puts().len(), place.stub.objects().len()), (2, 1));
        let Details::Object { key, content_type, content_encoding } = &place.stub.puts()[0].details else {
            panic!("no object")
        };
        assert!(key.starts_with("some/prefix/readings/shardId-000000000002/4959"), "{key}");
        assert!(content_type.is_some() && content_encoding.is_none());
        // One that begins alike and ends sooner stands beside it: it holds less.
        assert!(all_delivered(&deliver(&*place.sink(Order::Key), &samples[..50], None)));
        assert_eq!(place.stub.objects().len(), 2);
    }
}

/// Delivers at a target with a fault that is gone once there was a second request. So it ends only if the first one did not
/// count.
fn goes_again(place: &AtStub) {
    let samples = numbered(5, 5);
    let answer = std::thread::scope(|scope| {
        scope.spawn(|| {
            let started = Instant::now();
            while place.stub.requests().len() < 2 && started.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(5));
            }
            place.stub.set_faults(Faults::default());
        });
        deliver(&*place.sink(Order::Key), &samples, None)
    });
    assert!(all_delivered(&answer) && answer.retries > 0, "{:?}: {answer:?}", place.kind);
}

#[test]
fn what_is_not_said_plainly_is_not_delivered() {
    side_by_side(|kind| {
        for lie in Lie::SAID {
            goes_again(&AtStub::new(kind, Faults { lie: Some(lie), ..Faults::default() }));
        }
    });
}

#[test]
fn an_endless_answer_is_read_as_far_as_any_is_needed() {
    side_by_side(|kind| {
        for status in [200, 400, 403, 500] {
            let stub = Stub::start(kind.service(), Faults { lie: Some(Lie::Endless(status)), ..Faults::default() }, 7);
            let place = AtStub { stub, kind, bounds: ExchangeBounds { answer_bytes: 1 << 20, ..BOUNDS } };
            goes_again(&place);
            // What lies in the buffers of the operating system is written, and not read.
            let (answered, requests) = (place.stub.answered(), place.stub.requests().len() as u64);
            assert!(answered < requests * (16 << 20), "{kind:?}, {status}: {answered} bytes in {requests} answers");
        }
    });
}

/// An object of 12 MiB at 2.5 MiB a second takes three times as long as nothing may move.
#[test]
fn an_upload_goes_on_as_long_as_bytes_move() {
    let faults = Faults { reading: Reading::Slowly(5 << 19), ..Faults::default() };
    let bounds = ExchangeBounds { silence: Duration::from_millis(1500), ..BOUNDS };
    let place = AtStub { bounds, ..AtStub::new(Kind::Bucket, faults) };
    let samples: Vec<Sample> = (0..3).map(|index| sample(&index.to_string(), &vec![b'x'; 4 << 20])).collect();
    let answer = deliver(&*place.sink(Order::Key), &samples, None);
    assert!(all_delivered(&answer), "{answer:?}");
    assert_eq!((answer.retries, place.stub.requests().len()), (0, 1));
}

#[test]
fn an_upload_that_stands_still_is_given_up() {
    let faults = Faults { reading: Reading::UpTo(1 << 20), ..Faults::default() };
    let bounds = ExchangeBounds { silence: Duration::from_millis(250), ..BOUNDS };
    let place = AtStub { bounds, ..AtStub::new(Kind::Bucket, faults) };
    let samples = [sample("key", &vec![b'x'; 16 << 20])];
    let sink = place.sink(Order::Key);
    let answer = deliver(&*sink, &samples, Some(Instant::now() + Duration::from_secs(4)));
    let Delivery::Failed { reason } = &answer.deliveries[0] else { panic!("{answer:?}") };
    let says = ["nothing moved for", " bytes of the request were sent, and no answer came"];
    assert!(says.iter().all(|text| reason.contains(text)), "{reason}");
    place.stub.set_faults(Faults::default());
    assert!(all_delivered(&deliver(&*sink, &samples, None)));
}

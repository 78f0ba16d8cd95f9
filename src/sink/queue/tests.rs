use proptest::prelude::*;

use super::*;
use crate::event::{SequenceNumber, Shard};

const LIMITS: RequestLimits = RequestLimits { records: 5, bytes: 100, alone_above: 40 };

/// A service that takes records of 80 bytes, with keys of 1 to 4 characters.
fn weigh(output: &Output<'_>) -> Result<usize, String> {
    let bytes = output.data.len() + output.partition_key.len();
    if bytes > 80 || output.partition_key.is_empty() || output.partition_key.len() > 4 {
        return Err("it is too large".to_owned());
    }
    Ok(bytes)
}

fn shard() -> Shard {
    Shard { stream_arn: String::new(), id: String::new() }
}

fn outputs<'a>(shard: &'a Shard, records: &'a [(String, Vec<u8>)]) -> Vec<Output<'a>> {
    records
        .iter()
        .map(|(key, data)| Output {
            data,
            partition_key: key,
            explicit_hash_key: None,
            has_chosen_key: false,
            route: None,
            shard,
            sequence_number: SequenceNumber::parse("1").expect("a number"),
            sub_sequence_number: 0,
            ordinal: 0,
        })
        .collect()
}

fn records() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let data =
        prop_oneof![9 => prop::collection::vec(any::<u8>(), 0..30), 1 => prop::collection::vec(any::<u8>(), 30..90)];
    prop::collection::vec(("[a-c]{1,2}|[a-c]{0,5}", data), 0..60)
}

proptest! {
    /// A service that takes and refuses at random, with several requests on their way: limits and
    /// order by key hold in every request, everything comes to a result, and nothing is sent again
    /// that was taken.
    #[test]
    fn every_request_keeps_the_limits_and_the_order_by_key(
        records in records(),
        by_key: bool,
        luck in prop::collection::vec(0u8..10, 1..200),
        most_on_their_way in 1usize..4,
    ) {
        let shard = shard();
        let outputs = outputs(&shard, &records);
        let order = if by_key { Order::Key } else { Order::None };
        let mut queue = Queue::new(&outputs, order, LIMITS, weigh);
        let mut luck = luck.iter().cycle();
        let mut on_their_way: Vec<Vec<usize>> = Vec::new();
        let mut taken: Vec<usize> = Vec::new();
        for _ in 0..10_000 {
            while on_their_way.len() < most_on_their_way && let Some(request) = queue.next_request() {
                on_their_way.push(request);
            }
            for request in &on_their_way {
                let bytes: usize = request.iter().filter_map(|&index| weigh(&outputs[index]).ok()).sum();
                prop_assert!(request.len() <= LIMITS.records && bytes <= LIMITS.bytes);
                prop_assert!(request.is_sorted());
                let lonely = request.iter().any(|&index| weigh(&outputs[index]) > Ok(LIMITS.alone_above));
                prop_assert!(!lonely || request.len() == 1);
            }
            if by_key {
                let mut keys: Vec<&str> =
                    on_their_way.iter().flatten().map(|&index| outputs[index].partition_key).collect();
                let count = keys.len();
                keys.sort_unstable();
                keys.dedup();
                prop_assert_eq!(keys.len(), count, "a key is on its way twice");
            }
            if on_their_way.is_empty() {
                break;
            }
            let at = usize::from(*luck.next().expect("a cycle")) % on_their_way.len();
            let request = on_their_way.swap_remove(at);
            let answers: Vec<RecordResponse> = request
                .iter()
                .map(|_| if *luck.next().expect("a cycle") < 6 { RecordResponse::Taken } else { RecordResponse::Refused("later".into()) })
                .collect();
            for (index, answer) in request.iter().zip(&answers) {
                if *answer == RecordResponse::Taken {
                    prop_assert!(!taken.contains(index), "{} was taken twice", index);
                    let earlier = (0..*index).filter(|&earlier| {
                        by_key && outputs[earlier].partition_key == outputs[*index].partition_key
                            && weigh(&outputs[earlier]).is_ok()
                    });
                    for earlier in earlier {
                        prop_assert!(taken.contains(&earlier), "{} was taken before {}", index, earlier);
                    }
                    taken.push(*index);
                }
            }
            queue.settle(&request, answers);
        }
        // With some luck all is done; where there never is any, the rest has failed.
        for (index, result) in queue.finish("it took too long").deliveries.into_iter().enumerate() {
            match result {
                Delivery::Delivered => prop_assert!(taken.contains(&index)),
                Delivery::Undeliverable { .. } => prop_assert!(weigh(&outputs[index]).is_err()),
                Delivery::Failed { reason } => {
                    prop_assert!(!taken.contains(&index));
                    prop_assert_eq!(&*reason, "it took too long: later");
                }
            }
        }
    }
}

#[test]
fn what_goes_again_is_counted_and_what_is_wrong_never_goes_again() {
    let records: Vec<(String, Vec<u8>)> = ["a", "b", "c", "toolong"].map(|key| (key.to_owned(), vec![0; 3])).into();
    let shard = shard();
    let outputs = outputs(&shard, &records);
    let mut queue = Queue::new(&outputs, Order::Key, LIMITS, weigh);
    let request = queue.next_request().expect("a request");
    let never = RecordResponse::Never("it is no text".to_owned());
    assert_eq!(queue.settle(&request, [RecordResponse::Taken, RecordResponse::Refused("later".to_owned()), never]), 1);
    assert_eq!(queue.next_request(), Some(vec![1]));
    // A service that says nothing of it has not taken it.
    assert_eq!(queue.settle(&[1], []), 1);
    assert_eq!(queue.next_request(), Some(vec![1]));
    queue.settle(&[1], [RecordResponse::Taken]);
    let undeliverable = |reason: &str| Delivery::Undeliverable { reason: reason.into() };
    let expected = vec![
        Delivery::Delivered,
        Delivery::Delivered,
        undeliverable("it is no text"),
        undeliverable("it is too large"),
    ];
    assert_eq!(queue.finish(""), SinkResponse { deliveries: expected, retries: 2, ..SinkResponse::default() });
}

/// What is behind it of its key must not arrive before it is settled what becomes of it.
#[test]
fn behind_what_turns_out_to_be_undeliverable_its_key_is_held_back() {
    let records: Vec<(String, Vec<u8>)> = ["a", "b", "a", "b", "a"].map(|key| (key.to_owned(), vec![0; 3])).into();
    let shard = shard();
    let outputs = outputs(&shard, &records);
    let mut queue = Queue::new(&outputs, Order::Key, LIMITS, weigh);
    assert_eq!(queue.next_request(), Some(vec![0, 1]));
    queue.settle(&[0, 1], [RecordResponse::Never("too large for this stream".to_owned()), RecordResponse::Taken]);
    assert_eq!(queue.next_request(), Some(vec![3]));
    queue.settle(&[3], [RecordResponse::Taken]);
    assert_eq!(queue.next_request(), None);
    let answer = queue.finish("held back");
    assert_eq!(answer.held_back, [2, 4]);
    assert_eq!([1, 3].map(|place| &answer.deliveries[place]), [&Delivery::Delivered; 2]);
}

#[test]
fn a_request_that_is_wrong_is_taken_apart_to_find_out_why() {
    let records: Vec<(String, Vec<u8>)> = ["a", "b", "c"].map(|key| (key.to_owned(), vec![0; 3])).into();
    let shard = shard();
    let outputs = outputs(&shard, &records);
    let mut queue = Queue::new(&outputs, Order::Key, LIMITS, weigh);
    let request = queue.next_request().expect("a request");
    queue.invalid(&request, "something is wrong".to_owned());
    for expected in [&[0][..], &[1, 2], &[1], &[2]] {
        let request = queue.next_request().expect("a request");
        assert_eq!(request, expected);
        if request.contains(&1) {
            queue.invalid(&request, "it is wrong".to_owned());
        } else {
            queue.settle(&request, [RecordResponse::Taken]);
        }
    }
    assert!(queue.is_idle());
    let wrong = Delivery::Undeliverable { reason: "it is wrong".into() };
    assert_eq!(queue.finish("").deliveries, [Delivery::Delivered, wrong, Delivery::Delivered]);
}

/// How many requests it takes until each of so many outputs has its result, of a service that finds a request wrong
/// which it says so of.
fn requests(count: usize, is_wrong: impl Fn(&[usize]) -> bool) -> (usize, Vec<Delivery>) {
    let records: Vec<(String, Vec<u8>)> = (0..count).map(|_| ("k".to_owned(), Vec::new())).collect();
    let shard = shard();
    let outputs = outputs(&shard, &records);
    let limits = RequestLimits { records: 500, bytes: usize::MAX, alone_above: usize::MAX };
    let mut queue = Queue::new(&outputs, Order::None, limits, weigh);
    let mut requests = 0;
    while let Some(request) = queue.next_request() {
        requests += 1;
        if is_wrong(&request) {
            queue.invalid(&request, "wrong".to_owned());
        } else {
            queue.settle(&request, request.iter().map(|_| RecordResponse::Taken));
        }
    }
    (requests, queue.finish("").deliveries)
}

#[test]
fn halving_finds_what_is_wrong_in_few_requests() {
    let wrong = Delivery::Undeliverable { reason: "wrong".into() };
    // One that is wrong in itself.
    let (count, deliveries) = requests(450, |request| request.contains(&217));
    assert!(count <= 19, "{count} requests");
    assert_eq!(deliveries.iter().filter(|delivery| **delivery != Delivery::Delivered).count(), 1);
    assert_eq!(deliveries[217], wrong);
    // None is, and a request is too large with more than so many.
    let (count, deliveries) = requests(450, |request| request.len() > 300);
    assert_eq!((count, deliveries.iter().all(|delivery| *delivery == Delivery::Delivered)), (3, true));
    let (count, _) = requests(100_000, |request| request.len() > 300);
    assert_eq!(count, 3 * 200);
    // Each is wrong: one request more than each by itself.
    let (count, deliveries) = requests(450, |_| true);
    assert!(count < 2 * 450 && deliveries.iter().all(|delivery| *delivery == wrong), "{count} requests");
}

/// What a service does with an output at each time that it gets it.
type SimulatedService = fn(index: usize, time: usize) -> RecordResponse;

/// How many entries a queue looks at until all of so many outputs are taken, and how often it sends one.
fn looks(count: usize, keys: usize, order: Order, said: SimulatedService) -> (u64, u64) {
    let shard = shard();
    let keys: Vec<String> = (0..keys).map(|key| format!("{key:x}")).collect();
    let sequence_number = SequenceNumber::parse("1").expect("a number");
    let output = |index: usize| Output {
        data: b"",
        partition_key: keys[index % keys.len()].as_str(),
        explicit_hash_key: None,
        has_chosen_key: false,
        route: None,
        shard: &shard,
        sequence_number,
        sub_sequence_number: 0,
        ordinal: 0,
    };
    let outputs: Vec<Output<'_>> = (0..count).map(output).collect();
    let limits = RequestLimits { records: 500, bytes: 1000, alone_above: 40 };
    let mut queue = Queue::new(&outputs, order, limits, |output| Ok(output.partition_key.len()));
    let mut times = vec![0; count];
    let mut sent = 0;
    while let Some(request) = queue.next_request() {
        sent += request.len() as u64;
        let answers: Vec<RecordResponse> = request
            .iter()
            .map(|&index| {
                times[index] += 1;
                said(index, times[index])
            })
            .collect();
        queue.settle(&request, answers);
    }
    let looks = queue.looked_at;
    let deliveries = queue.finish("it was not sent").deliveries;
    assert!(deliveries.iter().all(|delivery| *delivery == Delivery::Delivered));
    (looks, sent)
}

/// Whatever a service refuses, and however many outputs wait for one: a request costs what is in it.
#[test]
fn the_work_grows_with_what_is_sent_and_with_nothing_else() {
    let services: [(&str, SimulatedService); 3] = [
        ("takes all", |_, _| RecordResponse::Taken),
        ("refuses all three times", |_, time| {
            if time > 3 { RecordResponse::Taken } else { RecordResponse::Refused(String::new()) }
        }),
        ("refuses some for long", |index, time| {
            if time > 8 || index % 7 != 0 { RecordResponse::Taken } else { RecordResponse::Refused(String::new()) }
        }),
    ];
    assert_eq!(looks(1, 1, Order::Key, |_, _| RecordResponse::Taken), (2, 1));
    let check = |count, keys, order, (name, service)| {
        let (looks, sent) = looks(count, keys, order, service);
        // Each is looked at when it is taken up and when it is answered; and one more ends a request.
        assert!(looks <= sent * 3, "{count} outputs of {keys} keys, {order:?}, {name}: {looks} for {sent}");
    };
    for count in [1_000, 10_000, 100_000] {
        for service in services {
            for (keys, order) in [(1, Order::Key), (count, Order::Key), (count / 10, Order::Key), (1, Order::None)] {
                check(count, keys, order, service);
            }
        }
    }
    for (keys, order) in [(1, Order::Key), (100_000, Order::Key), (1, Order::None)] {
        check(1_000_000, keys, order, services[2]);
    }
}

#[test]
fn outputs_that_failed_together_share_their_reason_and_a_long_one_is_cut() {
    let records: Vec<(String, Vec<u8>)> = ["a", "b", "c"].map(|key| (key.to_owned(), vec![0; 3])).into();
    let shard = shard();
    let outputs = outputs(&shard, &records);
    let mut queue = Queue::new(&outputs, Order::Key, LIMITS, weigh);
    let request = queue.next_request().expect("a request");
    queue.refuse(&request, "no ".repeat(1_000_000));
    let reasons: Vec<Arc<str>> = queue
        .finish("it took too long")
        .deliveries
        .into_iter()
        .map(|delivery| match delivery {
            Delivery::Failed { reason } => reason,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(reasons.iter().all(|reason| Arc::ptr_eq(reason, &reasons[0])));
    assert!(reasons[0].len() < 1100 && reasons[0].starts_with("it took too long: no no "), "{}", reasons[0].len());
}

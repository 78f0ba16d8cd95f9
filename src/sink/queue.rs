//! Outputs on their way into requests of a service: which go together, and which have to wait. No I/O.
//!
//! A service takes so many records and bytes in a request, may refuse some of them and take others,
//! and then the refused ones go again. By key, an output is never on its way while an earlier one of
//! the same partition key is: so no two of a key share a request, and a refused one holds back its
//! key, and no other.
//!
//! What may go next stands in one heap: of each key its first output that is not done, unless that is on its way. So
//! a request costs what goes into it, and neither what waits behind it nor how often it was refused. A request in which
//! something is wrong is halved until that is by itself, so one wrong output among a thousand costs some twenty requests.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use super::{Delivery, Output, SinkResponse, reason};
use crate::sink::Order;

/// What a service takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestLimits {
    /// Records in a request.
    pub(super) records: usize,
    /// What the records of a request may weigh together, in bytes.
    pub(super) bytes: usize,
    /// A record of more bytes than this is sent by itself: the service may refuse the whole request.
    pub(super) alone_above: usize,
}

/// What a service said of one record of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RecordResponse {
    /// It has it.
    Taken,
    /// Not now.
    Refused(String),
    /// It is wrong in itself, and always will be.
    Never(String),
}

/// The outputs of one delivery, until each has its result.
#[derive(Debug)]
pub(super) struct Queue {
    places: Vec<OutputState>,
    limits: RequestLimits,
    /// What may go next, by index: neither on its way, nor behind something of its key.
    ready: BinaryHeap<Reverse<usize>>,
    /// Halves of requests in which something was wrong. Each goes as it is, before all else.
    halves: VecDeque<Vec<usize>>,
    results: Vec<Option<Delivery>>,
    /// What is not sent any more, since something before it of its key can never be delivered.
    held_back: Vec<usize>,
    retries: u64,
    last_refusal: Option<String>,
    /// How many entries were looked at so far.
    #[cfg(test)]
    looked_at: u64,
}

/// What is known of one output.
#[derive(Debug, Clone, Copy)]
struct OutputState {
    /// What it weighs in a request, in bytes.
    weight: usize,
    /// The next output that has to wait for this one, by index.
    next_of_key: Option<usize>,
    /// Whether it is to be sent by itself.
    is_alone: bool,
    /// Whether it was sent before.
    was_sent: bool,
}

impl Queue {
    /// Takes up outputs; what can never be sent has its result at once. `weigh` says what an output weighs
    /// in a request, in bytes, or why the service can never take it.
    pub(super) fn new<'a>(
        outputs: &[Output<'a>],
        order: Order,
        limits: RequestLimits,
        weigh: impl Fn(&Output<'a>) -> Result<usize, String>,
    ) -> Self {
        let mut places: Vec<OutputState> = Vec::with_capacity(outputs.len());
        let mut results = vec![None; outputs.len()];
        let mut ready = Vec::new();
        let mut last_of_key: HashMap<&str, usize> = HashMap::new();
        for (index, output) in outputs.iter().enumerate() {
            let weight = weigh(output).unwrap_or_else(|why| {
                results[index] = Some(Delivery::Undeliverable { reason: why.into() });
                0
            });
            places.push(OutputState {
                weight,
                next_of_key: None,
                is_alone: weight > limits.alone_above,
                was_sent: false,
            });
            if results[index].is_some() {
                continue;
            }
            let before = match order {
                Order::Key => last_of_key.insert(output.partition_key, index),
                Order::None => None,
            };
            match before {
                Some(before) => places[before].next_of_key = Some(index),
                None => ready.push(Reverse(index)),
            }
        }
        Self {
            places,
            limits,
            ready: ready.into(),
            halves: VecDeque::new(),
            results,
            held_back: Vec::new(),
            retries: 0,
            last_refusal: None,
            #[cfg(test)]
            looked_at: 0,
        }
    }

    /// The outputs of the next request, by index and in order; none while all that is left has to wait
    /// for requests on their way, or nothing is left.
    pub(super) fn next_request(&mut self) -> Option<Vec<usize>> {
        if let Some(half) = self.halves.pop_front() {
            self.retries += half.len() as u64;
            return Some(half);
        }
        let mut request = Vec::new();
        let mut bytes = 0;
        while let Some(&Reverse(index)) = self.ready.peek() {
            self.count_look();
            let place = &mut self.places[index];
            let is_full = request.len() == self.limits.records || bytes + place.weight > self.limits.bytes;
            if !request.is_empty() && (is_full || place.is_alone) {
                break;
            }
            self.ready.pop();
            bytes += place.weight;
            self.retries += u64::from(std::mem::replace(&mut place.was_sent, true));
            request.push(index);
            if place.is_alone {
                break;
            }
        }
        (!request.is_empty()).then_some(request)
    }

    /// Takes in the answers to a request, one for each of its outputs; what has none counts as refused.
    /// Answers how many were refused.
    pub(super) fn settle(&mut self, request: &[usize], answers: impl IntoIterator<Item = RecordResponse>) -> usize {
        let mut answers = answers.into_iter();
        let mut refused = 0;
        for &index in request {
            match answers.next() {
                Some(RecordResponse::Taken) => self.end(index, Delivery::Delivered),
                Some(RecordResponse::Never(why)) => self.never(index, why),
                other => {
                    refused += 1;
                    self.again(index);
                    self.last_refusal = Some(match other {
                        Some(RecordResponse::Refused(why)) => why,
                        _ => "the service gave no answer for it".to_owned(),
                    });
                }
            }
        }
        refused
    }

    /// The service refused a request as a whole.
    pub(super) fn refuse(&mut self, request: &[usize], why: String) {
        request.iter().for_each(|&index| self.again(index));
        self.last_refusal = Some(why);
    }

    /// The service says that there is something wrong with a request. By itself, an output that is
    /// wrong can never be delivered; of several, each half goes again to find out, as the request may just be too large.
    pub(super) fn invalid(&mut self, request: &[usize], why: String) {
        if let [index] = request {
            return self.never(*index, why);
        }
        let (first, second) = request.split_at(request.len() / 2);
        for half in [first, second] {
            half.iter().for_each(|_| self.count_look());
            self.halves.push_back(half.to_vec());
        }
        self.last_refusal = Some(why);
    }

    /// An output has its result: the next one of its key may go.
    fn end(&mut self, index: usize, result: Delivery) {
        self.count_look();
        self.results[index] = Some(result);
        if let Some(next) = self.places[index].next_of_key.take() {
            self.ready.push(Reverse(next));
        }
    }

    /// An output can never be delivered. What is behind it of its key is held back: it must not arrive before it is settled
    /// what becomes of this one.
    fn never(&mut self, index: usize, why: String) {
        self.results[index] = Some(Delivery::Undeliverable { reason: reason(why) });
        let mut last = index;
        while let Some(next) = self.places[last].next_of_key.take() {
            self.count_look();
            self.held_back.push(next);
            last = next;
        }
    }

    /// An output goes again, before all of its key that is behind it.
    fn again(&mut self, index: usize) {
        self.count_look();
        self.ready.push(Reverse(index));
    }

    fn count_look(&mut self) {
        #[cfg(test)]
        {
            self.looked_at += 1;
        }
    }

    /// Whether nothing could be sent now. Requests may still be on their way, and others wait for them.
    pub(super) fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.halves.is_empty()
    }

    /// The results, in order. What has none was not delivered, for the reason that is given or the last
    /// one that the service gave.
    pub(super) fn finish(mut self, gave_up: &str) -> SinkResponse {
        let why: Arc<str> = match self.last_refusal {
            Some(refusal) => reason(format!("{gave_up}: {refusal}")),
            None => gave_up.into(),
        };
        let failed = || Delivery::Failed { reason: Arc::clone(&why) };
        self.held_back.sort_unstable();
        let deliveries = self.results.into_iter().map(|result| result.unwrap_or_else(failed)).collect();
        SinkResponse { deliveries, held_back: self.held_back, retries: self.retries, lasting_error: None }
    }
}

#[cfg(test)]
mod tests {
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
        let data = prop_oneof![9 => prop::collection::vec(any::<u8>(), 0..30), 1 => prop::collection::vec(any::<u8>(), 30..90)];
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
        assert_eq!(
            queue.settle(&request, [RecordResponse::Taken, RecordResponse::Refused("later".to_owned()), never]),
            1
        );
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
                for (keys, order) in [(1, Order::Key), (count, Order::Key), (count / 10, Order::Key), (1, Order::None)]
                {
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
}

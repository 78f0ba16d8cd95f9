//! Outputs on their way into requests of a service: which go together, and which have to wait. No I/O.
//!
//! A service takes so many records and bytes in a request, may refuse some of them and take others,
//! and then the refused ones go again. By key, an output is never on its way while an earlier one of
//! the same partition key is: so no two of a key share a request, and a refused one holds back its
//! key, and no other.

use std::collections::{BTreeSet, HashSet};

use super::{Answer, Delivery, Output};
use crate::settings::Order;

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
pub(super) enum Said {
    /// It has it.
    Taken,
    /// Not now.
    Refused(String),
    /// It is wrong in itself, and always will be.
    Never(String),
}

/// The outputs of one delivery, until each has its result.
#[derive(Debug)]
pub(super) struct Queue<'a> {
    outputs: &'a [Output<'a>],
    /// What each output weighs in a request, in bytes.
    weights: Vec<usize>,
    limits: RequestLimits,
    order: Order,
    /// Neither on their way nor done, by index.
    waiting: BTreeSet<usize>,
    /// To be sent by themselves.
    alone: HashSet<usize>,
    /// The keys of the outputs on their way.
    busy: HashSet<&'a str>,
    results: Vec<Option<Delivery>>,
    /// Whether an output was sent before, by index.
    was_sent: Vec<bool>,
    retries: u64,
    last_refusal: Option<String>,
}

impl<'a> Queue<'a> {
    /// Takes up outputs; what can never be sent has its result at once. `weigh` says what an output weighs
    /// in a request, in bytes, or why the service can never take it.
    pub(super) fn new(
        outputs: &'a [Output<'a>],
        order: Order,
        limits: RequestLimits,
        weigh: impl Fn(&Output<'a>) -> Result<usize, String>,
    ) -> Self {
        let mut queue = Self {
            outputs,
            weights: Vec::with_capacity(outputs.len()),
            limits,
            order,
            waiting: BTreeSet::new(),
            alone: HashSet::new(),
            busy: HashSet::new(),
            results: vec![None; outputs.len()],
            was_sent: vec![false; outputs.len()],
            retries: 0,
            last_refusal: None,
        };
        for (index, output) in outputs.iter().enumerate() {
            let weight = match weigh(output) {
                Err(reason) => {
                    queue.results[index] = Some(Delivery::Undeliverable { reason });
                    0
                }
                Ok(weight) => {
                    queue.waiting.insert(index);
                    if weight > limits.alone_above {
                        queue.alone.insert(index);
                    }
                    weight
                }
            };
            queue.weights.push(weight);
        }
        queue
    }

    /// The outputs of the next request, by index and in order; none while all that is left has to wait
    /// for requests on their way, or nothing is left.
    pub(super) fn next_request(&mut self) -> Option<Vec<usize>> {
        let mut request = Vec::new();
        let mut bytes = 0;
        for &index in &self.waiting {
            let output = &self.outputs[index];
            if self.order == Order::Key && self.busy.contains(output.partition_key) {
                continue;
            }
            let is_alone = self.alone.contains(&index);
            let weight = self.weights[index];
            let is_full = request.len() == self.limits.records || bytes + weight > self.limits.bytes;
            if !request.is_empty() && (is_full || is_alone) {
                break;
            }
            bytes += weight;
            request.push(index);
            self.busy.insert(output.partition_key);
            if is_alone {
                break;
            }
        }
        for index in &request {
            self.waiting.remove(index);
            self.retries += u64::from(std::mem::replace(&mut self.was_sent[*index], true));
        }
        (!request.is_empty()).then_some(request)
    }

    /// Takes in the answers to a request, one for each of its outputs; what has none counts as refused.
    /// Answers how many were refused.
    pub(super) fn settle(&mut self, request: &[usize], answers: impl IntoIterator<Item = Said>) -> usize {
        let mut answers = answers.into_iter();
        let mut refused = 0;
        for &index in request {
            self.busy.remove(self.outputs[index].partition_key);
            match answers.next() {
                Some(Said::Taken) => self.results[index] = Some(Delivery::Delivered),
                Some(Said::Never(reason)) => self.results[index] = Some(Delivery::Undeliverable { reason }),
                other => {
                    refused += 1;
                    self.waiting.insert(index);
                    self.last_refusal = Some(match other {
                        Some(Said::Refused(reason)) => reason,
                        _ => "the service gave no answer for it".to_owned(),
                    });
                }
            }
        }
        refused
    }

    /// The service refused a request as a whole.
    pub(super) fn refuse(&mut self, request: &[usize], reason: &str) {
        self.settle(request, request.iter().map(|_| Said::Refused(reason.to_owned())));
    }

    /// The service says that there is something wrong with a request. By itself, an output that is
    /// wrong can never be delivered; of several, each goes again by itself to find out.
    pub(super) fn invalid(&mut self, request: &[usize], reason: &str) {
        if let [index] = request {
            self.busy.remove(self.outputs[*index].partition_key);
            self.results[*index] = Some(Delivery::Undeliverable { reason: reason.to_owned() });
            return;
        }
        self.refuse(request, reason);
        self.alone.extend(request);
    }

    /// Whether nothing waits any more. Requests may still be on their way.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The results, in order. What has none was not delivered, for the reason that is given or the last
    /// one that the service gave.
    pub(super) fn finish(self, gave_up: &str) -> Answer {
        let reason = match self.last_refusal {
            Some(refusal) => format!("{gave_up}: {refusal}"),
            None => gave_up.to_owned(),
        };
        let failed = || Delivery::Failed { reason: reason.clone() };
        let deliveries = self.results.into_iter().map(|result| result.unwrap_or_else(failed)).collect();
        Answer { deliveries, retries: self.retries, ..Answer::default() }
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
                let answers: Vec<Said> = request
                    .iter()
                    .map(|_| if *luck.next().expect("a cycle") < 6 { Said::Taken } else { Said::Refused("later".into()) })
                    .collect();
                for (index, answer) in request.iter().zip(&answers) {
                    if *answer == Said::Taken {
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
                        prop_assert_eq!(reason, "it took too long: later");
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
        let never = Said::Never("it is no text".to_owned());
        assert_eq!(queue.settle(&request, [Said::Taken, Said::Refused("later".to_owned()), never]), 1);
        assert_eq!(queue.next_request(), Some(vec![1]));
        // A service that says nothing of it has not taken it.
        assert_eq!(queue.settle(&[1], []), 1);
        assert_eq!(queue.next_request(), Some(vec![1]));
        queue.settle(&[1], [Said::Taken]);
        let undeliverable = |reason: &str| Delivery::Undeliverable { reason: reason.to_owned() };
        let expected = vec![
            Delivery::Delivered,
            Delivery::Delivered,
            undeliverable("it is no text"),
            undeliverable("it is too large"),
        ];
        assert_eq!(queue.finish(""), Answer { deliveries: expected, retries: 2, ..Answer::default() });
    }

    #[test]
    fn a_request_that_is_wrong_is_taken_apart_to_find_out_why() {
        let records: Vec<(String, Vec<u8>)> = ["a", "b", "c"].map(|key| (key.to_owned(), vec![0; 3])).into();
        let shard = shard();
        let outputs = outputs(&shard, &records);
        let mut queue = Queue::new(&outputs, Order::Key, LIMITS, weigh);
        let request = queue.next_request().expect("a request");
        queue.invalid(&request, "something is wrong");
        for index in 0..3 {
            let request = queue.next_request().expect("a request");
            assert_eq!(request, [index]);
            if index == 1 {
                queue.invalid(&request, "it is wrong");
            } else {
                queue.settle(&request, [Said::Taken]);
            }
        }
        let wrong = Delivery::Undeliverable { reason: "it is wrong".to_owned() };
        assert_eq!(queue.finish("").deliveries, [Delivery::Delivered, wrong, Delivery::Delivered]);
    }
}

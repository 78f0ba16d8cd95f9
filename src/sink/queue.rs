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

    /// What the service said when it last refused something.
    pub(super) fn last_refusal(&self) -> Option<&str> {
        self.last_refusal.as_deref()
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
mod tests;

//! An expression that says behind which records a batch ends.
//!
//! It is judged once for each record, when that comes in, on what the transform would see of it: each event out of the record,
//! decoded. A batch is made of whole records, so it ends behind a record when one of its events says so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::event::{Batch, Event, Payload, PayloadError, Unpacking};
use crate::filter::{Filter, Judgement};
use crate::seldom::Seldom;

/// The expression as messages call it.
const NAME: &str = "--batch-check";

/// Says behind which records a batch ends. It is cheap to clone.
#[derive(Debug, Clone)]
pub struct BatchCheck(Arc<Checking>);

#[derive(Debug)]
struct Checking {
    expression: Filter,
    unpacking: Unpacking,
    /// The time for one event.
    event_time: Duration,
    /// Events that could not be judged.
    unclear: Mutex<Seldom>,
}

impl BatchCheck {
    /// A check of events that are decoded so, each in a time.
    pub fn new(expression: Filter, unpacking: Unpacking, event_time: Duration) -> Self {
        Self(Arc::new(Checking { expression, unpacking, event_time, unclear: Mutex::default() }))
    }

    /// Whether a batch ends behind each of the records, in their order. They are judged on a thread that may take its time.
    pub async fn ends(&self, records: Arc<Batch>) -> Vec<bool> {
        let (check, count) = (self.clone(), records.len());
        let judging = tokio::task::spawn_blocking(move || check.judge(&records));
        // It ends otherwise only with the process.
        judging.await.unwrap_or_else(|_| vec![false; count])
    }

    /// How many events it could not judge so far.
    pub fn unclear(&self) -> u64 {
        self.seldom().count()
    }

    /// Says at the end of a run how many events it could not judge, if that is not said yet.
    pub fn say_the_rest(&self) {
        let mut unclear = self.seldom();
        if unclear.take_unsaid() > 0 {
            tracing::warn!(unclear = unclear.count(), "{NAME} ended no batch behind events that it could not judge");
        }
    }

    fn seldom(&self) -> MutexGuard<'_, Seldom> {
        self.0.unclear.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, records: &Batch) -> Vec<bool> {
        (0..records.len()).map(|index| self.ends_behind(records.part(index..index + 1))).collect()
    }

    /// Whether a batch ends behind this record.
    fn ends_behind(&self, record: Batch) -> bool {
        let mut rest = Some(Arc::new(record));
        let mut ends = false;
        while let Some(records) = rest {
            let unpacked = self.0.unpacking.unpack(records);
            // All are judged, so that all that is wrong is counted.
            for event in unpacked.batch.iter() {
                ends |= self.is_last(&unpacked.batch, event);
            }
            rest = unpacked.rest;
        }
        ends
    }

    fn is_last(&self, batch: &Batch, event: Event<'_>) -> bool {
        match event.payload {
            Payload::Decoded(_) => {}
            Payload::Undecodable { flaw: PayloadError::Nothing, .. } => return false,
            Payload::Undecodable { reason, .. } => {
                self.note(batch, event, &format!("its payload can't be decoded: {reason}"));
                return false;
            }
        }
        let until = Instant::now().checked_add(self.0.event_time);
        match self.0.expression.judge_as(NAME, batch, event, until) {
            Judgement::Keep => true,
            Judgement::Drop => false,
            Judgement::Unclear(reason) => {
                self.note(batch, event, &reason);
                false
            }
            Judgement::OutOfTime => {
                let time = self.0.event_time;
                self.note(batch, event, &format!("{NAME} took longer than {time:?} (KINESIEVE_EVENT_TIMEOUT)"));
                false
            }
        }
    }

    /// Counts an event that can't be judged, and says where it is, unless it said so just now.
    fn note(&self, batch: &Batch, event: Event<'_>, reason: &str) {
        let mut unclear = self.seldom();
        if !unclear.is_due(1, Instant::now()) {
            return;
        }
        unclear.take_unsaid();
        tracing::warn!(
            stream = batch.shard().stream_name(),
            shard_id = batch.shard_id(),
            sequence_number = event.sequence_number.as_str(),
            sub_sequence_number = event.sub_sequence_number,
            unclear = unclear.count(),
            "no batch ends behind it: {reason}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{AggregateWriter, Record};

    fn check(expression: &str) -> BatchCheck {
        BatchCheck::new(expression.parse().expect("an expression"), Unpacking::default(), Duration::from_secs(1))
    }

    fn batch(payloads: &[&[u8]]) -> Batch {
        let mut batch = Batch::builder("arn", "shard");
        for (index, payload) in payloads.iter().enumerate() {
            let number = (index + 1).to_string();
            let record = Record { partition_key: "k", sequence_number: &number, sub_sequence_number: 0, arrived_at: 1 };
            batch.push_bytes(record, payload).expect("a number");
        }
        batch.build()
    }

    #[test]
    fn a_batch_ends_where_the_expression_is_true() {
        let check = check("json.end");
        let records =
            batch(&[b"{\"end\":false}", b"{\"end\":true}", b"{\"end\":1}", b"{}", b"no JSON", b"{\"end\":true}"]);
        assert_eq!(check.judge(&records), [false, true, false, false, false, true]);
        assert_eq!(check.unclear(), 3, "what is no truth value counts as false");
    }

    #[test]
    fn an_aggregate_ends_a_batch_when_one_of_its_records_does() {
        let aggregate = |payloads: &[&[u8]]| {
            let mut writer = AggregateWriter::default();
            payloads.iter().for_each(|payload| writer.push("k", payload));
            writer.finish()
        };
        let (with, without) = (aggregate(&[b"a", b"end", b"b", b"\xff"]), aggregate(&[b"a", b"b"]));
        let check = check("text == 'end'");
        assert_eq!(check.judge(&batch(&[&with, &without, b"end"])), [true, false, true]);
        assert_eq!(check.unclear(), 1, "all of a record is judged");
    }

    #[tokio::test]
    async fn many_are_judged_beside_what_else_is_to_do() {
        let payloads: Vec<String> = (0..10_000).map(|number| format!("{{\"n\":{number}}}")).collect();
        let payloads: Vec<&[u8]> = payloads.iter().map(String::as_bytes).collect();
        let ends = check("json.n % 100 == 99").ends(Arc::new(batch(&payloads))).await;
        assert!(ends.iter().enumerate().all(|(index, ends)| *ends == (index % 100 == 99)));
    }
}

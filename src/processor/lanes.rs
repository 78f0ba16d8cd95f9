//! The lanes of a part of a batch: one to each sink, in which outputs wait until they are delivered.

mod copies;

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;

use super::outputs::Outputs;
use super::time::{before, within};
use crate::event::Batch;
use crate::sink::{Delivery, DeliveryTiming, Output, Sink, SinkResponse};
use crate::transform::Emissions;
use copies::{Copied, Copies};

/// What an output takes of memory in a lane and on its way into a sink besides its texts and data, in bytes: tiny outputs
/// are not nothing.
const OUTPUT_BYTES: usize = 200;

/// All lanes of a part.
pub(super) struct Lanes<'a> {
    batch: &'a Batch,
    lanes: Vec<SinkLane<'a>>,
    /// The lane of each destination.
    lane_of: Vec<usize>,
}

/// What waits for one sink, in shard order.
struct SinkLane<'a> {
    sink: &'a Arc<dyn Sink>,
    /// How many bytes are gathered before they are delivered; none: outputs go promptly.
    gathers: Option<usize>,
    parcels: Vec<PendingOutput>,
    /// What the parcels are made of that wait longer than what the transform gave is kept: those at the front.
    copies: Copies,
    /// How many those are.
    kept: usize,
    /// What came in since the last delivery takes of memory, in bytes.
    bytes: usize,
}

/// An output that waits.
#[derive(Debug)]
pub(super) struct PendingOutput {
    /// The index of its event in the part.
    pub(super) index: usize,
    /// Its place among the outputs of the event.
    pub(super) ordinal: u32,
    /// Its destination's place among all.
    pub(super) destination: u32,
    /// Its bytes of data.
    pub(super) bytes: usize,
    pub(super) body: OutputBody,
}

/// What an output is made of.
#[derive(Debug)]
pub(super) enum OutputBody {
    /// The event as it came.
    AsItCame,
    /// The output of this ordinal among what the transform gave.
    Emitted(Emissions),
    /// A copy of an event's only output.
    Copied(Copied),
}

/// Which lanes are emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LaneSelection {
    /// Those whose sinks want outputs promptly.
    Prompt,
    /// Those that gathered enough.
    Full,
    /// All of them.
    All,
}

/// What a sink answered for the parcels of a lane, in shard order.
pub(super) struct LaneAnswer {
    pub(super) parcels: Vec<PendingOutput>,
    /// One for each parcel.
    pub(super) deliveries: Vec<Delivery>,
    /// The places of those that can be delivered again once what is undeliverable is settled, in order.
    pub(super) held_back: Vec<usize>,
    /// How many outputs had to go again.
    pub(super) retries: u64,
    /// The lane's place among all.
    lane: usize,
}

impl<'a> Lanes<'a> {
    pub(super) fn new(batch: &'a Batch, outputs: &'a Outputs) -> Self {
        let mut lanes: Vec<SinkLane<'a>> = Vec::new();
        // Several routes may lead to one sink: what it gets stays in order.
        let lane_of = outputs.all().iter().map(|destination| {
            let sink = &destination.sink;
            lanes.iter().position(|lane| Arc::ptr_eq(lane.sink, sink)).unwrap_or_else(|| {
                lanes.push(SinkLane::new(sink));
                lanes.len() - 1
            })
        });
        let lane_of = lane_of.collect();
        Self { batch, lanes, lane_of }
    }

    /// Takes up an output, and returns what it takes of memory.
    pub(super) fn push(&mut self, parcel: PendingOutput) -> usize {
        let takes = parcel.bytes + OUTPUT_BYTES;
        if let Some(lane) = self.lane_of.get(parcel.destination as usize).and_then(|lane| self.lanes.get_mut(*lane)) {
            if lane.parcels.is_empty() {
                lane.copies.clear();
            }
            lane.parcels.push(parcel);
            lane.bytes += takes;
        }
        takes
    }

    /// Returns whether a lane gathered enough to be delivered. Asked only between two events, what is delivered together
    /// depends on the batch alone.
    pub(super) fn is_any_full(&self) -> bool {
        self.lanes.iter().any(SinkLane::is_full)
    }

    /// Returns whether an output of an event before this one waits in a lane that gathers.
    pub(super) fn gathers_before(&self, index: usize) -> bool {
        let is_before = |lane: &SinkLane<'_>| lane.parcels.first().is_some_and(|parcel| parcel.index < index);
        self.lanes.iter().any(|lane| lane.gathers.is_some() && is_before(lane))
    }

    /// Lets go of what belongs to this event or a later one, and tells of each output.
    pub(super) fn cut(&mut self, end: usize, mut is_dropped: impl FnMut(&PendingOutput)) {
        for lane in &mut self.lanes {
            let kept = lane.parcels.partition_point(|parcel| parcel.index < end);
            lane.parcels.drain(kept..).for_each(|parcel| is_dropped(&parcel));
            lane.kept = lane.kept.min(kept);
        }
    }

    /// Takes back the outputs of events that failed after all.
    pub(super) fn take_back(&mut self, has_failed: impl Fn(usize) -> bool) {
        for lane in &mut self.lanes {
            let (mut place, mut kept) = (0, 0);
            lane.parcels.retain(|parcel| {
                let stays = !has_failed(parcel.index);
                kept += usize::from(stays && place < lane.kept);
                place += 1;
                stays
            });
            lane.kept = kept;
        }
    }

    /// Delivers what waits of events before an index, the sinks side by side, and returns what they said.
    pub(super) async fn deliver(
        &mut self,
        which: LaneSelection,
        end: usize,
        answer_by: Option<Instant>,
    ) -> Vec<LaneAnswer> {
        let batch = self.batch;
        let lanes = self.lanes.iter_mut().enumerate().filter(|(_, lane)| match which {
            LaneSelection::All => true,
            LaneSelection::Prompt => lane.gathers.is_none(),
            LaneSelection::Full => lane.is_full(),
        });
        let busy = lanes.filter(|(_, lane)| lane.parcels.first().is_some_and(|parcel| parcel.index < end));
        join_all(
            busy.map(async |(place, lane)| LaneAnswer { lane: place, ..lane.deliver(batch, end, answer_by).await }),
        )
        .await
    }

    /// Takes outputs back that an answer says were held back: they come before what waits in their lane.
    pub(super) fn put_back(&mut self, answer: &LaneAnswer, mut parcels: Vec<PendingOutput>) {
        if let Some(lane) = self.lanes.get_mut(answer.lane) {
            lane.bytes += parcels.iter().map(|parcel| parcel.bytes + OUTPUT_BYTES).sum::<usize>();
            parcels.append(&mut lane.parcels);
            lane.parcels = parcels;
            lane.kept = 0;
        }
    }

    /// Makes copies of what has to wait, so that what the transform gave can be let go of.
    pub(super) fn keep_copies(&mut self) {
        for lane in &mut self.lanes {
            lane.copies.keep(&mut lane.parcels[lane.kept..]);
            lane.kept = lane.parcels.len();
        }
    }
}

impl<'a> SinkLane<'a> {
    fn new(sink: &'a Arc<dyn Sink>) -> Self {
        let gathers = match sink.hand_over() {
            DeliveryTiming::Promptly => None,
            DeliveryTiming::Gathered { bytes } => Some(bytes),
        };
        Self { sink, gathers, parcels: Vec::new(), copies: Copies::default(), kept: 0, bytes: 0 }
    }

    fn is_full(&self) -> bool {
        self.gathers.is_some_and(|enough| self.bytes >= enough)
    }

    async fn deliver(&mut self, batch: &Batch, end: usize, answer_by: Option<Instant>) -> LaneAnswer {
        let count = self.parcels.partition_point(|parcel| parcel.index < end);
        let behind = self.parcels.split_off(count);
        let parcels = std::mem::replace(&mut self.parcels, behind);
        self.kept = self.kept.saturating_sub(count);
        self.bytes = self.parcels.iter().map(|parcel| parcel.bytes + OUTPUT_BYTES).sum();
        let answer = {
            let outputs: Vec<Output<'_>> = parcels.iter().map(|parcel| output(batch, &self.copies, parcel)).collect();
            // What has no answer in time has failed for now; it may have arrived.
            within(answer_by, self.sink.deliver(&outputs, before(answer_by))).await.unwrap_or_else(|| {
                let reason = "the target did not answer before the deadline".into();
                SinkResponse::of_all(outputs.len(), Delivery::Failed { reason })
            })
        };
        let mut deliveries = answer.deliveries;
        let unanswered = || Delivery::Failed { reason: "the target gave no answer for it".into() };
        deliveries.resize_with(parcels.len(), unanswered);
        LaneAnswer { parcels, deliveries, held_back: answer.held_back, retries: answer.retries, lane: 0 }
    }
}

/// Returns an output as its sink gets it.
fn output<'o>(batch: &'o Batch, copies: &'o Copies, parcel: &'o PendingOutput) -> Output<'o> {
    let event = batch.event(parcel.index);
    let as_it_came = Output { ordinal: parcel.ordinal, ..Output::as_it_came(batch.shard(), event) };
    let emission = match &parcel.body {
        OutputBody::AsItCame => return as_it_came,
        OutputBody::Emitted(emissions) => emissions.get(parcel.ordinal as usize),
        OutputBody::Copied(copied) => copies.get(*copied),
    };
    as_it_came.replaced_by(emission.data, emission.partition_key, emission.route, parcel.ordinal)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::event::Record;
    use crate::sink::SinkFuture;
    use crate::transform::Emission;

    /// A target that gathers, and remembers what it took.
    #[derive(Default)]
    struct GatheringTarget {
        taken: Mutex<Vec<(String, String, Option<String>)>>,
    }

    impl Sink for GatheringTarget {
        fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let taken = outputs
                .iter()
                .map(|output| (text(output.data), output.partition_key.to_owned(), output.route.map(str::to_owned)));
            self.taken.lock().expect("unpoisoned").extend(taken);
            Box::pin(std::future::ready(SinkResponse::of_all(outputs.len(), Delivery::Delivered)))
        }

        fn hand_over(&self) -> DeliveryTiming {
            DeliveryTiming::Gathered { bytes: 10 * OUTPUT_BYTES }
        }
    }

    fn batch(events: usize) -> Batch {
        let mut batch = Batch::builder("arn", "shard");
        for index in 1..=events {
            let sequence_number = index.to_string();
            let record = Record {
                partition_key: "own key",
                sequence_number: &sequence_number,
                sub_sequence_number: 0,
                arrived_at: 0,
            };
            batch.push_bytes(record, b"as it came").expect("a record");
        }
        batch.build()
    }

    fn parcel(index: usize, ordinal: u32, body: OutputBody) -> PendingOutput {
        PendingOutput { index, ordinal, destination: 0, bytes: 0, body }
    }

    /// What is gathered may wait for long: it must not keep what else the transform gave at the same time.
    #[test]
    fn what_waits_lets_go_of_what_the_transform_gave() {
        let sink = Arc::new(GatheringTarget::default());
        let outputs = Outputs::new(sink.clone(), []);
        let batch = batch(4);
        let mut lanes = Lanes::new(&batch, &outputs);
        let emission = |data, partition_key, route| Emission { data, partition_key, route };
        let one = Emissions::copy_of([emission(b"one", Some("key"), None)].into_iter());
        let two = [emission(b"two", None, Some("side")), emission(b"", None, None)];
        let two = Emissions::copy_of(two.into_iter());
        lanes.push(parcel(0, 0, OutputBody::Emitted(one.clone())));
        lanes.push(parcel(1, 0, OutputBody::AsItCame));
        lanes.keep_copies();
        lanes.push(parcel(2, 0, OutputBody::Emitted(two.clone())));
        lanes.push(parcel(2, 1, OutputBody::Emitted(two.clone())));
        lanes.push(parcel(3, 0, OutputBody::Emitted(one.clone())));
        lanes.keep_copies();
        lanes.keep_copies();
        assert_eq!((one.holders(), two.holders()), (1, 1));
        lanes.cut(3, |dropped| assert_eq!(dropped.index, 3));

        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let deliver = |lanes: &mut Lanes<'_>, end| runtime.block_on(lanes.deliver(LaneSelection::All, end, None)).len();
        assert_eq!((deliver(&mut lanes, 2), deliver(&mut lanes, 9), deliver(&mut lanes, 9)), (1, 1, 0));
        let taken =
            |data: &str, key: &str, route: Option<&str>| (data.to_owned(), key.to_owned(), route.map(str::to_owned));
        let expected = [
            taken("one", "key", None),
            taken("as it came", "own key", None),
            taken("two", "own key", Some("side")),
            taken("", "own key", None),
        ];
        assert_eq!(*sink.taken.lock().expect("unpoisoned"), expected);
    }

    /// Outputs without any data are gathered to no more than others.
    #[test]
    fn tiny_outputs_fill_a_lane_too() {
        let outputs = Outputs::new(Arc::new(GatheringTarget::default()), []);
        let batch = batch(10);
        let mut lanes = Lanes::new(&batch, &outputs);
        for index in 0..10 {
            assert!(!lanes.is_any_full());
            lanes.push(parcel(index, 0, OutputBody::Emitted(Emissions::default())));
        }
        assert!(lanes.is_any_full());
    }
}

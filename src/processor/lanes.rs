//! The lanes of a batch: one to each sink, in which outputs wait until they are handed over.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;

use super::outputs::{Outputs, before, within};
use super::report::Taken;
use crate::event::{Batch, Event};
use crate::sink::{Answer, Delivery, HandOver, Output, Sink};
use crate::transform::Emissions;

/// All lanes of a batch.
pub(super) struct Lanes<'a> {
    batch: &'a Batch,
    outputs: &'a Outputs,
    lanes: Vec<Lane<'a>>,
}

/// What waits for one sink, in shard order.
struct Lane<'a> {
    name: &'a str,
    sink: &'a Arc<dyn Sink>,
    parcels: Vec<Parcel>,
    /// Where what is gathered ends: so many parcels go together, and so on. Always between two events, and
    /// always at the same ones when the batch comes again.
    ends: Vec<usize>,
    /// Of data, since the last end.
    bytes: usize,
}

/// An output that waits.
struct Parcel {
    /// The index of its event in the batch.
    index: usize,
    ordinal: u32,
    body: Body,
}

enum Body {
    AsItCame,
    /// With the ordinal of the parcel.
    Emitted(Emissions),
}

/// Which lanes are to be emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flush {
    /// Those whose sinks want outputs promptly, and those with enough.
    Due,
    /// All of them: the batch ends.
    All,
}

/// What a sink answered for a lane.
pub(super) struct Flushed<'a> {
    /// The name of the target, as metrics have it.
    pub(super) target: &'a str,
    /// What arrived.
    pub(super) taken: Taken,
    /// The index of its event and the result of each output that did not, in shard order.
    pub(super) failed: Vec<(usize, Delivery)>,
    /// How many outputs had to go again.
    pub(super) retries: u64,
}

impl<'a> Lanes<'a> {
    pub(super) fn new(batch: &'a Batch, outputs: &'a Outputs) -> Self {
        let mut lanes: Vec<Lane<'a>> = Vec::new();
        // Several routes may lead to one sink: what it gets stays in order.
        for (name, sink) in outputs.sinks() {
            if !lanes.iter().any(|lane| Arc::ptr_eq(lane.sink, sink)) {
                lanes.push(Lane { name, sink, parcels: Vec::new(), ends: Vec::new(), bytes: 0 });
            }
        }
        Self { batch, outputs, lanes }
    }

    /// Whether a route leads anywhere.
    pub(super) fn leads(&self, route: &str) -> bool {
        self.outputs.sink(Some(route)).is_some()
    }

    /// An event that is to be delivered as it came.
    pub(super) fn keep(&mut self, index: usize, event: Event<'_>) {
        if let Some(lane) = self.lane(None) {
            lane.push(Parcel { index, ordinal: 0, body: Body::AsItCame }, event.payload.bytes().len());
            lane.end_event();
        }
    }

    /// What the transform gave for an event. All of it leads somewhere. Answers with the bytes of data.
    pub(super) fn emit(&mut self, index: usize, emissions: &Emissions) -> u64 {
        let mut all = 0;
        for (ordinal, emission) in (0..).zip(emissions.iter()) {
            let bytes = emission.data.len();
            all += bytes as u64;
            if let Some(lane) = self.lane(emission.route) {
                lane.push(Parcel { index, ordinal, body: Body::Emitted(emissions.clone()) }, bytes);
            }
        }
        self.lanes.iter_mut().for_each(Lane::end_event);
        all
    }

    /// Lets go of what belongs to this event or a later one.
    pub(super) fn cut(&mut self, end: usize) {
        for lane in &mut self.lanes {
            let kept = lane.parcels.partition_point(|parcel| parcel.index < end);
            lane.parcels.truncate(kept);
            lane.ends.retain(|end| *end <= kept);
        }
    }

    /// Whether something waits for the end of the batch.
    pub(super) fn gathers(&self) -> bool {
        self.lanes.iter().any(|lane| !lane.is_due() && !lane.parcels.is_empty())
    }

    /// Delivers what waits, the sinks side by side, and answers with what they said.
    pub(super) async fn flush(&mut self, which: Flush, answer_by: Option<Instant>) -> Vec<Flushed<'a>> {
        let batch = self.batch;
        let due = self.lanes.iter_mut().filter(|lane| which == Flush::All || lane.is_due());
        let busy = due.filter(|lane| !lane.parcels.is_empty());
        join_all(busy.map(|lane| lane.flush(batch, which, answer_by))).await
    }

    fn lane(&mut self, route: Option<&str>) -> Option<&mut Lane<'a>> {
        if route.is_none() {
            // The main output comes first.
            return self.lanes.first_mut();
        }
        let sink = self.outputs.sink(route)?;
        self.lanes.iter_mut().find(|lane| Arc::ptr_eq(lane.sink, sink))
    }
}

impl<'a> Lane<'a> {
    fn push(&mut self, parcel: Parcel, bytes: usize) {
        self.parcels.push(parcel);
        self.bytes += bytes;
    }

    /// Nothing else of the event comes: here what is gathered may end.
    fn end_event(&mut self) {
        if let HandOver::Gathered { bytes } = self.sink.hand_over()
            && self.bytes >= bytes
        {
            self.ends.push(self.parcels.len());
            self.bytes = 0;
        }
    }

    fn is_due(&self) -> bool {
        match self.sink.hand_over() {
            HandOver::Promptly => true,
            HandOver::Gathered { .. } => !self.ends.is_empty(),
        }
    }

    /// Delivers what is due, one gathering after the other.
    async fn flush(&mut self, batch: &Batch, which: Flush, answer_by: Option<Instant>) -> Flushed<'a> {
        let mut ends = std::mem::take(&mut self.ends);
        if which == Flush::All || self.sink.hand_over() == HandOver::Promptly {
            ends.push(self.parcels.len());
            self.bytes = 0;
        }
        let gathers_on = self.parcels.split_off(ends.last().copied().unwrap_or_default());
        let parcels = std::mem::replace(&mut self.parcels, gathers_on);
        let mut flushed = Flushed { target: self.name, taken: Taken::default(), failed: Vec::new(), retries: 0 };
        let mut start = 0;
        for end in ends {
            // What is behind something that did not arrive must not overtake it.
            if flushed.failed.iter().any(|(_, delivery)| matches!(delivery, Delivery::Failed { .. })) {
                break;
            }
            self.deliver(batch, &parcels[start..end], answer_by, &mut flushed).await;
            start = end;
        }
        let held_back = || Delivery::Failed { reason: "outputs before it were not delivered".into() };
        flushed.failed.extend(parcels[start..].iter().map(|parcel| (parcel.index, held_back())));
        flushed
    }

    /// What has no answer in time has failed for now; it may have arrived.
    async fn deliver(&self, batch: &Batch, parcels: &[Parcel], answer_by: Option<Instant>, flushed: &mut Flushed<'a>) {
        if parcels.is_empty() {
            return;
        }
        let outputs: Vec<Output<'_>> = parcels.iter().map(|parcel| output(batch, parcel)).collect();
        let answer = within(answer_by, self.sink.deliver(&outputs, before(answer_by))).await.unwrap_or_else(|| {
            let reason = "the target did not answer before the deadline".into();
            Answer::of_all(outputs.len(), Delivery::Failed { reason })
        });
        let unanswered = || Delivery::Failed { reason: "the target gave no answer for it".into() };
        let deliveries = answer.deliveries.into_iter().chain(std::iter::repeat_with(unanswered));
        for ((parcel, output), delivery) in parcels.iter().zip(&outputs).zip(deliveries) {
            if delivery == Delivery::Delivered {
                flushed.taken.outputs += 1;
                flushed.taken.bytes += output.data.len() as u64;
            } else {
                flushed.failed.push((parcel.index, delivery));
            }
        }
        flushed.retries += answer.retries;
    }
}

fn output<'o>(batch: &'o Batch, parcel: &'o Parcel) -> Output<'o> {
    let event = batch.event(parcel.index);
    let as_it_came = Output { ordinal: parcel.ordinal, ..Output::as_it_came(batch.shard(), event) };
    match &parcel.body {
        Body::AsItCame => as_it_came,
        Body::Emitted(emissions) => {
            let emission = emissions.get(parcel.ordinal as usize);
            Output {
                data: emission.data,
                partition_key: emission.partition_key.unwrap_or(event.partition_key),
                route: emission.route,
                ..as_it_came
            }
        }
    }
}

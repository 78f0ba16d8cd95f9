//! Where outputs go: one file a service, one trait.

mod aws;
mod computed;
pub(crate) mod destination;
mod eventbridge;
mod file;
mod firehose;
mod health;
mod kinesis;
mod line;
mod message;
mod none;
mod options;
mod pack_form;
mod packing;
mod queue;
mod requests;
mod s3;
mod samples;
mod sns;
mod sqs;
mod stdout;
mod target;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

pub use destination::{AwsTarget, Capabilities, PackGroups};
pub use eventbridge::{EventBridgeSink, EventLabels};
pub use firehose::FirehoseSink;
pub use health::{TargetHealth, TargetWait};
pub use kinesis::KinesisSink;
pub use options::{Compression, Encode, Order, Pack};
pub(crate) use pack_form::PackForm;
pub use packing::Packing;
pub use s3::S3Sink;
pub(crate) use s3::key_segment;
pub use samples::{OutputSamples, Sample, SamplingSink};
pub use sns::SnsSink;
pub use sqs::SqsSink;
pub(crate) use target::s3_prefix;
pub use target::{InvalidTarget, Target};

use crate::aws::Arn;
use crate::aws::{config, cut};
use crate::event::{Event, SequenceNumber, Shard};

/// One record to deliver, as a view into the batch or into what the transform gave.
#[derive(Debug, Clone, Copy)]
pub struct Output<'a> {
    /// The bytes to deliver.
    pub data: &'a [u8],
    /// The key to deliver under.
    pub partition_key: &'a str,
    /// The hash key that decides the shard, in the place of the partition key's hash; none: that hash does. Only a Kinesis
    /// stream has such keys. What is to be aggregated or packed has none: parcels are made by partition key.
    pub explicit_hash_key: Option<&'a u128>,
    /// Whether the transform chose the partition key, and it is another one than the event's.
    pub has_chosen_key: bool,
    /// The route that the transform chose; none: the main output.
    pub route: Option<&'a str>,
    /// The shard of the event that it came from.
    pub shard: &'a Shard,
    /// The position of that event.
    pub sequence_number: SequenceNumber<'a>,
    /// The event's index inside its KPL aggregate.
    pub sub_sequence_number: u64,
    /// Its index among the outputs of the event.
    pub ordinal: u32,
}

impl<'a> Output<'a> {
    /// An event that is delivered as it came.
    pub fn as_it_came(shard: &'a Shard, event: Event<'a>) -> Self {
        Self {
            data: event.payload.bytes(),
            partition_key: event.partition_key,
            explicit_hash_key: None,
            has_chosen_key: false,
            route: None,
            shard,
            sequence_number: event.sequence_number,
            sub_sequence_number: event.sub_sequence_number,
            ordinal: 0,
        }
    }

    /// Returns one of the outputs that a transform gives in the place of this event. Without a key it has the event's.
    #[must_use]
    pub fn replaced_by(self, data: &'a [u8], key: Option<&'a str>, route: Option<&'a str>, ordinal: u32) -> Self {
        let chosen = key.filter(|key| *key != self.partition_key);
        let partition_key = chosen.unwrap_or(self.partition_key);
        Self { data, partition_key, has_chosen_key: chosen.is_some(), route, ordinal, ..self }
    }
}

/// What became of one output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The target has it.
    Delivered,
    /// The target did not take it now; it may later. It may even have arrived.
    Failed {
        /// Why, for a person. Outputs that failed together share it.
        reason: Arc<str>,
    },
    /// The target can never take it: it is too large, say.
    Undeliverable {
        /// Why, for a person.
        reason: Arc<str>,
    },
}

/// Bytes of a reason at most: a service may say as much as it likes.
const REASON_BYTES: usize = 1 << 10;

/// A reason, or its beginning where it is long.
fn reason(text: String) -> Arc<str> {
    cut(text, REASON_BYTES).into()
}

/// The answer of a sink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SinkResponse {
    /// One result an output, in their order.
    pub deliveries: Vec<Delivery>,
    /// The places, in order, of outputs that failed only because they were not sent: one that they may not overtake turned
    /// out to be undeliverable. Once it is settled what becomes of that one, they can be handed over again.
    pub held_back: Vec<usize>,
    /// How many outputs went again after the target refused them, each counted as often as it did.
    pub retries: u64,
    /// The service's code for the error that ended the delivery, if it is one that stays until somebody
    /// changes something: a permission, a name, a key.
    pub lasting_error: Option<String>,
}

impl SinkResponse {
    /// Returns the response that gives every output the same result, at the first try.
    pub fn of_all(count: usize, delivery: Delivery) -> Self {
        Self { deliveries: vec![delivery; count], ..Self::default() }
    }
}

/// An answer to come.
pub type SinkFuture<'a> = Pin<Box<dyn Future<Output = SinkResponse> + Send + 'a>>;

/// Something to come that is worth no answer.
pub type WarmUp<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A place that outputs are delivered to.
///
/// Limits, splitting and retries of a service stay inside its sink. An output is never delivered
/// after a later one of the same partition key, also where it turns out that it can never be delivered: those behind it
/// are held back then.
pub trait Sink: Send + Sync {
    /// Delivers outputs of one shard, in its order. What is not delivered by `until` is to be given up, so
    /// that what was delivered can be told; none: there is no hurry.
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], until: Option<Instant>) -> SinkFuture<'a>;

    /// When outputs are best handed over.
    fn hand_over(&self) -> DeliveryTiming {
        DeliveryTiming::Promptly
    }

    /// Returns why the target can never take this output, as far as that can be told before anything is sent: by its
    /// size, its key, or what it consists of. None: it may well take it.
    fn refuses(&self, _output: &Output<'_>) -> Option<String> {
        None
    }

    /// What the target does with what is given to it, while that is under way; none: it takes everything at once.
    fn health(&self) -> Option<&TargetHealth> {
        None
    }

    /// Makes ready what the first delivery would have to wait for, a connection, with a request that changes nothing.
    /// Whatever comes of it is of no matter.
    fn warm(&self) -> WarmUp<'_> {
        Box::pin(std::future::ready(()))
    }
}

/// Delivers outputs, and those that are held back behind an undeliverable one as well: for whom it makes no difference what
/// becomes of that one.
pub async fn deliver_all(sink: &dyn Sink, outputs: &[Output<'_>], until: Option<Instant>) -> SinkResponse {
    let mut answer = sink.deliver(outputs, until).await;
    while !answer.held_back.is_empty() {
        let places = std::mem::take(&mut answer.held_back);
        let again: Vec<Output<'_>> = places.iter().filter_map(|place| outputs.get(*place)).copied().collect();
        let next = sink.deliver(&again, until).await;
        answer.retries += next.retries;
        answer.lasting_error = answer.lasting_error.or(next.lasting_error);
        for (place, delivery) in places.iter().zip(next.deliveries) {
            if let Some(delivery_of) = answer.deliveries.get_mut(*place) {
                *delivery_of = delivery;
            }
        }
        answer.held_back = next.held_back.iter().filter_map(|place| places.get(*place)).copied().collect();
        if answer.held_back.len() >= places.len() {
            // It holds back everything: there would be no end.
            break;
        }
    }
    answer
}

/// When outputs are handed to a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryTiming {
    /// As soon as they are there.
    Promptly,
    /// Once there are so many bytes of them, or the batch ends: what is handed over together depends on
    /// the batch alone, never on time, so a replay of it hands over the same.
    Gathered {
        /// Bytes of data.
        bytes: usize,
    },
}

/// What is written for each output where a target holds lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineContent {
    /// An NDJSON object of the output's data, key, route and position.
    Envelopes,
    /// The output's data alone: it is a line of JSON already.
    Bare,
    /// The output's data as an element: all of an object's are one JSON array.
    Elements,
    /// The output's data alone, without a line end.
    Joined,
}

/// How a target is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkOptions {
    /// What a line is, where the target holds lines.
    pub lines: LineContent,
    /// How far the order is kept, where outputs could overtake each other.
    pub order: Order,
    /// How objects are compressed.
    pub compression: Compression,
    /// What events are called.
    pub events: EventLabels,
}

/// Opens a target. A service is not asked for anything yet.
///
/// # Errors
/// When a file can't be written to, or nobody says in which region a bucket is.
pub async fn open(target: &Target, options: SinkOptions) -> io::Result<Arc<dyn Sink>> {
    Ok(match target {
        Target::Aws(target) => target.kind().open(target.arn(), &options).await?,
        Target::Stdout => Arc::new(stdout::StdoutSink::new(options.lines)),
        Target::None | Target::Discard => Arc::new(none::NullSink),
        Target::File(path) => Arc::new(file::FileSink::open(path, options.lines)?),
    })
}

/// Opens a bucket. It is not asked for anything yet.
///
/// # Errors
/// When nobody says in which region it is.
pub(crate) async fn open_bucket(place: &Arn, lines: LineContent, compression: Compression) -> io::Result<S3Sink> {
    let config = config(place).await;
    if config.region().is_none() {
        return Err(io::Error::other("a bucket's ARN does not say its region: set AWS_REGION"));
    }
    Ok(S3Sink::new(&config, place, lines, compression))
}

#[cfg(test)]
mod tests;

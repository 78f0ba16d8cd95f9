//! Where outputs go: one file a service, one trait.

mod aws;
mod backoff;
mod file;
mod kinesis;
mod line;
mod none;
mod queue;
mod stdout;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

pub use kinesis::Kinesis;

use crate::event::SequenceNumber;
use crate::settings::{Order, Target};

/// One record to deliver, as a view into the batch or into what the transform gave.
#[derive(Debug, Clone, Copy)]
pub struct Output<'a> {
    /// The bytes to deliver.
    pub data: &'a [u8],
    /// The key to deliver under.
    pub partition_key: &'a str,
    /// The route that the transform chose; none: the main output.
    pub route: Option<&'a str>,
    /// The position of the event that it came from.
    pub sequence_number: SequenceNumber<'a>,
    /// The event's index inside its KPL aggregate.
    pub sub_sequence_number: u64,
}

/// What became of one output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The target has it.
    Delivered,
    /// The target did not take it now; it may later. It may even have arrived.
    Failed {
        /// Why, for a person.
        reason: String,
    },
    /// The target can never take it: it is too large, say.
    Undeliverable {
        /// Why, for a person.
        reason: String,
    },
}

/// The answer of a sink: one result an output, in their order.
pub type Deliveries<'a> = Pin<Box<dyn Future<Output = Vec<Delivery>> + Send + 'a>>;

/// A place that outputs are delivered to.
///
/// Limits, splitting and retries of a service stay inside its sink. An output is never delivered
/// after a later one of the same partition key.
pub trait Sink: Send + Sync {
    /// Delivers outputs, and answers with one result for each, in their order. What is not delivered by
    /// `until` is to be given up, so that what was delivered can be told; none: there is no hurry.
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], until: Option<Instant>) -> Deliveries<'a>;
}

/// What is written for each output where a target holds lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// An NDJSON object of the output's data, key, route and position.
    Envelopes,
    /// The output's data alone: it is a line of JSON already.
    Bare,
}

/// Opens a target. A service is not asked for anything yet.
///
/// # Errors
/// When a file can't be written to.
pub async fn open(target: &Target, lines: Lines, order: Order) -> std::io::Result<Arc<dyn Sink>> {
    Ok(match target {
        Target::Kinesis(arn) => Arc::new(Kinesis::new(&aws::config(arn).await, arn.to_string(), order)),
        Target::Stdout => Arc::new(stdout::Stdout::new(lines)),
        Target::None => Arc::new(none::Nowhere),
        Target::File(path) => Arc::new(file::File::open(path, lines)?),
    })
}

//! Outputs that travel together, or compressed: packs for delivery streams and queues, KPL aggregates for streams.
//!
//! A parcel is what the service gets, one record or message of it. What becomes of a parcel becomes of each output in
//! it, so that an event is acknowledged as exactly as if its outputs travelled alone. Parcels are made of what is handed
//! over together, which depends on the batch alone: a batch that comes again makes the same ones.

mod parcels;
mod shards;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::{Answer, Answering, Delivery, HandOver, Lines, Manner, Output, Sink, Warming};
use crate::aws::config;
use crate::settings::{Encode, Pack, Target};
use parcels::{Parcel, Parcels};
use shards::Shards;

/// Enough to fill parcels well where there are many keys, and no more in memory than that.
const GATHERED_BYTES: usize = 4 << 20;

/// How outputs travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packing {
    /// Whether what goes into a Kinesis stream travels in KPL aggregates.
    pub aggregate: bool,
    /// What several outputs become for a delivery stream, a queue or a bucket.
    pub pack: Pack,
    /// Outputs in a pack at most; a bucket's object holds all that it is given.
    pub pack_records: usize,
    /// Bytes of a pack at most, likewise. A larger output is a pack by itself.
    pub pack_bytes: usize,
    /// How the data is compressed for streams, delivery streams and queues.
    pub encode: Encode,
}

impl Default for Packing {
    /// Each output alone, and as it is.
    fn default() -> Self {
        Self { aggregate: false, pack: Pack::None, pack_records: 1000, pack_bytes: 256 << 10, encode: Encode::None }
    }
}

/// What several outputs become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrapping {
    /// Each is a parcel.
    Single,
    /// Those of a shard, or of a key, a KPL aggregate.
    Aggregate,
    /// Those of a key, or all, a pack.
    Pack { form: Form, by: By },
    /// What they are put into is the target's business, but they have to fit into it.
    Elements { form: Form },
}

/// What a pack looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Lines,
    Array,
}

/// Which outputs may share a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Key,
    Nothing,
}

impl Packing {
    /// Opens a target of outputs that travel so.
    ///
    /// # Errors
    /// When the target can't be opened.
    pub async fn open(self, target: &Target, manner: Manner) -> io::Result<Arc<dyn Sink>> {
        let sink = super::open(target, Manner { lines: self.lines(target), ..manner }).await?;
        let shards = match target {
            Target::Kinesis(stream) if self.aggregate => Some(Shards::new(&config(stream).await, stream)),
            _ => None,
        };
        Ok(self.wrap_by(shards, sink, target))
    }

    /// What a line is in a target of outputs that holds lines.
    fn lines(&self, target: &Target) -> Lines {
        match (target, self.pack) {
            (Target::S3(_), Pack::Lines) => Lines::Bare,
            (Target::S3(_), Pack::Array) => Lines::Elements,
            _ => Lines::Envelopes,
        }
    }

    /// A sink that hands on parcels; the same one, where nothing is to be done. In an aggregate are outputs of one key.
    pub fn wrap(self, sink: Arc<dyn Sink>, target: &Target) -> Arc<dyn Sink> {
        self.wrap_by(None, sink, target)
    }

    fn wrap_by(self, shards: Option<Shards>, sink: Arc<dyn Sink>, target: &Target) -> Arc<dyn Sink> {
        let form = match self.pack {
            Pack::None => None,
            Pack::Lines => Some(Form::Lines),
            Pack::Array => Some(Form::Array),
        };
        let (wrapping, encode) = match (target, form) {
            (Target::Kinesis(_), _) if self.aggregate => (Wrapping::Aggregate, self.encode),
            // A message says its key, and a group of a FIFO queue is one.
            (Target::Sqs(_), Some(form)) => (Wrapping::Pack { form, by: By::Key }, self.encode),
            (Target::Firehose(_), Some(form)) => (Wrapping::Pack { form, by: By::Nothing }, self.encode),
            (Target::S3(_), Some(form)) => (Wrapping::Elements { form }, Encode::None),
            (Target::Kinesis(_) | Target::Sqs(_) | Target::Firehose(_), _) => (Wrapping::Single, self.encode),
            (Target::S3(_) | Target::File(_) | Target::Stdout | Target::None, _) => return sink,
        };
        if wrapping == Wrapping::Single && encode == Encode::None {
            return sink;
        }
        Arc::new(Packer { inner: sink, shards, wrapping, encode, limits: self })
    }
}

/// Makes parcels of outputs, and hands them on.
struct Packer {
    inner: Arc<dyn Sink>,
    shards: Option<Shards>,
    wrapping: Wrapping,
    encode: Encode,
    limits: Packing,
}

impl Packer {
    async fn deliver_parcels(&self, outputs: &[Output<'_>], until: Option<Instant>) -> Answer {
        let shards = match &self.shards {
            Some(shards) => shards.map(until).await,
            None => None,
        };
        let Parcels { parcels, refused } = Parcels::of(self, shards.as_deref(), outputs);
        let wrapped: Vec<Output<'_>> = parcels
            .iter()
            .map(|Parcel { first, partition_key, data, .. }| Output { data, partition_key, ..outputs[*first] })
            .collect();
        let answer = self.inner.deliver(&wrapped, until).await;
        let mut deliveries: Vec<Option<Delivery>> = vec![None; outputs.len()];
        for (index, reason) in refused {
            deliveries[index] = Some(Delivery::Undeliverable { reason });
        }
        for (parcel, delivery) in parcels.iter().zip(answer.deliveries) {
            for index in &parcel.members {
                deliveries[*index] = Some(delivery.clone());
            }
        }
        let unanswered = || Delivery::Failed { reason: "the target gave no answer for it".to_owned() };
        let deliveries = deliveries.into_iter().map(|delivery| delivery.unwrap_or_else(unanswered)).collect();
        let mut held_back: Vec<usize> = answer
            .held_back
            .iter()
            .filter_map(|place| parcels.get(*place))
            .flat_map(|parcel| &parcel.members)
            .copied()
            .collect();
        held_back.sort_unstable();
        Answer { deliveries, held_back, retries: answer.retries, lasting_error: answer.lasting_error }
    }
}

impl Sink for Packer {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], until: Option<Instant>) -> Answering<'a> {
        Box::pin(self.deliver_parcels(outputs, until))
    }

    fn hand_over(&self) -> HandOver {
        match self.wrapping {
            Wrapping::Aggregate | Wrapping::Pack { .. } => HandOver::Gathered { bytes: GATHERED_BYTES },
            Wrapping::Single | Wrapping::Elements { .. } => self.inner.hand_over(),
        }
    }

    fn warm(&self) -> Warming<'_> {
        self.inner.warm()
    }
}

/// Data, compressed.
fn encoded(encode: Encode, data: Vec<u8>) -> Vec<u8> {
    match encode {
        Encode::None => data,
        Encode::Gzip => {
            let mut encoder = GzEncoder::new(Vec::with_capacity(data.len() / 2), flate2::Compression::default());
            match encoder.write_all(&data).and_then(|()| encoder.finish()) {
                Ok(packed) => packed,
                // Into memory, neither fails.
                Err(_) => data,
            }
        }
        Encode::Zstd => compress_to_vec(data.as_slice(), CompressionLevel::Fastest),
    }
}

#[cfg(test)]
mod tests;

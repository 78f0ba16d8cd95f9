//! Outputs that travel together, or compressed: packs for streams, delivery streams and queues, KPL aggregates for streams.
//!
//! A parcel is what the service gets, one record or message of it. What becomes of a parcel becomes of each output in
//! it, so that an event is acknowledged as exactly as if its outputs travelled alone. Parcels are made of what is handed
//! over together, which depends on the batch alone: a batch that comes again makes the same ones.

mod parcels;
mod shards;

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use flate2::write::{GzEncoder, ZlibEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::computed::{AT_ONCE_BYTES, Yielder, computed};
use super::pack_form::PackForm;
use super::{
    Delivery, DeliveryTiming, LineContent, Output, PackGroups, Sink, SinkFuture, SinkOptions, SinkResponse,
    TargetHealth, WarmUp, reason,
};
use crate::aws::config;
use crate::sink::{Encode, Pack, Target};
use parcels::{OwnedPieces, Parcel, ParcelPiece, Parcels};
use shards::{ShardMap, Shards};

/// Enough to fill parcels well where there are many keys, and no more in memory than that.
const GATHERED_BYTES: usize = 4 << 20;

/// A pack of one output with so many bytes is too large for no service, whatever it consists of: 1000 KiB is the least that
/// one takes, and base64 makes a third more.
const SMALL_BYTES: usize = 512 << 10;

/// Stands for data of which nothing is known that could be wrong.
const SOME_DATA: &[u8] = b"?";

/// How outputs travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packing {
    /// Whether what goes into a Kinesis stream travels in KPL aggregates.
    pub aggregate: bool,
    /// What several outputs become for what takes packs. A stream gets aggregates, where both are asked for.
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

/// What becomes of outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrapping {
    /// What they are put into is the target's business, but they have to fit into it.
    Elements(PackForm),
    Parcels(ParcelShape),
}

/// What a parcel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ParcelShape {
    how: PackMethod,
    encode: Encode,
    pack_records: usize,
    pack_bytes: usize,
}

/// Which outputs become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PackMethod {
    /// Each is a parcel.
    Single,
    /// Those of a shard, or of a key, a KPL aggregate.
    Aggregate,
    /// Those of a key, or all, a pack.
    Pack { form: PackForm, by: PackGrouping },
}

/// Which outputs may share a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PackGrouping {
    Key,
    Nothing,
}

impl Packing {
    /// Opens a target of outputs that travel so.
    ///
    /// # Errors
    /// When the target can't be opened.
    pub async fn open(self, target: &Target, options: SinkOptions) -> io::Result<Arc<dyn Sink>> {
        let sink = super::open(target, SinkOptions { lines: self.lines(target), ..options }).await?;
        let shards = match target {
            Target::Aws(stream) if self.aggregate && stream.capabilities().aggregates => {
                Some(Shards::new(&config(stream.arn()).await, stream.arn()))
            }
            _ => None,
        };
        Ok(self.wrap_by(shards, sink, target))
    }

    /// What a line is in a target of outputs that holds lines.
    fn lines(&self, target: &Target) -> LineContent {
        match (target.capabilities().packing, self.pack) {
            (PackGroups::Object, Pack::Array) => LineContent::Elements,
            // Each array is a line.
            (PackGroups::Object | PackGroups::Text, Pack::Lines) | (PackGroups::Text, Pack::Array) => LineContent::Bare,
            (PackGroups::Object | PackGroups::Text, Pack::Concatenate) => LineContent::Joined,
            _ => LineContent::Envelopes,
        }
    }

    /// A sink that hands on parcels; the same one, where nothing is to be done. In an aggregate are outputs of one key.
    pub fn wrap(self, sink: Arc<dyn Sink>, target: &Target) -> Arc<dyn Sink> {
        self.wrap_by(None, sink, target)
    }

    fn wrap_by(self, shards: Option<Shards>, sink: Arc<dyn Sink>, target: &Target) -> Arc<dyn Sink> {
        let form = self.pack.form();
        let capabilities = target.capabilities();
        let how = match (capabilities.packing, form) {
            _ if self.aggregate && capabilities.aggregates => PackMethod::Aggregate,
            (PackGroups::OfKey, Some(form)) => PackMethod::Pack { form, by: PackGrouping::Key },
            (PackGroups::Any, Some(form)) | (PackGroups::Text, Some(form @ PackForm::Array)) => {
                PackMethod::Pack { form, by: PackGrouping::Nothing }
            }
            (PackGroups::Object | PackGroups::Text, Some(form)) => {
                return Arc::new(Packer { inner: sink, shards, wrapping: Wrapping::Elements(form) });
            }
            _ if self.encode != Encode::None && capabilities.encodes => PackMethod::Single,
            _ => return sink,
        };
        let Self { pack_records, pack_bytes, .. } = self;
        let encode = if capabilities.encodes { self.encode } else { Encode::None };
        let shape = ParcelShape { how, encode, pack_records, pack_bytes };
        Arc::new(Packer { inner: sink, shards, wrapping: Wrapping::Parcels(shape) })
    }
}

/// Makes parcels of outputs, and hands them on.
struct Packer {
    inner: Arc<dyn Sink>,
    shards: Option<Shards>,
    wrapping: Wrapping,
}

impl Packer {
    async fn deliver_elements(&self, form: PackForm, outputs: &[Output<'_>], until: Option<Instant>) -> SinkResponse {
        let mut breather = Yielder::default();
        let mut deliveries: Vec<Option<Delivery>> = vec![None; outputs.len()];
        let (mut places, mut elements) = (Vec::with_capacity(outputs.len()), Vec::with_capacity(outputs.len()));
        for (index, output) in outputs.iter().enumerate() {
            match form.element(output.data) {
                Ok(data) => {
                    places.push(index);
                    elements.push(Output { data, ..*output });
                }
                Err(reason) => deliveries[index] = Some(Delivery::Undeliverable { reason: reason.into() }),
            }
            breather.after(output.data.len()).await;
        }
        let mut answer = self.inner.deliver(&elements, until).await;
        for (index, delivery) in places.iter().zip(std::mem::take(&mut answer.deliveries)) {
            deliveries[*index] = Some(delivery);
        }
        complete(deliveries, answer, |place| places.get(place).map_or(&[], std::slice::from_ref))
    }

    async fn deliver_parcels(
        &self,
        shape: ParcelShape,
        outputs: &[Output<'_>],
        until: Option<Instant>,
    ) -> SinkResponse {
        let shards = match &self.shards {
            Some(shards) => shards.map(until).await,
            None => None,
        };
        let Parcels { parcels, refused } = match parcels(shape, shards, outputs).await {
            Ok(parcels) => parcels,
            Err(why) => return SinkResponse::of_all(outputs.len(), Delivery::Failed { reason: reason(why) }),
        };
        let mut deliveries: Vec<Option<Delivery>> = vec![None; outputs.len()];
        for (index, reason) in refused {
            deliveries[index] = Some(Delivery::Undeliverable { reason: reason.into() });
        }
        let wrapped: Vec<Output<'_>> = parcels
            .iter()
            .filter_map(|Parcel { members, key_of, data }| {
                let partition_key = key_of.map_or("", |index| outputs[index].partition_key);
                members.first().map(|&first| Output { data, partition_key, ..outputs[first] })
            })
            .collect();
        let mut answer = self.inner.deliver(&wrapped, until).await;
        for (parcel, delivery) in parcels.iter().zip(std::mem::take(&mut answer.deliveries)) {
            for index in &parcel.members {
                deliveries[*index] = Some(delivery.clone());
            }
        }
        complete(deliveries, answer, |place| parcels.get(place).map_or(&[], |parcel| &parcel.members))
    }
}

/// The parcels of outputs. What takes a while is not done where services are waited for.
async fn parcels(shape: ParcelShape, shards: Option<Arc<ShardMap>>, outputs: &[Output<'_>]) -> Result<Parcels, String> {
    let is_mere_copy = matches!(shape.how, PackMethod::Pack { form: PackForm::Lines | PackForm::Concatenate, .. });
    let is_costly = shape.encode != Encode::None || !is_mere_copy;
    let bytes = outputs.iter().map(|output| output.data.len()).sum();
    if !is_costly || bytes <= AT_ONCE_BYTES {
        let pieces: Vec<ParcelPiece<'_>> = outputs.iter().map(ParcelPiece::of).collect();
        return Ok(Parcels::of(shape, shards.as_deref(), &pieces));
    }
    let pieces = OwnedPieces::of(outputs);
    computed(bytes, move || Parcels::of(shape, shards.as_deref(), &pieces.pieces())).await
}

/// An answer for all outputs, of which some may have none. `outputs_at` are the outputs at a place of what the target was
/// given.
fn complete<'m>(
    deliveries: Vec<Option<Delivery>>,
    answer: SinkResponse,
    outputs_at: impl Fn(usize) -> &'m [usize],
) -> SinkResponse {
    let mut held_back: Vec<usize> = answer.held_back.iter().flat_map(|place| outputs_at(*place)).copied().collect();
    held_back.sort_unstable();
    let unanswered = || Delivery::Failed { reason: "the target gave no answer for it".into() };
    let deliveries = deliveries.into_iter().map(|delivery| delivery.unwrap_or_else(unanswered)).collect();
    SinkResponse { deliveries, held_back, ..answer }
}

impl Sink for Packer {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], until: Option<Instant>) -> SinkFuture<'a> {
        match self.wrapping {
            Wrapping::Elements(form) => Box::pin(self.deliver_elements(form, outputs, until)),
            Wrapping::Parcels(shape) => Box::pin(self.deliver_parcels(shape, outputs, until)),
        }
    }

    fn hand_over(&self) -> DeliveryTiming {
        match self.wrapping {
            Wrapping::Parcels(ParcelShape { how: PackMethod::Aggregate | PackMethod::Pack { .. }, .. }) => {
                DeliveryTiming::Gathered { bytes: GATHERED_BYTES }
            }
            Wrapping::Parcels(ParcelShape { how: PackMethod::Single, .. }) | Wrapping::Elements(_) => {
                self.inner.hand_over()
            }
        }
    }

    /// What is compressed has a size that nobody knows yet: of it, only the key can be wrong.
    fn refuses(&self, output: &Output<'_>) -> Option<String> {
        let inner = |partition_key, data: &[u8]| self.inner.refuses(&Output { partition_key, data, ..*output });
        let element = |form: PackForm| form.element(output.data).map_err(str::to_owned);
        let key = output.partition_key;
        match self.wrapping {
            Wrapping::Elements(form) => element(form).map_or_else(Some, |element| inner(key, element)),
            Wrapping::Parcels(ParcelShape { how: PackMethod::Pack { form, by }, encode, .. }) => {
                let key = if by == PackGrouping::Key { key } else { "" };
                element(form).map_or_else(Some, |element| match encode {
                    Encode::None if element.len() >= SMALL_BYTES || form.is_nothing(element) => {
                        inner(key, &form.pack_of_one(element))
                    }
                    _ => inner(key, SOME_DATA),
                })
            }
            Wrapping::Parcels(ParcelShape { encode: Encode::None, .. }) => inner(key, output.data),
            Wrapping::Parcels(_) => inner(key, SOME_DATA),
        }
    }

    fn health(&self) -> Option<&TargetHealth> {
        self.inner.health()
    }

    fn warm(&self) -> WarmUp<'_> {
        self.inner.warm()
    }
}

/// Data, compressed. Into memory, nothing fails.
fn encoded(encode: Encode, data: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match encode {
        Encode::None => data,
        Encode::Gzip => {
            let mut encoder = GzEncoder::new(Vec::with_capacity(data.len() / 2), flate2::Compression::default());
            let packed = encoder.write_all(&data).and_then(|()| encoder.finish());
            packed.map_or(data, Cow::Owned)
        }
        Encode::Zlib => {
            let mut encoder = ZlibEncoder::new(Vec::with_capacity(data.len() / 2), flate2::Compression::default());
            let packed = encoder.write_all(&data).and_then(|()| encoder.finish());
            packed.map_or(data, Cow::Owned)
        }
        Encode::Zstd => compress_to_vec(&*data, CompressionLevel::Fastest).into(),
    }
}

#[cfg(test)]
mod tests;

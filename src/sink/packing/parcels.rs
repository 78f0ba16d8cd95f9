//! Which outputs go into which parcel. No I/O.

use std::borrow::Cow;
use std::collections::HashMap;

use super::shards::ShardMap;
use super::{PackGrouping, PackMethod, ParcelShape, encoded};
use crate::event::AggregateWriter;
use crate::sink::Output;
use crate::sink::pack_form::PackForm;

/// Bytes of a KPL aggregate at most: a fifth of what a shard takes in a second, so that one that is refused costs little.
const AGGREGATE_BYTES: usize = 200 << 10;

/// Characters of a partition key at most; what has another key goes alone, for the target to say so.
const KEY_CHARACTERS: usize = 256;

/// An output, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub(super) struct ParcelPiece<'a> {
    pub(super) partition_key: &'a str,
    pub(super) data: &'a [u8],
}

/// Many pieces, together with the data that they refer to.
#[derive(Debug, Default)]
pub(super) struct OwnedPieces {
    partition_keys: String,
    data: Vec<u8>,
    /// Where the key and the data of each end.
    ends: Vec<(usize, usize)>,
}

/// What a service gets as one.
#[derive(Debug)]
pub(super) struct Parcel {
    /// All of its outputs, by index and in order. The first one gives it its position.
    pub(super) members: Vec<usize>,
    /// The output by whose key it goes, by index; none: it has no key.
    pub(super) key_of: Option<usize>,
    pub(super) data: Vec<u8>,
}

/// Outputs as parcels, and those that fit into none, with the reason.
#[derive(Debug, Default)]
pub(super) struct Parcels {
    /// In the order of their first outputs.
    pub(super) parcels: Vec<Parcel>,
    pub(super) refused: Vec<(usize, &'static str)>,
}

/// What outputs have in common that may share a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum ParcelGroup<'a> {
    All,
    Key(&'a str),
    /// The keys lead to one shard.
    Shard(usize),
    /// Nothing: it goes alone.
    Alone,
}

/// A parcel in the making.
struct OpenParcel<'a> {
    group: ParcelGroup<'a>,
    members: Vec<usize>,
    key_of: Option<usize>,
    body: ParcelBody<'a>,
}

enum ParcelBody<'a> {
    Aggregate {
        writer: AggregateWriter<'a>,
        /// Where it is the only one, and the only parcel of its group, it travels as it is.
        only: Vec<u8>,
    },
    Pack(Vec<u8>),
    /// As it is sent: it takes nothing more.
    Sealed(Vec<u8>),
}

impl<'a> ParcelPiece<'a> {
    pub(super) fn of(output: &Output<'a>) -> Self {
        Self { partition_key: output.partition_key, data: output.data }
    }
}

impl OwnedPieces {
    pub(super) fn of(outputs: &[Output<'_>]) -> Self {
        let mut pieces = Self {
            partition_keys: String::with_capacity(outputs.iter().map(|output| output.partition_key.len()).sum()),
            data: Vec::with_capacity(outputs.iter().map(|output| output.data.len()).sum()),
            ends: Vec::with_capacity(outputs.len()),
        };
        for output in outputs {
            pieces.partition_keys.push_str(output.partition_key);
            pieces.data.extend_from_slice(output.data);
            pieces.ends.push((pieces.partition_keys.len(), pieces.data.len()));
        }
        pieces
    }

    pub(super) fn pieces(&self) -> Vec<ParcelPiece<'_>> {
        let mut start = (0, 0);
        let piece = |&end: &(usize, usize)| {
            let (key, data) = std::mem::replace(&mut start, end);
            ParcelPiece { partition_key: &self.partition_keys[key..end.0], data: &self.data[data..end.1] }
        };
        self.ends.iter().map(piece).collect()
    }
}

impl Parcels {
    /// `shards` are those of the stream, where that is what the outputs go into, and it said them.
    pub(super) fn of(shape: ParcelShape, shards: Option<&ShardMap>, pieces: &[ParcelPiece<'_>]) -> Self {
        let mut refused = Vec::new();
        let mut open: Vec<OpenParcel<'_>> = Vec::new();
        // The last parcel of each group: an earlier one takes nothing more, so that order is kept.
        let mut last: HashMap<ParcelGroup<'_>, usize> = HashMap::new();
        for (index, piece) in pieces.iter().enumerate() {
            let (form, by) = match shape.how {
                PackMethod::Single => {
                    open.push(OpenParcel::alone(index, encoded(shape.encode, piece.data.into())));
                    continue;
                }
                PackMethod::Aggregate if !is_key(piece.partition_key) => {
                    open.push(OpenParcel::alone(index, piece.data.into()));
                    continue;
                }
                PackMethod::Aggregate => (None, PackGrouping::Key),
                PackMethod::Pack { form, by } => (Some(form), by),
            };
            let data = match form.map(|form| form.element(piece.data)) {
                None => encoded(shape.encode, piece.data.into()),
                Some(Ok(element)) => element.into(),
                Some(Err(reason)) => {
                    refused.push((index, reason));
                    continue;
                }
            };
            let shard = shards.and_then(|shards| shards.shard_of(piece.partition_key));
            let group = match (by, shard) {
                (PackGrouping::Nothing, _) => ParcelGroup::All,
                (PackGrouping::Key, None) => ParcelGroup::Key(piece.partition_key),
                (PackGrouping::Key, Some(shard)) => ParcelGroup::Shard(shard),
            };
            let before = last.get(&group).copied();
            let place = match before.filter(|place| open[*place].takes(shape, piece.partition_key, &data)) {
                Some(place) => place,
                None => {
                    // All parcels of a group go by one key, so that none overtakes another.
                    let key_of = match (group, before) {
                        (ParcelGroup::All | ParcelGroup::Alone, _) => None,
                        (_, Some(before)) => open[before].key_of,
                        (_, None) => Some(index),
                    };
                    if let Some(before) = before {
                        open[before].seal(shape);
                    }
                    open.push(OpenParcel::new(shape.how, group, key_of));
                    last.insert(group, open.len() - 1);
                    open.len() - 1
                }
            };
            open[place].push(index, piece.partition_key, data, form);
        }
        let mut count: HashMap<ParcelGroup<'_>, usize> = HashMap::new();
        open.iter().for_each(|open| *count.entry(open.group).or_default() += 1);
        let close = |open: OpenParcel<'_>| {
            let is_only = matches!(open.group, ParcelGroup::Key(_)) || count.get(&open.group) == Some(&1);
            open.close(shape, is_only)
        };
        Self { parcels: open.into_iter().map(close).collect(), refused }
    }
}

impl<'a> OpenParcel<'a> {
    fn new(how: PackMethod, group: ParcelGroup<'a>, key_of: Option<usize>) -> Self {
        let body = match how {
            PackMethod::Aggregate => ParcelBody::Aggregate { writer: AggregateWriter::default(), only: Vec::new() },
            PackMethod::Pack { .. } | PackMethod::Single => ParcelBody::Pack(Vec::new()),
        };
        Self { group, members: Vec::new(), key_of, body }
    }

    fn alone(index: usize, data: Cow<'_, [u8]>) -> Self {
        let body = ParcelBody::Sealed(data.into_owned());
        Self { group: ParcelGroup::Alone, members: vec![index], key_of: Some(index), body }
    }

    fn takes(&self, shape: ParcelShape, partition_key: &str, data: &[u8]) -> bool {
        match &self.body {
            ParcelBody::Aggregate { writer, .. } => writer.bytes_with(partition_key, data) <= AGGREGATE_BYTES,
            // A bracket or a comma before, and perhaps one behind.
            ParcelBody::Pack(pack) => {
                self.members.len() < shape.pack_records && pack.len() + data.len() + 2 <= shape.pack_bytes
            }
            ParcelBody::Sealed(_) => false,
        }
    }

    fn push(&mut self, index: usize, partition_key: &'a str, data: Cow<'_, [u8]>, form: Option<PackForm>) {
        self.members.push(index);
        match &mut self.body {
            ParcelBody::Aggregate { writer, only } => {
                writer.push(partition_key, &data);
                *only = if self.members.len() == 1 { data.into_owned() } else { Vec::new() };
            }
            ParcelBody::Pack(pack) => form.unwrap_or(PackForm::Lines).push(pack, &data),
            ParcelBody::Sealed(_) => {}
        }
    }

    /// A pack takes nothing more: compressed, it needs no room for what it was.
    fn seal(&mut self, shape: ParcelShape) {
        if let ParcelBody::Pack(pack) = &mut self.body {
            self.body = ParcelBody::Sealed(sealed(shape, std::mem::take(pack)));
        }
    }

    fn close(self, shape: ParcelShape, is_only: bool) -> Parcel {
        let data = match self.body {
            ParcelBody::Aggregate { only, .. } if self.members.len() == 1 && is_only => only,
            ParcelBody::Aggregate { writer, .. } => writer.finish(),
            ParcelBody::Pack(pack) => sealed(shape, pack),
            ParcelBody::Sealed(data) => data,
        };
        Parcel { members: self.members, key_of: self.key_of, data }
    }
}

fn sealed(shape: ParcelShape, mut pack: Vec<u8>) -> Vec<u8> {
    if let PackMethod::Pack { form, .. } = shape.how {
        form.end(&mut pack);
    }
    encoded(shape.encode, pack.into()).into_owned()
}

fn is_key(partition_key: &str) -> bool {
    !partition_key.is_empty() && partition_key.chars().count() <= KEY_CHARACTERS
}

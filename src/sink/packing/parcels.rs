//! Which outputs go into which parcel. No I/O.

use std::collections::HashMap;

use serde::de::IgnoredAny;

use super::shards::ShardMap;
use super::{By, Form, Packer, Wrapping, encoded};
use crate::event::AggregateWriter;
use crate::sink::Output;

/// Bytes of a KPL aggregate at most: a fifth of what a shard takes in a second, so that one that is refused costs little.
const AGGREGATE_BYTES: usize = 200 << 10;

/// Characters of a partition key at most; what has another key goes alone, for the target to say so.
const KEY_CHARACTERS: usize = 256;

/// What a service gets as one.
#[derive(Debug)]
pub(super) struct Parcel<'a> {
    /// The index of its first output: that of its position.
    pub(super) first: usize,
    /// All of its outputs, by index and in order.
    pub(super) members: Vec<usize>,
    pub(super) partition_key: &'a str,
    pub(super) data: Vec<u8>,
}

/// Outputs as parcels, and those that fit into none, with the reason.
#[derive(Debug)]
pub(super) struct Parcels<'a> {
    /// In the order of their first outputs.
    pub(super) parcels: Vec<Parcel<'a>>,
    pub(super) refused: Vec<(usize, String)>,
}

/// What outputs have in common that may share a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Group<'a> {
    All,
    Key(&'a str),
    /// The keys lead to one shard.
    Shard(usize),
}

/// A parcel that still takes outputs.
struct Open<'a> {
    group: Group<'a>,
    members: Vec<usize>,
    partition_key: &'a str,
    body: Body<'a>,
}

enum Body<'a> {
    Aggregate {
        writer: AggregateWriter<'a>,
        /// Where it is the only one, and the only parcel of its group, it travels as it is.
        only: Vec<u8>,
    },
    Pack(Vec<u8>),
}

impl<'a> Parcels<'a> {
    /// `shards` are those of the stream, where that is what the outputs go into, and it said them.
    pub(super) fn of(packer: &Packer, shards: Option<&ShardMap>, outputs: &[Output<'a>]) -> Self {
        let mut all = Self { parcels: Vec::new(), refused: Vec::new() };
        let mut open: Vec<Open<'a>> = Vec::new();
        // The last parcel of each group: an earlier one takes nothing more, so that order is kept.
        let mut last: HashMap<Group<'a>, usize> = HashMap::new();
        for (index, output) in outputs.iter().enumerate() {
            let (form, by) = match packer.wrapping {
                Wrapping::Single => {
                    all.alone(index, output, encoded(packer.encode, output.data.to_vec()));
                    continue;
                }
                Wrapping::Elements { form } => {
                    match form.element(output.data) {
                        Ok(element) => all.alone(index, output, element.to_vec()),
                        Err(reason) => all.refused.push((index, reason.to_owned())),
                    }
                    continue;
                }
                Wrapping::Aggregate if !is_key(output.partition_key) => {
                    all.alone(index, output, output.data.to_vec());
                    continue;
                }
                Wrapping::Aggregate => (None, By::Key),
                Wrapping::Pack { form, by } => (Some(form), by),
            };
            let shard = shards.and_then(|shards| shards.shard_of(output.partition_key));
            let group = match (by, shard) {
                (By::Nothing, _) => Group::All,
                (By::Key, None) => Group::Key(output.partition_key),
                (By::Key, Some(shard)) => Group::Shard(shard),
            };
            let data = match form {
                None => encoded(packer.encode, output.data.to_vec()),
                Some(form) => match form.element(output.data) {
                    Ok(element) => element.to_vec(),
                    Err(reason) => {
                        all.refused.push((index, reason.to_owned()));
                        continue;
                    }
                },
            };
            let before = last.get(&group).copied();
            let place = match before.filter(|place| open[*place].takes(packer, output.partition_key, &data)) {
                Some(place) => place,
                None => {
                    // All parcels of a group go by one key, so that none overtakes another.
                    let partition_key = match (group, before) {
                        (Group::All, _) => "",
                        (_, Some(before)) => open[before].partition_key,
                        (_, None) => output.partition_key,
                    };
                    open.push(Open::new(packer.wrapping, group, partition_key));
                    last.insert(group, open.len() - 1);
                    open.len() - 1
                }
            };
            open[place].push(index, output.partition_key, data, form);
        }
        let mut count: HashMap<Group<'a>, usize> = HashMap::new();
        open.iter().for_each(|open| *count.entry(open.group).or_default() += 1);
        all.parcels.extend(open.into_iter().map(|open| {
            let is_only = matches!(open.group, Group::Key(_)) || count.get(&open.group) == Some(&1);
            open.close(packer, is_only)
        }));
        all
    }

    fn alone(&mut self, index: usize, output: &Output<'a>, data: Vec<u8>) {
        let partition_key = output.partition_key;
        self.parcels.push(Parcel { first: index, members: vec![index], partition_key, data });
    }
}

impl<'a> Open<'a> {
    fn new(wrapping: Wrapping, group: Group<'a>, partition_key: &'a str) -> Self {
        let body = match wrapping {
            Wrapping::Aggregate => Body::Aggregate { writer: AggregateWriter::default(), only: Vec::new() },
            _ => Body::Pack(Vec::new()),
        };
        Self { group, members: Vec::new(), partition_key, body }
    }

    fn takes(&self, packer: &Packer, partition_key: &str, data: &[u8]) -> bool {
        match &self.body {
            Body::Aggregate { writer, .. } => writer.bytes_with(partition_key, data) <= AGGREGATE_BYTES,
            // A bracket or a comma before, and perhaps one behind.
            Body::Pack(pack) => {
                self.members.len() < packer.limits.pack_records
                    && pack.len() + data.len() + 2 <= packer.limits.pack_bytes
            }
        }
    }

    fn push(&mut self, index: usize, partition_key: &'a str, data: Vec<u8>, form: Option<Form>) {
        self.members.push(index);
        match (&mut self.body, form) {
            (Body::Pack(pack), Some(Form::Array)) => {
                pack.push(if pack.is_empty() { b'[' } else { b',' });
                pack.extend_from_slice(&data);
            }
            (Body::Pack(pack), _) => {
                pack.extend_from_slice(&data);
                pack.push(b'\n');
            }
            (Body::Aggregate { writer, only }, _) => {
                writer.push(partition_key, &data);
                *only = data;
            }
        }
    }

    fn close(self, packer: &Packer, is_only: bool) -> Parcel<'a> {
        let data = match self.body {
            Body::Aggregate { only, .. } if self.members.len() == 1 && is_only => only,
            Body::Aggregate { writer, .. } => writer.finish(),
            Body::Pack(mut pack) => {
                if let Wrapping::Pack { form: Form::Array, .. } = packer.wrapping {
                    pack.push(b']');
                }
                encoded(packer.encode, pack)
            }
        };
        let first = self.members.first().copied().unwrap_or_default();
        Parcel { first, members: self.members, partition_key: self.partition_key, data }
    }
}

fn is_key(partition_key: &str) -> bool {
    !partition_key.is_empty() && partition_key.chars().count() <= KEY_CHARACTERS
}

impl Form {
    /// What of an output's data goes into a pack.
    fn element(self, data: &[u8]) -> Result<&[u8], &'static str> {
        match self {
            Form::Lines => {
                let line = data.strip_suffix(b"\n").unwrap_or(data);
                if line.contains(&b'\n') {
                    return Err("it holds a line end, and is to be packed as a line (KINESIEVE_PACK)");
                }
                Ok(line)
            }
            Form::Array => match serde_json::from_slice::<IgnoredAny>(data) {
                Ok(_) => Ok(data.trim_ascii()),
                Err(_) => Err("it is no JSON, and is to be packed into a JSON array (KINESIEVE_PACK)"),
            },
        }
    }
}

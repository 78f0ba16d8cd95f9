//! Shards that are split and merged while they are read.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::Shard;

use super::{Run, put};
use crate::support::block_on;
use crate::support::kinesis_local::KinesisLocal;

const KEYS: usize = 8;

pub(super) fn open_shards(server: &KinesisLocal) -> Vec<Shard> {
    let request = Client::new(&server.config()).list_shards().stream_name("in");
    let shards = block_on(request.send()).expect("shards").shards.unwrap_or_default();
    let parents: BTreeSet<String> = shards
        .iter()
        .flat_map(|shard| shard.parent_shard_id.iter().chain(&shard.adjacent_parent_shard_id).cloned())
        .collect();
    shards.into_iter().filter(|shard| !parents.contains(&shard.shard_id)).collect()
}

pub(super) fn split(server: &KinesisLocal, shard: &Shard) {
    let range = shard.hash_key_range.as_ref().expect("a range");
    let (start, end): (u128, u128) =
        (range.starting_hash_key.parse().expect("a key"), range.ending_hash_key.parse().expect("a key"));
    let middle = (start + (end - start) / 2).to_string();
    let request = Client::new(&server.config()).split_shard().stream_name("in");
    let request = request.shard_to_split(&shard.shard_id).new_starting_hash_key(middle);
    block_on(request.send()).expect("it is split");
    server.arn("in");
}

pub(super) fn merge(server: &KinesisLocal, left: &Shard, right: &Shard) {
    let request = Client::new(&server.config()).merge_shards().stream_name("in");
    let request = request.shard_to_merge(&left.shard_id).adjacent_shard_to_merge(&right.shard_id);
    block_on(request.send()).expect("they are merged");
    server.arn("in");
}

/// Records go on coming while one shard becomes two, three, and two again: each arrives once, and those of a key in
/// their order, which no child read before its parent's end would keep.
#[test]
fn shards_that_are_split_and_merged_under_load_lose_nothing_and_keep_the_order_of_keys() {
    let server = KinesisLocal::start(&[("in", 1)]);
    let run = Run::of(server.endpoint());
    let mut count = 0;
    let mut put_some = |some: usize| {
        for _ in 0..some {
            put(&server.config(), "in", &format!("key-{}", count % KEYS), &format!("keep {count}"));
            count += 1;
        }
        count
    };
    put_some(10);
    let lanes = ["--parallelization-factor", "3"];
    let total = 70;
    let until = format!("count={total}");
    let arguments = [&["--from", "trim-horizon", "--until", &until, "--batch-size", "7"], &lanes[..]].concat();
    let mut running = run.start("in", &arguments);
    put_some(10);
    split(&server, &open_shards(&server)[0]);
    put_some(15);
    let open = open_shards(&server);
    assert_eq!(open.len(), 2);
    split(&server, &open[1]);
    put_some(15);
    let mut open = open_shards(&server);
    open.sort_by_key(|shard| {
        shard.hash_key_range.as_ref().expect("a range").starting_hash_key.parse::<u128>().expect("a key")
    });
    assert_eq!(open.len(), 3);
    merge(&server, &open[0], &open[1]);
    assert_eq!(put_some(20), total);
    assert_eq!(running.end(), Some(0), "{}", run.log());

    let delivered: Vec<usize> =
        run.delivered().iter().map(|data| data.trim_start_matches("keep ").parse().expect("a number")).collect();
    let mut sorted = delivered.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..total).collect::<Vec<_>>(), "each once");
    let mut last: BTreeMap<usize, usize> = BTreeMap::new();
    for number in delivered {
        let before = last.insert(number % KEYS, number);
        assert!(before.is_none_or(|before| before < number), "{number} came after {before:?}");
    }
    // From the beginning again, parents and children one after the other.
    run.forget_delivered();
    let (code, log) = run.end("in", &["--from", "trim-horizon", "--until", "now"]);
    assert_eq!((code, run.delivered().len()), (Some(0), total), "{log}");
}

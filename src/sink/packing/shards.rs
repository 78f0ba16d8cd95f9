//! The shards of a stream that outputs go into: outputs whose keys lead to one shard may share an aggregate.
//!
//! An aggregate goes by the key of one of its outputs, so that it lies where each of them would lie by itself. That holds
//! as long as the shards are those that are known here: for a minute after a split, some of it may lie in the
//! neighbouring shard. Where the stream does not say its shards, only outputs of one key share an aggregate.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::Shard;
use md5::{Digest, Md5};

use crate::aws::Arn;
use crate::aws::causes;

/// How long what the stream said holds.
const HOLDS: Duration = Duration::from_secs(60);

/// How long the stream is waited for: without its answer, aggregates are only smaller.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// Shards at most, open and closed: five times what an account may have by its first quota in the largest regions.
const MOST_SHARDS: usize = 100_000;

/// Which hashes of keys lead to which shard, sorted: the first and the last of each open one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ShardMap(Vec<(u128, u128)>);

/// What the stream says of its shards.
#[derive(Debug)]
pub(super) struct Shards {
    client: Client,
    stream_arn: String,
    known: Mutex<KnownShards>,
}

#[derive(Debug, Default)]
struct KnownShards {
    map: Option<Arc<ShardMap>>,
    asked_at: Option<Instant>,
    has_complained: bool,
}

impl ShardMap {
    /// None where shards don't say their hashes.
    fn of(shards: &[Shard]) -> Option<Self> {
        let is_open = |shard: &&Shard| {
            shard.sequence_number_range.as_ref().is_none_or(|range| range.ending_sequence_number.is_none())
        };
        let hashes = |shard: &Shard| {
            let range = shard.hash_key_range.as_ref()?;
            Some((range.starting_hash_key.parse().ok()?, range.ending_hash_key.parse().ok()?))
        };
        let mut ranges: Vec<(u128, u128)> = shards.iter().filter(is_open).map(hashes).collect::<Option<_>>()?;
        ranges.sort_unstable();
        Some(Self(ranges))
    }

    /// The place of the shard that a key leads to; none: no open one is known for it.
    pub(super) fn shard_of(&self, partition_key: &str) -> Option<usize> {
        let hash = u128::from_be_bytes(Md5::digest(partition_key).into());
        let place = self.0.partition_point(|(first, _)| *first <= hash).checked_sub(1)?;
        (hash <= self.0[place].1).then_some(place)
    }

    /// Of shards that share all hashes evenly.
    #[cfg(test)]
    pub(super) fn even(shards: u128) -> Self {
        let first = |place: u128| u128::MAX / shards * place;
        let last = |place: u128| if place + 1 == shards { u128::MAX } else { first(place + 1) - 1 };
        Self((0..shards).map(|place| (first(place), last(place))).collect())
    }
}

impl Shards {
    pub(super) fn new(config: &SdkConfig, stream: &Arn) -> Self {
        Self { client: Client::new(config), stream_arn: stream.to_string(), known: Mutex::default() }
    }

    /// The shards, as the stream said within the last minute; none: it did not.
    pub(super) async fn map(&self, until: Option<Instant>) -> Option<Arc<ShardMap>> {
        {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.asked_at.is_some_and(|asked_at| asked_at.elapsed() < HOLDS) {
                return known.map.clone();
            }
            // Also where it does not answer: each delivery would wait for it otherwise.
            known.asked_at = Some(Instant::now());
        }
        let time_left = until.map_or(TIME_LIMIT, |until| until.saturating_duration_since(Instant::now()) / 4);
        let asked = tokio::time::timeout(TIME_LIMIT.min(time_left), self.ask()).await;
        let asked = asked.unwrap_or_else(|_| Err("there is no answer".to_owned()));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match asked {
            Ok(map) => known.map = map.map(Arc::new),
            Err(error) if !known.has_complained => {
                known.has_complained = true;
                tracing::warn!(
                    stream_arn = self.stream_arn,
                    "can't list the shards of the stream (kinesis:ListShards), so only outputs of one partition key share \
                     an aggregate; logged once: {error}"
                );
            }
            Err(_) => {}
        }
        known.map.clone()
    }

    async fn ask(&self) -> Result<Option<ShardMap>, String> {
        let mut shards = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let request = match token {
                None => self.client.list_shards().stream_arn(&self.stream_arn),
                // It stands for the stream as well.
                Some(token) => self.client.list_shards().next_token(token),
            };
            let page = request.send().await.map_err(|error| causes(&error))?;
            let page_shards = page.shards.unwrap_or_default();
            let is_empty = page_shards.is_empty();
            shards.extend(page_shards);
            token = page.next_token;
            if token.is_none() {
                return Ok(ShardMap::of(&shards));
            }
            if is_empty || shards.len() > MOST_SHARDS {
                return Err(format!("the list of shards does not end: there are {} so far", shards.len()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_kinesis::types::{HashKeyRange, SequenceNumberRange};

    use super::*;

    fn shard(first: &str, last: &str, end: Option<&str>) -> Shard {
        let hashes = HashKeyRange::builder().starting_hash_key(first).ending_hash_key(last).build();
        let numbers = SequenceNumberRange::builder().starting_sequence_number("1");
        let numbers = numbers.set_ending_sequence_number(end.map(str::to_owned)).build();
        let shard = Shard::builder().shard_id("shard").hash_key_range(hashes.expect("hashes"));
        shard.sequence_number_range(numbers.expect("numbers")).build().expect("a shard")
    }

    #[test]
    fn a_key_leads_to_the_open_shard_that_has_its_hash() {
        let half = (u128::MAX / 2).to_string();
        let next = (u128::MAX / 2 + 1).to_string();
        let last = u128::MAX.to_string();
        let shards = [shard(&next, &last, None), shard("0", &last, Some("7")), shard("0", &half, None)];
        let map = ShardMap::of(&shards).expect("a map");
        // MD5 of "a" starts with 0c, of "b" with 92.
        assert_eq!((map.shard_of("a"), map.shard_of("b")), (Some(0), Some(1)));
        let with_a_gap = ShardMap::of(&shards[..2]).expect("a map");
        assert_eq!((with_a_gap.shard_of("a"), with_a_gap.shard_of("b")), (None, Some(0)));
        assert_eq!(ShardMap::of(&[shard("0", "many", None)]), None);
        assert_eq!(ShardMap::even(3).shard_of("b"), Some(1));
    }
}

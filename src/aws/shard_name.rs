//! A stream with one of its shards, as a person names them.

use super::stream_name::{InvalidStreamName, StreamName};

/// What the id of a shard starts with.
const SHARD_PREFIX: &str = "shardId-";

/// Ids of shards have twelve digits.
const LARGEST_SHARD: u64 = 999_999_999_999;

/// Before the resource, which may have more.
const COLONS_OF_AN_ARN: usize = 5;

/// Reads a stream, and the id of the shard that stands behind it, if one does: by its id, or by its number.
///
/// # Errors
/// What is wrong with the name of the stream, or with that of the shard.
pub fn stream_and_shard(text: &str) -> Result<(StreamName, Option<String>), String> {
    let (stream, shard) = split_at_shard(text);
    let stream = stream.parse().map_err(|InvalidStreamName { reason, .. }| reason.to_owned())?;
    Ok((stream, shard.map(shard_id).transpose()?))
}

/// Returns what names the stream, and what names its shard. The colons of an ARN are its own up to the name of the stream.
pub fn split_at_shard(text: &str) -> (&str, Option<&str>) {
    if text.starts_with("arn:") && text.matches(':').count() <= COLONS_OF_AN_ARN {
        return (text, None);
    }
    text.rsplit_once(':').map_or((text, None), |(stream, shard)| (stream, Some(shard)))
}

/// The id of a shard, by itself or by its number.
fn shard_id(text: &str) -> Result<String, String> {
    if text.starts_with(SHARD_PREFIX) {
        return Ok(text.to_owned());
    }
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u64>() {
        Ok(number) if is_number && number <= LARGEST_SHARD => Ok(format!("{SHARD_PREFIX}{number:012}")),
        _ if is_number => Err(format!("there is no shard {text}: numbers of shards have 12 digits at most")),
        _ => Err(format!(
            "{text:?} is neither the number of a shard nor its id, as in foo:0 or foo:shardId-000000000000"
        )),
    }
}

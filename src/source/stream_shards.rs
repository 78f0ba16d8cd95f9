//! Which shards a stream has, asked of the stream itself.

use std::error::Error;

use aws_sdk_kinesis::Client;

use crate::aws::{StreamAddress, StreamName, causes};

/// Shards of one stream that are listed at most. A page has up to a thousand.
const MOST_SHARDS: usize = 100_000;

/// Pages at most: one may be short, or empty, and name a further one.
const MOST_PAGES: usize = 1_000;

/// A shard, as its stream lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamShard {
    /// Its id.
    pub id: String,
    /// Whether it takes no more records, since it was split or merged.
    pub is_closed: bool,
}

/// Lists the shards of a stream, closed ones too, in the order in which the stream names them. `region` is for a stream that
/// is named without its ARN; none: the SDK's default region.
///
/// # Errors
/// A message that names what was refused, or the name that is no stream's.
pub async fn shards_of(stream_id: &str, region: Option<&str>) -> Result<Vec<StreamShard>, String> {
    let name: StreamName = stream_id.parse().map_err(|error: crate::aws::InvalidStreamName| error.to_string())?;
    let config = crate::aws::config_in(name.region().or(region)).await;
    let address = name.address(config.region().map(AsRef::as_ref));
    let client = Client::new(&config);
    let (mut shards, mut token) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let request = match (token.take(), &address) {
            // It stands for the stream as well.
            (Some(token), _) => client.list_shards().next_token(token),
            (None, StreamAddress::Arn(arn)) => client.list_shards().stream_arn(arn.to_string()),
            (None, StreamAddress::Name(name)) => client.list_shards().stream_name(name),
        };
        let page = request.send().await.map_err(|error| refused(&error))?;
        shards.extend(page.shards.unwrap_or_default().into_iter().map(|shard| StreamShard {
            is_closed: shard.sequence_number_range.is_some_and(|range| range.ending_sequence_number.is_some()),
            id: shard.shard_id,
        }));
        token = page.next_token;
        if token.is_none() {
            return Ok(shards);
        }
        if shards.len() >= MOST_SHARDS {
            break;
        }
    }
    Err(format!("kinesis:ListShards: it does not come to an end after {} shards", shards.len()))
}

fn refused(error: &(dyn Error + 'static)) -> String {
    format!("kinesis:ListShards: {}", causes(error))
}

//! What the table and the stream say of each shard, at one time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::ShardStatus;
use crate::checkpoint::{CheckpointRow, KeysError, Table};
use crate::settings::StreamIdForm;
use crate::source::{LagMeter, StreamShard, shards_of};

/// How long streams are waited for that are asked which shards they have: the table has the rest.
const LISTING_LIMIT: Duration = Duration::from_secs(10);

/// Streams that are asked at the same time, and in all: a table may hold rows of as many as it likes.
const LISTED_AT_ONCE: usize = 8;
const MOST_LISTED: usize = 100;

/// All that is known of the shards.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// By stream and shard.
    pub(super) shards: Vec<ShardStatus>,
    /// The streams that do not say which shards they have, with the reason.
    pub(super) unlisted: Vec<(String, String)>,
}

/// What is asked.
#[derive(Debug)]
pub(super) struct SurveyQuery<'a> {
    pub(super) table: &'a Table,
    /// How streams are written in it.
    pub(super) form: &'a StreamIdForm,
    /// Only this stream, as it is written in the table.
    pub(super) stream: Option<&'a str>,
    /// The region of streams that are named without their ARN.
    pub(super) region: Option<&'a str>,
    pub(super) meter: Option<&'a LagMeter>,
}

impl Survey {
    /// Reads the rows, and asks their streams for the shards that have none.
    ///
    /// # Errors
    /// When the table can't be read, or holds something else. What a stream refuses is no error.
    pub(super) async fn of(query: &SurveyQuery<'_>) -> Result<Self, KeysError> {
        let rows = query.table.rows(query.stream).await?;
        let mut names: BTreeSet<&str> = rows.iter().map(|row| row.stream_id.as_str()).collect();
        names.extend(query.stream);
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let look = async |row: CheckpointRow| {
            let position = row.position.as_ref().or(row.high_water_mark.as_ref());
            let lag = match (query.meter, position) {
                (Some(meter), Some(position)) => {
                    let stream = query.form.stream_of(&row.stream_id);
                    Some(meter.lag(&stream, &row.shard_id, position).await)
                }
                _ => None,
            };
            ShardStatus { lag, ..ShardStatus::of(row) }
        };
        let (shards, listed) =
            tokio::join!(join_all(rows.into_iter().map(look)), listed(&names, query.form, query.region, LISTING_LIMIT));
        Ok(Self::joined(shards, listed))
    }

    /// The rows with the shards of their streams that have none.
    fn joined(shards: Vec<ShardStatus>, listed: Vec<(String, Result<Vec<StreamShard>, String>)>) -> Self {
        let key = |shard: &ShardStatus| (shard.row.stream_id.clone(), shard.row.shard_id.clone());
        let mut all: BTreeMap<(String, String), ShardStatus> =
            shards.into_iter().map(|shard| (key(&shard), shard)).collect();
        let mut unlisted = Vec::new();
        for (stream, answer) in listed {
            match answer {
                Ok(shards) => {
                    for shard in shards {
                        let without_row = ShardStatus::without_row(&stream, &shard);
                        all.entry((stream.clone(), shard.id)).or_insert(without_row);
                    }
                }
                Err(refusal) => unlisted.push((stream, refusal)),
            }
        }
        Self { shards: all.into_values().collect(), unlisted }
    }
}

/// What each stream answers, in their order, all of them within a time.
async fn listed(
    streams: &[String],
    form: &StreamIdForm,
    region: Option<&str>,
    within: Duration,
) -> Vec<(String, Result<Vec<StreamShard>, String>)> {
    let until = Instant::now() + within;
    let ask = async |(place, stream): (usize, &String)| {
        if place >= MOST_LISTED {
            let reason =
                format!("it is not asked, as more than {MOST_LISTED} streams are in the table: name it with --stream");
            return (stream.clone(), Err(reason));
        }
        let in_time = tokio::time::timeout_at(until, shards_of(&form.stream_of(stream), region)).await;
        let late = || format!("kinesis:ListShards: no answer within {}", humantime::format_duration(within));
        (stream.clone(), in_time.unwrap_or_else(|_| Err(late())))
    };
    futures_util::stream::iter(streams.iter().enumerate()).map(ask).buffered(LISTED_AT_ONCE).collect().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, is_closed: bool) -> StreamShard {
        StreamShard { id: id.to_owned(), is_closed }
    }

    #[test]
    fn a_shard_without_a_row_stands_among_those_that_have_one() {
        let row = |stream: &str, shard: &str| {
            ShardStatus::of(CheckpointRow {
                stream_id: stream.to_owned(),
                shard_id: shard.to_owned(),
                position: Some("7".to_owned()),
                ..CheckpointRow::default()
            })
        };
        let listed = vec![
            ("orders".to_owned(), Err("access denied".to_owned())),
            ("readings".to_owned(), Ok(vec![shard("c", false), shard("b", false), shard("a", true)])),
        ];
        let survey = Survey::joined(vec![row("orders", "a"), row("readings", "b"), row("readings", "old")], listed);
        let said: Vec<_> = survey
            .shards
            .iter()
            .map(|shard| (shard.row.stream_id.as_str(), shard.row.shard_id.as_str(), shard.has_row, shard.is_closed))
            .collect();
        assert_eq!(
            said,
            [
                ("orders", "a", true, false),
                ("readings", "a", false, true),
                ("readings", "b", true, false),
                ("readings", "c", false, false),
                ("readings", "old", true, false),
            ]
        );
        assert_eq!(survey.unlisted, [("orders".to_owned(), "access denied".to_owned())]);
    }

    #[tokio::test]
    async fn of_very_many_streams_only_some_are_asked() {
        let streams: Vec<String> = (0..100_000).map(|number| format!("no stream {number}")).collect();
        let listed = listed(&streams, &StreamIdForm::Name, None, Duration::from_secs(10)).await;
        let asked = listed.iter().filter(|(_, answer)| matches!(answer, Err(why) if why.contains("invalid stream")));
        assert_eq!((listed.len(), asked.count()), (streams.len(), MOST_LISTED));
    }
}

//! The leases of a KCL application that has come to rest.

use std::collections::HashMap;
use std::time::Duration;

use crate::checkpoint::{KclCheckpoint, KclLease, KclLeases, KclTable};
use crate::cli::error::CommandError;
use crate::cli::foreign::plain;
use crate::cli::progress::ProgressDisplay;
use crate::cli::say;
use crate::cli::summary::counted;
use crate::error_code::ErrorCode;
use crate::settings::StreamName;

/// Leases that a message names.
const MOST_NAMED: usize = 5;

/// Reads the leases twice, and refuses them while somebody renews them.
///
/// # Errors
/// When they can't be read, there is none, or one has changed in between.
pub(super) async fn at_rest(table: &KclTable, wait: Duration) -> Result<KclLeases, CommandError> {
    let before = table.leases().await?;
    if before.leases.is_empty() {
        let message =
            format!("the lease table {} has no lease: look whether it is that of the application", table.name());
        return Err(CommandError::new(ErrorCode::KclLeasesUnusable, message));
    }
    let waited = humantime::format_duration(wait);
    let progress = ProgressDisplay::waiting_for(format!("seeing for {waited} whether the KCL still renews its leases"));
    let _cleared = progress.until_the_end();
    if !progress.is_visible() {
        let count = counted(before.leases.len() as u64, "lease");
        say(&format_args!(
            "kinesieve: {count} in {}; seeing for {waited} whether the KCL still renews them",
            table.name()
        ));
    }
    tokio::time::sleep(wait).await;
    let after = table.leases().await?;
    let moving = moving(&before, &after);
    if moving.is_empty() {
        return Ok(after);
    }
    let mut named = moving.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    if let Some(more) = moving.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
        named += &format!(" and {more} more");
    }
    let message = format!(
        "the KCL application of {} is still running: within {waited}, it renewed the leases {named}; stop all of its workers",
        table.name()
    );
    Err(CommandError::new(ErrorCode::KclRunning, message))
}

/// The leases that are not as they were, with their owners.
fn moving(before: &KclLeases, after: &KclLeases) -> Vec<String> {
    let key = |lease: &KclLease| (lease.stream.clone(), lease.shard_id.clone());
    let mut left: HashMap<_, &KclLease> = before.leases.iter().map(|lease| (key(lease), lease)).collect();
    let mut moving = Vec::new();
    for lease in &after.leases {
        if left.remove(&key(lease)) != Some(lease) {
            moving.push(named(lease));
        }
    }
    // Somebody removed them meanwhile.
    moving.extend(left.into_values().map(named));
    moving.sort_unstable();
    moving
}

fn named(lease: &KclLease) -> String {
    let shard = plain(&lease.shard_id);
    lease.owner.as_ref().map_or_else(|| shard.clone(), |owner| format!("{shard} ({})", plain(owner)))
}

/// The leases by stream. `only` is the stream that is wanted, and that of leases which do not name theirs.
///
/// # Errors
/// When nobody says which stream that is, or no lease is of it.
pub(super) fn by_stream(
    leases: Vec<KclLease>,
    only: Option<&StreamName>,
) -> Result<Vec<(StreamName, Vec<KclLease>)>, CommandError> {
    let refused = |message: String| CommandError::new(ErrorCode::KclLeasesUnusable, message);
    let count = leases.len();
    let mut streams: HashMap<String, (StreamName, Vec<KclLease>)> = HashMap::new();
    for lease in leases {
        let stream = match (&lease.stream, only) {
            (Some(named), Some(only)) if named != only.name() => continue,
            (_, Some(only)) => only.clone(),
            (Some(named), None) => named
                .parse()
                .map_err(|_| refused(format!("a lease is of the stream {named:?}, which is no name of a stream")))?,
            (None, None) => {
                return Err(refused(format!(
                    "the leases do not name their stream ({} for instance): say with --stream which the application reads",
                    plain(&lease.shard_id)
                )));
            }
        };
        streams.entry(stream.name().to_owned()).or_insert_with(|| (stream, Vec::new())).1.push(lease);
    }
    if streams.is_empty() {
        let only = only.map(ToString::to_string).unwrap_or_default();
        return Err(refused(format!("of {count} leases none is of the stream {only}: look at --stream")));
    }
    let mut streams: Vec<_> = streams.into_values().collect();
    streams.sort_by(|(left, _), (right, _)| left.name().cmp(right.name()));
    for (_, leases) in &mut streams {
        leases.sort_by(|left, right| left.shard_id.cmp(&right.shard_id));
    }
    Ok(streams)
}

/// Refuses leases of shards that were to begin at a time which they do not say.
pub(super) fn check_dated(leases: &[KclLease]) -> Result<(), CommandError> {
    let is_undated = |lease: &&KclLease| matches!(lease.checkpoint, KclCheckpoint::Latest | KclCheckpoint::AtTimestamp);
    let undated: Vec<&KclLease> = leases.iter().filter(is_undated).collect();
    let Some(first) = undated.first() else { return Ok(()) };
    let count = counted(undated.len() as u64, "lease");
    let message = format!(
        "{count} ({} for instance) has nothing processed yet, and was to begin at LATEST or AT_TIMESTAMP: the lease does not \
         say when that was; say with --latest-as where such a shard begins: at a time, now, or trim-horizon",
        plain(&first.shard_id)
    );
    Err(CommandError::new(ErrorCode::KclLeasesUnusable, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(stream: Option<&str>, shard: &str, counter: u64) -> KclLease {
        KclLease {
            stream: stream.map(str::to_owned),
            shard_id: shard.to_owned(),
            owner: Some(format!("worker of {shard}")),
            counter,
            checkpoint: KclCheckpoint::TrimHorizon,
        }
    }

    fn leases(all: &[KclLease]) -> KclLeases {
        KclLeases { leases: all.to_vec(), others: 0 }
    }

    #[test]
    fn leases_that_change_come_or_go_belong_to_a_consumer_that_runs() {
        let (a, b) = (lease(None, "a", 1), lease(None, "b", 1));
        let both = leases(&[a.clone(), b.clone()]);
        assert!(moving(&both, &leases(&[b.clone(), a.clone()])).is_empty());
        let renewed = leases(&[KclLease { counter: 2, ..a.clone() }, b.clone()]);
        assert_eq!(moving(&both, &renewed), ["a (worker of a)"]);
        assert_eq!(moving(&both, &leases(&[b])), ["a (worker of a)"]);
        assert_eq!(moving(&leases(&[a]), &both), ["b (worker of b)"]);
    }

    #[test]
    fn leases_are_of_the_stream_that_they_name_or_somebody_does() {
        let name = |text: &str| text.parse::<StreamName>().expect("a name");
        let several =
            vec![lease(Some("orders"), "b", 1), lease(Some("readings"), "a", 1), lease(Some("orders"), "a", 1)];
        let found = by_stream(several.clone(), None).expect("two streams");
        let shards =
            |index: usize| -> Vec<&str> { found[index].1.iter().map(|lease| lease.shard_id.as_str()).collect() };
        assert_eq!((found[0].0.name(), shards(0)), ("orders", vec!["a", "b"]));
        assert_eq!((found[1].0.name(), shards(1)), ("readings", vec!["a"]));
        let orders = by_stream(several.clone(), Some(&name("arn:aws:kinesis:eu-west-1:111122223333:stream/orders")));
        assert_eq!(orders.expect("one stream")[0].1.len(), 2);
        assert!(by_stream(several, Some(&name("others"))).is_err());
        let unnamed = vec![lease(None, "a", 1)];
        assert!(by_stream(unnamed.clone(), None).expect_err("no stream").message.contains("--stream"));
        assert_eq!(by_stream(unnamed, Some(&name("readings"))).expect("one stream").len(), 1);
    }
}

//! `kinesieve streams`: which streams there are, and what they are.

mod listing;

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::access::AccessFlags;
use super::error::CommandError;
use super::progress::ProgressDisplay;
use super::summary::counted;
use super::{ALL_ACKNOWLEDGED, access, print, print_coloured, print_json, say};
use crate::aws::checked_reading_config;
use crate::settings::{AccessSettings, check_variables};
use crate::source::live::{StreamProfile, stream_profiles};
use listing::{Listing, Refusals};

/// How often a person is told how far it is.
const BETWEEN_WORDS: Duration = Duration::from_secs(5);

/// List the Kinesis streams of a region, with shards, retention, encryption and consumers
///
/// Each stream is asked what it is, some side by side. The service answers some 20 such questions a second, so a thousand
/// streams take about a minute; requests that are throttled are tried again.
#[derive(Debug, Args)]
#[command(after_help = "\
The region is that of --region, AWS_REGION, or that of the profile.

Permissions: kinesis:ListStreams; kinesis:DescribeStreamSummary for mode, shards, retention and encryption, and
kinesis:ListStreamConsumers for consumers: without these two, - stands in their place, and a line says which is missing.

Exit codes:
  0  the streams are listed, also where there is none, or a stream does not say all
  1  the streams can't be listed
  2  wrong usage

Examples:
  kinesieve streams
  kinesieve streams --like readings
  kinesieve streams --profile production --region eu-west-1
  kinesieve streams --json | jq -r 'select(.mode == \"provisioned\").arn'")]
pub(super) struct StreamsArguments {
    /// Only streams whose name holds this text, in any case
    #[arg(long, value_name = "TEXT")]
    like: Option<String>,

    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    access: AccessSettings,
}

impl StreamsArguments {
    /// How AWS is reached.
    pub(super) fn access(&self) -> AccessFlags<'_> {
        AccessFlags { all: &self.access, table: None }
    }
}

pub(super) fn streams(arguments: &StreamsArguments) -> Result<u8, CommandError> {
    check_variables(std::env::vars_os())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let profiles = runtime.block_on(profiles(arguments))?;
    if arguments.json {
        let lines: Vec<String> = profiles.iter().map(|stream| format!("{}\n", object(stream))).collect();
        print_json(&lines.concat())?;
    } else if profiles.is_empty() {
        print(&match &arguments.like {
            Some(like) => format!("no stream has {like:?} in its name\n"),
            None => "there is no stream in this region: look at AWS_REGION and AWS_PROFILE\n".to_owned(),
        })?;
    } else {
        print_coloured(&Listing { streams: &profiles })?;
    }
    for line in Refusals::of(&profiles).lines() {
        say(&line);
    }
    Ok(ALL_ACKNOWLEDGED)
}

async fn profiles(arguments: &StreamsArguments) -> Result<Vec<StreamProfile>, CommandError> {
    let config = checked_reading_config(None).await;
    let config = config.map_err(|error| access::error(error, "the streams to list", ""))?;
    let progress = ProgressDisplay::waiting_for("listing streams".to_owned());
    let _cleared = progress.until_the_end();
    let told = std::cell::Cell::new(Instant::now());
    let tell = |done: usize, total: usize| {
        let what = format!("{done} of {} asked", counted(u64::try_from(total).unwrap_or(u64::MAX), "stream"));
        progress.update_saying(0, &what);
        if told.get().elapsed() > BETWEEN_WORDS && !progress.is_visible() {
            told.set(Instant::now());
            say(&what);
        }
    };
    Ok(stream_profiles(&config, arguments.like.as_deref(), tell).await?)
}

/// A stream for a program. What is not known is null, and `refused` names the permissions.
fn object(stream: &StreamProfile) -> serde_json::Value {
    let details = stream.details.as_ref().ok();
    let refusals = [stream.details.as_ref().err(), stream.consumers.as_ref().err()];
    let refused: Vec<_> = refusals
        .into_iter()
        .flatten()
        .map(|refusal| json!({ "action": refusal.action, "reason": refusal.reason }))
        .collect();
    json!({
        "name": stream.name,
        "arn": stream.arn,
        "mode": stream.mode.map(|mode| mode.as_str()),
        "status": details.map(|details| &details.status),
        "openShards": details.map(|details| details.open_shards),
        "retentionHours": details.map(|details| details.retention_hours),
        "encryption": details.map(|details| if details.key.is_some() { "kms" } else { "none" }),
        "key": details.and_then(|details| details.key.as_ref()),
        "consumers": stream.consumers.as_ref().ok(),
        "refused": refused,
    })
}

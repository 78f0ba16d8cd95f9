//! Every setting, once: its flag, its environment variable, its default and its documentation.
//!
//! The function reads the environment ([`FunctionSettings::from_variables`]); the command line reads
//! flags and the environment, a flag first. What is unknown, malformed or contradictory stops the
//! start with one line that names it.

mod arn;
mod checkpoint;
mod stream;
mod target;
mod values;
mod variables;

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, Parser};
use tracing::level_filters::LevelFilter;

pub use arn::{Arn, InvalidArn};
pub use checkpoint::{CheckpointSettings, StreamIdForm, TableCapacity, TableName};
pub use stream::{InvalidStreamName, StreamName};
pub use target::{InvalidTarget, Target, is_same_file};
pub(crate) use target::{bucket_and_prefix, s3_prefix};
pub use values::{
    Compression, Decode, Encode, MetricsFormat, Order, Pack, Route, normal_route,
    transform_settings as parse_transform_settings,
};
pub use variables::{PREFIX, check_variables, ignore_empty_variables};

use crate::sink::EventLabels;
use crate::sink::destination::{Ability, PackGroups, names_of, nouns_of};

/// Why the settings don't stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A variable with our prefix that nobody reads: a typing error would be silent otherwise.
    #[error("{name} is no setting{}", match .nearest { Some(nearest) => format!(": did you mean {nearest}?"), None => String::new() })]
    Unknown {
        /// The variable.
        name: String,
        /// The setting with the most similar name, if one is similar at all.
        nearest: Option<String>,
    },
    /// A value that the setting can't have.
    #[error("{name}: {reason}")]
    Invalid {
        /// The variable or flag.
        name: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// A setting without which nothing works.
    #[error("{name} is required: {help}")]
    Missing {
        /// The variable.
        name: String,
        /// What it is for.
        help: String,
    },
    /// Settings that can't both hold.
    #[error("{0}")]
    Contradiction(String),
}

/// What the function and the command line have in common.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The transform: a WebAssembly component (.wasm), or what `kinesieve build` made of one (.cwasm)
    #[arg(long, env = "KINESIEVE_TRANSFORM", value_name = "FILE")]
    pub transform: PathBuf,

    /// Settings handed to the transform: key=value separated by commas, or a JSON object
    // Taken as it is, since clap would quote a malformed value, and there may be secrets in it.
    #[arg(long, env = "KINESIEVE_TRANSFORM_SETTINGS", value_name = "SETTINGS", hide_env_values = true)]
    pub transform_settings: Option<String>,

    /// Take KPL aggregates apart: true or false
    #[arg(long, env = "KINESIEVE_DEAGGREGATE", value_name = "BOOL", default_value = "true", value_parser = values::yes_or_no, action = clap::ArgAction::Set)]
    pub deaggregate: bool,

    /// How payloads are decoded before the transform sees them: none, gzip, zstd, auto (gzip, zstd or neither, by what
    /// a payload starts with) or cloudwatch-logs (each log event of a subscription is an event)
    #[arg(long, env = "KINESIEVE_DECODE", value_name = "ENCODING", default_value = "none")]
    pub decode: Decode,

    /// What one record may unpack to, all that it holds together; one that unpacks to more can't be processed
    #[arg(long, env = "KINESIEVE_DECODE_LIMIT", value_name = "SIZE", default_value = "32MiB", value_parser = values::decode_limit)]
    pub decode_limit: ByteSize,

    /// Where outputs go: the ARN of a Kinesis stream, a Firehose delivery stream, an SQS queue, an SNS topic, an EventBridge
    /// event bus or an S3 bucket (`arn:aws:s3:::BUCKET/PREFIX`), stdout, file:PATH (NDJSON, appended) or none; on the
    /// command line they go to stdout if nothing is said
    #[arg(long, env = "KINESIEVE_OUTPUT", value_name = "TARGET")]
    pub output: Option<Target>,

    /// Where outputs of a route go; may be given several times. As a variable: `KINESIEVE_ROUTE_<NAME>`
    #[arg(long = "route", value_name = "NAME=TARGET")]
    pub routes: Vec<Route>,

    /// Where events that can't be processed go, with payload and reason. Without it such an event
    /// stops its shard until it is processed or expires
    #[arg(long, env = "KINESIEVE_DEAD_LETTER", value_name = "TARGET")]
    pub dead_letter: Option<Target>,

    /// Where dead letters go whole that are too large for their target, which then has a pointer to each: an S3 bucket
    /// with a prefix of its own (`arn:aws:s3:::BUCKET/PREFIX`)
    #[arg(long, env = "KINESIEVE_DEAD_LETTER_LARGE", value_name = "PREFIX", value_parser = target::s3_prefix)]
    pub dead_letter_large: Option<Arn>,

    /// Cut the data of a dead letter that is too large for its target, and has no other place: true or false. The stream
    /// has the record until its retention ends. With false such a record stops its shard
    #[arg(long, env = "KINESIEVE_DEAD_LETTER_CUT", value_name = "BOOL", default_value = "true", value_parser = values::yes_or_no, action = clap::ArgAction::Set)]
    pub dead_letter_cut: bool,

    /// The order in which outputs of one partition key reach a stream or queue: key keeps it, none gives it
    /// up for speed
    #[arg(long, env = "KINESIEVE_ORDER", value_name = "ORDER", default_value = "key")]
    pub order: Order,

    /// How objects in S3 are compressed: none or gzip
    #[arg(long, env = "KINESIEVE_S3_COMPRESSION", value_name = "COMPRESSION", default_value = "none")]
    pub s3_compression: Compression,

    /// Put outputs for a Kinesis stream whose keys lead to one shard into KPL aggregates: true or false
    #[arg(long, env = "KINESIEVE_AGGREGATE", value_name = "BOOL", default_value = "false", value_parser = values::yes_or_no, action = clap::ArgAction::Set)]
    pub aggregate: bool,

    /// What several outputs become in a record of Firehose, a message of SQS or SNS or an object in S3: lines, a JSON
    /// array, or none, where each stays by itself
    #[arg(long, env = "KINESIEVE_PACK", value_name = "FORM", default_value = "none")]
    pub pack: Pack,

    /// Pack no more than so many outputs together, 1 to 10000; an object in S3 holds all of its batch
    #[arg(long, env = "KINESIEVE_PACK_RECORDS", value_name = "COUNT", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub pack_records: u32,

    /// Pack no more than so many bytes together, but for an output that is larger by itself; 1KiB to 750KiB
    #[arg(long, env = "KINESIEVE_PACK_BYTES", value_name = "SIZE", default_value = "256KiB", value_parser = values::pack_bytes)]
    pub pack_bytes: ByteSize,

    /// How the data of outputs is compressed for Kinesis, Firehose, SQS and SNS: none, gzip or zstd
    #[arg(long, env = "KINESIEVE_ENCODE", value_name = "ENCODING", default_value = "none")]
    pub encode: Encode,

    /// The source of events that are put on an EventBridge event bus
    #[arg(long, env = "KINESIEVE_EVENT_SOURCE", value_name = "SOURCE", default_value = "kinesieve", value_parser = values::event_source)]
    pub event_source: String,

    /// The detail type of outputs on an EventBridge event bus. That of dead letters is dead-letter
    #[arg(long, env = "KINESIEVE_EVENT_DETAIL_TYPE", value_name = "TYPE", default_value = "record", value_parser = values::event_detail_type)]
    pub event_detail_type: String,

    /// Dead-letter an event that the transform still asks for again (retry) at this attempt, instead of
    /// stopping its shard any longer; also one that is not done by the deadline, or whose output a target refuses
    /// while it takes others. Attempts without progress are counted for the event that a shard stands still at
    #[arg(long, env = "KINESIEVE_MAX_ATTEMPTS", value_name = "COUNT")]
    pub max_attempts: Option<NonZeroU32>,

    /// Dead-letter an event that the transform asks for again (retry) once it is older than this, counted
    /// from its arrival in the stream; for example 1h or 2days
    #[arg(long, env = "KINESIEVE_MAX_EVENT_AGE", value_name = "DURATION", value_parser = values::max_event_age)]
    pub max_event_age: Option<Duration>,

    /// Take no more than so many records of a shard in a second
    #[arg(long, env = "KINESIEVE_MAX_RECORDS_PER_SHARD_PER_SECOND", value_name = "COUNT")]
    pub max_records_per_shard_per_second: Option<NonZeroU32>,

    /// Take no more than so many bytes of payload of a shard in a second; for example 500KB
    #[arg(long, env = "KINESIEVE_MAX_BYTES_PER_SHARD_PER_SECOND", value_name = "SIZE", value_parser = values::byte_rate)]
    pub max_bytes_per_shard_per_second: Option<ByteSize>,

    /// Time that the transform may take for one event, sleeping included; for example 500ms or 2s
    #[arg(long, env = "KINESIEVE_EVENT_TIMEOUT", value_name = "DURATION", default_value = "1s", value_parser = values::event_timeout)]
    pub event_timeout: Duration,

    /// Linear memory that one instance of the transform may have; for example 64MiB
    #[arg(long, env = "KINESIEVE_MEMORY_LIMIT", value_name = "SIZE", default_value = "128MiB", value_parser = values::memory_limit)]
    pub memory_limit: ByteSize,

    /// Instances of the transform that work side by side, 1 to 64; the records of a partition key go to one of them.
    /// In Lambda as many as its memory gives vCPUs if nothing is said, elsewhere as there are cores
    #[arg(long, env = "KINESIEVE_WORKERS", value_name = "COUNT", value_parser = values::workers)]
    pub workers: Option<NonZeroUsize>,

    /// How much is logged: off, error, warn, info, debug or trace
    #[arg(long, env = "KINESIEVE_LOG", value_name = "LEVEL", default_value = "info", value_parser = values::log_level)]
    pub log: LevelFilter,
}

/// What the function reads from its environment.
#[derive(Debug, Clone, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
pub struct FunctionSettings {
    /// What it shares with the command line.
    #[command(flatten)]
    pub common: Settings,

    /// Where it mirrors positions.
    #[command(flatten)]
    pub checkpoint: CheckpointSettings,

    /// What only the function has.
    #[command(flatten)]
    pub only: FunctionOnly,
}

/// What only the function has.
#[derive(Debug, Clone, Args)]
pub struct FunctionOnly {
    /// Time before the invocation's deadline that is kept to deliver what is finished and to answer
    #[arg(long, env = "KINESIEVE_DEADLINE_RESERVE", value_name = "DURATION", default_value = "2s", value_parser = values::deadline_reserve)]
    pub deadline_reserve: Duration,

    /// Connect to the targets while the function starts, instead of with its first batch: true or false
    #[arg(long, env = "KINESIEVE_WARM_CONNECTIONS", value_name = "BOOL", default_value = "false", value_parser = values::yes_or_no, action = clap::ArgAction::Set)]
    pub warm_connections: bool,

    /// Counts of each invocation: emf writes a line of CloudWatch embedded metrics to the log, none does not
    #[arg(long, env = "KINESIEVE_METRICS", value_name = "FORMAT", default_value = "emf")]
    pub metrics: MetricsFormat,
}

impl Settings {
    /// The settings for the transform, in the order in which they were written.
    ///
    /// # Errors
    /// When the text has neither form, or names a key twice. The message holds no value: they may be
    /// secret.
    pub fn transform_settings(&self) -> Result<Vec<(String, String)>, SettingsError> {
        match &self.transform_settings {
            None => Ok(Vec::new()),
            Some(text) => values::transform_settings(text)
                .map_err(|reason| SettingsError::Invalid { name: "KINESIEVE_TRANSFORM_SETTINGS".to_owned(), reason }),
        }
    }

    /// Returns what events are called that are put on an event bus.
    pub fn event_labels(&self) -> EventLabels {
        EventLabels { source: self.event_source.as_str().into(), detail_type: self.event_detail_type.as_str().into() }
    }

    /// The dead-letter target, if there is one: `none` says that there is not. It does not throw
    /// events away, since nothing may be lost in silence.
    pub fn dead_letter(&self) -> Option<&Target> {
        self.dead_letter.as_ref().filter(|target| target.capabilities().dead_letters)
    }

    /// The targets of the routes by name; routes from flags win over those from variables.
    ///
    /// # Errors
    /// When a route is given twice in the same way.
    pub fn routes<'a>(&'a self, from_variables: &'a [Route]) -> Result<BTreeMap<&'a str, &'a Target>, SettingsError> {
        let mut routes = BTreeMap::new();
        for given in [from_variables, self.routes.as_slice()] {
            let mut seen = Vec::new();
            for route in given {
                if seen.contains(&route.name.as_str()) {
                    let message = format!("the route {:?} is given twice", route.name);
                    return Err(SettingsError::Contradiction(message));
                }
                seen.push(&route.name);
                routes.insert(route.name.as_str(), &route.target);
            }
        }
        Ok(routes)
    }

    /// Whether anything goes to standard output, which is where outputs go on the command line unless it is said.
    pub fn writes_to_stdout(&self, routes: &BTreeMap<&str, &Target>) -> bool {
        let output = self.output.as_ref().unwrap_or(&Target::Stdout);
        let mut targets = std::iter::once(output).chain(self.dead_letter()).chain(routes.values().copied());
        targets.any(|target| *target == Target::Stdout)
    }

    /// Checks what no single setting shows.
    ///
    /// # Errors
    /// When outputs and dead letters would be mixed in one file, since their lines are of two formats, or
    /// under one prefix of S3, where they would replace each other; when large dead letters would be among either; when
    /// events are to be dead-lettered and there is no target for them.
    pub fn check(&self, routes: &BTreeMap<&str, &Target>) -> Result<(), SettingsError> {
        let gives_up = [
            ("KINESIEVE_MAX_ATTEMPTS", self.max_attempts.is_some()),
            ("KINESIEVE_MAX_EVENT_AGE", self.max_event_age.is_some()),
        ];
        if let (None, Some((name, _))) = (self.dead_letter(), gives_up.iter().find(|(_, is_set)| *is_set)) {
            return Err(SettingsError::Contradiction(format!(
                "{name} dead-letters events, and there is no target for them: set KINESIEVE_DEAD_LETTER as well"
            )));
        }
        self.check_packing(routes)?;
        self.check_large(routes)?;
        let Some(dead_letter) = self.dead_letter() else { return Ok(()) };
        let Some(remedy) = dead_letter.capabilities().storage else { return Ok(()) };
        let output = self.output.as_ref().unwrap_or(&Target::Stdout);
        let mut outputs = std::iter::once(output).chain(routes.values().copied());
        if outputs.any(|target| target.is_same_place(dead_letter)) {
            return Err(SettingsError::Contradiction(format!(
                "outputs and dead letters both go to {dead_letter}: give them {remedy} each"
            )));
        }
        Ok(())
    }

    /// Large dead letters are for a target that takes the others, and are by themselves.
    fn check_large(&self, routes: &BTreeMap<&str, &Target>) -> Result<(), SettingsError> {
        let Some(large) = self.dead_letter_large.clone().map(Target::bucket) else { return Ok(()) };
        let Some(dead_letter) = self.dead_letter() else {
            return Err(SettingsError::Contradiction(
                "KINESIEVE_DEAD_LETTER_LARGE is for dead letters that are too large for their target, and there is no \
                 target for them: set KINESIEVE_DEAD_LETTER as well"
                    .to_owned(),
            ));
        };
        let mut others = self.output.iter().chain(routes.values().copied()).chain([dead_letter]);
        match others.find(|target| target.overlaps(&large)) {
            None => Ok(()),
            Some(target) => Err(SettingsError::Contradiction(format!(
                "KINESIEVE_DEAD_LETTER_LARGE names {large}, and {target} is the same prefix or one of the two holds the \
                 other: give large dead letters a prefix of their own"
            ))),
        }
    }

    /// What asks for targets of a kind has one.
    fn check_packing(&self, routes: &BTreeMap<&str, &Target>) -> Result<(), SettingsError> {
        let targets = || self.output.iter().chain(routes.values().copied());
        // Where the output is nowhere, Firehose itself may be answered.
        let is_nowhere = targets().any(|target| *target == Target::None);
        let lacks = |is_able: Ability| !targets().any(|target| is_able(target.capabilities()));
        let (aggregates, encodes): (Ability, Ability) = (|able| able.aggregates, |able| able.encodes);
        let packs: Ability = |able| able.packing != PackGroups::None;
        let needs = [
            ("KINESIEVE_AGGREGATE", self.aggregate && lacks(aggregates), nouns_of(aggregates)),
            ("KINESIEVE_PACK", self.pack != Pack::None && !is_nowhere && lacks(packs), names_of(packs)),
            ("KINESIEVE_ENCODE", self.encode != Encode::None && lacks(encodes), names_of(encodes)),
        ];
        if let Some((name, _, what)) = needs.iter().find(|(_, is_missing, _)| *is_missing) {
            return Err(SettingsError::Contradiction(format!(
                "{name} is for outputs that go to {what}, and none does: set KINESIEVE_OUTPUT to one, or leave it out"
            )));
        }
        Ok(())
    }

    /// Checks that nothing is written to the file that is read: it would never end.
    ///
    /// # Errors
    /// When a target is the input, which is standard input for `-`.
    pub fn check_input(&self, input: &Path, routes_from_variables: &[Route]) -> Result<(), SettingsError> {
        let input = match (input == Path::new("-"), Path::new("/dev/stdin")) {
            (false, _) => input,
            // Led in from a file, it is that one.
            (true, stdin) if stdin.is_file() => stdin,
            (true, _) => return Ok(()),
        };
        let routes = self.routes(routes_from_variables)?;
        let output = self.output.as_ref().unwrap_or(&Target::Stdout);
        let mut targets = std::iter::once(output).chain(self.dead_letter()).chain(routes.into_values());
        match targets.find(|target| target.is_file(input)) {
            None => Ok(()),
            Some(target) => {
                let message = format!("{target} is the input itself: name another file to write to");
                Err(SettingsError::Contradiction(message))
            }
        }
    }
}

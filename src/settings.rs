//! Every setting, once: its flag, its environment variable, its default and its documentation.
//!
//! The function reads the environment ([`FunctionSettings::from_variables`]); the command line reads
//! flags and the environment, a flag first. What is unknown, malformed or contradictory stops the
//! start with one line that names it.

mod access;
mod checkpoint;
mod checks;
#[cfg(feature = "compiler")]
mod guest;
mod stream_id;
mod tcp;
mod transform_place;
mod values;
mod variables;

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, Parser};
use tracing::level_filters::LevelFilter;

use crate::connector::{ConnectorError, ConnectorFile};
use crate::error_code::ErrorCode;
use crate::filter::Filter;

pub use crate::aws::{Arn, InvalidArn, InvalidStreamName, StreamName, reach_services_by};
pub use crate::event::{Decode, DecodeOther};
use crate::interpolation::LookupError;
pub use crate::interpolation::Secret;
pub(crate) use crate::sink::s3_prefix;
pub use crate::sink::{Compression, Encode, InvalidTarget, Order, Pack, Target};
pub(crate) use access::role_arn;
pub use access::{AccessSettings, AssumedRoles, TableAccessSettings};
pub use checkpoint::{CheckpointSettings, TableCapacity, TableName};
#[cfg(feature = "compiler")]
pub use guest::GuestSettings;
pub use stream_id::{StreamAlias, StreamIdForm};
pub use tcp::{TableTcpSettings, TcpSettings};
pub use transform_place::TransformPlace;
pub use values::{
    MetricsFormat, Route, name_of, normal_route, transform_settings as parse_transform_settings, written_settings,
};
pub use variables::{PREFIX, check_variables, ignore_empty_variables};

use crate::sink::EventLabels;

/// Why the settings can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A variable with the prefix `KINESIEVE_` that is no setting. Ignoring it would hide a typing error.
    #[error("unknown setting {name}{}", match .nearest { Some(nearest) => format!(": did you mean {nearest}?"), None => String::new() })]
    Unknown {
        /// The variable.
        name: String,
        /// The setting with the most similar name, if one is similar at all.
        nearest: Option<String>,
    },
    /// A value that is invalid for its setting.
    #[error("{name}: {reason}")]
    Invalid {
        /// The variable or flag.
        name: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// A required setting that is missing.
    #[error("{name} is required: {help}")]
    Missing {
        /// The variable.
        name: String,
        /// What it is for.
        help: String,
    },
    /// Settings that contradict each other.
    #[error("{0}")]
    Contradiction(String),
    /// The connector file can't be used.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// What a setting refers to can't be looked up. No value is in the message.
    #[error("{name}: {reason}")]
    LookupFailed {
        /// The setting.
        name: &'static str,
        /// What was looked up, and why it is not known.
        reason: String,
    },
}

/// What a setting of the transform refers to can't be looked up.
impl From<LookupError> for SettingsError {
    fn from(error: LookupError) -> Self {
        SettingsError::LookupFailed { name: "KINESIEVE_TRANSFORM_SETTINGS", reason: error.to_string() }
    }
}

impl SettingsError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            SettingsError::Unknown { .. } => ErrorCode::UnknownSetting,
            SettingsError::Invalid { .. } => ErrorCode::InvalidValue,
            SettingsError::Missing { .. } => ErrorCode::MissingSetting,
            SettingsError::Contradiction(_) => ErrorCode::Contradiction,
            SettingsError::Connector(error) => error.code(),
            SettingsError::LookupFailed { .. } => ErrorCode::LookupFailed,
        }
    }
}

/// The settings that the function and the command line share.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// File with settings, YAML or JSON: a connector. It says what neither a flag nor a variable says
    #[arg(long, env = "KINESIEVE_CONNECTOR", value_name = "FILE")]
    pub connector: Option<PathBuf>,

    /// Path of the transform: a WebAssembly component (.wasm), or a component that `kinesieve build` precompiled
    /// (.cwasm). To the command line also the folder of a project, which is built first. Or none: records pass as they are.
    /// Required in the function and by `redrive` and `rescue`, unless there is a filter
    #[arg(long, env = "KINESIEVE_TRANSFORM", value_name = "FILE")]
    pub transform: Option<TransformPlace>,

    /// Filter of records, an expression of the Common Expression Language; for example `json.temperature > 30`. It comes before
    /// the transform: true lets a record go on, false drops it. A record that it can't judge is dead-lettered
    #[arg(long, env = "KINESIEVE_FILTER", value_name = "EXPRESSION")]
    pub filter: Option<Filter>,

    /// Settings for the transform: key=value pairs separated by commas, or a JSON object. A value can stand elsewhere:
    /// ${env:NAME}, ${file:PATH}, ${ssm:NAME} or ${secretsmanager:ID#FIELD}
    // Taken as it is, since clap would quote a malformed value, and there may be secrets in it.
    #[arg(long, env = "KINESIEVE_TRANSFORM_SETTINGS", value_name = "SETTINGS", hide_env_values = true)]
    pub transform_settings: Option<String>,

    /// Split KPL aggregates into their user records before the transform sees them: true or false
    #[arg(long, env = "KINESIEVE_DEAGGREGATE", value_name = "BOOL", default_value = "true", value_parser = values::yes_or_no, action = clap::ArgAction::Set)]
    pub deaggregate: bool,

    /// How payloads are decoded before the transform sees them: none, auto (gzip, zlib, zstd, lz4 or framed snappy by the
    /// first bytes, and all else as it is), gzip, zlib, deflate, zstd, snappy, lz4, base64, lines (each line becomes a
    /// record), cloudwatch-logs or cloudwatch-logs-full (each log event becomes a record); or up to four of them in the
    /// order in which they are undone, as gzip+lines
    #[arg(long, env = "KINESIEVE_DECODE", value_name = "DECODERS", default_value = "none")]
    pub decode: Decode,

    /// What becomes of a payload that is not what KINESIEVE_DECODE says. With pass, that decoder is left out for it. A
    /// payload that is broken, or unpacks to too much, is dead-lettered in any case
    #[arg(long, env = "KINESIEVE_DECODE_OTHER", value_name = "FATE", default_value = "dead-letter")]
    pub decode_other: DecodeOther,

    /// Maximum size of one record after decoding, with all that it holds. A larger record can't be processed
    #[arg(long, env = "KINESIEVE_DECODE_LIMIT", value_name = "SIZE", default_value = "32MiB", value_parser = values::decode_limit)]
    pub decode_limit: ByteSize,

    /// Destination of outputs: the ARN of a Kinesis stream, a Firehose delivery stream, an SQS queue, an SNS topic, an
    /// EventBridge event bus or an S3 bucket (`arn:aws:s3:::BUCKET/PREFIX`), stdout, file:PATH (NDJSON, appended) or none.
    /// Required in the function; the command line defaults to stdout
    #[arg(long, env = "KINESIEVE_OUTPUT", value_name = "TARGET")]
    pub output: Option<Target>,

    /// Destination of the outputs of a route. Can be given several times. As a variable: `KINESIEVE_ROUTE_<NAME>`
    #[arg(long = "route", value_name = "NAME=TARGET")]
    pub routes: Vec<Route>,

    /// Those of the connector file, which all others win over.
    #[arg(skip)]
    pub connector_routes: Vec<Route>,

    /// Destination of records that can't be processed, with payload and reason. Without it, such a record blocks its
    /// shard until it is processed or expires. With discard, such a record is given up: it is counted, logged once a second
    /// at most, and nowhere but in the stream
    #[arg(long, env = "KINESIEVE_DEAD_LETTER", value_name = "TARGET")]
    pub dead_letter: Option<Target>,

    /// S3 prefix (`arn:aws:s3:::BUCKET/PREFIX`) for whole dead letters that are too large for their destination,
    /// which then gets a pointer to each. The prefix must hold nothing else
    #[arg(long, env = "KINESIEVE_DEAD_LETTER_LARGE", value_name = "PREFIX", value_parser = s3_prefix)]
    pub dead_letter_large: Option<Arn>,

    /// Cut the data of a dead letter that is too large for its destination and has no other place: true or false. The
    /// stream keeps the record until its retention ends. With false, such a record blocks its shard
    #[arg(long, env = "KINESIEVE_DEAD_LETTER_CUT", value_name = "BOOL", default_value = "true", value_parser = values::yes_or_no, action = clap::ArgAction::Set)]
    pub dead_letter_cut: bool,

    /// Order of outputs with the same partition key in a stream or queue
    #[arg(long, env = "KINESIEVE_ORDER", value_name = "ORDER", default_value = "key")]
    pub order: Order,

    /// Compression of objects in S3
    #[arg(long, env = "KINESIEVE_S3_COMPRESSION", value_name = "COMPRESSION", default_value = "none")]
    pub s3_compression: Compression,

    /// Pack outputs for a Kinesis stream into KPL aggregates, one for each shard: true or false
    #[arg(long, env = "KINESIEVE_AGGREGATE", value_name = "BOOL", default_value = "false", value_parser = values::yes_or_no, action = clap::ArgAction::Set)]
    pub aggregate: bool,

    /// How several outputs are packed into one record of Kinesis or Firehose, one message of SQS or SNS, one object in S3, or
    /// what is written to a file or standard output. A record of Kinesis and a message have outputs of one partition key
    #[arg(long, env = "KINESIEVE_PACK", value_name = "FORM", default_value = "none")]
    pub pack: Pack,

    /// Maximum number of outputs in a pack, 1 to 10000. An object in S3 holds all outputs of its batch, and lines in a file
    /// have no end
    #[arg(long, env = "KINESIEVE_PACK_RECORDS", value_name = "COUNT", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub pack_records: u32,

    /// Maximum size of a pack, 1KiB to 750KiB. An output that is larger by itself is a pack of its own
    #[arg(long, env = "KINESIEVE_PACK_BYTES", value_name = "SIZE", default_value = "256KiB", value_parser = values::pack_bytes)]
    pub pack_bytes: ByteSize,

    /// Compression of the data of outputs for Kinesis, Firehose, SQS and SNS
    #[arg(long, env = "KINESIEVE_ENCODE", value_name = "ENCODING", default_value = "none")]
    pub encode: Encode,

    /// Source of the events on an EventBridge event bus
    #[arg(long, env = "KINESIEVE_EVENT_SOURCE", value_name = "SOURCE", default_value = "kinesieve", value_parser = values::event_source)]
    pub event_source: String,

    /// Detail type of outputs on an EventBridge event bus. Dead letters have dead-letter there
    #[arg(long, env = "KINESIEVE_EVENT_DETAIL_TYPE", value_name = "TYPE", default_value = "record", value_parser = values::event_detail_type)]
    pub event_detail_type: String,

    /// Dead-letter a record at this attempt instead of trying it again: one for which the transform still returns
    /// retry, one that is not finished by the deadline, or one whose output a destination refuses while it takes
    /// others. Attempts without progress count, for the record that blocks its shard
    #[arg(long, env = "KINESIEVE_MAX_ATTEMPTS", value_name = "COUNT")]
    pub max_attempts: Option<NonZeroU32>,

    /// Dead-letter a record for which the transform returns retry once it is older than this, counted from its
    /// arrival in the stream; for example 1h or 2days
    #[arg(long, env = "KINESIEVE_MAX_EVENT_AGE", value_name = "DURATION", value_parser = values::max_event_age)]
    pub max_event_age: Option<Duration>,

    /// Maximum number of records processed per shard and second
    #[arg(long, env = "KINESIEVE_MAX_RECORDS_PER_SHARD_PER_SECOND", value_name = "COUNT")]
    pub max_records_per_shard_per_second: Option<NonZeroU32>,

    /// Maximum payload bytes processed per shard and second; for example 500KB
    #[arg(long, env = "KINESIEVE_MAX_BYTES_PER_SHARD_PER_SECOND", value_name = "SIZE", value_parser = values::byte_rate)]
    pub max_bytes_per_shard_per_second: Option<ByteSize>,

    /// Maximum time of the transform for one record, including time that it sleeps; for example 500ms or 2s
    #[arg(long, env = "KINESIEVE_EVENT_TIMEOUT", value_name = "DURATION", default_value = "1s", value_parser = values::event_timeout)]
    pub event_timeout: Duration,

    /// Maximum linear memory of one instance of the transform; for example 64MiB
    #[arg(long, env = "KINESIEVE_MEMORY_LIMIT", value_name = "SIZE", default_value = "128MiB", value_parser = values::memory_limit)]
    pub memory_limit: ByteSize,

    /// Number of instances of the transform that run in parallel, 1 to 64. All records of a partition key go to the
    /// same instance. Defaults to the vCPUs of the function's memory in Lambda, and to the cores elsewhere
    #[arg(long, env = "KINESIEVE_WORKERS", value_name = "COUNT", value_parser = values::workers)]
    pub workers: Option<NonZeroUsize>,

    /// Log level: off, error, warn, info, debug or trace
    #[arg(long, env = "KINESIEVE_LOG", value_name = "LEVEL", default_value = "info", value_parser = values::log_level)]
    pub log: LevelFilter,

    /// How AWS is reached.
    #[command(flatten)]
    pub access: AccessSettings,
}

/// The settings that the function reads from its environment.
#[derive(Debug, Clone, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
pub struct FunctionSettings {
    /// The settings that it shares with the command line.
    #[command(flatten)]
    pub common: Settings,

    /// The settings of the checkpoint table.
    #[command(flatten)]
    pub checkpoint: CheckpointSettings,

    /// The settings that only the function has.
    #[command(flatten)]
    pub only: FunctionOnly,
}

/// What only the function has.
#[derive(Debug, Clone, Args)]
pub struct FunctionOnly {
    /// Time before the deadline of an invocation that is reserved for delivering finished outputs and answering
    /// Lambda
    #[arg(long, env = "KINESIEVE_DEADLINE_RESERVE", value_name = "DURATION", default_value = "2s", value_parser = values::deadline_reserve)]
    pub deadline_reserve: Duration,

    /// Open connections to the destinations while the function starts, and not with its first batch: true or false
    #[arg(long, env = "KINESIEVE_WARM_CONNECTIONS", value_name = "BOOL", default_value = "false", value_parser = values::yes_or_no, action = clap::ArgAction::Set)]
    pub warm_connections: bool,

    /// Metrics of each invocation, in the log
    #[arg(long, env = "KINESIEVE_METRICS", value_name = "FORMAT", default_value = "emf")]
    pub metrics: MetricsFormat,
}

impl Settings {
    /// The path of the transform; none: there is no transform.
    pub fn transform_path(&self) -> Option<&Path> {
        self.transform.as_ref().and_then(TransformPlace::path)
    }

    /// Checks that it is said what becomes of records, where a transform that was forgotten would let through what it is to
    /// take out.
    ///
    /// # Errors
    /// When neither a transform is named, nor that there is none, nor a filter.
    pub fn insist_on_transform(&self) -> Result<(), SettingsError> {
        if self.transform.is_some() || self.filter.is_some() {
            return Ok(());
        }
        Err(SettingsError::Missing {
            name: "KINESIEVE_TRANSFORM".to_owned(),
            help: "Path of the transform, or none: then records pass as they are".to_owned(),
        })
    }

    /// Returns the settings for the transform, in the order in which they were written.
    ///
    /// # Errors
    /// When the text has neither form, or names a key twice. The message holds no value, which may be a secret.
    pub fn transform_settings(&self) -> Result<Vec<(String, String)>, SettingsError> {
        values::written_settings("KINESIEVE_TRANSFORM_SETTINGS", self.transform_settings.as_deref())
    }

    /// Returns what events are called that are put on an event bus.
    pub fn event_labels(&self) -> EventLabels {
        EventLabels { source: self.event_source.as_str().into(), detail_type: self.event_detail_type.as_str().into() }
    }

    /// The dead-letter destination, if there is one: `none` says that there is not. It does not throw
    /// events away, since nothing may be lost in silence.
    pub fn dead_letter(&self) -> Option<&Target> {
        self.dead_letter.as_ref().filter(|target| target.capabilities().dead_letters)
    }

    /// Takes over the routes of a connector file.
    ///
    /// # Errors
    /// When one is malformed.
    pub(crate) fn take_routes_of(&mut self, file: &ConnectorFile) -> Result<(), SettingsError> {
        let invalid = |reason| SettingsError::Invalid { name: "routes".to_owned(), reason };
        let routes = file.routes().map(|route| route.parse().map_err(invalid));
        self.connector_routes = routes.collect::<Result<_, _>>()?;
        Ok(())
    }

    /// The targets of the routes by name; routes from flags win over those from variables, and these over those of the
    /// connector file.
    ///
    /// # Errors
    /// When a route is given twice in the same way.
    pub fn routes<'a>(&'a self, from_variables: &'a [Route]) -> Result<BTreeMap<&'a str, &'a Target>, SettingsError> {
        let mut routes = BTreeMap::new();
        for given in [self.connector_routes.as_slice(), from_variables, self.routes.as_slice()] {
            let mut seen = Vec::new();
            for route in given {
                if seen.contains(&route.name.as_str()) {
                    let message = format!("route {:?} is set twice: remove one of the two", route.name);
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
}

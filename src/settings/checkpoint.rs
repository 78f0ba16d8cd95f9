//! Settings of the mirror of positions in DynamoDB.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::stream_id::StreamIdForm;
use super::{SettingsError, TableAccessSettings, values};
use crate::aws::Arn;

/// The settings of the checkpoint table, in which the function records the position of each shard.
// The ids keep apart what a command has under the same short name.
#[derive(Debug, Clone, Args)]
pub struct CheckpointSettings {
    /// DynamoDB table in which the position of each shard is recorded, by name or ARN. Without it, no position is
    /// recorded
    #[arg(
        id = "checkpoint_table",
        long = "checkpoint-table",
        env = "KINESIEVE_CHECKPOINT_TABLE",
        value_name = "TABLE"
    )]
    pub table: Option<TableName>,

    /// How the stream is written in the table: name, arn, or STREAM=TEXT for a text of your own, several separated by
    /// commas. Streams without a text are written by their name
    #[arg(
        id = "checkpoint_stream_id",
        long = "checkpoint-stream-id",
        env = "KINESIEVE_CHECKPOINT_STREAM_ID",
        value_name = "FORM",
        default_value = "name"
    )]
    pub stream_id: StreamIdForm,

    /// Maximum time that a batch waits for the table; for example 500ms
    #[arg(id = "checkpoint_timeout", long = "checkpoint-timeout", env = "KINESIEVE_CHECKPOINT_TIMEOUT", value_name = "DURATION", default_value = "500ms", value_parser = values::checkpoint_timeout)]
    pub timeout: Duration,

    /// Minimum time between two writes of a shard's position; for example 10s. A position that is held back is
    /// written with the next batch of the instance, or when the instance ends
    #[arg(id = "checkpoint_period", long = "checkpoint-period", visible_alias = "commit-period", env = "KINESIEVE_CHECKPOINT_PERIOD", value_name = "DURATION", default_value = "0s", value_parser = values::checkpoint_period)]
    pub period: Duration,

    /// Create the table if it is missing: true or false
    #[arg(id = "checkpoint_create", long = "checkpoint-create", env = "KINESIEVE_CHECKPOINT_CREATE", value_name = "BOOL", default_value = "false", value_parser = values::yes_or_no, action = clap::ArgAction::Set)]
    pub create: bool,

    /// Capacity of a table that is created: on-demand, or READ,WRITE units as in 5,5
    #[arg(
        id = "checkpoint_capacity",
        long = "checkpoint-capacity",
        env = "KINESIEVE_CHECKPOINT_CAPACITY",
        value_name = "CAPACITY",
        default_value = "on-demand"
    )]
    pub capacity: TableCapacity,

    /// Parallelization factor of the event source mapping, 1 to 10. Above 1 the batches of a shard run side by side,
    /// so the recorded position is the highest one and not safe to resume from
    #[arg(long, env = "KINESIEVE_PARALLELIZATION_FACTOR", value_name = "FACTOR", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=10))]
    pub parallelization_factor: u8,

    /// Acknowledge records at or before the recorded position without processing them again: true or false
    #[arg(long, env = "KINESIEVE_SKIP_ACKNOWLEDGED", value_name = "BOOL", default_value = "false", value_parser = values::yes_or_no, action = clap::ArgAction::Set)]
    pub skip_acknowledged: bool,

    /// How the table is reached.
    #[command(flatten)]
    pub access: TableAccessSettings,
}

impl CheckpointSettings {
    /// How the table is reached, and which it is.
    pub fn access(&self) -> (&TableAccessSettings, Option<&TableName>) {
        (&self.access, self.table.as_ref())
    }

    /// Checks what no single setting shows.
    ///
    /// # Errors
    /// When there is no table for what is asked of one, or a position that nobody can rely on is to be relied on.
    pub fn check(&self) -> Result<(), SettingsError> {
        let needs_table = [
            ("KINESIEVE_CHECKPOINT_PERIOD", !self.period.is_zero()),
            ("KINESIEVE_CHECKPOINT_CREATE", self.create),
            ("KINESIEVE_SKIP_ACKNOWLEDGED", self.skip_acknowledged),
        ];
        if let (None, Some((name, _))) = (&self.table, needs_table.iter().find(|(_, is_set)| *is_set)) {
            return Err(SettingsError::Contradiction(format!(
                "{name} is of use with a checkpoint table, and there is none: set KINESIEVE_CHECKPOINT_TABLE as well"
            )));
        }
        if !self.create && self.capacity != TableCapacity::OnDemand {
            return Err(SettingsError::Contradiction(
                "KINESIEVE_CHECKPOINT_CAPACITY is for a table that is made: set KINESIEVE_CHECKPOINT_CREATE to true as \
                 well, or leave it out"
                    .to_owned(),
            ));
        }
        if self.skip_acknowledged && self.parallelization_factor > 1 {
            return Err(SettingsError::Contradiction(format!(
                "KINESIEVE_SKIP_ACKNOWLEDGED relies on the order of a shard, and with a parallelization factor of {} \
                 there is none: leave it out, or give the event source mapping a factor of 1",
                self.parallelization_factor
            )));
        }
        Ok(())
    }
}

/// A DynamoDB table, by name or ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    text: String,
    region: Option<String>,
}

impl TableName {
    /// As requests name it: the name or the ARN, as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The region, where an ARN says it.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }
}

impl FromStr for TableName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refusal = || {
            format!(
                "{text:?} is no table: use a name (3 to 255 letters, digits, `_`, `-` and `.`) or an ARN, \
                 arn:aws:dynamodb:REGION:ACCOUNT:table/NAME"
            )
        };
        if !text.starts_with("arn:") {
            return if is_name(text) { Ok(Self { text: text.to_owned(), region: None }) } else { Err(refusal()) };
        }
        let arn: Arn = text.parse().map_err(|_| refusal())?;
        let name = arn.resource.strip_prefix("table/").filter(|name| is_name(name));
        if arn.service != "dynamodb" || arn.region.is_empty() || name.is_none() {
            return Err(refusal());
        }
        Ok(Self { text: text.to_owned(), region: Some(arn.region) })
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn is_name(text: &str) -> bool {
    (3..=255).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

/// How a table that is made is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableCapacity {
    /// By request.
    OnDemand,
    /// By the hour, for so many units.
    Provisioned {
        /// Reads a second.
        read: NonZeroU32,
        /// Writes a second.
        write: NonZeroU32,
    },
}

impl FromStr for TableCapacity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            // The first is ours, the second that of DynamoDB.
            "on-demand" | "PAY_PER_REQUEST" => return Ok(TableCapacity::OnDemand),
            "PROVISIONED" => return Err("PROVISIONED takes its units: write them, READ,WRITE as in 5,5".to_owned()),
            _ => {}
        }
        let units = |text: &str| text.trim().parse().ok();
        let provisioned = text.split_once(',').and_then(|(read, write)| Some((units(read)?, units(write)?)));
        let (read, write) = provisioned
            .ok_or_else(|| format!("{text:?} is no capacity: use on-demand, or READ,WRITE units as in 5,5"))?;
        Ok(TableCapacity::Provisioned { read, write })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::FunctionSettings;
    use futures_util::FutureExt;

    #[test]
    fn a_table_is_a_name_or_an_arn() {
        let name: TableName = "Check_points-1.a".parse().expect("a name");
        assert_eq!((name.as_str(), name.region()), ("Check_points-1.a", None));
        let text = "arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/checkpoints";
        let arn: TableName = text.parse().expect("an ARN");
        assert_eq!((arn.as_str(), arn.region()), (text, Some("us-gov-west-1")));
        for text in [
            "",
            "ab",
            "a b c",
            "arn:aws:dynamodb:eu-west-1:123456789012:table/",
            "arn:aws:dynamodb:eu-west-1:123456789012:table/checkpoints/index/other",
            "arn:aws:dynamodb::123456789012:table/checkpoints",
            "arn:aws:kinesis:eu-west-1:123456789012:stream/readings",
        ] {
            assert!(text.parse::<TableName>().expect_err(text).contains("table/NAME"));
        }
    }

    fn refusal(variables: &[(&str, &str)]) -> Option<String> {
        let least = [("KINESIEVE_TRANSFORM", "t.cwasm"), ("KINESIEVE_OUTPUT", "none")];
        let variables = least.iter().chain(variables).map(|(name, value)| (name.into(), value.into()));
        match FunctionSettings::from_variables(variables).now_or_never().expect("nobody is asked") {
            Ok((settings, _)) => settings.checkpoint.check().err().map(|error| error.to_string()),
            Err(error) => Some(error.to_string()),
        }
    }

    #[test]
    fn what_is_of_no_use_together_is_refused() {
        let table = ("KINESIEVE_CHECKPOINT_TABLE", "positions");
        for (variables, named) in [
            (&[("KINESIEVE_CHECKPOINT_CREATE", "true")][..], "set KINESIEVE_CHECKPOINT_TABLE"),
            (&[("KINESIEVE_CHECKPOINT_PERIOD", "10s")], "set KINESIEVE_CHECKPOINT_TABLE"),
            (&[("KINESIEVE_SKIP_ACKNOWLEDGED", "true")], "set KINESIEVE_CHECKPOINT_TABLE"),
            (&[table, ("KINESIEVE_CHECKPOINT_CAPACITY", "5,5")], "set KINESIEVE_CHECKPOINT_CREATE to true"),
            (
                &[table, ("KINESIEVE_SKIP_ACKNOWLEDGED", "true"), ("KINESIEVE_PARALLELIZATION_FACTOR", "2")],
                "a parallelization factor of 2",
            ),
            (&[table, ("KINESIEVE_SKIP_ACKNOWLEDGED", "yes")], "use true or false"),
            (
                &[table, ("KINESIEVE_PARALLELIZATION_FACTOR", "11")],
                "KINESIEVE_PARALLELIZATION_FACTOR: 11 is not in 1..=10",
            ),
            (&[table, ("KINESIEVE_CHECKPOINT_TIMEOUT", "0s")], "use 10ms to 1m"),
            (&[table, ("KINESIEVE_CHECKPOINT_STREAM_ID", "id")], "use name, arn, or STREAM=TEXT"),
        ] {
            let message = refusal(variables).expect(named);
            assert!(message.contains(named), "{message}");
        }
    }

    /// As a template passes all of them.
    #[test]
    fn the_defaults_by_themselves_are_no_contradiction() {
        let defaults = [
            ("KINESIEVE_CHECKPOINT_TABLE", ""),
            ("KINESIEVE_CHECKPOINT_STREAM_ID", "arn"),
            ("KINESIEVE_CHECKPOINT_PERIOD", "0s"),
            ("KINESIEVE_CHECKPOINT_CREATE", "false"),
            ("KINESIEVE_CHECKPOINT_CAPACITY", "on-demand"),
            ("KINESIEVE_PARALLELIZATION_FACTOR", "10"),
            ("KINESIEVE_SKIP_ACKNOWLEDGED", "false"),
        ];
        assert_eq!(refusal(&defaults), None);
    }

    #[test]
    fn a_capacity_is_on_demand_or_two_numbers() {
        let units = |number| NonZeroU32::new(number).expect("not zero");
        assert_eq!("on-demand".parse(), Ok(TableCapacity::OnDemand));
        assert_eq!("5, 10".parse(), Ok(TableCapacity::Provisioned { read: units(5), write: units(10) }));
        for text in ["", "5", "0,5", "5,-1", "a,b", "5,5,5"] {
            assert!(text.parse::<TableCapacity>().expect_err(text).contains("on-demand"), "{text}");
        }
    }
}

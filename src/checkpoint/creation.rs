//! Makes the table where it is missing. Many functions may start at once, and all of them may do so.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ProvisionedThroughput, ScalarAttributeType,
    TableDescription, TableStatus,
};

use super::error::{self, CheckpointError};
use super::row::{SHARD_ID, STREAM_ID};
use super::table::Table;
use crate::error_code::ErrorCode;
use crate::settings::TableCapacity;

/// How often to look whether a table is ready.
const PAUSE: Duration = Duration::from_millis(250);

/// Why there is no table to write to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreationError {
    /// It can't be looked for or made.
    #[error("{0}; creating it needs dynamodb:DescribeTable and dynamodb:CreateTable")]
    Trouble(#[from] CheckpointError),
    /// It is there, and it is another table.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// It is not ready yet.
    #[error("it is {status} after {}: positions are recorded once it is active", humantime::format_duration(*.after))]
    NotReady {
        /// What DynamoDB says of it.
        status: String,
        /// How long was waited.
        after: Duration,
    },
}

impl CreationError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            CreationError::Trouble(error) => error.code(),
            CreationError::Keys(error) => error.code(),
            CreationError::NotReady { .. } => ErrorCode::CheckpointTableNotReady,
        }
    }
}

/// Why a table is not one of positions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// It can't be looked at.
    #[error(transparent)]
    Trouble(#[from] CheckpointError),
    /// It has other keys.
    #[error(
        "its keys are {found}: they have to be StreamID (HASH) and ShardID (RANGE), both strings; name another table"
    )]
    Other {
        /// The keys as they are.
        found: String,
    },
    /// It has an item that is no row.
    #[error(
        "an item of it has the attributes {attributes}, and not the keys StreamID and ShardID, both strings; name \
         another table"
    )]
    NoRow {
        /// The names of some of its attributes.
        attributes: String,
    },
}

impl KeysError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            KeysError::Trouble(error) => error.code(),
            KeysError::Other { .. } | KeysError::NoRow { .. } => ErrorCode::CheckpointTableKeys,
        }
    }
}

/// Makes the table if it is missing, and waits until it is ready.
///
/// # Errors
/// When it is not ready within `time_limit`, is another table, or can't be made.
pub async fn create_if_missing(
    table: &Table,
    capacity: TableCapacity,
    time_limit: Duration,
) -> Result<(), CreationError> {
    let started = Instant::now();
    loop {
        let status = match described(table).await? {
            Some(description) => {
                check_keys(&description)?;
                match description.table_status {
                    // What is being updated still takes requests.
                    Some(TableStatus::Active | TableStatus::Updating) => return Ok(()),
                    status => status.map_or_else(|| "in an unknown state".to_owned(), |status| status.to_string()),
                }
            }
            None => {
                create(table, capacity).await?;
                TableStatus::Creating.to_string()
            }
        };
        if started.elapsed() + PAUSE > time_limit {
            return Err(CreationError::NotReady { status, after: time_limit });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn described(table: &Table) -> Result<Option<TableDescription>, CheckpointError> {
    match table.client().describe_table().table_name(table.name()).send().await {
        Ok(answer) => Ok(answer.table),
        Err(error) => match error.as_service_error() {
            Some(DescribeTableError::ResourceNotFoundException(_)) => Ok(None),
            _ => Err(error::of(&error)),
        },
    }
}

/// Asks for the table; that another one did so first is just as well.
async fn create(table: &Table, capacity: TableCapacity) -> Result<(), CheckpointError> {
    let mut request = table.client().create_table().table_name(table.name());
    for (name, key_type) in [(STREAM_ID, KeyType::Hash), (SHARD_ID, KeyType::Range)] {
        let definition =
            AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build();
        let key = KeySchemaElement::builder().attribute_name(name).key_type(key_type).build();
        request = request
            .attribute_definitions(definition.map_err(|error| CheckpointError::Refused(error.to_string()))?)
            .key_schema(key.map_err(|error| CheckpointError::Refused(error.to_string()))?);
    }
    request = match capacity {
        TableCapacity::OnDemand => request.billing_mode(BillingMode::PayPerRequest),
        TableCapacity::Provisioned { read, write } => {
            let units = ProvisionedThroughput::builder()
                .read_capacity_units(read.get().into())
                .write_capacity_units(write.get().into())
                .build()
                .map_err(|error| CheckpointError::Refused(error.to_string()))?;
            request.billing_mode(BillingMode::Provisioned).provisioned_throughput(units)
        }
    };
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) if is_made_already(&error) => Ok(()),
        Err(error) => Err(error::of(&error)),
    }
}

fn is_made_already(error: &SdkError<CreateTableError, HttpResponse>) -> bool {
    matches!(error.as_service_error(), Some(CreateTableError::ResourceInUseException(_)))
}

impl Table {
    /// Checks that the table is there and has the keys that rows need.
    ///
    /// # Errors
    /// When it has other keys, is missing, or can't be looked at.
    pub async fn check_keys(&self) -> Result<(), KeysError> {
        check_keys(&described(self).await?.ok_or(CheckpointError::Missing)?)
    }
}

fn check_keys(description: &TableDescription) -> Result<(), KeysError> {
    let key = |key: &KeySchemaElement| {
        let is_string = description.attribute_definitions().iter().any(|definition| {
            definition.attribute_name() == key.attribute_name()
                && *definition.attribute_type() == ScalarAttributeType::S
        });
        let of_type = if is_string { "" } else { ", no string" };
        format!("{} ({}{of_type})", key.attribute_name(), key.key_type())
    };
    let found: Vec<String> = description.key_schema().iter().map(key).collect();
    if found == [format!("{STREAM_ID} (HASH)"), format!("{SHARD_ID} (RANGE)")] {
        return Ok(());
    }
    Err(KeysError::Other { found: found.join(" and ") })
}

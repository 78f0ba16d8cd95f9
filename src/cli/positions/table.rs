//! The table that a command works on.

use std::time::Duration;

use clap::Args;

use crate::aws::checked_table_config;
use crate::checkpoint::Table;
use crate::cli::access::{self, AccessFlags};
use crate::cli::error::CommandError;
use crate::cli::status::check_table;
use crate::settings::{AccessSettings, TableAccessSettings, TableName};

/// How long the table is waited for, in each request.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(20);

/// The checkpoint table, and how it is reached.
#[derive(Debug, Args)]
pub(super) struct TableFlags {
    /// The checkpoint table, by name or ARN
    #[arg(
        id = "table",
        long = "table",
        alias = "checkpoint-table",
        env = "KINESIEVE_CHECKPOINT_TABLE",
        value_name = "TABLE"
    )]
    pub(super) name: TableName,

    #[command(flatten)]
    pub(super) access: AccessSettings,

    #[command(flatten)]
    pub(super) table_access: TableAccessSettings,
}

impl TableFlags {
    pub(super) fn access(&self) -> AccessFlags<'_> {
        AccessFlags { all: &self.access, table: Some((&self.table_access, Some(&self.name))) }
    }

    /// Opens the table.
    ///
    /// # Errors
    /// When requests can't be signed, there is no such table, or it is one of something else.
    pub(super) async fn open(&self) -> Result<Table, CommandError> {
        let table = open(&self.name).await?;
        check_table(&table).await?;
        Ok(table)
    }
}

/// Returns a table that may well not be there.
pub(super) async fn open(name: &TableName) -> Result<Table, CommandError> {
    let config = checked_table_config(name.region()).await;
    let config =
        config.map_err(|error| access::error(error, &format!("the table {name}"), ", or give the table's ARN"))?;
    Ok(Table::new(&config, name, TIME_LIMIT))
}

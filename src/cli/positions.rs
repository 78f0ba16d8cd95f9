//! `kinesieve positions`: the rows of the checkpoint table, for a person who moves them.

mod changes;
mod consent;
mod export;
mod import;
mod leases;
mod line;
mod list;
mod set;
mod table;

use clap::{Args, Subcommand};

use super::access::AccessFlags;
use super::error::CommandError;
use crate::settings::check_variables;

/// List, export, set and import the positions in a checkpoint table
///
/// A position says where a shard goes on: after a record, inside a KPL aggregate, at its beginning, at a time, or nowhere, since
/// it was read to its end. `kinesieve status` says besides how far that is behind.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(super) struct PositionsArguments {
    #[command(subcommand)]
    command: PositionsCommand,
}

#[derive(Debug, Subcommand)]
enum PositionsCommand {
    List(list::ListArguments),
    Export(export::ExportArguments),
    Set(set::SetArguments),
    Import(Box<import::ImportArguments>),
}

impl PositionsArguments {
    /// How AWS is reached, and how the table is.
    pub(super) fn access(&self) -> AccessFlags<'_> {
        match &self.command {
            PositionsCommand::List(arguments) => arguments.table.access(),
            PositionsCommand::Export(arguments) => arguments.table.access(),
            PositionsCommand::Set(arguments) => arguments.table.access(),
            PositionsCommand::Import(arguments) => arguments.access(),
        }
    }
}

pub(super) fn positions(arguments: &PositionsArguments) -> Result<u8, CommandError> {
    check_variables(std::env::vars_os())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match &arguments.command {
            PositionsCommand::List(arguments) => list::list(arguments).await,
            PositionsCommand::Export(arguments) => export::export(arguments).await,
            PositionsCommand::Set(arguments) => set::set(arguments).await,
            PositionsCommand::Import(arguments) => import::import(arguments).await,
        }
    })
}

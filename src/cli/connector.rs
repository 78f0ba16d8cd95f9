//! `kinesieve connector`: the file with all settings of a connector.

mod parameters;

use std::path::PathBuf;

use clap::{Arg, Args, Subcommand};

#[cfg(feature = "compiler")]
pub(crate) use self::parameters::parameter;
use self::parameters::{Parameters, parameters};
use super::error::CommandError;
use super::foreign::one_line;
use super::{ALL_ACKNOWLEDGED, connector_keys, print, print_json, say};
use crate::connector::{ConnectorFile, schema};
use crate::redaction::redacted;
use crate::settings::SettingsError;

/// Work on a connector file: all settings of a connector in one file
///
/// `kinesieve run --connector FILE` and the function (KINESIEVE_CONNECTOR) take their settings from it: whatever neither a
/// flag nor a variable says. The keys are the names of the flags of `kinesieve run`, with _ for -.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(super) struct ConnectorArguments {
    #[command(subcommand)]
    command: ConnectorCommand,
}

#[derive(Debug, Subcommand)]
enum ConnectorCommand {
    Check(CheckArguments),
    Import(ImportArguments),
    Parameters(ParametersArguments),
    Schema(SchemaArguments),
}

/// Check a connector file, and start nothing
///
/// Says what is wrong, with line and column, or prints each setting with its value. Secrets are left out, and so are values of
/// the transform's settings, since they may be secret.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
  0  the file is right
  1  it can't be read, or something in it is wrong
  2  wrong usage

Examples:
  kinesieve connector check readings.yaml")]
struct CheckArguments {
    /// The file: YAML or JSON
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Print the JSON Schema of connector files
///
/// Editors complete and check a file by it: save it beside the file, and name it in the file's first line, as
/// # yaml-language-server: $schema=connector.schema.json
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
  0  it is printed
  2  wrong usage

Examples:
  kinesieve connector schema > connector.schema.json")]
struct SchemaArguments {}

/// Turn the file of another tool into a connector file
///
/// The forms are a data connector object (JSON), a connection of the Flow Service API (JSON), an aws_kinesis input of Redpanda
/// Connect (YAML), and a bindings.aws.kinesis component of Dapr (YAML). The file is printed, with a comment where something
/// needed a decision. What does not come along is named in it, and on standard error, with the reason. Secrets never come along.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
  0  the connector file is printed
  1  the file can't be read, has none of the forms, or something in it is wrong
  2  wrong usage

Examples:
  kinesieve connector import input.yaml > readings.yaml
  kinesieve connector check readings.yaml")]
struct ImportArguments {
    /// The file of the other tool
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Print the parameters with which `sam deploy` deploys a connector file
///
/// They are those of the template that `kinesieve deploy` writes. What has no counterpart is named on standard error.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
  0  they are printed
  1  the file can't be read, or something in it is wrong
  2  wrong usage

Examples:
  kinesieve connector parameters readings.yaml > parameters.json
  sam deploy --guided --parameter-overrides file://parameters.json")]
struct ParametersArguments {
    /// The file: YAML or JSON
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn connector(arguments: &ConnectorArguments) -> Result<u8, CommandError> {
    match &arguments.command {
        ConnectorCommand::Check(arguments) => check(arguments)?,
        ConnectorCommand::Import(arguments) => import(arguments)?,
        ConnectorCommand::Parameters(arguments) => print_parameters(arguments)?,
        ConnectorCommand::Schema(_) => print(&format!("{:#}\n", schema(&connector_keys())))?,
    }
    Ok(ALL_ACKNOWLEDGED)
}

fn check(arguments: &CheckArguments) -> Result<(), CommandError> {
    let keys = connector_keys();
    let file = ConnectorFile::read(&arguments.file, &keys).map_err(SettingsError::from)?;
    // What help texts hide, since it may be a secret.
    let may_be_secret = |flag: &str| keys.get(flag).is_none_or(Arg::is_hide_env_values_set);
    let mut text = format!("{}: right\n", one_line(&arguments.file.display().to_string()));
    for given in file.given() {
        for value in &given.values {
            let value = match &given.elsewhere {
                _ if may_be_secret(&given.flag) => "(left out)".to_owned(),
                Some(elsewhere) => one_line(&redacted(elsewhere)),
                None => one_line(&redacted(value)),
            };
            text += &format!("  --{} {value}\n", given.flag);
        }
    }
    for (flag, written) in file.unresolved() {
        text += &format!("  --{flag} {} (looked up at the start)\n", one_line(&redacted(&written)));
    }
    print(&text)?;
    file.secrets_written_out().iter().for_each(|warning| say(&one_line(warning)));
    Ok(())
}

fn print_parameters(arguments: &ParametersArguments) -> Result<(), CommandError> {
    let file = ConnectorFile::read(&arguments.file, &connector_keys()).map_err(SettingsError::from)?;
    let Parameters { values, left_out } = parameters(&file);
    print_json(&format!("{:#}\n", serde_json::Value::Object(values)))?;
    say_left_out(left_out.into_iter().map(|(flag, reason)| (flag.replace('-', "_"), reason)));
    Ok(())
}

fn import(arguments: &ImportArguments) -> Result<(), CommandError> {
    let (text, left_out) = ConnectorFile::imported(&arguments.file).map_err(SettingsError::from)?;
    print(&text)?;
    say_left_out(left_out);
    Ok(())
}

fn say_left_out(left_out: impl IntoIterator<Item = (String, String)>) {
    for (name, reason) in left_out {
        say(&format_args!("left out: {}: {}", one_line(&name), one_line(&reason)));
    }
}

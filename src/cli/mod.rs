//! The command line: one file a command.

mod access;
mod backlog;
#[cfg(feature = "compiler")]
mod bench;
#[cfg(feature = "compiler")]
mod build;
#[cfg(feature = "compiler")]
mod compare;
mod connector;
#[cfg(feature = "compiler")]
mod deploy;
mod doctor;
mod error;
mod explain;
mod figures;
mod fitting;
mod foreign;
mod guest_lines;
mod input_name;
#[cfg(feature = "compiler")]
mod inspect;
mod interrupt;
mod log;
#[cfg(feature = "compiler")]
mod new;
mod output_fate;
#[cfg(feature = "compiler")]
mod package;
mod place;
mod portion;
mod positions;
mod progress;
mod put;
mod rate_limit;
mod read_flags;
mod redrive;
mod rescue;
pub(crate) mod run;
mod secrets;
mod status;
mod streams;
mod summary;
#[cfg(feature = "compiler")]
mod test;
#[cfg(feature = "compiler")]
mod upgrade;

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use self::access::AccessFlags;
#[cfg(feature = "compiler")]
pub(crate) use self::connector::parameter;
use self::error::CommandError;
use crate::connector::{ConnectorError, ConnectorFile, Keys};
use crate::interpolation::Lookups;
use crate::settings::{AccessSettings, FunctionSettings, Settings, SettingsError};
use crate::stdout::{self, StdoutError};

/// Everything that was read is acknowledged.
const ALL_ACKNOWLEDGED: u8 = 0;
/// It could not start, or the input can't be read.
const FAILED: u8 = 1;
/// It stopped at an event that is not acknowledged. (2 is clap's, for wrong usage.)
const NOT_ACKNOWLEDGED: u8 = 3;

/// Run a WebAssembly transform over the records of a Kinesis stream
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::RunArguments>),
    Redrive(Box<redrive::RedriveArguments>),
    Rescue(Box<rescue::RescueArguments>),
    Put(Box<put::PutArguments>),
    Status(Box<status::StatusArguments>),
    Positions(Box<positions::PositionsArguments>),
    Streams(Box<streams::StreamsArguments>),
    Doctor(Box<doctor::DoctorArguments>),
    Connector(connector::ConnectorArguments),
    #[cfg(feature = "compiler")]
    Build(build::BuildArguments),
    #[cfg(feature = "compiler")]
    New(new::NewArguments),
    #[cfg(feature = "compiler")]
    Upgrade(upgrade::UpgradeArguments),
    #[cfg(feature = "compiler")]
    Test(test::TestArguments),
    #[cfg(feature = "compiler")]
    Bench(Box<bench::BenchArguments>),
    #[cfg(feature = "compiler")]
    Compare(Box<compare::CompareArguments>),
    #[cfg(feature = "compiler")]
    Inspect(inspect::InspectArguments),
    #[cfg(feature = "compiler")]
    Package(package::PackageArguments),
    #[cfg(feature = "compiler")]
    Deploy(deploy::DeployArguments),
    Explain(explain::ExplainArguments),
}

impl Command {
    /// How a command reaches AWS, if it does.
    fn access(&self) -> Option<AccessFlags<'_>> {
        match self {
            Command::Run(arguments) => Some(arguments.access()),
            Command::Redrive(arguments) => Some(arguments.access()),
            Command::Rescue(arguments) => Some(arguments.access()),
            Command::Put(arguments) => Some(arguments.access()),
            Command::Status(arguments) => Some(arguments.access()),
            Command::Positions(arguments) => Some(arguments.access()),
            Command::Streams(arguments) => Some(arguments.access()),
            // `doctor` says so itself: by its own role, or another's.
            #[cfg(feature = "compiler")]
            Command::Compare(arguments) => Some(arguments.access()),
            _ => None,
        }
    }

    /// The settings of a command that takes a connector file.
    fn settings_mut(&mut self) -> Option<&mut Settings> {
        match self {
            Command::Run(arguments) => Some(arguments.settings_mut()),
            Command::Redrive(arguments) => Some(arguments.settings_mut()),
            Command::Rescue(arguments) => Some(arguments.settings_mut()),
            Command::Doctor(arguments) => Some(arguments.settings_mut()),
            _ => None,
        }
    }
}

/// Returns the command line as clap has it: each command with its arguments, values and help.
pub(crate) fn command() -> clap::Command {
    Arguments::command()
}

/// Reads the arguments, does what they say, and answers with the exit code.
pub fn main() -> ExitCode {
    let arguments = match parse() {
        Ok(arguments) => arguments,
        Err(ParseError::Usage(error)) => error.exit(),
        Err(ParseError::Connector(error)) => {
            say_error(&error.into());
            return FAILED.into();
        }
    };
    if let Some(Err(error)) = arguments.command.access().map(|access| access.choose()) {
        say_error(&error.into());
        return FAILED.into();
    }
    let outcome = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Redrive(arguments) => redrive::redrive(&arguments),
        Command::Rescue(arguments) => rescue::rescue(&arguments),
        Command::Put(arguments) => put::put(&arguments),
        Command::Status(arguments) => status::status(&arguments),
        Command::Positions(arguments) => positions::positions(&arguments),
        Command::Streams(arguments) => streams::streams(&arguments),
        Command::Doctor(arguments) => doctor::doctor(&arguments),
        Command::Connector(arguments) => connector::connector(&arguments),
        #[cfg(feature = "compiler")]
        Command::Build(arguments) => build::build(&arguments),
        #[cfg(feature = "compiler")]
        Command::New(arguments) => new::new(&arguments),
        #[cfg(feature = "compiler")]
        Command::Upgrade(arguments) => upgrade::upgrade(&arguments),
        #[cfg(feature = "compiler")]
        Command::Test(arguments) => test::test(&arguments),
        #[cfg(feature = "compiler")]
        Command::Bench(arguments) => bench::bench(&arguments),
        #[cfg(feature = "compiler")]
        Command::Compare(arguments) => compare::compare_transforms(&arguments),
        #[cfg(feature = "compiler")]
        Command::Inspect(arguments) => inspect::inspect(&arguments),
        #[cfg(feature = "compiler")]
        Command::Package(arguments) => package::package(&arguments),
        #[cfg(feature = "compiler")]
        Command::Deploy(arguments) => deploy::deploy(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
    };
    match outcome {
        Ok(code) => code.into(),
        Err(error) => {
            say_error(&error);
            FAILED.into()
        }
    }
}

/// Says why nothing comes of a command, on one line, and below it where more about it is to be read.
fn say_error(error: &CommandError) {
    say(&format_args!("kinesieve: {}", foreign::one_line(&error.message)));
    if let Some(code) = error.code {
        say(&explain::Hint(code));
    }
}

/// Writes to standard error. A reader that is gone changes nothing about what was done. The lines of the message stay as
/// they are, so what is foreign in it has to be one line already.
fn say(message: &dyn Display) {
    let _ = writeln!(io::stderr(), "{}", foreign::lines(&message.to_string()));
}

/// Writes to standard output. A reader that is gone changes nothing about what was found or done.
///
/// # Errors
/// When it can't be written for another reason: somebody waits for it in vain.
fn print(text: &str) -> Result<(), StdoutError> {
    match stdout::write(text.as_bytes()) {
        Err(error) if !error.is_closed() => Err(error),
        _ => Ok(()),
    }
}

/// Writes lines of JSON to standard output: to a terminal with what it would obey written as JSON escapes it, to all else
/// as they are. Errors are those of [`print`].
fn print_json(text: &str) -> Result<(), StdoutError> {
    if io::stdout().is_terminal() { print(&crate::foreign::json(text)) } else { print(text) }
}

/// Writes a text with colours to standard output, where that shows them. Errors are those of [`print`].
fn print_coloured(text: &impl Display) -> Result<(), StdoutError> {
    let text = text.to_string();
    match anstream::AutoStream::choice(&io::stdout()) {
        anstream::ColorChoice::Never => print(&anstream::adapter::strip_str(&text).to_string()),
        _ => print(&text),
    }
}

fn colours_wanted() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Why the arguments are not to be used.
enum ParseError {
    Usage(clap::Error),
    Connector(SettingsError),
}

/// Reads the arguments. What neither a flag nor a variable says comes from the connector file, if there is one.
fn parse() -> Result<Arguments, ParseError> {
    use clap::FromArgMatches;

    let mut command = command().mut_subcommands(|command| {
        crate::settings::ignore_empty_variables(command).mut_subcommands(crate::settings::ignore_empty_variables)
    });
    let mut file = connector_file(&command).map_err(|error| ParseError::Connector(error.into()))?;
    if let Some(file) = &mut file {
        if file.unresolved().next().is_some() {
            resolve(file, &command).map_err(ParseError::Connector)?;
        }
        command = beneath(command, file);
    }
    let matches = command.try_get_matches().map_err(|error| ParseError::Usage(on_one_line(error)))?;
    if let Some((_, given)) = matches.subcommand() {
        secrets::warn_of_flags(given);
        if let Some((_, below)) = given.subcommand() {
            secrets::warn_of_flags(below);
        }
    }
    if let Some(file) = file.as_ref() {
        file.secrets_written_out().iter().for_each(|warning| say(&format_args!("kinesieve: {warning}")));
    }
    let mut arguments = Arguments::from_arg_matches(&matches).map_err(|error| ParseError::Usage(on_one_line(error)))?;
    if let (Some(file), Some(settings)) = (&file, arguments.command.settings_mut()) {
        settings.take_routes_of(file).map_err(ParseError::Connector)?;
    }
    Ok(arguments)
}

/// Makes what a connector file says the default of all commands that take one.
fn beneath(command: clap::Command, file: &ConnectorFile) -> clap::Command {
    let keys = connector_keys();
    command.mut_subcommands(|subcommand| match has_connector(&subcommand) {
        true => file.beneath(subcommand, &keys),
        false => subcommand,
    })
}

/// Looks up what services hold of a connector file. How they are reached, the arguments, the variables and the rest of the file
/// say.
fn resolve(file: &mut ConnectorFile, command: &clap::Command) -> Result<(), SettingsError> {
    use clap::FromArgMatches;

    // What else is wrong with the arguments is told when they are read in earnest.
    let matches = beneath(command.clone(), file).ignore_errors(true).try_get_matches();
    let access = matches.ok().and_then(|matches| {
        let (_, given) = matches.subcommand()?;
        AccessSettings::from_arg_matches(given).ok()
    });
    let reach = access.unwrap_or_default().reach()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| SettingsError::Contradiction(format!("no asynchronous runtime: {error}")))?;
    let waiting = progress::ProgressDisplay::waiting_for("looking up what the connector file refers to".to_owned());
    let resolved = runtime.block_on(file.resolve(&Lookups::by(reach)));
    waiting.finish();
    Ok(resolved?)
}

fn has_connector(subcommand: &clap::Command) -> bool {
    subcommand.get_arguments().any(|arg| arg.get_long() == Some("connector"))
}

/// All that a connector file can say.
pub(crate) fn connector_keys() -> Keys {
    let (all, function) = (command(), FunctionSettings::command());
    Keys::of(all.find_subcommand("run").into_iter().chain([&function]))
}

/// Reads the connector file that the arguments or the variables name. What else is wrong with the arguments is told when
/// they are read in earnest.
fn connector_file(command: &clap::Command) -> Result<Option<ConnectorFile>, ConnectorError> {
    // The arguments are read twice only where there may be one.
    let is_flag = |argument: OsString| argument.to_string_lossy().starts_with("--connector");
    if std::env::var_os("KINESIEVE_CONNECTOR").is_none() && !std::env::args_os().any(is_flag) {
        return Ok(None);
    }
    let Ok(matches) = command.clone().ignore_errors(true).try_get_matches() else { return Ok(None) };
    let path = matches.subcommand().and_then(|(_, given)| given.try_get_one::<PathBuf>("connector").ok().flatten());
    path.map(|path| ConnectorFile::read(path, &connector_keys())).transpose()
}

/// Makes an error quote arguments on one line each: names of files are among them, which a shell put there.
fn on_one_line(mut error: clap::Error) -> clap::Error {
    use clap::error::ContextValue;

    let plain: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| {
            let plain = match value {
                ContextValue::String(text) => ContextValue::String(foreign::one_line(text)),
                ContextValue::Strings(texts) => {
                    ContextValue::Strings(texts.iter().map(|text| foreign::one_line(text)).collect())
                }
                _ => return None,
            };
            Some((kind, plain))
        })
        .collect();
    for (kind, value) in plain {
        error.insert(kind, value);
    }
    error
}

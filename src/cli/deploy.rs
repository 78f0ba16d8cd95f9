//! `kinesieve deploy`: all that `sam deploy` needs, in the folder of a project.

use clap::Args;

use super::error::CommandError;
use super::foreign::one_line;
use super::package::{self, Packaged};
use super::{ALL_ACKNOWLEDGED, print};
use crate::package::{Invoker, deployment_files};

/// The package, beside the template that names it.
const PACKAGE: &str = "function.zip";

/// Write what a deployment of a transform needs: its package, a SAM template and the settings of SAM
///
/// The package is made as `kinesieve package` makes it. template.yaml and samconfig.toml are written beside it, and `sam
/// deploy` does the rest: nothing is deployed by this command. A file that somebody changed is not overwritten.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
  0  all files are written
  1  the package can't be made, or a file is there already and differs
  2  wrong usage

Examples:
  kinesieve deploy
  kinesieve deploy masker --target x86_64 --invoker firehose")]
pub(super) struct DeployArguments {
    #[command(flatten)]
    what: Packaged,

    /// What invokes the function
    #[arg(long, value_name = "INVOKER", value_enum, default_value_t = Invoker::Stream)]
    invoker: Invoker,

    /// Name of the stack in samconfig.toml [default: the name of the folder]
    #[arg(long, value_name = "NAME", value_parser = stack_name)]
    stack: Option<String>,

    /// Replace template.yaml and samconfig.toml, whatever is in them
    #[arg(long)]
    force: bool,
}

/// Checks the name of a stack by the rules of CloudFormation.
fn stack_name(text: &str) -> Result<String, String> {
    let is_fine = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.len() <= 128
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_fine {
        Ok(text.to_owned())
    } else {
        Err("the name of a stack has letters, digits and hyphens, a letter first, and at most 128 of them".to_owned())
    }
}

pub(super) fn deploy(arguments: &DeployArguments) -> Result<u8, CommandError> {
    let DeployArguments { what, invoker, stack, force } = arguments;
    let folder = what.folder();
    let name = || {
        let folder = std::fs::canonicalize(&folder).ok()?;
        stack_name(&folder.file_name()?.to_string_lossy()).ok()
    };
    let stack = stack.clone().or_else(name).unwrap_or_else(|| "kinesieve".to_owned());
    // What stands in the way is found before the long work, and nothing is written before that has succeeded.
    let files = deployment_files(&folder, *invoker, PACKAGE, what.target.as_str(), &stack, *force)?;
    let mut text = package::write(&what.files()?, &folder.join(PACKAGE))?;
    files.write()?;
    let shown = |name: &str| one_line(&folder.join(name).display().to_string());
    for name in ["template.yaml", "samconfig.toml"] {
        let what = if files.has(name) { "written" } else { "there already, and left as it is" };
        text += &format!("{}: {what}\n", shown(name));
    }
    let folder = one_line(&folder.display().to_string());
    let change = if folder == "." { String::new() } else { format!("cd {folder} && ") };
    text += &format!("Next (SAM: `pip install aws-sam-cli`):\n  {change}sam deploy --guided\n");
    print(&text)?;
    Ok(ALL_ACKNOWLEDGED)
}

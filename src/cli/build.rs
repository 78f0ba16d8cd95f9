//! `kinesieve build`: builds a project's transform, and precompiles transforms.

use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use clap::Args;

use super::error::CommandError;
use super::foreign::{one_line, plain};
use super::progress::ProgressDisplay;
use super::{ALL_ACKNOWLEDGED, print};
use crate::project::Project;
use crate::settings::SettingsError;
use crate::transform::{CompileTarget, FileDescription, LoadError, Manifest, describe, precompile};

/// What a project is precompiled for if nothing is said: what Lambda has.
const BOTH: [CompileTarget; 2] = [CompileTarget::Arm64, CompileTarget::X86_64];

/// Build a transform, and precompile it for the machine that will run it
///
/// A folder is built with the commands in its kinesieve.json. The component is checked against the contract and then
/// precompiled. A component (.wasm) is precompiled as it is.
///
/// Compiling takes from a tenth of a second (Rust) to ten seconds (JavaScript, Python). A precompiled transform loads
/// in about a millisecond. It fits only its machine and this version of kinesieve. A manifest with its digest is
/// written beside it (FILE.json). The function needs both files, so keep them together.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
  0  all that was asked for is built
  1  the transform can't be built, is not one, or can't be precompiled or written
  2  wrong usage

Examples:
  kinesieve build
  kinesieve build masker --target arm64
  kinesieve build transform.wasm --target arm64 --output transform.cwasm")]
pub(super) struct BuildArguments {
    /// Folder of a project (with kinesieve.json in it or in a folder above), or a component (.wasm)
    #[arg(value_name = "DIR|COMPONENT", default_value = ".")]
    place: PathBuf,

    /// Machines that will run it, separated by commas: arm64 or x86_64 as in Lambda, or host for this machine
    /// [default for a folder: arm64,x86_64]
    #[arg(long = "target", value_name = "TARGET", value_delimiter = ',')]
    targets: Vec<CompileTarget>,

    /// Output file, for a single target [default: the path of the component with the extension .TARGET.cwasm]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn build(arguments: &BuildArguments) -> Result<u8, CommandError> {
    let is_project = arguments.place.is_dir();
    let targets = match (arguments.targets.as_slice(), is_project) {
        ([], true) => &BOTH,
        ([], false) => {
            return Err(contradiction("a component needs --target: arm64, x86_64 or host"));
        }
        (targets, _) => targets,
    };
    if arguments.output.is_some() && targets.len() > 1 {
        return Err(contradiction("--output names one file, and there are several targets: give one --target"));
    }
    let component = if is_project { Project::find(&arguments.place)?.build()? } else { arguments.place.clone() };
    if is_project {
        print(&checked(&component)?)?;
    }
    for target in targets {
        let output = arguments.output.clone().unwrap_or_else(|| component.with_extension(format!("{target}.cwasm")));
        print(&precompiled(&component, *target, &output)?)?;
    }
    Ok(ALL_ACKNOWLEDGED)
}

fn contradiction(message: &str) -> CommandError {
    SettingsError::Contradiction(message.to_owned()).into()
}

/// What the component is that the project's commands made.
fn checked(component: &Path) -> Result<String, LoadError> {
    let FileDescription::Component(description) = describe(component)? else {
        // Nobody's tools make these; if they do, precompiling says what is wrong.
        return Ok(String::new());
    };
    // What does not fit is refused with its reason when it is precompiled.
    let imports: Vec<String> = description.imports.iter().map(|import| plain(&import.name)).collect();
    let imports = if imports.is_empty() { "nothing".to_owned() } else { imports.join(", ") };
    Ok(format!("{}: {}, imports {imports}\n", shown(component), size(description.bytes)))
}

fn precompiled(component: &Path, target: CompileTarget, output: &Path) -> Result<String, CommandError> {
    let waiting = ProgressDisplay::waiting_for(format!("compiling {} for {target}", component.display()));
    let built = precompile(component, target, output);
    waiting.finish();
    let built = built?;
    Ok(format!(
        "{} for {}: {}, from {} of WebAssembly\n{}: its manifest; keep the two together\n",
        shown(output),
        built.manifest.target,
        size(built.precompiled_bytes),
        size(built.source_bytes),
        shown(&Manifest::path_of(output)),
    ))
}

/// The name of a file, which whoever made it chose.
fn shown(path: &Path) -> String {
    one_line(&path.display().to_string())
}

fn size(bytes: usize) -> impl std::fmt::Display {
    ByteSize::b(bytes as u64).display().iec()
}

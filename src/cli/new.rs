//! `kinesieve new`: a project for a transform.

use std::path::PathBuf;

use clap::Args;

use super::error::CommandError;
use super::foreign::one_line;
use super::{ALL_ACKNOWLEDGED, print};
use crate::project::{Kind, Language, make};

/// Create a project for a transform, with an example, test cases and the contract
///
/// The project builds as it is. Existing files are not changed.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
  0  the project is created
  1  it can't be created, or a file of it exists
  2  wrong usage

Examples:
  kinesieve new masker --lang python && kinesieve test masker
  kinesieve new sums --lang typescript --kind window")]
pub(super) struct NewArguments {
    /// Folder of the project; its last component is the name of the transform
    #[arg(value_name = "NAME")]
    folder: PathBuf,

    /// Language of the project
    #[arg(long = "lang", value_name = "LANGUAGE", value_enum)]
    language: Language,

    /// What the transform works on; windows in Rust, JavaScript, TypeScript and Python
    #[arg(long, value_name = "KIND", value_enum, default_value_t)]
    kind: Kind,
}

pub(super) fn new(arguments: &NewArguments) -> Result<u8, CommandError> {
    let NewArguments { folder, language, kind } = arguments;
    make(folder, *language, *kind)?;
    let place = one_line(&folder.display().to_string());
    let mut text = format!("{place}: a transform, ready to be built. README.md in it says more.\n");
    for what in language.missing_tools() {
        text += &format!("To build it, {}\n", one_line(&what));
    }
    text += &format!("Next:\n  kinesieve test {place}\n");
    print(&text)?;
    Ok(ALL_ACKNOWLEDGED)
}

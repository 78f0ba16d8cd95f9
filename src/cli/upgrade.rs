//! `kinesieve upgrade`: the SDK that lies in a project, renewed.

use std::path::PathBuf;

use clap::Args;

use super::error::CommandError;
use super::foreign::one_line;
use super::{ALL_ACKNOWLEDGED, print};
use crate::project::{Language, Project, UpgradeOptions, upgrade as renew};

/// Renew the SDK in a project
///
/// A project carries the SDK and the contract that it was made with. This replaces them by those of this kinesieve, and
/// leaves all else as it is: sources, cases, kinesieve.json and lists of packages. The changelog says what may have to
/// be changed there.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
  0  the SDK is that of this kinesieve
  1  it can't be renewed, somebody changed it, or it is newer
  2  wrong usage

Examples:
  kinesieve upgrade
  kinesieve upgrade masker --dry-run")]
pub(super) struct UpgradeArguments {
    /// Folder of a project (with kinesieve.json in it or in a folder above)
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,

    /// Language of the project, where nothing in it says so
    #[arg(long = "lang", value_name = "LANGUAGE", value_enum)]
    language: Option<Language>,

    /// Also replace what somebody changed, or what is newer
    #[arg(long)]
    force: bool,

    /// Say what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn upgrade(arguments: &UpgradeArguments) -> Result<u8, CommandError> {
    let UpgradeArguments { folder, language, force, dry_run } = arguments;
    let project = Project::find(folder)?;
    let options = UpgradeOptions { language: *language, force: *force, dry_run: *dry_run };
    let done = renew(project.folder(), options)?;
    let place = one_line(&project.folder().display().to_string());
    let from = one_line(done.from.as_deref().unwrap_or("an unknown version"));
    let own = env!("CARGO_PKG_VERSION");
    let mut text = String::new();
    let would = if *dry_run { "would be " } else { "" };
    for (names, what) in [(&done.written, "written"), (&done.removed, "removed")] {
        for name in names {
            text += &format!("  {}: {would}{what}\n", one_line(name));
        }
    }
    let head = if text.is_empty() {
        format!("{place}: the SDK is that of kinesieve {own}\n")
    } else {
        format!("{place}: the SDK of {from}, {would}renewed to that of kinesieve {own}\n")
    };
    print(&(head + &text))?;
    Ok(ALL_ACKNOWLEDGED)
}

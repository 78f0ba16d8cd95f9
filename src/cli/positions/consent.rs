//! Whether rows are written: somebody says so beforehand, or is asked.

use std::io::{self, BufRead, IsTerminal};

use clap::Args;

use crate::cli::error::CommandError;
use crate::cli::say;

/// The flags that say whether, and which, rows are written.
#[derive(Debug, Clone, Args)]
pub(super) struct ConsentFlags {
    /// Replace positions that the table has already, also by earlier ones: records between the two come again or are left out
    #[arg(long)]
    pub(super) overwrite: bool,

    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,

    /// Write without asking: for scripts
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

/// Whether rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consent {
    /// No.
    DryRun,
    /// If a person says so.
    Ask,
    /// Yes.
    Given,
}

impl ConsentFlags {
    /// Says whether rows are written, before anything takes time.
    ///
    /// # Errors
    /// When a person would have to say so, and there is none.
    pub(super) fn consent(&self) -> Result<Consent, CommandError> {
        match (self.dry_run, self.yes) {
            (true, _) => Ok(Consent::DryRun),
            (false, true) => Ok(Consent::Given),
            (false, false) if io::stdin().is_terminal() => Ok(Consent::Ask),
            (false, false) => Err(CommandError {
                message: "nobody can be asked whether to write, since standard input is not a terminal: add --yes to \
                          write, or --dry-run to see what would be written"
                    .to_owned(),
                code: None,
            }),
        }
    }
}

/// Asks a person; only a yes is one.
pub(super) fn ask(question: &str) -> Result<bool, CommandError> {
    say(&format_args!("{question} Type yes to write:"));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}

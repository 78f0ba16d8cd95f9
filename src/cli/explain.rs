//! `kinesieve explain`: what an error means, and what to do about it.

mod pages;
mod plain;

use std::fmt;

use clap::Args;

use super::error::CommandError;
use super::{ALL_ACKNOWLEDGED, print};
use crate::error_code::ErrorCode;

/// Explain an error: what its code means, why it happens, and what to do
///
/// An error on the command line ends in its code; in the function's log, the code is the field `code` of the line. Without
/// CODE, all codes are listed.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
  0  it is explained
  1  there is no such code
  2  wrong usage

Examples:
  kinesieve explain K101
  kinesieve explain | grep checkpoint")]
pub(super) struct ExplainArguments {
    /// The code of an error, such as K101, in capital or small letters
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

pub(super) fn explain(arguments: &ExplainArguments) -> Result<u8, CommandError> {
    let text = match &arguments.code {
        Some(code) => plain::text(pages::page(code.parse()?)),
        None => list(),
    };
    print(&text)?;
    Ok(ALL_ACKNOWLEDGED)
}

/// Where more is to be read about an error.
pub(super) struct Hint(pub(super) ErrorCode);

impl fmt::Display for Hint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "for more: kinesieve explain {}", self.0)
    }
}

/// All codes with their titles, below what each hundred is about.
fn list() -> String {
    let mut text = String::new();
    let mut topic = "";
    for code in ErrorCode::ALL {
        if code.topic() != topic {
            let space = if topic.is_empty() { "" } else { "\n" };
            topic = code.topic();
            text += &format!("{space}{topic}\n");
        }
        text += &format!("  {code}  {}\n", code.title());
    }
    text
}

//! The exit codes of every command, as its help says them.

use std::fmt::Write;

use clap::Command;

use super::markdown::{NOTICE, cell};
use crate::cli;

/// The line before a command's exit codes in its help.
const HEADING: &str = "Exit codes:";

/// What the page says before the codes.
const HEAD: &str = "
# Exit codes

A script can rely on these codes. Where several things happened, the worst of them decides. From the worst on, the order is:

1. 130: Ctrl-C or SIGTERM ended the command before its time. A command without a line for that below is ended by the signal
   itself, which a shell shows as 130 for Ctrl-C, and as 143 for SIGTERM.
2. 2: wrong usage. Nothing was done.
3. 1: the command could not do its work, or not all of it.
4. 3: the command did its work, and something is left: a record that is not acknowledged, a case that fails, a finding.
5. 0: success.

| command | code | meaning |
| --- | --- | --- |
";

/// Returns the page.
pub(super) fn page() -> String {
    let mut page = format!("{NOTICE}{HEAD}");
    for command in cli::command().get_subcommands() {
        lines(&mut page, "", command);
    }
    page
}

/// Writes the codes of a command, and of the commands below it.
fn lines(page: &mut String, above: &str, command: &Command) {
    let name = format!("{above}{}", command.get_name());
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let block = after.split("\n\n").map(|block| block.trim_matches('\n')).find(|block| is_block(block));
    for (code, meaning) in block.map(codes).unwrap_or_default() {
        // A String takes everything.
        let _ = writeln!(page, "| `kinesieve {name}` | {code} | {} |", cell(&meaning));
    }
    for below in command.get_subcommands() {
        lines(page, &format!("{name} "), below);
    }
}

/// Returns whether a block of a command's help is that of its exit codes.
pub(super) fn is_block(block: &str) -> bool {
    block.starts_with(HEADING)
}

/// The codes of a block, with their meanings: a line that starts with no number goes on with the meaning before.
fn codes(block: &str) -> Vec<(u8, String)> {
    let mut codes: Vec<(u8, String)> = Vec::new();
    for line in block.lines().skip(1).map(str::trim) {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (first.parse(), codes.last_mut()) {
            (Ok(code), _) => codes.push((code, rest.trim().to_owned())),
            (Err(_), Some((_, meaning))) => {
                meaning.push(' ');
                meaning.push_str(line);
            }
            (Err(_), None) => {}
        }
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::codes;

    #[test]
    fn a_meaning_goes_on_with_the_next_line() {
        let block = "Exit codes:\n  0    all is done\n  3    something is not,\n       and it says what\n  130  Ctrl-C";
        let expected = [(0, "all is done"), (3, "something is not, and it says what"), (130, "Ctrl-C")];
        assert_eq!(codes(block), expected.map(|(code, meaning)| (code, meaning.to_owned())));
    }
}

//! The command line: one section a command.

use std::fmt::Write;

use clap::{Arg, Command};

use super::exit_codes;
use super::markdown::{NOTICE, code, prose, sentences};
use crate::cli;

/// Returns the page.
pub(super) fn page() -> String {
    let mut command = cli::command();
    command.build();
    let mut page = format!(
        "{NOTICE}\n# Command line\n\n{}\n\n`kinesieve COMMAND --help` prints what is here for one command. [Exit \
         codes](exit-codes.md) has the exit codes of all of them.\n",
        sentences(&about(&command))
    );
    sections(&mut page, "kinesieve", &command);
    page
}

/// Writes a section for each command below one, and for those below it.
fn sections(page: &mut String, above: &str, command: &Command) {
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        let name = format!("{above} {}", command.get_name());
        section(page, &name, command);
        sections(page, &name, command);
    }
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn section(page: &mut String, name: &str, command: &Command) {
    let about = command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim().trim_start_matches("Usage:").trim();
    // A String takes everything.
    let _ = write!(page, "\n## `{name}`\n\n");
    for paragraph in about.split("\n\n") {
        let _ = writeln!(page, "{}\n", sentences(&paragraph.replace('\n', " ")));
    }
    let _ = writeln!(page, "```text\n{usage}\n```\n");
    let shown = |arg: &&Arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version");
    for arg in command.get_arguments().filter(shown) {
        argument(page, arg);
    }
    if let Some(after) = command.get_after_help() {
        remarks(page, &after.to_string());
    }
}

fn argument(page: &mut String, arg: &Arg) {
    let names = arg.get_value_names().unwrap_or_default();
    let value = names.iter().map(|name| format!("<{name}>")).collect::<Vec<_>>().join(" ");
    let takes_value = arg.get_action().takes_values();
    let shown = match (arg.get_long(), takes_value) {
        (Some(long), true) => format!("--{long} {value}"),
        (Some(long), false) => format!("--{long}"),
        (None, _) => value,
    };
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let _ = write!(page, "- {}: {}", code(shown), sentences(&help.replace('\n', " ")));
    let possible = arg.get_possible_values();
    if takes_value && possible.iter().any(|value| value.get_help().is_some()) {
        let values: Vec<String> = possible
            .iter()
            .map(|value| match value.get_help() {
                Some(help) => format!("{} ({})", code(value.get_name()), prose(&help.to_string())),
                None => code(value.get_name()),
            })
            .collect();
        let _ = write!(page, " Values: {}.", values.join(", "));
    }
    if takes_value && let [default, ..] = arg.get_default_values() {
        let _ = write!(page, " Default: {}.", code(default.to_string_lossy()));
    }
    if let Some(variable) = arg.get_env().and_then(|name| name.to_str()) {
        let _ = write!(page, " Variable: [`{variable}`](settings.md#{}).", variable.to_lowercase());
    }
    page.push('\n');
}

/// Writes what a command's help says behind its arguments: paragraphs, and blocks under a heading that ends in a colon.
fn remarks(page: &mut String, after: &str) {
    for block in after.split("\n\n").map(|block| block.trim_matches('\n')) {
        if exit_codes::is_block(block) {
            continue;
        }
        match block.split_once('\n') {
            Some((heading, rest)) if heading.ends_with(':') && rest.starts_with("  ") => {
                let _ = write!(page, "\n{}\n\n```text\n{}\n```\n", prose(heading), unindented(rest));
            }
            _ if block.starts_with("  ") => {
                let _ = write!(page, "\n```text\n{}\n```\n", unindented(block));
            }
            _ => {
                let _ = write!(page, "\n{}\n", prose(block));
            }
        }
    }
}

fn unindented(block: &str) -> String {
    block.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

//! The settings: one section a variable.

use std::fmt::Write;

use clap::{Arg, Command, CommandFactory};

use super::markdown::{NOTICE, cell, code, sentences};
use crate::cli::{self, parameter};
use crate::settings::FunctionSettings;

/// What the page says before the settings.
const HEAD: &str = "
# Settings

The function reads its settings from environment variables. `kinesieve run`, `redrive` and `rescue` read the same variables
and also take flags. A flag wins over a variable. A variable that is set but empty counts as not set.

A variable that starts with `KINESIEVE_` and is not listed here stops the start, and so does an invalid value. The message
names the variable. Templates of the deployment set a variable by a parameter; [Deployment](deployment.md) describes those.

Endpoints, regions and credentials are settings of the AWS SDK: `AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_PROFILE` and so on.

";

/// What no argument of the command line describes.
const ROUTES: &str = "
## `KINESIEVE_ROUTE_<NAME>`, `KINESIEVE_ROUTES`

Where the outputs of a route go. `<NAME>` is the name of the route in upper case, with `_` for `-`. `KINESIEVE_ROUTES`
holds several routes in one variable: `NAME=TARGET`, separated by commas. A transform that names a route without a target
has its event dead-lettered as `undeliverable`.

";

/// Returns the page.
pub(super) fn page(template: &str) -> String {
    let command = FunctionSettings::command();
    let run = cli::command();
    let run = run.find_subcommand("run");
    let mut page = format!("{NOTICE}{HEAD}| variable | flag of `run` | default |\n| --- | --- | --- |\n");
    for arg in command.get_arguments() {
        let Some(variable) = variable(arg) else { continue };
        let flag = flag_of_run(arg, run).map_or_else(String::new, |flag| code(format!("--{flag}")));
        // A String takes everything.
        let _ = writeln!(page, "| [`{variable}`](#{}) | {flag} | {} |", variable.to_lowercase(), default(arg));
    }
    for arg in command.get_arguments() {
        let Some(variable) = variable(arg) else { continue };
        let _ = write!(page, "\n## `{variable}`\n\n");
        let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(page, "{}\n", sentences(&help));
        let _ = writeln!(page, "- Value: {}", values(arg));
        let _ = writeln!(page, "- Default: {}", default(arg));
        match flag_of_run(arg, run) {
            Some(flag) => drop(writeln!(page, "- Flag: `--{flag}`")),
            None => page.push_str("- Flag: none; only the function has this setting\n"),
        }
        if let Some(parameter) = parameter(template, variable) {
            let _ = writeln!(page, "- Parameter of the template: `{parameter}`");
        }
    }
    page.push_str(ROUTES);
    page.push_str("- Flag: `--route NAME=TARGET`, once for each route\n- Parameter of the template: `Routes`\n");
    page
}

fn variable(arg: &Arg) -> Option<&str> {
    arg.get_env()?.to_str()
}

/// The flag by which `kinesieve run` takes a setting of the function.
fn flag_of_run<'a>(arg: &'a Arg, run: Option<&Command>) -> Option<&'a str> {
    let flag = arg.get_long()?;
    run?.get_arguments()
        .any(|of_run| of_run.get_long() == Some(flag) && of_run.get_env() == arg.get_env())
        .then_some(flag)
}

fn default(arg: &Arg) -> String {
    match arg.get_default_values() {
        [] if arg.is_required_set() => "required".to_owned(),
        [] => "none".to_owned(),
        values => values.iter().map(|value| code(value.to_string_lossy())).collect::<Vec<_>>().join(", "),
    }
}

fn values(arg: &Arg) -> String {
    let possible = arg.get_possible_values();
    if !possible.is_empty() {
        return possible.iter().map(|value| code(value.get_name())).collect::<Vec<_>>().join(", ");
    }
    let names = arg.get_value_names().unwrap_or_default();
    names.iter().map(|name| code(cell(name))).collect::<Vec<_>>().join(" ")
}

//! The keys of a connector file: which setting each of them is. A setting is defined once, as an argument of the command line;
//! its key is the name of its flag, with `_` for `-`.

use clap::{Arg, ArgAction, Command};

use super::document::Content;

/// Words for settings that others use, each for one of ours and nothing else.
const ALIASES: &[(&str, &str)] = &[
    ("streams", INPUT),
    ("stream", INPUT),
    ("routes", ROUTE),
    ("consumer-name", "consumer"),
    ("consumer-arn", "consumer"),
    (START_FROM_OLDEST, WITHOUT_ROW),
    ("assume-roles", ASSUME_ROLE),
    ("checkpoint-billing-mode", "checkpoint-capacity"),
    ("checkpoint-limit", "max-in-flight"),
    ("checkpoint-tcp-tcp-user-timeout", "checkpoint-tcp-user-timeout"),
    ("tcp-tcp-user-timeout", "tcp-user-timeout"),
    ("endpoint", "endpoint-url"),
    ("fleet-balance", "balance"),
    ("fleet-client-id", "client-id"),
    ("fleet-commit-period", "checkpoint-period"),
    ("fleet-drain-timeout", "drain-timeout"),
    ("fleet-lease-period", "lease-period"),
    ("fleet-rebalance-period", "rebalance-period"),
    ("fleet-steal-grace-period", "steal-grace-period"),
    ("checkpoint-endpoint", "checkpoint-endpoint-url"),
];

/// Groups that others call so.
const GROUP_ALIASES: &[(&str, &str)] = &[("dynamodb", "checkpoint")];

/// The setting that says what is read.
pub(super) const INPUT: &str = "input";

/// The setting that says where a shard without a row in the checkpoint table starts ...
pub(super) const WITHOUT_ROW: &str = "or";

/// ... and the word of others for it, which is true or false.
pub(super) const START_FROM_OLDEST: &str = "start-from-oldest";

/// The setting that says where the outputs of a route go.
pub(super) const ROUTE: &str = "route";

/// The setting that says by which role a destination is reached.
pub(super) const ASSUME_ROLE: &str = "assume-role";

/// The one whose value is a mapping of its own.
pub(super) const TRANSFORM_SETTINGS: &str = "transform-settings";

/// Settings whose values nobody gets to read.
const SECRETS: &[&str] =
    &["credentials-secret", "credentials-token", "checkpoint-credentials-secret", "checkpoint-credentials-token"];

/// Whether the value of a flag is nobody's to read.
pub(crate) fn is_secret(flag: &str) -> bool {
    SECRETS.contains(&flag)
}

/// Parts of a key that are no secrets, and change with them.
const KEY_IDS: &[&str] = &["credentials-id", "checkpoint-credentials-id"];

/// Whether the value of a flag is looked up where it is used: a key may be exchanged for another meanwhile, and the settings of a
/// transform are looked up wherever they come from.
pub(super) fn is_looked_up_later(flag: &str) -> bool {
    is_secret(flag) || KEY_IDS.contains(&flag) || flag == TRANSFORM_SETTINGS
}

/// Whether a setting says how services are reached.
pub(super) fn is_of_access(arg: &Arg) -> bool {
    arg.get_help_heading() == Some(ACCESS_HEADING)
}

/// The heading of those settings in help texts.
const ACCESS_HEADING: &str = "Of access to AWS";

/// What names a file of its own, which counts from the folder of the connector file.
const FILES: &[&str] = &["transform", INPUT];

/// Flags that are nothing for a file: what a person asks of one run, and the file itself.
const NO_KEYS: &[&str] = &["connector", "help", "version"];

/// Settings of a run that the function leaves to its event source mapping. It ignores them, so that one file serves both.
pub const OF_A_RUN: &[&str] = &[
    "arrived-at",
    "balance",
    "batch-bytes",
    "batch-check",
    "batch-size",
    "batch-window",
    "bisect",
    "case",
    "client-id",
    "consumer",
    "drain-timeout",
    "force",
    "from",
    "from-stream",
    "input",
    "input-format",
    "json",
    "lease-period",
    "log-format",
    "max-in-flight",
    "max-record-age",
    "max-retry-attempts",
    "mode",
    "on-failure",
    "or",
    "patience",
    "prometheus",
    "reads-per-second",
    "rebalance-period",
    "shards",
    "show",
    "steal-grace-period",
    "to-checkpoint",
    "tumbling-window",
    "until",
];

/// The name of an argument in a file: that of its flag, but for `--metrics ADDRESS` of a run. The function has another setting of
/// that name, so it goes by its other one.
pub(crate) fn name(arg: &Arg) -> Option<&str> {
    match arg.get_long() {
        Some("metrics") if is_address(arg) => Some("prometheus"),
        flag => flag,
    }
}

fn is_address(arg: &Arg) -> bool {
    arg.get_value_names().is_some_and(|names| names.iter().any(|name| name == "ADDRESS"))
}

/// The path of keys to a part of a file, as the name of a flag: `checkpoint: {table: ...}` is `checkpoint-table`.
pub(super) fn flag_of(path: &[&str]) -> String {
    let mut words: Vec<String> = path.iter().map(|key| in_kebab_case(key)).collect();
    if let Some(first) = words.first_mut()
        && let Some((_, ours)) = GROUP_ALIASES.iter().find(|(theirs, _)| theirs == first)
    {
        *first = (*ours).to_owned();
    }
    let joined = words.join("-");
    ALIASES.iter().find(|(theirs, _)| *theirs == joined).map_or(joined, |(_, ours)| (*ours).to_owned())
}

/// The start that others call `start_from_oldest: true`, or `false`; none: it is neither.
pub(super) fn start_without_row(from_oldest: &str) -> Option<&'static str> {
    match from_oldest {
        "true" => Some("trim-horizon"),
        "false" => Some("latest"),
        _ => None,
    }
}

/// Whether the last key of a path is the others' word for where a shard without a row starts.
pub(super) fn is_start_from_oldest(path: &[&str]) -> bool {
    path.last().is_some_and(|key| in_kebab_case(key) == START_FROM_OLDEST)
}

/// `maxRecordsPerShard`, `max_records_per_shard` and `max-records-per-shard` are one name.
fn in_kebab_case(key: &str) -> String {
    let mut name = String::new();
    let mut was_lower = false;
    for character in key.chars() {
        match character {
            '_' => name.push('-'),
            upper if upper.is_ascii_uppercase() => {
                if was_lower {
                    name.push('-');
                }
                name.push(upper.to_ascii_lowercase());
            }
            other => name.push(other),
        }
        was_lower = character.is_ascii_lowercase() || character.is_ascii_digit();
    }
    name
}

/// How the key of a flag is written.
pub(super) fn key_of(flag: &str) -> String {
    match flag {
        ROUTE => "routes".to_owned(),
        ASSUME_ROLE => "assume_roles".to_owned(),
        flag => flag.replace('-', "_"),
    }
}

/// What takes part of a mapping as a whole, and does not divide it into settings.
pub(super) fn takes_a_mapping(flag: &str) -> bool {
    flag == ROUTE || flag == ASSUME_ROLE || flag == TRANSFORM_SETTINGS
}

/// Whether the value names a file.
pub(super) fn names_a_file(flag: &str) -> bool {
    FILES.contains(&flag)
}

/// The arguments of commands that a file can set, each once.
#[derive(Debug)]
pub(crate) struct Keys {
    args: Vec<Arg>,
}

impl Keys {
    /// Those of all of these commands.
    pub(crate) fn of<'a>(commands: impl IntoIterator<Item = &'a Command>) -> Self {
        let mut args: Vec<Arg> = Vec::new();
        for arg in commands.into_iter().flat_map(Command::get_arguments) {
            let Some(flag) = name(arg) else { continue };
            let is_known = args.iter().any(|known| name(known) == Some(flag));
            if !is_known && !NO_KEYS.contains(&flag) && !arg.is_hide_set() {
                args.push(arg.clone());
            }
        }
        Self { args }
    }

    /// The setting of a flag, by its name or by another name that it goes by.
    pub(crate) fn get(&self, flag: &str) -> Option<&Arg> {
        self.args
            .iter()
            .find(|arg| name(arg) == Some(flag) || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&flag)))
    }

    /// Whether an argument of any command is the setting of a flag. Commands call different things alike: `--from` is where a
    /// run starts, and where `redrive` finds its letters. What takes another value is another thing; `doctor` calls the streams
    /// by another name than a run does, and has that one besides.
    pub(super) fn is_setting(&self, flag: &str, arg: &Arg) -> bool {
        let is_alike = || self.get(flag).is_none_or(|setting| setting.get_value_names() == arg.get_value_names());
        let is_alias = || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&flag));
        if name(arg) == Some(flag) { is_alike() } else { is_alias() }
    }

    /// All of them, in the order of the commands.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arg> {
        self.args.iter()
    }

    /// Whether there are settings whose names begin with this one.
    pub(super) fn has_group(&self, group: &str) -> bool {
        let begins = |name: &str| name.strip_prefix(group).is_some_and(|rest| rest.starts_with('-'));
        self.args.iter().any(|arg| name(arg).is_some_and(begins))
            || ALIASES.iter().any(|(theirs, _)| begins(theirs))
            || OF_A_RUN.iter().any(|flag| begins(flag))
    }

    /// The key that is most like one that is unknown.
    pub(super) fn nearest(&self, flag: &str) -> Option<String> {
        let flags = self.args.iter().filter_map(name).chain(ALIASES.iter().map(|(theirs, _)| *theirs));
        flags
            .map(|known| (strsim::jaro_winkler(flag, known), known))
            .filter(|(similarity, _)| *similarity > 0.8)
            .max_by(|(left, _), (right, _)| left.total_cmp(right))
            .map(|(_, known)| key_of(known))
    }
}

/// Whether an argument is a switch, which is given or not.
pub(super) fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

/// Whether it can be given several times.
pub(super) fn is_repeated(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// What a setting takes, for the message about a part of the file that is something else.
pub(super) fn expected(arg: &Arg, content: &Content) -> String {
    let flag = name(arg).unwrap_or_default();
    match content {
        Content::Map(_) => format!("{} takes a value, and this is a mapping", key_of(flag)),
        _ if takes_a_mapping(flag) => format!("{} takes a mapping of names to values", key_of(flag)),
        _ => format!("{} takes a value", key_of(flag)),
    }
}

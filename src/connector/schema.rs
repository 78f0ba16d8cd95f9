//! The JSON Schema of connector files, with which editors complete keys, show what a setting does, and underline what is wrong.

use clap::Arg;
use serde_json::{Map, Value, json};

use super::keys::{self, Keys};

/// Settings that are shown below one key. In a file each of them may also stand by itself, under its whole name.
const GROUPS: &[&str] = &["checkpoint", "credentials", "tcp"];

/// Returns the schema.
pub(crate) fn schema(keys: &Keys) -> Value {
    let mut properties = Map::new();
    for arg in keys.all() {
        let Some(flag) = keys::name(arg) else { continue };
        properties.insert(keys::key_of(flag), property(arg, flag));
        let grouped = GROUPS.iter().find_map(|group| Some((*group, flag.strip_prefix(group)?.strip_prefix('-')?)));
        if let Some((group, rest)) = grouped {
            let group = properties
                .entry(group)
                .or_insert_with(|| json!({"type": "object", "additionalProperties": false, "properties": {}}));
            group["properties"][keys::key_of(rest)] = property(arg, flag);
        }
    }
    properties.insert("streams".to_owned(), streams());
    properties.insert("start_from_oldest".to_owned(), start_from_oldest());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Connector of Kinesieve",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn streams() -> Value {
    json!({
        "description": "Streams to read: names or ARNs, each with :NUMBER or :shardId-... behind it for one shard",
        "oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    })
}

fn start_from_oldest() -> Value {
    json!({
        "description": "Whether a shard without a row in the checkpoint table starts at its oldest record: or: trim-horizon or latest",
        "type": "boolean",
    })
}

/// What a setting takes.
fn property(arg: &Arg, flag: &str) -> Value {
    let mut property = Map::new();
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
    property.insert("description".to_owned(), help.into());
    let values: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    let (name, takes) = if keys::takes_a_mapping(flag) {
        ("type", json!("object"))
    } else if keys::is_switch(arg) || is_yes_or_no(arg) {
        ("anyOf", json!([{"type": "boolean"}, elsewhere()]))
    } else if !values.is_empty() {
        ("anyOf", json!([{"enum": values}, elsewhere()]))
    } else {
        ("type", json!(["string", "number", "array"]))
    };
    property.insert(name.to_owned(), takes);
    if let [default] = arg.get_default_values()
        && let Some(default) = default.to_str()
    {
        let default = if is_yes_or_no(arg) || keys::is_switch(arg) { json!(default == "true") } else { json!(default) };
        property.insert("default".to_owned(), default);
    }
    property.into()
}

/// A value that stands elsewhere.
fn elsewhere() -> Value {
    json!({"type": "string", "pattern": "\\$\\{(env|file|ssm|secretsmanager):"})
}

fn is_yes_or_no(arg: &Arg) -> bool {
    arg.get_value_names().is_some_and(|names| names.iter().any(|name| name == "BOOL"))
}

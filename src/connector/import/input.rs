//! Redpanda Connect's input `aws_kinesis`.

mod tcp;

use self::tcp::tcp;
use super::super::document::{Content, DocumentError, Entry, Node};
use super::{CREDENTIALS, ENDPOINT, Imported, bloblang, count, entries, text, truth, wrong};
use crate::aws::{Arn, StreamName, stream_and_shard};

/// The input in a document: below `input` or `inputs`, or by itself.
pub(super) fn found(document: &Node) -> Option<&Node> {
    ["input", "inputs"]
        .iter()
        .find_map(|key| document.get(key)?.get("aws_kinesis"))
        .or_else(|| document.get("aws_kinesis"))
}

pub(super) fn import(document: &Node, imported: &mut Imported) -> Result<(), DocumentError> {
    for entry in entries("the file", document)? {
        match entry.key.as_str() {
            "input" | "inputs" => {
                for entry in entries(&entry.key, &entry.value)? {
                    around(entry, imported)?;
                }
            }
            "aws_kinesis" | "label" | "processors" => around(entry, imported)?,
            "pipeline" => {
                imported.leave_out("pipeline", "what processes records is the transform: `kinesieve new` begins one")
            }
            "output" => imported.leave_out(
                "output",
                "name its destination as output: the ARN of a stream, a queue, a topic, a bus or a bucket",
            ),
            other => imported.leave_out(other, "it is none of the input's"),
        }
    }
    let Some(input) = found(document) else { return Ok(()) };
    for entry in entries("aws_kinesis", input)? {
        field(entry, imported)?;
    }
    start(input, imported)
}

/// What stands beside the input's own fields.
fn around(entry: &Entry, imported: &mut Imported) -> Result<(), DocumentError> {
    match entry.key.as_str() {
        "aws_kinesis" => {}
        "label" => {
            if let Some(label) = text("label", &entry.value)? {
                imported.leave_out("label", format!("a comment says the same: {label}"));
            }
        }
        "processors" => {
            imported.leave_out("processors", "what processes records is the transform: `kinesieve new` begins one")
        }
        other => {
            return Err(wrong(
                entry.place,
                format!("unknown field {other} beside aws_kinesis: there are label and processors"),
            ));
        }
    }
    Ok(())
}

/// Fields of an input, for the message about one that is none.
const FIELDS: &str = "streams, dynamodb, checkpoint_limit, auto_replay_nacks, commit_period, steal_grace_period, rebalance_period, \
                      lease_period, start_from_oldest, region, endpoint, tcp, credentials and batching";

fn field(entry: &Entry, imported: &mut Imported) -> Result<(), DocumentError> {
    let (key, node) = (entry.key.as_str(), &entry.value);
    match key {
        "streams" => streams(node, imported)?,
        "dynamodb" => table(node, imported)?,
        "checkpoint_limit" => {
            if let Some(limit) = count(key, node)? {
                imported.set(&["max_in_flight"], limit.min(u32::MAX.into()).to_string());
            }
        }
        "auto_replay_nacks" => {
            if truth(key, node)? == Some(false) {
                imported.decide(
                    &["dead_letter"],
                    "discard",
                    "what fails is given up, as there; a destination would keep it",
                );
                imported.decide(&["max_attempts"], "1", "a destination that takes nothing at all is still waited for");
            }
        }
        "commit_period" => period(&["checkpoint", "period"], key, node, imported)?,
        // They have an effect with `balance`, which is not decided here: a run to try it has an end, and a fleet has none.
        "steal_grace_period" => period(&["fleet", "steal_grace_period"], key, node, imported)?,
        "rebalance_period" => period(&["fleet", "rebalance_period"], key, node, imported)?,
        "lease_period" => period(&["fleet", "lease_period"], key, node, imported)?,
        "start_from_oldest" => {
            truth(key, node)?;
        }
        "region" | "endpoint" | "tcp" | "credentials" => connection("", key, entry, imported)?,
        "batching" => batching(node, imported)?,
        other => return Err(wrong(entry.place, format!("unknown field {other}: an input has {FIELDS}"))),
    }
    Ok(())
}

fn period(path: &'static [&'static str], key: &str, node: &Node, imported: &mut Imported) -> Result<(), DocumentError> {
    if let Some(period) = text(key, node)? {
        imported.set(path, period);
    }
    Ok(())
}

/// Names or ARNs, several in an element where commas part them, each with a shard behind a colon.
fn streams(node: &Node, imported: &mut Imported) -> Result<(), DocumentError> {
    let nodes: &[Node] = match &node.content {
        Content::List(nodes) => nodes,
        Content::Null => &[],
        _ => std::slice::from_ref(node),
    };
    let mut streams = Vec::new();
    for node in nodes {
        let Some(names) = text("streams", node)? else { continue };
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            streams.push(stream(name, node)?);
        }
    }
    if !streams.is_empty() {
        imported.set_all(&["streams"], streams);
    }
    Ok(())
}

/// A stream, whose forms are ours: a name or an ARN, which may have `*` for its region, with a shard's number behind it.
fn stream(name: &str, node: &Node) -> Result<String, DocumentError> {
    // What the tool takes from the environment, nobody knows here.
    let is_variable = name.contains("${");
    match stream_and_shard(name) {
        Err(reason) if !is_variable => Err(wrong(node.place, format!("streams: invalid stream {name:?}: {reason}"))),
        _ => Ok(name.to_owned()),
    }
}

fn table(node: &Node, imported: &mut Imported) -> Result<(), DocumentError> {
    let mut is_provisioned = false;
    let (mut read, mut write) = (1, 1);
    for entry in entries("dynamodb", node)? {
        let (key, node) = (entry.key.as_str(), &entry.value);
        match key {
            "table" => {
                if let Some(table) = text(key, node)? {
                    imported.set(&["checkpoint", "table"], table);
                }
            }
            "create" => {
                if truth(key, node)? == Some(true) {
                    imported.set(&["checkpoint", "create"], "true");
                }
            }
            "billing_mode" => match text(key, node)? {
                Some("PROVISIONED") => is_provisioned = true,
                Some("PAY_PER_REQUEST") | None => {}
                Some(_) => return Err(wrong(node.place, "billing_mode takes PROVISIONED or PAY_PER_REQUEST")),
            },
            "read_capacity_units" => read = count(key, node)?.unwrap_or(1),
            "write_capacity_units" => write = count(key, node)?.unwrap_or(1),
            "region" | "endpoint" | "tcp" | "credentials" => connection("dynamodb.", key, entry, imported)?,
            other => {
                let known = "table, create, billing_mode, read_capacity_units, write_capacity_units, region, endpoint, tcp and credentials";
                return Err(wrong(entry.place, format!("unknown field dynamodb.{other}: there are {known}")));
            }
        }
    }
    if is_provisioned && imported.has(&["checkpoint", "create"]) {
        imported.set(&["checkpoint", "capacity"], format!("{read},{write}"));
    } else if is_provisioned {
        imported.leave_out("dynamodb.billing_mode", "it is for a table that is created, and create is false");
    }
    Ok(())
}

/// The keys of what a service is reached by.
struct AccessKeys {
    region: &'static [&'static str],
    endpoint: &'static [&'static str],
    profile: &'static [&'static str],
    from_ec2_role: &'static [&'static str],
    role: &'static [&'static str],
    external_id: &'static [&'static str],
    /// Where a key of its own is given.
    key: &'static str,
}

const OF_STREAMS: AccessKeys = AccessKeys {
    region: &["region"],
    endpoint: &["endpoint_url"],
    profile: &["credentials", "profile"],
    from_ec2_role: &["credentials", "from_ec2_role"],
    role: &["credentials", "role"],
    external_id: &["credentials", "role_external_id"],
    key: CREDENTIALS,
};

const OF_TABLE: AccessKeys = AccessKeys {
    region: &["checkpoint", "region"],
    endpoint: &["checkpoint", "endpoint_url"],
    profile: &["checkpoint", "credentials_profile"],
    from_ec2_role: &["checkpoint", "credentials_from_ec2_role"],
    role: &["checkpoint", "credentials_role"],
    external_id: &["checkpoint", "credentials_role_external_id"],
    key: "set KINESIEVE_CHECKPOINT_CREDENTIALS_ID, KINESIEVE_CHECKPOINT_CREDENTIALS_SECRET and \
          KINESIEVE_CHECKPOINT_CREDENTIALS_TOKEN. In the function, its role has the permissions",
};

/// How a service is reached.
fn connection(above: &str, key: &str, entry: &Entry, imported: &mut Imported) -> Result<(), DocumentError> {
    let name = format!("{above}{key}");
    let keys = if above.is_empty() { &OF_STREAMS } else { &OF_TABLE };
    match key {
        "region" => {
            if let Some(region) = text(key, &entry.value)? {
                imported.set(keys.region, region);
            }
        }
        "endpoint" => {
            if let Some(endpoint) = text(key, &entry.value)? {
                match above {
                    "" => imported.decide(keys.endpoint, endpoint, ENDPOINT),
                    _ => imported.set(keys.endpoint, endpoint),
                }
            }
        }
        "credentials" => credentials(&name, entry, keys, imported)?,
        _ => tcp(&name, &entry.value, if above.is_empty() { &tcp::OF_STREAMS } else { &tcp::OF_TABLE }, imported)?,
    }
    Ok(())
}

fn credentials(name: &str, entry: &Entry, keys: &AccessKeys, imported: &mut Imported) -> Result<(), DocumentError> {
    let (mut has_key, mut external_id) = (false, None);
    for entry in entries(name, &entry.value)? {
        match entry.key.as_str() {
            "profile" => {
                if let Some(profile) = text("profile", &entry.value)? {
                    imported.set(keys.profile, profile);
                }
            }
            "id" | "secret" | "token" => has_key |= text(&entry.key, &entry.value)?.is_some(),
            "from_ec2_role" => {
                if truth("from_ec2_role", &entry.value)? == Some(true) {
                    imported.set(keys.from_ec2_role, "true");
                }
            }
            "role" => match text("role", &entry.value)? {
                Some(role) if role.parse::<Arn>().is_ok_and(|arn| arn.service == "iam") => {
                    imported.set(keys.role, role);
                }
                Some(_) => imported.leave_out(format!("{name}.role"), "a role is named by its ARN, and this is none"),
                None => {}
            },
            "role_external_id" => external_id = text("role_external_id", &entry.value)?,
            other => {
                let known = "profile, id, secret, token, from_ec2_role, role and role_external_id";
                return Err(wrong(entry.place, format!("unknown field {name}.{other}: there are {known}")));
            }
        }
    }
    match external_id {
        Some(id) if imported.has(keys.role) => imported.set(keys.external_id, id),
        Some(_) => imported.leave_out(format!("{name}.role_external_id"), "it is of use with a role"),
        None => {}
    }
    if has_key {
        imported.leave_out(name, keys.key);
    }
    Ok(())
}

/// More than a batch ever has.
const MOST_BATCH_BYTES: u64 = 1 << 30;

fn batching(node: &Node, imported: &mut Imported) -> Result<(), DocumentError> {
    for entry in entries("batching", node)? {
        let (key, node) = (entry.key.as_str(), &entry.value);
        match key {
            "count" => {
                if let Some(count) = count(key, node)? {
                    let most = count.min(10_000);
                    if most < count {
                        imported.decide(
                            &["batch_size"],
                            most.to_string(),
                            format!("{count} there: a batch has no more, as in Lambda"),
                        );
                    } else {
                        imported.set(&["batch_size"], most.to_string());
                    }
                }
            }
            "byte_size" => {
                if let Some(bytes) = count(key, node)? {
                    imported.set(&["batch_bytes"], bytes.min(MOST_BATCH_BYTES).to_string());
                }
            }
            "period" => {
                if let Some(period) = text(key, node)? {
                    imported.set(&["batch_window"], period);
                }
            }
            "check" => {
                if let Some(query) = text(key, node)? {
                    match bloblang::as_cel(query) {
                        Some(cel) => imported.decide(&["batch_check"], cel, format!("{query} there, in Bloblang")),
                        None => imported.leave_out(
                            "batching.check",
                            format!("set batch_check, in CEL, to what this says in Bloblang: {query}"),
                        ),
                    }
                }
            }
            "processors" => processors(node, imported)?,
            other => {
                let known = "count, byte_size, period, check and processors";
                return Err(wrong(entry.place, format!("unknown field batching.{other}: there are {known}")));
            }
        }
    }
    Ok(())
}

/// What is to be known of a pack.
const PACKS: &str = "for any output but to EventBridge; in Kinesis, SQS and SNS by partition key";

fn processors(node: &Node, imported: &mut Imported) -> Result<(), DocumentError> {
    let nodes: &[Node] = match &node.content {
        Content::List(nodes) => nodes,
        Content::Null => &[],
        _ => return Err(wrong(node.place, "batching.processors takes a list")),
    };
    for node in nodes {
        let format = node.get("archive").and_then(|archive| archive.get("format"));
        match format.map(|format| text("format", format)).transpose()?.flatten() {
            Some("lines") => imported.decide(&["pack"], "lines", PACKS),
            Some("json_array") => imported.decide(&["pack"], "array", format!("\"json_array\" there; {PACKS}")),
            Some("concatenate") => imported.decide(&["pack"], "concatenate", PACKS),
            Some(format) => imported.leave_out(
                "batching.processors",
                format!("outputs are packed as lines, as an array or one behind the other, and not as {format}"),
            ),
            None => imported.leave_out("batching.processors", "what processes records is the transform"),
        }
    }
    Ok(())
}

/// How the rows of the table have the streams, where that is not by name: as the configuration writes each, without a shard.
fn stream_ids(input: &Node) -> Option<String> {
    let nodes = match &input.get("streams")?.content {
        Content::List(nodes) => nodes.iter().collect(),
        _ => vec![input.get("streams")?],
    };
    let texts = nodes.iter().filter_map(|node| text("streams", node).ok().flatten());
    let streams: Vec<StreamName> = texts
        .flat_map(|names| names.split(',').filter_map(|name| stream_and_shard(name.trim()).ok()))
        .map(|(stream, _)| stream)
        .collect();
    let mut aliases: Vec<String> = Vec::new();
    for stream in streams.iter().filter(|stream| !matches!(stream, StreamName::Name(_))) {
        let alias = format!("{stream}={stream}");
        if !aliases.contains(&alias) {
            aliases.push(alias);
        }
    }
    match streams.iter().all(|stream| matches!(stream, StreamName::Arn(_))) {
        true if !aliases.is_empty() => Some("arn".to_owned()),
        _ => Some(aliases.join(",")).filter(|aliases| !aliases.is_empty()),
    }
}

/// Where to start, which depends on whether there is a table.
fn start(input: &Node, imported: &mut Imported) -> Result<(), DocumentError> {
    let from_oldest = match input.get("start_from_oldest") {
        Some(node) => truth("start_from_oldest", node)?.unwrap_or(true),
        None => true,
    };
    if imported.has(&["checkpoint", "table"]) {
        imported.set(&["from"], "checkpoint");
        if let Some(form) = stream_ids(input) {
            imported.decide(&["checkpoint", "stream_id"], form, "the rows have streams as they are written there");
        }
        imported.decide(&["to_checkpoint"], "true", "positions are committed, in the same rows of the table");
        if !from_oldest {
            imported.decide(&["or"], "latest", "\"start_from_oldest: false\" there, for a shard without a row");
        }
    } else if from_oldest {
        imported.decide(
            &["from"],
            "trim-horizon",
            "the default there; `kinesieve run` would start at the latest record",
        );
    } else {
        imported.set(&["from"], "latest");
    }
    Ok(())
}

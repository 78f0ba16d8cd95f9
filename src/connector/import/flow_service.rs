//! Connections of the Flow Service API: a base connection has credentials and region, a source connection stream and start.

use super::super::document::{DocumentError, Node};
use super::{CREDENTIALS, Imported, entries, text, wrong};

pub(super) fn import(document: &Node, imported: &mut Imported) -> Result<(), DocumentError> {
    for entry in entries("the connection", document)? {
        let (key, node) = (entry.key.as_str(), &entry.value);
        match key {
            "name" | "description" => {
                if let Some(said) = text(key, node)? {
                    imported.leave_out(key, format!("a comment says the same: {said}"));
                }
            }
            "connectionSpec" | "baseConnectionId" | "id" | "version" | "etag" => {
                imported.leave_out(key, "it refers to the platform that is left");
            }
            "auth" => auth(node, imported)?,
            "data" => data(node, imported)?,
            "params" => params(node, imported)?,
            other => {
                return Err(wrong(
                    entry.place,
                    format!(
                        "unknown field {other}: a connection has name, description, connectionSpec, baseConnectionId, auth, data and params"
                    ),
                ));
            }
        }
    }
    Ok(())
}

fn auth(node: &Node, imported: &mut Imported) -> Result<(), DocumentError> {
    for entry in entries("auth", node)? {
        match entry.key.as_str() {
            "specName" => {}
            "params" => {
                for entry in entries("auth.params", &entry.value)? {
                    match entry.key.as_str() {
                        "accessKeyId" | "secretKey" => {}
                        "region" => {
                            if let Some(region) = text("auth.params.region", &entry.value)? {
                                imported.set(&["region"], region);
                            }
                        }
                        other => {
                            return Err(wrong(
                                entry.place,
                                format!(
                                    "unknown field auth.params.{other}: there are accessKeyId, secretKey and region"
                                ),
                            ));
                        }
                    }
                }
                imported.leave_out("auth.params", CREDENTIALS);
            }
            other => {
                return Err(wrong(entry.place, format!("unknown field auth.{other}: there are specName and params")));
            }
        }
    }
    Ok(())
}

fn data(node: &Node, imported: &mut Imported) -> Result<(), DocumentError> {
    for entry in entries("data", node)? {
        match (entry.key.as_str(), text(&entry.key, &entry.value)?) {
            ("format", Some("json") | None) => {}
            ("format", Some(format)) => {
                imported
                    .leave_out("data.format", format!("the transform reads {format}: payloads reach it as they are"));
            }
            ("schema" | "properties", _) => {
                imported.leave_out(format!("data.{}", entry.key), "payloads reach the transform as they are")
            }
            (other, _) => return Err(wrong(entry.place, format!("unknown field data.{other}: there is format"))),
        }
    }
    Ok(())
}

fn params(node: &Node, imported: &mut Imported) -> Result<(), DocumentError> {
    for entry in entries("params", node)? {
        let value = text(&entry.key, &entry.value)?;
        match (entry.key.as_str(), value) {
            ("stream", Some(stream)) => imported.set_all(&["streams"], vec![stream.to_owned()]),
            ("stream", None) => {}
            ("dataType", Some("raw") | None) => {}
            ("dataType", Some(other)) => {
                imported.leave_out("params.dataType", format!("the transform decides what {other} is"))
            }
            // By the name of Kinesis, and by that of the platform.
            ("reset" | "iteratorType", Some(start)) => match start.to_ascii_lowercase().as_str() {
                "latest" => imported.set(&["from"], "latest"),
                "earliest" | "trim_horizon" => imported.set(&["from"], "trim-horizon"),
                _ => return Err(wrong(entry.value.place, format!("{} takes latest or earliest", entry.key))),
            },
            ("reset" | "iteratorType", None) => {}
            (other, _) => {
                return Err(wrong(
                    entry.place,
                    format!("unknown field params.{other}: there are stream, dataType and reset"),
                ));
            }
        }
    }
    // The platform starts at the oldest record.
    if !imported.has(&["from"]) {
        imported.decide(
            &["from"],
            "trim-horizon",
            "the platform's default; `kinesieve run` would start at the latest record",
        );
    }
    Ok(())
}

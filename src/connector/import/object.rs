//! A data connector object: `{"type": "aws-kinesis", ...}`, or an update of one, which has some of its attributes.

use super::super::document::{DocumentError, Node};
use super::{CREDENTIALS, Imported, count, entries, text, truth, wrong};

/// Its attributes.
pub(super) const KEYS: &[&str] = &[
    "type",
    "id",
    "credentials",
    "region",
    "stream",
    "shards",
    "maxRecordsPerShardPerSecond",
    "maxBytesPerShardPerSecond",
    "dataProcessingMethodId",
    "disabled",
];

pub(super) fn import(document: &Node, imported: &mut Imported) -> Result<(), DocumentError> {
    for entry in entries("the object", document)? {
        let (key, node) = (entry.key.as_str(), &entry.value);
        match key {
            "type" => match text(key, node)? {
                Some("aws-kinesis") => {}
                _ => return Err(wrong(node.place, "type has to be aws-kinesis: no other connector is of Kinesis")),
            },
            "id" => {
                if let Some(id) = text(key, node)? {
                    imported.leave_out(
                        key,
                        format!("a connector has no name of its own ({id}): the file or the stack has one"),
                    );
                }
            }
            "credentials" => {
                for entry in entries(key, node)? {
                    match entry.key.as_str() {
                        "user" | "password" => {}
                        other => {
                            return Err(wrong(
                                entry.place,
                                format!("unknown attribute credentials.{other}: there are user and password"),
                            ));
                        }
                    }
                }
                imported.leave_out(key, CREDENTIALS);
            }
            "region" => {
                if let Some(region) = text(key, node)? {
                    imported.set(&["region"], region);
                }
            }
            "stream" => {
                if let Some(stream) = text(key, node)? {
                    imported.set_all(&["streams"], vec![stream.to_owned()]);
                }
            }
            "shards" => {
                count(key, node)?;
                imported
                    .leave_out(key, "the stream itself says which shards it has, also after it was split or merged");
            }
            "maxRecordsPerShardPerSecond" => {
                if let Some(count) = count(key, node)? {
                    imported.set(&["max_records_per_shard_per_second"], count.to_string());
                }
            }
            "maxBytesPerShardPerSecond" => {
                if let Some(count) = count(key, node)? {
                    imported.set(&["max_bytes_per_shard_per_second"], format!("{count}B"));
                }
            }
            "dataProcessingMethodId" => {
                if let Some(method) = text(key, node)? {
                    imported.decide(
                        &["transform"],
                        "transform.wasm",
                        format!("was the method {method}: `kinesieve new` begins a transform that does the same"),
                    );
                }
            }
            "disabled" => {
                if truth(key, node)? == Some(true) {
                    imported.leave_out(key, "nothing reads before `kinesieve run` is started. Of a deployment, the parameter MappingEnabled is false");
                }
            }
            other => {
                return Err(wrong(entry.place, format!("unknown attribute {other}: there are {}", KEYS.join(", "))));
            }
        }
    }
    if document.get("type").is_none() {
        imported.leave_out(
            "type",
            "this is an update: it says what changes, and no more. Put it into the file of its connector",
        );
    }
    Ok(())
}

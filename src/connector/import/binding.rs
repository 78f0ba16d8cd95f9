//! Dapr's component `bindings.aws.kinesis`: a list of names and values.

use super::super::document::{Content, DocumentError, Node};
use super::{CREDENTIALS, ENDPOINT, Imported, entries, text, wrong};

const TYPE: &str = "bindings.aws.kinesis";

pub(super) fn import(document: &Node, imported: &mut Imported) -> Result<(), DocumentError> {
    for entry in entries("the component", document)? {
        match entry.key.as_str() {
            "apiVersion" => {}
            "kind" => match text("kind", &entry.value)? {
                Some("Component") => {}
                _ => return Err(wrong(entry.value.place, format!("kind has to be Component, of the type {TYPE}"))),
            },
            "metadata" => {
                for entry in entries("metadata", &entry.value)? {
                    if let ("name", Some(name)) = (entry.key.as_str(), text(&entry.key, &entry.value)?) {
                        imported.leave_out(
                            "metadata.name",
                            format!("a connector has no name of its own ({name}): the file or the stack has one"),
                        );
                    }
                }
            }
            "scopes" | "auth" => {
                imported.leave_out(entry.key.as_str(), "it is about applications and secret stores of Dapr")
            }
            "spec" => spec(&entry.value, imported)?,
            other => {
                return Err(wrong(
                    entry.place,
                    format!("unknown field {other}: a component has apiVersion, kind, metadata and spec"),
                ));
            }
        }
    }
    Ok(())
}

fn spec(node: &Node, imported: &mut Imported) -> Result<(), DocumentError> {
    let mut fields = Vec::new();
    for entry in entries("spec", node)? {
        match entry.key.as_str() {
            "type" => match text("spec.type", &entry.value)? {
                Some(TYPE) => {}
                _ => {
                    return Err(wrong(
                        entry.value.place,
                        format!("spec.type has to be {TYPE}: no other component reads a stream of Kinesis"),
                    ));
                }
            },
            "version" | "ignoreErrors" | "initTimeout" => {}
            "metadata" => match &entry.value.content {
                Content::List(nodes) => fields.extend(nodes.iter()),
                Content::Null => {}
                _ => return Err(wrong(entry.value.place, "spec.metadata takes a list of name and value")),
            },
            other => {
                return Err(wrong(
                    entry.place,
                    format!("unknown field spec.{other}: there are type, version and metadata"),
                ));
            }
        }
    }
    let is_extended = fields.iter().any(|field| {
        field.get("name").and_then(|name| text("name", name).ok().flatten()) == Some("mode")
            && field.get("value").and_then(|value| text("mode", value).ok().flatten()) == Some("extended")
    });
    for node in fields {
        field(node, is_extended, imported)?;
    }
    Ok(())
}

fn field(node: &Node, is_extended: bool, imported: &mut Imported) -> Result<(), DocumentError> {
    let Some(name) = node.get("name").map(|name| text("name", name)).transpose()?.flatten() else {
        return Err(wrong(node.place, "an element of spec.metadata has a name and a value"));
    };
    let value = match node.get("value") {
        Some(value) => text(name, value)?,
        None => None,
    };
    if node.get("secretKeyRef").is_some() && !matches!(name, "accessKey" | "secretKey" | "sessionToken") {
        imported.leave_out(name, "its value is in a secret store of Dapr");
        return Ok(());
    }
    match (name, value) {
        ("streamName", Some(stream)) => imported.set_all(&["streams"], vec![stream.to_owned()]),
        ("consumerName", Some(consumer)) if is_extended => imported.set(&["consumer"], consumer),
        ("consumerName", Some(_)) => {
            imported.leave_out(name, "reading that all consumers share needs no name of a consumer")
        }
        ("mode", Some("shared")) => imported.set(&["mode"], "shared"),
        ("mode", Some("extended")) => imported.decide(&["mode"], "enhanced", "\"extended\" there"),
        ("mode", Some(_)) => return Err(wrong(node.place, "mode takes shared or extended")),
        ("region", Some(region)) => imported.set(&["region"], region),
        ("endpoint", Some(endpoint)) => imported.decide(&["endpoint_url"], endpoint, ENDPOINT),
        ("accessKey" | "secretKey" | "sessionToken", _) => {
            if imported.left_out.iter().all(|(_, reason)| reason != CREDENTIALS) {
                imported.leave_out("accessKey, secretKey, sessionToken", CREDENTIALS);
            }
        }
        ("direction", Some(direction)) => {
            imported.leave_out(name, format!("{direction}: what is read is in streams, and where outputs go in output"))
        }
        ("streamName" | "consumerName" | "mode" | "region" | "endpoint" | "direction", None) => {}
        (other, _) => {
            let known = "streamName, consumerName, mode, region, endpoint, accessKey, secretKey and sessionToken";
            return Err(wrong(node.place, format!("unknown name {other}: there are {known}")));
        }
    }
    Ok(())
}

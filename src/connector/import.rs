//! Files of other tools, turned into a connector file: what they say in our words, and what does not come along with the reason.
//!
//! The forms are those of four tools' documentation: a data connector object as JSON, a Kinesis source of a managed platform's
//! Flow Service API as JSON, Redpanda Connect's `aws_kinesis` input, and Dapr's `bindings.aws.kinesis` component as YAML.
//! Secrets are not taken over: the file would be where everybody reads them.

mod binding;
mod bloblang;
mod flow_service;
mod input;
mod object;
mod written;

use super::document::{self, Content, DocumentError, Node, Place};

pub(crate) use self::written::Imported;

/// A form that a file can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A data connector object: `"type": "aws-kinesis"`, or an update of one.
    Object,
    /// A base connection or a source connection of the Flow Service API.
    FlowService,
    /// The `aws_kinesis` input of Redpanda Connect.
    Input,
    /// The `bindings.aws.kinesis` component of Dapr.
    Binding,
}

impl Form {
    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Form::Object => "a data connector object",
            Form::FlowService => "a connection of the Flow Service API",
            Form::Input => "an aws_kinesis input of Redpanda Connect",
            Form::Binding => "a bindings.aws.kinesis component of Dapr",
        }
    }

    /// Tells a form by what only it has.
    fn of(document: &Node) -> Option<Self> {
        if document.get("kind").is_some() || document.get("apiVersion").is_some() || document.get("spec").is_some() {
            return Some(Form::Binding);
        }
        if input::found(document).is_some() {
            return Some(Form::Input);
        }
        if ["connectionSpec", "baseConnectionId", "auth"].iter().any(|key| document.get(key).is_some()) {
            return Some(Form::FlowService);
        }
        let is_object = object::KEYS.iter().any(|key| document.get(key).is_some());
        is_object.then_some(Form::Object)
    }
}

/// Reads a file of another tool.
///
/// # Errors
/// When it is no YAML or JSON, has none of the forms, or a value in it is none that its tool takes. With the place.
pub(crate) fn import(text: &str) -> Result<(Form, Imported), DocumentError> {
    let document = document::read(text)?;
    let Some(form) = Form::of(&document) else {
        let reason = "this is none of the files that can be imported: a data connector object (JSON), a connection of the Flow \
                      Service API (JSON), an aws_kinesis input of Redpanda Connect (YAML), a bindings.aws.kinesis component of \
                      Dapr (YAML)";
        return Err(wrong(document.place, reason));
    };
    let mut imported = Imported::default();
    match form {
        Form::Object => object::import(&document, &mut imported)?,
        Form::FlowService => flow_service::import(&document, &mut imported)?,
        Form::Input => input::import(&document, &mut imported)?,
        Form::Binding => binding::import(&document, &mut imported)?,
    }
    Ok((form, imported))
}

fn wrong(place: Place, reason: impl Into<String>) -> DocumentError {
    DocumentError { place, reason: reason.into() }
}

/// The text of a part that is to be a value by itself. Nothing and an empty text are none.
fn text<'a>(key: &str, node: &'a Node) -> Result<Option<&'a str>, DocumentError> {
    match &node.content {
        Content::Null => Ok(None),
        Content::Scalar(scalar) => Ok(Some(scalar.text.as_str()).filter(|text| !text.is_empty())),
        _ => Err(wrong(node.place, format!("{key} takes a value, and this is {}", node.noun()))),
    }
}

/// A truth value.
fn truth(key: &str, node: &Node) -> Result<Option<bool>, DocumentError> {
    let text = text(key, node)?;
    text.map(|text| text.parse().map_err(|_| wrong(node.place, format!("{key} takes true or false")))).transpose()
}

/// A number from 0 on. 0 is none where a tool has it for "not at all".
fn count(key: &str, node: &Node) -> Result<Option<u64>, DocumentError> {
    let text = text(key, node)?;
    let number = |text: &str| text.parse().map_err(|_| wrong(node.place, format!("{key} takes a whole number")));
    Ok(text.map(number).transpose()?.filter(|number| *number > 0))
}

/// The entries of a mapping.
fn entries<'a>(key: &str, node: &'a Node) -> Result<&'a [document::Entry], DocumentError> {
    match &node.content {
        Content::Null => Ok(&[]),
        Content::Map(entries) => Ok(entries),
        _ => Err(wrong(node.place, format!("{key} takes a mapping, and this is {}", node.noun()))),
    }
}

/// Keys are secrets, which never come along.
const CREDENTIALS: &str = "set KINESIEVE_CREDENTIALS_ID, KINESIEVE_CREDENTIALS_SECRET and KINESIEVE_CREDENTIALS_TOKEN, or name a profile \
                           or a role in the file: credentials: {profile: NAME}. In the function, its role has the permissions";

/// What an endpoint comes to.
const ENDPOINT: &str = "of all services: AWS_ENDPOINT_URL_KINESIS, set in its place, is of the streams alone";

#[cfg(test)]
mod tests;

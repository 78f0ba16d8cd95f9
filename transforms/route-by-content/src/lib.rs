//! Sends JSON records to routes by the value of a field.
//!
//! With `field=type,routes={"order":"orders","refund":"orders","debug":""}`, a record of the type `order` goes to the
//! route `orders`, one of the type `debug` nowhere, and any other to the main output.

use std::borrow::Cow;
use std::collections::BTreeMap;

use kinesieve_sdk::{
    Edit, Error, Event, JsonKind, OrElse, Outcome, Output, SettingError, Settings, canonical_json, transform,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Config {
    /// A field of the record, or one of an object in it: names with full stops between.
    field: String,
    /// The route for each value of the field; an empty one drops the record.
    routes: BTreeMap<String, String>,
    /// The route for all other values; none: the main output.
    otherwise: Option<String>,
}

fn configure(settings: Settings) -> Result<Config, SettingError> {
    settings.read()
}

#[transform(configure = configure)]
fn process(config: &Config, event: Event) -> Result<Outcome, Error> {
    Ok(match route(config, &event)? {
        None => Outcome::Keep,
        Some("") => Outcome::Drop,
        Some(route) => Outcome::replace(Output::new(event.data).route(route)),
    })
}

/// The route of a record; none: the main output.
fn route<'c>(config: &'c Config, event: &Event) -> Result<Option<&'c str>, Error> {
    let known = match deciding(&config.field, event)? {
        None => None,
        Some(Deciding::Text(text)) => config.routes.get(&*text),
        // Numbers and literals by how they are written, or else by what they are: `1.00` is `1.0`.
        Some(Deciding::Written(written)) => match config.routes.get(written) {
            None => config.routes.get(&canonical_json(written)?),
            known => known,
        },
        Some(Deciding::Other) => return Err("the field holds no text, number or flag").or_reject(),
    };
    Ok(known.or(config.otherwise.as_ref()).map(String::as_str))
}

/// What the field that decides holds.
enum Deciding<'a> {
    Text(Cow<'a, str>),
    Written(&'a str),
    Other,
}

/// Reads the record as far as that field goes. All else is looked at as JSON, and not made into anything.
fn deciding<'a>(field: &str, event: &'a Event) -> Result<Option<Deciding<'a>>, Error> {
    let path: Vec<&str> = field.split('.').collect();
    let mut found = None;
    event.edit_json(|value| {
        let depth = value.depth();
        if depth > 0 && value.name().as_deref() != path.get(depth - 1).copied() {
            return Ok(Edit::Keep);
        }
        if depth < path.len() {
            // Of a repeated field the last counts, with what is in it.
            found = None;
            return Ok(Edit::Descend);
        }
        found = Some(match value.kind() {
            JsonKind::String => Deciding::Text(value.text().unwrap_or_default()),
            JsonKind::Number | JsonKind::Bool => Deciding::Written(value.written()),
            JsonKind::Object | JsonKind::Array | JsonKind::Null => Deciding::Other,
        });
        Ok(Edit::Keep)
    })?;
    Ok(found)
}

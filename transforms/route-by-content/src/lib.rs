//! Sends JSON records to routes by the value of a field.
//!
//! With `field=type,routes={"order":"orders","refund":"orders","debug":""}`, a record of the type `order` goes to the
//! route `orders`, one of the type `debug` nowhere, and any other to the main output.

use std::collections::BTreeMap;

use kinesieve_sdk::{Error, Event, OrElse, Outcome, Output, SettingError, Settings, transform};
use serde::Deserialize;
use serde_json::Value;

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
    let record: Value = event.json()?;
    let value = config.field.split('.').try_fold(&record, |value, name| value.get(name));
    let route = match value {
        None => config.otherwise.as_ref(),
        Some(Value::String(text)) => config.routes.get(text).or(config.otherwise.as_ref()),
        // Numbers and literals by how they are written.
        Some(other @ (Value::Number(_) | Value::Bool(_))) => {
            config.routes.get(&other.to_string()).or(config.otherwise.as_ref())
        }
        Some(_) => return Err("the field holds no text, number or flag").or_reject(),
    };
    Ok(match route.map(String::as_str) {
        None => Outcome::Keep,
        Some("") => Outcome::Drop,
        Some(route) => Outcome::replace(Output::new(event.data).route(route)),
    })
}

//! Drops readings below a temperature, and takes the e-mail address out of the others.

use kinesieve_sdk::{Json, SettingError, Settings, transform};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The settings of the deployment, a field each. One that has no field here is refused.
#[derive(Deserialize)]
struct Config {
    below: f64,
}

/// What is in a record, as far as it matters here.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Reading {
    temperature: f64,
    /// Read, and not written.
    #[serde(default, skip_serializing)]
    #[allow(dead_code, reason = "it is here to be left out")]
    email: Value,
    /// All other fields go on as they are.
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Called once for each instance. An error stops the start.
fn configure(settings: Settings) -> Result<Config, SettingError> {
    settings.read()
}

/// Called once for each record, in the order of its shard. A record that is no `Reading` is rejected.
#[transform(configure = configure)]
fn process(config: &Config, Json(reading): Json<Reading>) -> Option<Json<Reading>> {
    (reading.temperature >= config.below).then_some(Json(reading))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases in tests/ run in the engine; what is tested here runs as native code, and in a debugger.
    #[test]
    fn what_is_cold_is_dropped() {
        let config = configure(Settings::from([("below", "10")])).expect("the settings are right");
        let reading = Reading { temperature: 9.5, email: Value::Null, others: Map::new() };
        assert_eq!(process(&config, Json(reading)), None);
    }
}

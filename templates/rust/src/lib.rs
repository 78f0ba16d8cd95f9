//! Drops readings below a temperature, and takes the e-mail address out of the others.

use kinesieve_sdk::{Error, Event, OrElse, Outcome, SettingError, Settings, transform};
use serde_json::{Map, Value};

struct Config {
    below: f64,
}

/// Called once for each instance, with the settings of the deployment. An error stops the start.
fn configure(settings: Settings) -> Result<Config, SettingError> {
    settings.only(&["below"])?;
    Ok(Config { below: settings.parse("below")?.unwrap_or(10.0) })
}

/// Called once for each record, in the order of its shard. An error rejects the record: it is dead-lettered.
#[transform(configure = configure)]
fn process(config: &Config, event: Event) -> Result<Outcome, Error> {
    let mut reading: Map<String, Value> = serde_json::from_slice(&event.data)?;
    let temperature = reading.get("temperature").and_then(Value::as_f64).ok_or("no temperature").or_reject()?;
    if temperature < config.below {
        return Ok(Outcome::Drop);
    }
    reading.remove("email");
    Ok(Outcome::replace(serde_json::to_vec(&reading)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases in tests/ run in the engine; what is tested here runs as native code, and in a debugger.
    #[test]
    fn what_is_cold_is_dropped() {
        let config = configure(Settings::from([("below", "10")])).expect("the settings are right");
        assert_eq!(process(&config, Event::new(r#"{"temperature":9.5}"#)), Ok(Outcome::Drop));
    }
}

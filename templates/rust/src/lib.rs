//! Drops readings below a temperature, and takes the e-mail address out of the others.

use kinesieve_sdk::{Edit, Error, Event, Outcome, SettingError, Settings, transform};
use serde::Deserialize;

/// The settings of the deployment, a field each. One that has no field here is refused.
#[derive(Deserialize)]
struct Config {
    below: f64,
}

/// What is read of a record. It may have other fields.
#[derive(Deserialize)]
struct Reading {
    temperature: f64,
}

/// Called once for each instance. An error stops the start.
fn configure(settings: Settings) -> Result<Config, SettingError> {
    settings.read()
}

/// Called once for each record, in the order of its shard. A record that is no `Reading` is rejected.
#[transform(configure = configure)]
fn process(config: &Config, event: Event) -> Result<Outcome, Error> {
    let reading: Reading = event.json()?;
    if reading.temperature < config.below {
        return Ok(Outcome::Drop);
    }
    // All other fields stay as they are written, byte for byte.
    event.edit_json(|value| {
        Ok(match (value.depth(), value.name().as_deref()) {
            (0, _) => Edit::Descend,
            (_, Some("email")) => Edit::Remove,
            _ => Edit::Keep,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases in tests/ run in the engine; what is tested here runs as native code, and in a debugger.
    #[test]
    fn what_is_cold_is_dropped() {
        let config = configure(Settings::from([("below", "10")])).expect("the settings are right");
        assert_eq!(process(&config, Event::new(r#"{"temperature": 9.5}"#)), Ok(Outcome::Drop));
    }
}

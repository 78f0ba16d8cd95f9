//! Counts the readings of each device in a window, and finds the highest temperature of each.

use std::collections::BTreeMap;

use kinesieve_sdk::{Error, Event, Fold, Output, Settings, Window, window};
use serde::{Deserialize, Serialize};

/// So many devices have room in the state, which Lambda carries from batch to batch: 700,000 bytes at most.
const MOST_DEVICES: usize = 5000;

/// The settings of the deployment, a field each. One that has no field here is refused.
#[derive(Deserialize)]
struct Config {
    below: f64,
}

/// What is read of a record. It may have other fields.
#[derive(Deserialize)]
struct Reading {
    device: String,
    temperature: f64,
}

/// The state: what is known of each device so far. It is saved as JSON when a batch ends, so it is best a sum of what
/// came, and no list of it.
#[derive(Default, Serialize, Deserialize)]
struct Devices(BTreeMap<String, Summary>);

#[derive(Serialize, Deserialize)]
struct Summary {
    count: u64,
    highest: f64,
}

/// What is delivered of a device.
#[derive(Serialize)]
struct Line<'a> {
    /// The window, in milliseconds since 1970.
    start: u64,
    end: u64,
    device: &'a str,
    #[serde(flatten)]
    summary: &'a Summary,
}

impl Fold for Devices {
    /// Another name, when what was saved before can't be read any more.
    const FORM: &str = "{{name}}/1";
    type Config = Config;

    /// Called once for each instance. An error stops the start.
    fn configure(settings: Settings) -> Result<Config, Error> {
        Ok(settings.read()?)
    }

    /// Called once for each record, in the order of its shard. A record that is no `Reading` is rejected, and leaves no
    /// trace in the state.
    fn accumulate(&mut self, config: &Config, event: Event) -> Result<(), Error> {
        let reading: Reading = event.json()?;
        if reading.temperature < config.below {
            return Ok(());
        }
        if self.0.len() == MOST_DEVICES && !self.0.contains_key(&reading.device) {
            return Err(Error::reject("the state has no room for another device"));
        }
        let summary = self.0.entry(reading.device).or_insert(Summary { count: 0, highest: reading.temperature });
        summary.count += 1;
        summary.highest = summary.highest.max(reading.temperature);
        Ok(())
    }

    /// Called when the window is over: what is delivered of it.
    fn finish(self, _: &Config, window: Window) -> Result<Vec<Output>, Error> {
        let line = |(device, summary): (&String, &Summary)| {
            let output = Output::json(&Line { start: window.start, end: window.end, device, summary })?;
            Ok(if device.is_empty() { output } else { output.partition_key(device.chars().take(256).collect::<String>()) })
        };
        self.0.iter().map(line).collect()
    }
}

window!(Devices);

#[cfg(test)]
mod tests {
    use kinesieve_sdk::Rehearsal;

    use super::*;

    /// The cases in tests/ run in the engine; what is tested here runs as native code, and in a debugger.
    #[test]
    fn what_is_cold_counts_for_nothing() {
        let mut rehearsal = Rehearsal::<Devices>::new([("below", "10")]).expect("the settings are right");
        rehearsal.fold(Event::new(r#"{"device": "a", "temperature": 9.5}"#)).expect("folded");
        assert_eq!(rehearsal.finish(), Ok(Vec::new()));
    }
}

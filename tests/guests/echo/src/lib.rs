//! The guest of the conformance cases, in Rust: the event's partition key says what it does, see
//! `tests/conformance/README.md`.

use kinesieve_sdk::{Error, Event, Level, Outcome, Output, Settings, current_shard, log, transform};

fn configure(settings: Settings) -> Result<Settings, String> {
    match settings.get("refuse") {
        Some(text) => Err(text.to_owned()),
        None => Ok(settings),
    }
}

#[transform(configure = configure)]
fn process(settings: &Settings, event: Event) -> Result<Outcome, Error> {
    let verb = event.partition_key.split(' ').next().unwrap_or_default();
    Ok(match verb {
        "keep" => Outcome::Keep,
        "drop" => Outcome::Drop,
        "retry" => Outcome::retry(event.text()?),
        "reject" => Outcome::reject(event.text()?),
        "none" => Outcome::emit([]),
        "same" => Outcome::replace(event.data),
        "key" => Outcome::replace(Output::new(event.data).partition_key(event.partition_key)),
        "route" => Outcome::replace(Output::new(event.data).route("side")),
        "many" => {
            let count: u32 = event.text()?.parse()?;
            Outcome::emit((0..count).map(|index| Output::new(index.to_string()).partition_key(format!("k{index}"))))
        }
        "event" => {
            let Event { sequence_number, sub_sequence_number, arrived_at, .. } = event;
            Outcome::replace(format!("{sequence_number} {sub_sequence_number} {arrived_at}"))
        }
        "shard" => {
            let shard = current_shard();
            Outcome::replace(format!("{} {}", shard.stream_arn, shard.shard_id))
        }
        "settings" => {
            let lines: Vec<String> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
            Outcome::replace(lines.join("\n"))
        }
        "log" => {
            log(Level::Info, event.text()?);
            Outcome::Keep
        }
        _ => return Err(Error::reject("no such verb")),
    })
}

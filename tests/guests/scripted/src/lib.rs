//! Does what the event's payload says, good or bad: the tests' hand inside the sandbox.
//!
//! The first word is the verb, and the rest is its argument.
//!
//! | verb | what it does |
//! | --- | --- |
//! | `keep`, `drop` | answers so |
//! | `retry TEXT`, `reject TEXT` | answers so, with this text |
//! | `emit N [size=B] [key=K] [route=R] [note=T]` | emits N outputs: the payload and `#` and the index, from 0, or B bytes of `x`; the note says nothing |
//! | `echo` | emits one output, a JSON object of all that the event has |
//! | `count` | emits how many events this instance has seen, this one included |
//! | `settings` | emits the settings, a line `name=value` each |
//! | `shard` | emits the stream's ARN and the shard's id, a blank between them |
//! | `log LEVEL TEXT` | logs through the host, then keeps |
//! | `print stdout\|stderr TIMES TEXT` | prints the text as a line, so many times, then keeps |
//!
//! Those of [`misbehave`] fail in ways that are no answer; those of [`probe`] try the sandbox and
//! emit what they got. Whatever can't be understood is rejected.
//!
//! The setting `fail=TEXT` has `configure` return that error; `configure=VERB` has it misbehave.
//! All other settings are taken, for `settings` to show.

mod misbehave;
mod probe;

use std::cell::Cell;

use kinesieve_sdk::{Error, Event, Level, OrElse, Outcome, Output, Settings, current_shard, log, transform};

struct Script {
    settings: Settings,
    events: Cell<u64>,
}

fn configure(settings: Settings) -> Result<Script, String> {
    if let Some(verb) = settings.get("configure") {
        // Comes back only from a verb that is harmless here.
        let _ = misbehave::run(verb, "");
        return Err(format!("`configure` can't be `{verb}`"));
    }
    if let Some(error) = settings.get("fail") {
        return Err(error.to_owned());
    }
    Ok(Script { settings, events: Cell::new(0) })
}

#[transform(configure = configure)]
fn process(script: &Script, event: Event) -> Result<Outcome, Error> {
    script.events.set(script.events.get() + 1);

    let payload = event.text()?;
    let (verb, argument) = payload.split_once(' ').unwrap_or((payload, ""));
    Ok(match verb {
        "keep" => Outcome::Keep,
        "drop" => Outcome::Drop,
        "retry" => Outcome::retry(argument),
        "reject" => Outcome::reject(argument),
        "emit" => emit(payload, argument)?,
        "echo" => Outcome::replace(echo(&event)),
        "count" => Outcome::replace(script.events.get().to_string()),
        "settings" => Outcome::replace(lines(script.settings.iter())),
        "shard" => {
            let shard = current_shard();
            Outcome::replace(format!("{} {}", shard.stream_arn, shard.shard_id))
        }
        "log" => {
            let (level, text) = argument.split_once(' ').unwrap_or((argument, ""));
            log(level_named(level)?, text);
            Outcome::Keep
        }
        "print" => {
            print(argument)?;
            Outcome::Keep
        }
        _ => match misbehave::run(verb, argument)? {
            Some(outcome) => outcome,
            None => probe::run(verb, argument)
                .map(Outcome::replace)
                .ok_or_else(|| format!("unknown verb `{verb}`"))
                .or_reject()?,
        },
    })
}

fn emit(payload: &str, argument: &str) -> Result<Outcome, Error> {
    let mut words = argument.split_whitespace();
    let times: usize = words.next().unwrap_or("1").parse()?;
    let mut size = None;
    let mut template = Output::new([]);
    for word in words {
        template = match word.split_once('=') {
            Some(("size", bytes)) => {
                size = Some(bytes.parse::<usize>()?);
                template
            }
            Some(("note", _)) => template,
            Some(("key", key)) => template.partition_key(key),
            Some(("route", route)) => template.route(route),
            _ => return Err(Error::reject(format!("`emit` has no `{word}`"))),
        };
    }
    Ok(Outcome::emit((0..times).map(|index| Output {
        data: match size {
            Some(bytes) => vec![b'x'; bytes],
            None => format!("{payload}#{index}").into_bytes(),
        },
        ..template.clone()
    })))
}

fn echo(event: &Event) -> String {
    serde_json::json!({
        "data": String::from_utf8_lossy(&event.data),
        "partitionKey": event.partition_key,
        "sequenceNumber": event.sequence_number,
        "subSequenceNumber": event.sub_sequence_number,
        "arrivedAt": event.arrived_at,
    })
    .to_string()
}

fn print(argument: &str) -> Result<(), Error> {
    let mut words = argument.splitn(3, ' ');
    let stream = words.next().unwrap_or_default();
    let times: usize = words.next().unwrap_or_default().parse()?;
    let text = words.next().unwrap_or_default();
    for _ in 0..times {
        match stream {
            "stdout" => println!("{text}"),
            "stderr" => eprintln!("{text}"),
            _ => return Err(Error::reject(format!("can't print to `{stream}`"))),
        }
    }
    Ok(())
}

fn level_named(name: &str) -> Result<Level, Error> {
    match name {
        "trace" => Ok(Level::Trace),
        "debug" => Ok(Level::Debug),
        "info" => Ok(Level::Info),
        "warn" => Ok(Level::Warn),
        "error" => Ok(Level::Error),
        _ => Err(format!("there is no level `{name}`")).or_reject(),
    }
}

fn lines<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let lines: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(payload: &str) -> Outcome {
        let script = configure(Settings::from([("a", "1"), ("b", "2")])).unwrap();
        process(&script, Event::new(payload)).unwrap()
    }

    #[test]
    fn emit_repeats_the_payload_or_fills_a_size() {
        assert_eq!(run("emit 2"), Outcome::emit([Output::new("emit 2#0"), Output::new("emit 2#1")]));
        assert_eq!(
            run("emit 1 size=3 key=k route=r"),
            Outcome::emit([Output::new("xxx").partition_key("k").route("r")])
        );
    }

    #[test]
    fn settings_come_back() {
        assert_eq!(run("settings"), Outcome::replace("a=1\nb=2".to_owned()));
    }

    #[test]
    fn an_unknown_verb_is_rejected() {
        let script = configure(Settings::default()).unwrap();
        assert_eq!(process(&script, Event::new("dance")), Err(Error::reject("unknown verb `dance`")));
    }
}

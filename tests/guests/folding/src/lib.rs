//! Folds what the events' payloads say, good or bad: the tests' hand inside a window.
//!
//! The first word is the verb, and the rest is its argument.
//!
//! | verb | what it does |
//! | --- | --- |
//! | `add N` | adds N to the sum |
//! | `bloat N` | lets the state grow by N bytes |
//! | `leak PAGES` | takes so many pages of 64 KiB and never gives them back, then folds; aborts if it is refused them |
//! | `sleep MILLIS` | sleeps, then folds |
//! | `reject TEXT`, `retry TEXT` | answers so |
//! | `panic TEXT`, `spin` | breaks |
//! | `fickle` | is folded by an instance's first try of it, and rejected by the second |
//! | `end VERB` | lets the window end so: `retry TEXT`, `reject TEXT`, `panic TEXT`, `spin`, `route NAME`, `emit N` |
//!
//! Each event leaves its position in the state before it is looked at any further: what fails leaves a trace, unless the
//! processor takes it away. The end gives one output, a JSON object of the window and all that is in the state.

use std::cell::Cell;
use std::thread;
use std::time::Duration;

use kinesieve_sdk::{Ending, Error, Event, Fold, Output, Settings, Window, window};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Default, Serialize, Deserialize)]
struct Folding {
    sum: i64,
    seen: Vec<String>,
    filler: String,
    end: String,
}

#[derive(Default)]
struct Config {
    label: String,
    fickle: Cell<bool>,
}

impl Fold for Folding {
    const FORM: &str = "folding/1";
    type Config = Config;

    fn configure(settings: Settings) -> Result<Config, Error> {
        settings.only(&["label"])?;
        Ok(Config { label: settings.get("label").unwrap_or_default().to_owned(), ..Config::default() })
    }

    fn accumulate(&mut self, config: &Config, event: Event) -> Result<(), Error> {
        self.seen.push(format!("{}.{}", event.sequence_number, event.sub_sequence_number));
        let payload = event.text()?;
        let (verb, argument) = payload.split_once(' ').unwrap_or((payload, ""));
        match verb {
            "add" => self.sum += argument.parse::<i64>()?,
            "bloat" => self.filler.push_str(&"x".repeat(argument.parse()?)),
            "leak" => leak(argument.parse()?),
            "sleep" => thread::sleep(Duration::from_millis(argument.parse()?)),
            "fickle" if config.fickle.replace(true) => return Err(Error::reject("not again")),
            "fickle" => {}
            "reject" => return Err(Error::reject(argument)),
            "retry" => return Err(Error::retry(argument)),
            "panic" => panic!("{argument}"),
            "spin" => spin(),
            "end" => argument.clone_into(&mut self.end),
            _ => return Err(Error::reject(format!("unknown verb `{verb}`"))),
        }
        Ok(())
    }

    fn finish(self, config: &Config, window: Window) -> Result<Vec<Output>, Error> {
        let (verb, argument) = self.end.split_once(' ').unwrap_or((&self.end, ""));
        let of_window = json!({
            "label": config.label,
            "start": window.start,
            "end": window.end,
            "early": window.ending == Ending::Early,
            "sum": self.sum,
            "seen": self.seen,
        });
        let output = Output::new(of_window.to_string());
        match verb {
            "" => Ok(vec![output]),
            "emit" => Ok((0..argument.parse()?).map(|index: u32| Output::new(format!("{index}"))).collect()),
            "route" => Ok(vec![output.route(argument)]),
            "reject" => Err(Error::reject(argument)),
            "retry" => Err(Error::retry(argument)),
            "panic" => panic!("{argument}"),
            "spin" => spin(),
            _ => Err(Error::reject(format!("unknown end `{verb}`"))),
        }
    }
}

/// Past the allocator, which gives back what a call took.
fn leak(pages: usize) {
    #[cfg(target_arch = "wasm32")]
    if std::arch::wasm32::memory_grow::<0>(pages) == usize::MAX {
        std::process::abort();
    }
    std::hint::black_box(pages);
}

fn spin() -> ! {
    let mut turns = 0u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}

window!(Folding);

//! A transform for a version of the contract that no processor knows yet. Its shapes are today's:
//! only the version tells them apart.

wit_bindgen::generate!({
    inline: "
        package kinesieve:transform@0.9.0;

        interface types {
            record event {
                data: list<u8>,
                partition-key: string,
                sequence-number: string,
                sub-sequence-number: u64,
                arrived-at: u64,
            }

            record output {
                data: list<u8>,
                partition-key: option<string>,
                route: option<string>,
            }

            variant outcome {
                keep,
                drop,
                emit(list<output>),
                retry(string),
                reject(string),
            }
        }

        interface host {
            enum level { trace, debug, info, warn, error }

            log: func(level: level, message: string);
        }

        interface transform {
            use types.{event, outcome};

            configure: func(settings: list<tuple<string, string>>) -> result<_, string>;

            process: func(event: event) -> outcome;
        }

        world record-transform {
            import host;
            export transform;
        }
    ",
});

use exports::kinesieve::transform::transform::{Event, Guest, Outcome};
use kinesieve::transform::host::{Level, log};

struct Newer;

impl Guest for Newer {
    fn configure(_: Vec<(String, String)>) -> Result<(), String> {
        // Called, so that the import stays in the component.
        log(Level::Info, "configured");
        Ok(())
    }

    fn process(_: Event) -> Outcome {
        Outcome::Keep
    }
}

export!(Newer);

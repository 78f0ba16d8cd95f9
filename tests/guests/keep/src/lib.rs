//! Keeps every event: what is measured with it is the boundary alone.

use kinesieve_sdk::{Event, Outcome, transform};

#[transform]
fn process(_: Event) -> Outcome {
    Outcome::Keep
}

//! The work of the peers as a transform.

use kinesieve_sdk::{Error, Event, Outcome, transform};

#[transform]
fn process(event: Event) -> Result<Outcome, Error> {
    match reading::rewrite(&event.data).map_err(Error::reject)? {
        Some(rewritten) => Ok(Outcome::replace(rewritten)),
        None => Ok(Outcome::Drop),
    }
}

//! Where letters lie whole that are too large for the dead-letter destination.

use std::pin::Pin;
use std::time::Instant;

use crate::event::Event;
use crate::sink::{Delivery, Output, S3Sink, Sink, TargetHealth, key_segment};

/// A result to come.
pub type StoreFuture<'a> = Pin<Box<dyn Future<Output = Delivery> + Send + 'a>>;

/// A place for letters that are too large for the dead-letter destination, each under a name of its own.
pub trait LargeLetters: Send + Sync {
    /// Writes a letter under this name, over what is there. What is not written by `until` is to be given up.
    fn store<'a>(&'a self, name: &'a str, letter: Output<'a>, until: Option<Instant>) -> StoreFuture<'a>;

    /// Returns where the letter of this name is, as others name it: `s3://BUCKET/KEY`.
    fn address(&self, name: &str) -> String;

    /// What the place does with what is given to it, while that is under way; none: it takes everything at once.
    fn health(&self) -> Option<&TargetHealth> {
        None
    }
}

impl LargeLetters for S3Sink {
    fn store<'a>(&'a self, name: &'a str, letter: Output<'a>, until: Option<Instant>) -> StoreFuture<'a> {
        Box::pin(async move {
            let answer = self.put_object(self.key_below_prefix(name), &[letter], until).await;
            let unanswered = || Delivery::Failed { reason: "the bucket gave no answer for it".into() };
            answer.deliveries.into_iter().next().unwrap_or_else(unanswered)
        })
    }

    fn address(&self, name: &str) -> String {
        format!("s3://{}/{}", self.bucket(), self.key_below_prefix(name))
    }

    fn health(&self) -> Option<&TargetHealth> {
        Sink::health(self)
    }
}

/// Characters of the data's SHA-256 in a name.
const DIGEST_CHARACTERS: usize = 16;

/// Returns the name of an event's letter: `STREAM/SHARD/POSITION-DIGEST`. A replay writes the same object again. The
/// digest tells apart what has one position, as an event and the state of the window that ends with it.
pub(super) fn name(letter: &Output<'_>, event: Event<'_>, sha256: &str) -> String {
    let shard = letter.shard;
    format!(
        "{}/{}/{:0>56}.{:0>6}-{}",
        key_segment(shard.stream_name()),
        key_segment(&shard.id),
        event.sequence_number.as_str(),
        event.sub_sequence_number,
        &sha256[..DIGEST_CHARACTERS.min(sha256.len())],
    )
}

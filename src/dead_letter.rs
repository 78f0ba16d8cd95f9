//! The envelope of an event that can't be processed, and the way to its target.
//!
//! Any event can be dead-lettered to any target. A letter that its target refuses for its size is written compressed;
//! where that is too large as well, it goes whole to another place, with a pointer to it in the target, or its data is
//! cut. Or nothing is written, where somebody asked for that by name.

mod discards;
mod envelope;
mod form;
mod kind;
mod large;
mod writer;

use std::sync::Arc;
use std::time::Instant;

use crate::event::{Batch, Event};
use crate::sink::{Delivery, DeliveryTiming, Sink, SinkResponse, TargetHealth, WarmUp};

use discards::Discards;
pub use envelope::{DataFingerprint, Envelope, OptionalText, Undecoded};
pub use kind::DeadLetterKind;
pub use large::{LargeLetters, StoreFuture};

/// An event on its way to the dead letters.
#[derive(Debug, Clone, Copy)]
pub struct DeadLetter<'a> {
    /// The event as it came.
    pub event: Event<'a>,
    /// Why it is here.
    pub kind: DeadLetterKind,
    /// Why, for a person.
    pub reason: &'a str,
    /// How many times the event was tried, this one included, as far as this process knows.
    pub attempts: u32,
}

/// Whether the data of a letter may be cut where its target takes no more, and there is no other place for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cutting {
    /// It may: the stream has the record.
    Allowed,
    /// It may not, as the settings say.
    Forbidden,
    /// It may not, since it may be nowhere else.
    NowhereElse,
}

/// The dead-letter destination.
#[derive(Clone)]
pub struct DeadLetters {
    sink: Arc<dyn Sink>,
    transform: Arc<str>,
    large: Option<Arc<dyn LargeLetters>>,
    cutting: Cutting,
    /// Whether letters are not written at all.
    discards: Option<Arc<Discards>>,
}

impl DeadLetters {
    /// Dead letters of one transform, named by its digest.
    pub fn new(sink: Arc<dyn Sink>, transform: &str) -> Self {
        Self { sink, transform: transform.into(), large: None, cutting: Cutting::Allowed, discards: None }
    }

    /// Returns the dead letters with a second place, where letters that are too large for the target are stored whole.
    #[must_use]
    pub fn with_large(self, large: Arc<dyn LargeLetters>) -> Self {
        Self { large: Some(large), ..self }
    }

    /// Returns the dead letters with a rule on whether the data of a letter may be cut.
    #[must_use]
    pub fn with_cutting(self, cutting: Cutting) -> Self {
        Self { cutting, ..self }
    }

    /// Returns the dead letters with nothing written: what fails is given up, which is counted and logged.
    #[must_use]
    pub fn discarded(self) -> Self {
        Self { discards: Some(Arc::default()), ..self }
    }

    /// Whether what fails is given up.
    pub fn are_discarded(&self) -> bool {
        self.discards.is_some()
    }

    /// When letters are best handed over.
    pub fn hand_over(&self) -> DeliveryTiming {
        self.sink.hand_over()
    }

    /// Makes ready what the first letter would have to wait for.
    pub fn warm(&self) -> WarmUp<'_> {
        self.sink.warm()
    }

    /// What the target and the one of large letters do with what is given to them, as far as they tell.
    pub fn healths(&self) -> impl Iterator<Item = &TargetHealth> {
        self.sink.health().into_iter().chain(self.large.as_deref().and_then(|large| large.health()))
    }

    /// Writes dead letters and waits until the target has them, or the time is up: one result a letter, in
    /// order. Behind those that are handed over together with one that fails, none is sent.
    pub async fn write(&self, batch: &Batch, letters: &[DeadLetter<'_>], until: Option<Instant>) -> SinkResponse {
        if let Some(discards) = &self.discards {
            discards.take_in(batch, letters);
            return SinkResponse::of_all(letters.len(), Delivery::Delivered);
        }
        writer::write(self, batch, letters, until).await
    }
}

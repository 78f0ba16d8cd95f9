//! Where what comes of a batch ends up.

use std::sync::Arc;

use super::outputs::Outputs;
use crate::dead_letter::{Cutting, DeadLetters};
use crate::sink::{DeliveryTiming, Sink, TargetHealth, TargetWait};

/// Where outputs and dead letters go.
#[derive(Clone)]
pub struct Destinations {
    pub(super) outputs: Outputs,
    pub(super) dead_letters: Option<DeadLetters>,
}

impl Destinations {
    pub(super) fn new(outputs: Outputs, dead_letters: Option<DeadLetters>) -> Self {
        Self { outputs, dead_letters }
    }

    /// Returns whether a dead letter goes out as soon as it is there; also where there are none.
    pub(super) fn hands_over_dead_letters_promptly(&self) -> bool {
        self.dead_letters.as_ref().is_none_or(|letters| letters.hand_over() == DeliveryTiming::Promptly)
    }

    /// Returns the targets that owe an answer or refuse what they are given, each once: who waits for a batch that is under
    /// way waits for them.
    pub fn waits(&self) -> Vec<TargetWait> {
        let outputs = self.outputs.sinks().into_iter().filter_map(|sink| sink.health());
        let dead_letters = self.dead_letters.iter().flat_map(DeadLetters::healths);
        outputs.chain(dead_letters).filter_map(TargetHealth::wait).collect()
    }

    /// Returns the same for what is in no stream, as the state of a window is: a letter that cuts it would lose the rest.
    pub(super) fn for_what_is_in_no_stream(&self) -> Self {
        let dead_letters = self.dead_letters.clone().map(|letters| letters.with_cutting(Cutting::NowhereElse));
        Self { outputs: self.outputs.clone(), dead_letters }
    }

    /// Returns the destinations with the same routes, another main destination and another target for dead letters.
    #[must_use]
    pub fn with_answer(&self, main: Arc<dyn Sink>, failed: Arc<dyn Sink>) -> Self {
        Self { outputs: self.outputs.with_main(main), dead_letters: Some(DeadLetters::new(failed, "")) }
    }
}

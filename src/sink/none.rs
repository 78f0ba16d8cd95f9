//! The target `none`: takes everything and keeps nothing. For measuring, and for transforms that are
//! run for what they log.

use std::time::Instant;

use super::{Answer, Answering, Delivery, Output, Sink};

/// Delivers nowhere.
#[derive(Debug)]
pub(super) struct Nowhere;

impl Sink for Nowhere {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> Answering<'a> {
        Box::pin(std::future::ready(Answer::of_all(outputs.len(), Delivery::Delivered)))
    }
}

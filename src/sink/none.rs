//! The target `none`: takes everything and keeps nothing. For measuring, and for transforms that are
//! run for what they log.

use std::time::Instant;

use super::{Delivery, Output, Sink, SinkFuture, SinkResponse};

/// Delivers nowhere.
#[derive(Debug)]
pub(super) struct NullSink;

impl Sink for NullSink {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
        Box::pin(std::future::ready(SinkResponse::of_all(outputs.len(), Delivery::Delivered)))
    }
}

//! The body of an answer: not longer than it may be, and not slower.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::{Ended, ExchangeBounds, LOOKS};
use crate::aws::refusal;

/// Bytes that have to come between two looks, or nothing counts as moved: a service that sends a byte now and then does
/// not keep a request for ever.
const MOVED_BYTES: u64 = 1 << 10;

/// A body with bounds.
pub(super) struct Receiving {
    body: SdkBody,
    bounds: ExchangeBounds,
    /// Whether it may be as long as it likes, and as slow as long as it moves.
    is_streamed: bool,
    received: u64,
    received_at_look: u64,
    /// Looks in a row at which nothing had moved.
    quiet: u32,
    /// The next look; none: nothing was waited for yet.
    look: Option<Pin<Box<Sleep>>>,
    has_ended: bool,
    /// Whether it may say that credentials are refused.
    may_refuse: bool,
}

impl Receiving {
    pub(super) fn new(body: SdkBody, bounds: ExchangeBounds, status: u16, is_streamed: bool) -> Self {
        let may_refuse = refusal::is_possible(status);
        Self {
            body,
            bounds,
            is_streamed,
            received: 0,
            received_at_look: 0,
            quiet: 0,
            look: None,
            has_ended: false,
            may_refuse,
        }
    }

    /// Lets go of the connection, too.
    fn end(&mut self, why: Ended) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.has_ended = true;
        self.body = SdkBody::empty();
        Poll::Ready(Some(Err(why.into())))
    }

    /// Whether there is more than may be, as far as that is known.
    fn is_too_long(&self) -> bool {
        let announced = self.received.saturating_add(Body::size_hint(&self.body).lower());
        !self.is_streamed && announced > self.bounds.answer_bytes
    }

    /// Waits for what is to come; ready where that takes too long.
    fn poll_stall(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let step = self.bounds.silence / LOOKS;
        loop {
            let look = self.look.get_or_insert_with(|| Box::pin(sleep(step)));
            if look.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.look = None;
            let moved = self.received - self.received_at_look;
            let needed = if self.is_streamed { 1 } else { MOVED_BYTES };
            self.received_at_look = self.received;
            self.quiet = if moved >= needed { 0 } else { self.quiet + 1 };
            if self.quiet >= LOOKS {
                return Poll::Ready(());
            }
        }
    }
}

impl Body for Receiving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let answer_bytes = self.bounds.answer_bytes;
        if self.is_too_long() {
            return self.end(Ended::TooLong { answer_bytes });
        }
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let data = frame.data_ref().map_or(&[][..], |data| data);
                if self.may_refuse {
                    refusal::look_at(data);
                }
                self.received += data.len() as u64;
                if self.is_too_long() {
                    return self.end(Ended::TooLong { answer_bytes });
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(end) => Poll::Ready(end),
            Poll::Pending if self.poll_stall(context).is_ready() => {
                let (silence, received) = (self.bounds.silence, self.received);
                self.end(Ended::Stalled { silence, received })
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        Body::size_hint(&self.body)
    }
}

//! The body of a request, and how much of it is sent.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// What the HTTP client is given at a time. It takes the next pieces when it could send the ones before; of a body in one
/// piece it would take all, and nothing would be known of how far it is.
const PIECE_BYTES: usize = 8 << 10;

/// How far a request is.
#[derive(Debug, Default)]
pub(super) struct SendProgress {
    bytes: AtomicU64,
    is_whole: AtomicBool,
}

impl SendProgress {
    /// Bytes of the body so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether nothing of it is left.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole.load(Ordering::Relaxed)
    }
}

/// A body that says how far it is.
pub(super) struct Sending {
    body: SdkBody,
    /// What was taken from it, and is not sent yet.
    rest: Bytes,
    sent: Arc<SendProgress>,
}

impl Sending {
    pub(super) fn new(body: SdkBody, sent: Arc<SendProgress>) -> Self {
        let sending = Self { body, rest: Bytes::new(), sent };
        sending.note_end();
        sending
    }

    /// The HTTP client asks no more once it knows that this is the end.
    fn note_end(&self) {
        if self.is_end_stream() {
            self.sent.is_whole.store(true, Ordering::Relaxed);
        }
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                end => {
                    self.sent.is_whole.store(true, Ordering::Relaxed);
                    return Poll::Ready(end);
                }
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let length = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(length);
        self.sent.bytes.fetch_add(length as u64, Ordering::Relaxed);
        self.note_end();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let body = Body::size_hint(&self.body);
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower().saturating_add(rest));
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

//! What led to an error.

use std::error::Error;

/// The first of its kind among an error and what led to it.
pub(super) fn found<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |&cause| cause.source()).find_map(|cause| cause.downcast_ref())
}

//! Where descriptions of records go that are given up.

use std::sync::Arc;

use crate::sink::Sink;
use crate::source::mapping::IncludeRecords;

/// Where descriptions of records go that are given up.
pub struct OnFailure {
    /// The target.
    pub sink: Arc<dyn Sink>,
    /// Whether the records themselves go along.
    pub payload: IncludeRecords,
}

//! The guests of tumbling windows: they fold events into a state, which is saved between batches.
//!
//! [`Lease::fold`](super::Lease::fold) goes on with a window from the state that was saved, event by event, and
//! [`WindowFold::close`] answers with the state of exactly the events that were acknowledged. What a guest does wrong costs the
//! event in hand: the state without it is made anew.

mod bindings;
mod calls;
mod fold;
mod folding;
mod pool;

use std::sync::Arc;

pub use fold::{ClosedFold, FoldClose, StateRefused, WindowFold};
pub use folding::Folding;

/// A tumbling window: what arrived from its start on and before its end, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// The first millisecond.
    pub start: u64,
    /// The first millisecond that is not part of it.
    pub end: u64,
}

/// How a window closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowEnding {
    /// Its time is over.
    Complete,
    /// Before its time, since its state became too large.
    Early,
}

/// What a batch is folded into.
#[derive(Debug, Clone)]
pub struct WindowOpening {
    /// The window that all of its events are in.
    pub window: Window,
    /// What was saved of it; none: it begins.
    pub state: Option<Arc<[u8]>>,
}

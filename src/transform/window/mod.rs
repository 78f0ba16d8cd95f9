//! The guest of tumbling windows: it folds events into a state, which is saved between batches.
//!
//! [`WindowGuest::start`] puts an instance on a thread of its own, [`WindowGuest::fold`] goes on with a window from the
//! state that was saved, event by event, and [`Fold::close`] answers with the state of exactly the events that were
//! acknowledged. What a guest does wrong costs the event in hand: the state without it is made anew.

mod bindings;
mod fold;
mod guest;
mod instance;
mod session;
mod worker;

pub use fold::{Close, Closed, Fold, StateRefused};
pub use guest::{FoldJob, WindowGuest};

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
pub enum Ending {
    /// Its time is over.
    Complete,
    /// Before its time, since its state became too large.
    Early,
}

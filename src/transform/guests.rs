//! Guests of whatever world a transform is made for.

use std::num::NonZeroUsize;

use super::artifact::Transform;
use super::contract::World;
use super::instance::StartError;
use super::limits::Limits;
use super::pool::Pool;
use super::records::Records;
use super::window::Folding;
use crate::filter::Filter;

/// A pool of guests of records.
pub type RecordPool = Pool<Records>;

/// A pool of guests of windows.
pub type WindowPool = Pool<Folding>;

/// A pool of guests of the world that the transform is made for.
#[derive(Debug)]
pub enum Guests {
    /// They work on records.
    Records(RecordPool),
    /// They work on tumbling windows.
    Windows(WindowPool),
}

impl Guests {
    /// Starts so many workers, each with an instance of its own, and waits until all are configured.
    ///
    /// # Errors
    /// When the transform refuses its settings or breaks while it starts.
    pub fn start(
        transform: &Transform,
        limits: Limits,
        settings: &[(String, String)],
        workers: NonZeroUsize,
    ) -> Result<Self, StartError> {
        Self::start_behind(None, Some(transform), limits, settings, workers)
    }

    /// The same with a filter, which each event passes first. Without a transform, what passes is kept as it is.
    ///
    /// # Errors
    /// When the transform refuses its settings or breaks while it starts.
    pub fn start_behind(
        filter: Option<&Filter>,
        transform: Option<&Transform>,
        limits: Limits,
        settings: &[(String, String)],
        workers: NonZeroUsize,
    ) -> Result<Self, StartError> {
        match transform.map_or(World::Records, Transform::world) {
            World::Records => {
                RecordPool::start_workers(transform, filter, limits, settings, workers).map(Guests::Records)
            }
            World::Windows => {
                WindowPool::start_workers(transform, filter, limits, settings, workers).map(Guests::Windows)
            }
        }
    }

    /// Returns the guests with a limit on the workers of one batch, so that batches side by side each find some.
    #[must_use]
    pub fn with_most_for_a_batch(self, most: NonZeroUsize) -> Self {
        match self {
            Guests::Records(pool) => Guests::Records(pool.with_most_for_a_batch(most)),
            // A batch of a window has one anyway.
            windows @ Guests::Windows(_) => windows,
        }
    }

    /// What they work on.
    pub fn world(&self) -> World {
        match self {
            Guests::Records(_) => World::Records,
            Guests::Windows(_) => World::Windows,
        }
    }
}

impl From<RecordPool> for Guests {
    fn from(pool: RecordPool) -> Self {
        Guests::Records(pool)
    }
}

impl From<WindowPool> for Guests {
    fn from(pool: WindowPool) -> Self {
        Guests::Windows(pool)
    }
}

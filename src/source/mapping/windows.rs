//! Tumbling windows as an event source mapping has them: which window a record is in, and what comes next.
//!
//! What no source settles is decided so: a window closes when the first record of a later one is there, or when its
//! shard ends, in a delivery without records; and a record that arrived before its window began, as the clocks of a stream
//! may have it, is of the window that is open.

use std::ops::Range;
use std::time::Duration;

use crate::event::Shard;
use crate::processor::{WindowSlice, WindowState};
use crate::timestamp::millis;
use crate::transform::{Window, WindowEnding};

/// The windows of one shard.
#[derive(Debug, Clone)]
pub struct Windows {
    /// In milliseconds.
    length: u64,
    open: Option<Window>,
    /// What was handed back last.
    state: Option<WindowState>,
}

/// What is to be delivered next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowStep {
    /// The end of the window that is open, without records.
    End,
    /// The first so many records.
    Records(Range<usize>),
}

impl Windows {
    /// Of this length, from one millisecond on; none is open.
    pub fn new(length: Duration) -> Self {
        let length = millis(length).max(1);
        Self { length, open: None, state: None }
    }

    /// What comes next, by the arrivals of records in milliseconds since the Unix epoch. A window is open then.
    pub fn next(&mut self, arrivals: impl IntoIterator<Item = u64>) -> WindowStep {
        let mut arrivals = arrivals.into_iter().peekable();
        let Some(first) = arrivals.peek() else { return WindowStep::End };
        match self.open {
            Some(open) if *first >= open.end => WindowStep::End,
            _ => {
                let open = *self.open.get_or_insert(window_of(*first, self.length));
                let inside = arrivals.take_while(|arrival| *arrival < open.end).count();
                // One at least, or it would never end: the last window of all has no end.
                WindowStep::Records(0..inside.max(1))
            }
        }
    }

    /// Whether a window is open.
    pub fn open(&self) -> Option<Window> {
        self.open
    }

    /// What goes along with a delivery, of the window that is open; none: none is.
    pub fn slice(&self, shard: &Shard, ending: Option<WindowEnding>) -> Option<WindowSlice> {
        Some(WindowSlice { window: self.open?, shard: shard.clone(), state: self.state.clone(), ending })
    }

    /// What was handed back by a delivery of records.
    pub fn goes_on_with(&mut self, state: Option<WindowState>) {
        self.state = state;
    }

    /// The window is closed.
    pub fn closed(&mut self) {
        self.open = None;
        self.state = None;
    }
}

/// The window of this length that an arrival is in: they are counted from the Unix epoch on.
pub fn window_of(arrival: u64, length: u64) -> Window {
    let start = arrival - arrival % length;
    Window { start, end: start.saturating_add(length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_closes_when_a_later_one_has_a_record() {
        let mut windows = Windows::new(Duration::from_secs(60));
        assert_eq!(windows.open(), None);
        let arrivals = [61_000, 119_999, 59_000, 120_000, 250_000];
        assert_eq!(windows.next(arrivals), WindowStep::Records(0..3), "the third is late");
        assert_eq!(windows.open(), Some(Window { start: 60_000, end: 120_000 }));
        assert_eq!(windows.next(arrivals[3..].iter().copied()), WindowStep::End);
        windows.closed();
        assert_eq!(windows.next(arrivals[3..].iter().copied()), WindowStep::Records(0..1));
        assert_eq!(windows.next(arrivals[4..].iter().copied()), WindowStep::End);
        windows.closed();
        assert_eq!(windows.next(arrivals[4..].iter().copied()), WindowStep::Records(0..1));
        assert_eq!(windows.open(), Some(Window { start: 240_000, end: 300_000 }));
        assert_eq!(windows.next([]), WindowStep::End);
    }

    #[test]
    fn the_ends_of_time_are_no_trouble() {
        let mut windows = Windows::new(Duration::ZERO);
        assert_eq!(windows.next([u64::MAX, 0]), WindowStep::Records(0..1));
        let mut windows = Windows::new(Duration::MAX);
        assert_eq!(windows.next([0, u64::MAX - 1]), WindowStep::Records(0..2));
    }
}

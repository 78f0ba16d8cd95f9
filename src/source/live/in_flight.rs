//! How much of a shard may be in flight: from the first record that is not acknowledged to the last that its lanes have.

use std::cell::RefCell;

use tokio::sync::Notify;

use super::read_ledger::ReadLedger;

/// A bound on what the lanes of a shard have, all of them together.
#[derive(Debug)]
pub(super) struct InFlight {
    limit: Option<usize>,
    /// Something was dealt out, or is done.
    changed: Notify,
}

impl InFlight {
    /// At most so many records; none: as many as are read.
    pub(super) fn new(limit: Option<usize>) -> Self {
        Self { limit, changed: Notify::new() }
    }

    /// Says that something was dealt out, or is done.
    pub(super) fn has_changed(&self) {
        self.changed.notify_waiters();
    }

    /// Waits until there is room, and answers for how many records.
    pub(super) async fn room(&self, read_ledger: &RefCell<ReadLedger>) -> usize {
        loop {
            // Made before the look, so that no change is missed.
            let changed = self.changed.notified();
            match self.room_now(read_ledger) {
                0 => changed.await,
                room => return room,
            }
        }
    }

    /// Waits until there is no room: nothing more comes to a lane before something is done.
    pub(super) async fn is_full(&self, read_ledger: &RefCell<ReadLedger>) {
        loop {
            let changed = self.changed.notified();
            if self.room_now(read_ledger) == 0 {
                return;
            }
            changed.await;
        }
    }

    fn room_now(&self, read_ledger: &RefCell<ReadLedger>) -> usize {
        self.limit.map_or(usize::MAX, |limit| limit.saturating_sub(read_ledger.borrow().in_flight()))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn there_is_room_again_once_the_first_is_done() {
        let read_ledger = RefCell::new(ReadLedger::new(1));
        let in_flight = InFlight::new(Some(3));
        assert_eq!(in_flight.room(&read_ledger).now_or_never(), Some(3));
        (0..3).for_each(|number| {
            read_ledger.borrow_mut().read(&number.to_string(), number);
        });
        let mut room = Box::pin(in_flight.room(&read_ledger));
        assert_eq!((&mut room).now_or_never(), None);
        assert_eq!(in_flight.is_full(&read_ledger).now_or_never(), Some(()));
        read_ledger.borrow_mut().done([1, 2]);
        in_flight.has_changed();
        assert_eq!((&mut room).now_or_never(), None, "the first is not done");
        read_ledger.borrow_mut().done([0]);
        in_flight.has_changed();
        assert_eq!(room.now_or_never(), Some(3));
        assert_eq!(in_flight.is_full(&read_ledger).now_or_never(), None);
    }

    #[test]
    fn without_a_limit_there_is_always_room() {
        let read_ledger = RefCell::new(ReadLedger::new(1));
        read_ledger.borrow_mut().read("1", 1);
        assert_eq!(InFlight::new(None).room(&read_ledger).now_or_never(), Some(usize::MAX));
    }
}

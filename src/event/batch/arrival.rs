//! When a record arrived, in the eight bytes that a time takes.

/// The last millisecond of the year 9999: RFC 3339 can't write a later one.
const LATEST_ARRIVAL: u64 = 253_402_300_799_999;

/// When a record arrived, in milliseconds since the Unix epoch, with a mark where nobody said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival(u64);

impl Arrival {
    /// No time has this bit: [`LATEST_ARRIVAL`] is far below it. A field of its own would cost each record eight bytes.
    const ASSUMED: u64 = 1 << 63;

    pub(super) fn said(millis: u64) -> Self {
        Self(millis.min(LATEST_ARRIVAL))
    }

    pub(super) fn assumed(self) -> Self {
        Self(self.0 | Self::ASSUMED)
    }

    pub(super) fn is_assumed(self) -> bool {
        self.0 & Self::ASSUMED != 0
    }

    pub(super) fn millis(self) -> u64 {
        self.0 & !Self::ASSUMED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_changes_no_time() {
        for millis in [0, 1, LATEST_ARRIVAL] {
            let said = Arrival::said(millis);
            assert_eq!((said.millis(), said.is_assumed()), (millis, false));
            assert_eq!((said.assumed().millis(), said.assumed().is_assumed()), (millis, true));
        }
        assert_eq!(Arrival::said(u64::MAX).millis(), LATEST_ARRIVAL);
    }
}

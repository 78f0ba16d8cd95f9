//! A clock that only goes forward, and does not stand still while the machine sleeps: leases go on meanwhile.

use std::time::Duration;

use crate::fleet::FleetTime;
use crate::timestamp::now_millis;

/// The time since the machine was started, or since any point where the system does not say that.
#[cfg(target_os = "linux")]
pub(super) fn since_boot() -> Duration {
    // Rust's own monotonic clock stands still in a machine that sleeps, or is moved.
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

/// The time since the first question.
#[cfg(not(target_os = "linux"))]
pub(super) fn since_boot() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;

    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

/// The time, as a member of a fleet takes it.
pub(super) fn fleet_time() -> FleetTime {
    FleetTime { elapsed: since_boot(), wall: now_millis() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_forward() {
        let before = since_boot();
        std::thread::sleep(Duration::from_millis(20));
        let took = since_boot() - before;
        assert!(took >= Duration::from_millis(10) && took < Duration::from_secs(60), "{took:?}");
    }
}

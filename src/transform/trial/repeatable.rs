//! Clocks and randomness that are the same each time the same records come: what two guests get that are compared.
//!
//! For each record, the time of day is when it arrived, and stands still. The monotonic clock begins with a whole second, and
//! goes on by a microsecond each time it is read; a guest that waits sees it move in steps of ten milliseconds. Random bytes
//! come from the record's sequence number, so that it matters neither how many were taken for those before it, nor in which order
//! the records of several shards come.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand_core::TryRng;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::clocks::{HostMonotonicClock, HostWallClock};

use crate::event::Event;

/// How far the monotonic clock goes from one record to the next, in nanoseconds.
const RECORD: u64 = 1_000_000_000;

/// How far it goes when it is read.
const READING: u64 = 1_000;

/// The steps in which it follows the time that really passes.
const STEP: u64 = 10_000_000;

/// Which randomness a guest is given that asks for a seed.
const SEED: u128 = 0x6b69_6e65_7369_6576_655f_636f_6d70_6172;

/// What a guest gets, while it lives.
#[derive(Debug)]
pub(super) struct RepeatableHost {
    /// How many records it saw, the one in hand included; 0 while it starts.
    record: AtomicU64,
    /// What the randomness of the record comes from; 0 while it starts.
    seed: AtomicU64,
    /// The time of day, in milliseconds since the Unix epoch.
    millis: AtomicU64,
    /// How often the monotonic clock was read for this record.
    readings: AtomicU64,
    /// When the record's turn came, in nanoseconds since `began`.
    turn: AtomicU64,
    began: Instant,
}

impl RepeatableHost {
    pub(super) fn new(millis: u64) -> Self {
        Self {
            record: AtomicU64::new(0),
            seed: AtomicU64::new(0),
            millis: AtomicU64::new(millis),
            readings: AtomicU64::new(0),
            turn: AtomicU64::new(0),
            began: Instant::now(),
        }
    }

    /// The turn of the next record.
    pub(super) fn next_record(&self, event: Event<'_>) {
        self.record.fetch_add(1, Ordering::Relaxed);
        self.seed.store(seed_of(event), Ordering::Relaxed);
        self.millis.store(event.arrived_at, Ordering::Relaxed);
        self.readings.store(0, Ordering::Relaxed);
        self.turn.store(self.elapsed(), Ordering::Relaxed);
    }

    /// Takes the place of the host's clocks and randomness.
    pub(super) fn give(host: &Arc<Self>, wasi: &mut WasiCtxBuilder) {
        wasi.wall_clock(DayClock(Arc::clone(host)))
            .monotonic_clock(StepClock(Arc::clone(host)))
            .secure_random(RecordRandom::new(host, 1))
            .insecure_random(RecordRandom::new(host, 2))
            .insecure_random_seed(SEED);
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn monotonic(&self) -> u64 {
        let record = self.record.load(Ordering::Relaxed).saturating_mul(RECORD);
        let readings = self.readings.fetch_add(1, Ordering::Relaxed).saturating_mul(READING);
        let passed = self.elapsed().saturating_sub(self.turn.load(Ordering::Relaxed)) / STEP * STEP;
        record.saturating_add(readings).saturating_add(passed)
    }
}

/// A number of a record's own. The shard is left out: that of a file is of its path.
fn seed_of(event: Event<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (event.sequence_number.as_str(), event.sub_sequence_number).hash(&mut hasher);
    hasher.finish()
}

struct DayClock(Arc<RepeatableHost>);

impl HostWallClock for DayClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.0.millis.load(Ordering::Relaxed))
    }
}

struct StepClock(Arc<RepeatableHost>);

impl HostMonotonicClock for StepClock {
    fn resolution(&self) -> u64 {
        READING
    }

    fn now(&self) -> u64 {
        self.0.monotonic()
    }
}

/// Random bytes that depend on the record alone, and on how many were taken for it.
struct RecordRandom {
    host: Arc<RepeatableHost>,
    /// Tells the sources of a guest apart.
    source: u64,
    record: u64,
    generator: fastrand::Rng,
}

impl RecordRandom {
    fn new(host: &Arc<RepeatableHost>, source: u64) -> Self {
        let (record, seed) = (host.record.load(Ordering::Relaxed), host.seed.load(Ordering::Relaxed));
        Self { host: Arc::clone(host), source, record, generator: Self::seeded(source, seed) }
    }

    /// Seeds that are close to each other give sequences that are not.
    fn seeded(source: u64, seed: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed((SEED as u64).wrapping_add(source.rotate_right(8)).wrapping_add(seed))
    }

    fn generator(&mut self) -> &mut fastrand::Rng {
        let record = self.host.record.load(Ordering::Relaxed);
        if record != self.record {
            self.record = record;
            self.generator = Self::seeded(self.source, self.host.seed.load(Ordering::Relaxed));
        }
        &mut self.generator
    }
}

impl TryRng for RecordRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.generator().u32(..))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.generator().u64(..))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.generator().fill(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Batch, Record};

    fn bytes(random: &mut RecordRandom) -> [u8; 16] {
        let mut bytes = [0; 16];
        let Ok(()) = random.try_fill_bytes(&mut bytes);
        bytes
    }

    /// A record of this number, which arrived then.
    fn record(number: u64, arrived_at: u64) -> Batch {
        let mut batch = Batch::builder("arn", "shardId-000000000000");
        let sequence_number = &number.to_string();
        let record = Record { partition_key: "key", sequence_number, sub_sequence_number: 0, arrived_at };
        batch.push_bytes(record, b"").expect("a position");
        batch.build()
    }

    #[test]
    fn randomness_is_the_records_own_whatever_was_taken_before() {
        let hosts = [(); 2].map(|()| Arc::new(RepeatableHost::new(7)));
        let mut randoms = hosts.each_ref().map(|host| RecordRandom::new(host, 1));
        assert_eq!(bytes(&mut randoms[0]), bytes(&mut randoms[1]));
        // One takes more of it.
        let first = bytes(&mut randoms[0]);
        // Another one comes between them.
        hosts[0].next_record(record(8, 8).event(0));
        assert_ne!(bytes(&mut randoms[0]), first);
        hosts.iter().for_each(|host| host.next_record(record(9, 8).event(0)));
        let second = bytes(&mut randoms[0]);
        assert_eq!(second, bytes(&mut randoms[1]));
        assert_ne!(first, second);
        assert_ne!(bytes(&mut randoms[0]), second);
        let mut other = RecordRandom::new(&hosts[0], 2);
        assert_ne!(bytes(&mut other), second);
    }

    #[test]
    fn the_clocks_are_the_records_own_and_one_goes_on() {
        let host = Arc::new(RepeatableHost::new(7));
        let (day, step) = (DayClock(Arc::clone(&host)), StepClock(Arc::clone(&host)));
        assert_eq!(day.now(), Duration::from_millis(7));
        let mut last = step.now();
        for number in 1..4 {
            host.next_record(record(number, 1_000 + number).event(0));
            assert_eq!(day.now(), Duration::from_millis(1_000 + number));
            let now = step.now();
            assert!(now > last && now >= number * RECORD, "{now} after {last}");
            last = step.now();
            assert!(last > now);
        }
    }
}

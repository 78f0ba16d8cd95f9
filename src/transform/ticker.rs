//! The time of guests at work: what ends the ones that take too long, and a clock that costs next to nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::Engine;

use super::engine::Insight;

/// How often a running guest's time is looked at: a time limit is kept to this much.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// How often it is where the functions are looked at that it runs.
const SAMPLING_TICK: Duration = Duration::from_millis(1);

/// How often the time of a guest is looked at that so much is learned about.
pub(super) fn tick_for(insight: Insight) -> Duration {
    match insight {
        Insight::None | Insight::Lines | Insight::Instructions => TICK,
        Insight::Stacks => SAMPLING_TICK,
    }
}

/// Ends guests that take too long: a thread that moves the engine's epoch on every tick while
/// somebody is at work, and sleeps in between.
#[derive(Debug)]
pub(super) struct Ticker {
    shared: Arc<TickerState>,
}

#[derive(Debug, Default)]
struct TickerState {
    at_work: Mutex<AtWork>,
    changed: Condvar,
    /// How often the epoch was moved on.
    ticks: AtomicU64,
}

#[derive(Debug, Default)]
struct AtWork {
    guests: usize,
    ended: bool,
}

impl TickerState {
    /// No code panics while it holds this lock; if some ever does, counting guests goes on.
    fn at_work(&self) -> MutexGuard<'_, AtWork> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticker {
    /// Starts the thread; without an engine it is a clock alone.
    pub(super) fn start(engine: Option<&Engine>, tick: Duration) -> std::io::Result<Self> {
        let shared = Arc::new(TickerState::default());
        let engine = engine.cloned();
        let state = Arc::clone(&shared);
        std::thread::Builder::new().name("ticker".into()).spawn(move || {
            loop {
                let mut at_work = state.at_work();
                while at_work.guests == 0 && !at_work.ended {
                    at_work = state.changed.wait(at_work).unwrap_or_else(PoisonError::into_inner);
                }
                if at_work.ended {
                    return;
                }
                drop(at_work);
                std::thread::sleep(tick);
                if let Some(engine) = &engine {
                    engine.increment_epoch();
                }
                state.ticks.fetch_add(1, Ordering::Relaxed);
            }
        })?;
        Ok(Self { shared })
    }

    /// Keeps time until the answer is dropped.
    pub(super) fn keep_time(&self) -> Timekeeping {
        self.shared.at_work().guests += 1;
        self.shared.changed.notify_one();
        let state = Arc::clone(&self.shared);
        Timekeeping { ticks: state.ticks.load(Ordering::Relaxed), now: Instant::now(), state }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.at_work().ended = true;
        self.shared.changed.notify_one();
    }
}

/// While this lives, the epoch moves on, and there is a clock.
#[derive(Debug)]
pub(super) struct Timekeeping {
    state: Arc<TickerState>,
    /// As many ticks as there were ...
    ticks: u64,
    /// ... when the clock was looked at.
    now: Instant,
}

impl Timekeeping {
    /// The time, at most a tick ago: limits are not kept to less. Asked for each event, where the system's clock would
    /// take a tenth of a call that does little.
    pub(super) fn now(&mut self) -> Instant {
        if self.state.ticks.load(Ordering::Relaxed) == self.ticks { self.now } else { self.look() }
    }

    /// The time as it is, after something that took some.
    pub(super) fn look(&mut self) -> Instant {
        self.ticks = self.state.ticks.load(Ordering::Relaxed);
        self.now = Instant::now();
        self.now
    }
}

impl Drop for Timekeeping {
    fn drop(&mut self) {
        self.state.at_work().guests -= 1;
    }
}

/// How many ticks a budget of time is: at least one more than it holds, since the first tick may come
/// at once.
pub(super) fn ticks(budget: Duration) -> u64 {
    let whole = budget.as_nanos().div_ceil(TICK.as_nanos());
    u64::try_from(whole).unwrap_or(u64::MAX / 2).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_stands_still_within_a_tick_and_no_longer() {
        let ticker = Ticker::start(Some(&Engine::default()), TICK).expect("a thread");
        let started = Instant::now();
        let mut time = ticker.keep_time();
        let mut seen = vec![time.now()];
        while seen.len() < 4 {
            assert!(started.elapsed() < Duration::from_secs(60), "it stands still");
            let now = time.now();
            if seen.last() != Some(&now) {
                seen.push(now);
            }
        }
        assert!(seen.is_sorted());
        let ticks = started.elapsed().as_nanos() / TICK.as_nanos();
        assert!(ticks + 2 >= seen.len() as u128, "{} times in {ticks} ticks", seen.len());
        let before = Instant::now();
        assert!(time.look() >= before);
    }
}

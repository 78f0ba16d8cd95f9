//! What one evaluation may cost. It is a value of the language as well, so that a compiled expression can charge what it keeps.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use cel::common::types::{CelBytes, CelList, CelString, DYN_TYPE, Kind};
use cel::common::value::{CowVal, Val};
use cel::{Env, ExecutionError};

use super::MOST_ROUNDS;
use super::opaque::opaque_value;

/// The variable of the budget: nobody can write it.
pub(super) const BUDGET: &str = "@budget";

/// The function that charges a value, and gives it: nobody can write it.
pub(super) const CHARGED: &str = "@charged";

/// A text or bytes of this size count as one round.
const BYTES_OF_ONE: usize = 64;

/// What one evaluation may cost. It is shared with its clones.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<State>);

#[derive(Debug)]
struct State {
    rounds: AtomicU64,
    until: Option<Instant>,
    is_out_of_time: AtomicBool,
    /// What in the payload is beyond what an expression may see, whatever it does about that.
    obstacle: OnceLock<&'static str>,
}

impl Budget {
    pub(super) fn new(until: Option<Instant>) -> Self {
        let (rounds, is_out_of_time, obstacle) = (AtomicU64::new(0), AtomicBool::new(false), OnceLock::new());
        Self(Arc::new(State { rounds, until, is_out_of_time, obstacle }))
    }

    /// Adds the function that charges to an environment.
    pub(super) fn declare(env: &mut Env) {
        // Nothing else is of that name, so it can be declared.
        let _ = env.add_overload(CHARGED, "charged", vec![DYN_TYPE, TYPE.to_owned()], charged);
    }

    /// Takes so many rounds out of it; false: it is at its end.
    pub(super) fn take(&self, rounds: u64) -> bool {
        self.0.rounds.fetch_add(rounds, Ordering::Relaxed);
        !self.is_used_up() && !self.is_out_of_time()
    }

    /// Takes one round, and looks at the clock: what a round does may take as long as a large list is copied.
    pub(super) fn take_round(&self) -> bool {
        if self.0.until.is_some_and(|until| Instant::now() >= until) {
            self.0.is_out_of_time.store(true, Ordering::Relaxed);
        }
        self.take(1)
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.0.rounds.load(Ordering::Relaxed) > MOST_ROUNDS
    }

    pub(super) fn is_out_of_time(&self) -> bool {
        self.0.is_out_of_time.load(Ordering::Relaxed)
    }

    /// Notes what the expression can't see where it looks: then there is no answer, whatever becomes of the error.
    pub(super) fn meet(&self, obstacle: &'static str) {
        // The first one is the one that counts.
        let _ = self.0.obstacle.set(obstacle);
    }

    pub(super) fn obstacle(&self) -> Option<&'static str> {
        self.0.obstacle.get().copied()
    }

    /// Charges a value: a list with all that it holds.
    fn charge(&self, value: &dyn Val) -> bool {
        match value.get_type().kind() {
            Kind::List => match value.downcast_ref::<CelList<'_>>() {
                Some(list) => self.take(1) && list.inner().iter().all(|element| self.charge(element.as_ref())),
                None => self.take(1),
            },
            Kind::String => self.take(of_bytes(value.downcast_ref::<CelString<'_>>().map(|text| text.inner().len()))),
            Kind::Bytes => self.take(of_bytes(value.downcast_ref::<CelBytes<'_>>().map(|bytes| bytes.inner().len()))),
            // An object of JSON is text of the payload, and a map that is written has as much as was written.
            _ => self.take(1),
        }
    }
}

fn of_bytes(bytes: Option<usize>) -> u64 {
    1 + (bytes.unwrap_or(0) / BYTES_OF_ONE) as u64
}

fn charged<'b, 'v>(mut arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let budget = arguments.pop();
    let (Some(value), Some(budget)) = (arguments.pop(), budget) else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    match budget.downcast_ref::<Budget>() {
        Some(budget) if budget.charge(value.as_ref()) => Ok(value),
        _ => Err(ExecutionError::function_error("filter", "it keeps too much")),
    }
}

opaque_value!(Budget, "budget");

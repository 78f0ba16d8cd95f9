//! What one evaluation may cost. It is a value of the language as well, so that a compiled expression can charge what it keeps.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use cel::common::types::{CelBytes, CelList, CelString, DYN_TYPE, Kind, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{Env, ExecutionError};

use super::MOST_ROUNDS;

/// The variable of the budget: nobody can write it.
pub(super) const BUDGET: &str = "@budget";

/// The function that charges a value, and gives it: nobody can write it.
pub(super) const CHARGED: &str = "@charged";

/// Budgets are of a type of their own, which has no other use.
static TYPE: Type = Type::new_unspecified_type("budget");

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
    is_too_deep: AtomicBool,
}

impl Budget {
    pub(super) fn new(until: Option<Instant>) -> Self {
        let [is_out_of_time, is_too_deep] = [false; 2].map(AtomicBool::new);
        Self(Arc::new(State { rounds: AtomicU64::new(0), until, is_out_of_time, is_too_deep }))
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

    /// Notes that the expression looks deeper than it may.
    pub(super) fn go_too_deep(&self) {
        self.0.is_too_deep.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_too_deep(&self) -> bool {
        self.0.is_too_deep.load(Ordering::Relaxed)
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

impl Val for Budget {
    fn get_type(&self) -> &Type {
        &TYPE
    }

    fn cel_type() -> &'static Type {
        &TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Budget {}

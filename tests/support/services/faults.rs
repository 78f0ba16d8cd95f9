//! What goes wrong on purpose, and the dice that say when.

use std::time::Duration;

/// How likely each fault is, from 0 to 1.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// A record of a request is refused while others are taken. S3 has one object a request.
    pub refused_record: f64,
    /// A request is refused whole: throttled, expired credentials, or an error of the service.
    pub refused_request: f64,
    /// The connection is dropped before the request is applied.
    pub dropped_before: f64,
    /// The connection is dropped after it was applied: nobody is told.
    pub dropped_after: f64,
    /// The answer is late.
    pub slow: f64,
    /// There is no answer, and the connection stays open; half of these requests are applied.
    pub hangs: f64,
    /// Every request is refused by this error, for good.
    pub always: Option<&'static str>,
    /// What every answer says wrongly.
    pub lie: Option<Lie>,
    /// How every request is read.
    pub reading: Reading,
}

/// An answer of success that says something else, about records that were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// One of the results is missing.
    Fewer,
    /// Nothing is said.
    Empty,
    /// A result says neither an error nor what a record is known by.
    Neither,
    /// A result says both.
    Both,
    /// Records are counted as failed, and none is named.
    Unnamed,
    /// The answer has this status, and never ends.
    Endless(u16),
}

impl Lie {
    /// Those that a service can tell within an answer.
    pub const SAID: [Lie; 5] = [Lie::Fewer, Lie::Empty, Lie::Neither, Lie::Both, Lie::Unnamed];
}

/// How a service reads what comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reading {
    #[default]
    AtOnce,
    /// So many bytes a second, steadily. What the operating system holds in between is kept small.
    Slowly(usize),
    /// No more than so many bytes, and then nothing.
    UpTo(usize),
}

/// How late a slow answer is.
const LATE: Duration = Duration::from_millis(30);

/// What happens to the connection instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    Dropped,
    Hangs,
}

/// The fate of one request, decided before it is applied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fate {
    pub(super) silence_before: Option<Silence>,
    pub(super) is_refused: bool,
    pub(super) silence_after: Option<Silence>,
    pub(super) delay: Duration,
}

/// The dice: a seed repeats what they say.
#[derive(Debug)]
pub(super) struct Luck {
    pub(super) faults: Faults,
    dice: fastrand::Rng,
}

impl Luck {
    pub(super) fn new(faults: Faults, seed: u64) -> Self {
        Self { faults, dice: fastrand::Rng::with_seed(seed) }
    }

    pub(super) fn fate(&mut self) -> Fate {
        let hangs = self.happens(self.faults.hangs);
        let hangs_before = hangs && self.dice.bool();
        let silence = |is_dropped, hangs| match (is_dropped, hangs) {
            (true, _) => Some(Silence::Dropped),
            (false, true) => Some(Silence::Hangs),
            (false, false) => None,
        };
        Fate {
            silence_before: silence(self.happens(self.faults.dropped_before), hangs_before),
            is_refused: self.happens(self.faults.refused_request),
            silence_after: silence(self.happens(self.faults.dropped_after), hangs && !hangs_before),
            delay: if self.happens(self.faults.slow) { LATE } else { Duration::ZERO },
        }
    }

    /// By which of these errors the next record is refused; none: it is taken.
    pub(super) fn refused_record(&mut self, codes: &[&'static str]) -> Option<&'static str> {
        self.happens(self.faults.refused_record).then(|| self.one_of(codes))
    }

    pub(super) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.dice.usize(..choices.len())]
    }

    fn happens(&mut self, likelihood: f64) -> bool {
        self.dice.f64() < likelihood
    }
}

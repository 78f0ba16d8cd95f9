//! The measuring: a transform and `keep` in turns, several rounds of each, over the same records.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::counts::VerdictCounts;
use super::figures::RoundFigure;
use super::not_started;
use super::records::BenchRecords;
use crate::cli::error::CommandError;
use crate::cli::interrupt::Interrupt;
#[cfg(feature = "flame-graph")]
use crate::transform::StackSamples;
use crate::transform::{GuestPresence, Limits, PresenceShare, StartError, Transform, Trial, TrialHost, TrialOptions};

/// How long it is watched in a round where its time goes, as a part of how long it is measured.
const WATCHED_PART: u32 = 2;

/// Loading is repeated for this long at most.
const LOADING_TIME: Duration = Duration::from_secs(2);

/// Over how many records instructions are counted: the first ones, whatever the time, so that the count is the same each time.
const COUNTED_RECORDS: usize = 10_000;

/// After so many records it is looked whether somebody wants it to end.
const LOOK: usize = 64;

/// A transform that is measured.
pub(super) struct Subject<'a> {
    pub(super) transform: &'a Transform,
    pub(super) settings: &'a [(String, String)],
    pub(super) limits: Limits,
}

/// What is measured with: the instances of a subject, and what its rounds gave.
pub(super) struct Measurement {
    timed: Trial,
    watched: Trial,
    presence: Arc<GuestPresence>,
    share: PresenceShare,
    /// Of each round: microseconds a record, the call of the transform with all that belongs to it.
    call_micros: Vec<f64>,
    pub(super) measured_records: u64,
    pub(super) measured: Duration,
}

/// Somebody wants it to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interrupted;

/// How long it takes until there is an instance, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct StartFigures {
    pub(super) load: RoundFigure,
    pub(super) first_instance: RoundFigure,
}

/// Instructions, as the engine counts them.
#[derive(Debug, Clone, Copy)]
pub(super) struct InstructionCount {
    pub(super) a_record: f64,
    pub(super) records: usize,
}

impl Subject<'_> {
    fn start(&self, options: TrialOptions) -> Result<Trial, StartError> {
        Trial::start(self.transform, self.limits, self.settings, options)
    }

    /// How long the first instance takes, in so many rounds.
    fn first_instances(&self, rounds: usize) -> Result<RoundFigure, StartError> {
        let mut millis = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            let began = Instant::now();
            let trial = self.start(TrialOptions::plain(TrialHost::Real))?;
            millis.push(began.elapsed().as_secs_f64() * 1e3);
            drop(trial);
        }
        Ok(RoundFigure::of(millis).unwrap_or(RoundFigure { median: 0.0, low: 0.0, high: 0.0 }))
    }

    /// Counts the instructions over the first records, of a transform that was loaded for that.
    pub(super) fn count(
        &self,
        records: &BenchRecords,
        interrupt: &Interrupt,
    ) -> Result<Result<InstructionCount, Interrupted>, StartError> {
        let host = TrialHost::Repeatable { started_at: first_arrival(records) };
        let mut trial = self.start(TrialOptions::plain(host))?;
        let count = records.len().min(COUNTED_RECORDS);
        Ok(pass(&mut trial, records, count, interrupt).map(|()| InstructionCount {
            a_record: trial.usage().instructions as f64 / count.max(1) as f64,
            records: count,
        }))
    }

    /// Puts records through for so long, and looks where they spend their time, of a transform that was loaded for that.
    #[cfg(feature = "flame-graph")]
    pub(super) fn sample(
        &self,
        records: &BenchRecords,
        count: usize,
        time: Duration,
        interrupt: &Interrupt,
    ) -> Result<Arc<StackSamples>, StartError> {
        let stacks = Arc::new(StackSamples::default());
        let options = TrialOptions { stacks: Some(Arc::clone(&stacks)), ..TrialOptions::plain(TrialHost::Real) };
        let mut trial = self.start(options)?;
        // What was seen until somebody ended it is worth a look, too.
        let _ = passes(&mut trial, records, count, time, interrupt);
        Ok(stacks)
    }
}

/// Loads a file several times and starts an instance of it each time.
pub(super) fn start_figures(file: &Path, subject: &Subject<'_>, rounds: usize) -> Result<StartFigures, CommandError> {
    let mut millis = Vec::new();
    let began = Instant::now();
    while millis.len() < rounds && (millis.is_empty() || began.elapsed() < LOADING_TIME) {
        let began = Instant::now();
        drop(Transform::load(file)?);
        millis.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let load = RoundFigure::of(millis).unwrap_or(RoundFigure { median: 0.0, low: 0.0, high: 0.0 });
    let first_instance = subject.first_instances(rounds).map_err(|error| not_started(file, &error))?;
    Ok(StartFigures { load, first_instance })
}

impl Measurement {
    pub(super) fn begin(subject: &Subject<'_>) -> Result<Self, StartError> {
        let presence = Arc::new(GuestPresence::default());
        let plain = TrialOptions::plain(TrialHost::Real);
        Ok(Self {
            timed: subject.start(plain.clone())?,
            watched: subject.start(TrialOptions { presence: Some(Arc::clone(&presence)), ..plain })?,
            presence,
            share: PresenceShare::default(),
            call_micros: Vec::new(),
            measured_records: 0,
            measured: Duration::ZERO,
        })
    }

    /// Puts the first records through for so long at most, and answers what became of them.
    pub(super) fn warm_up(
        &mut self,
        records: &BenchRecords,
        time: Duration,
        interrupt: &Interrupt,
    ) -> Result<VerdictCounts, Interrupted> {
        let mut counts = VerdictCounts::default();
        let began = Instant::now();
        'records: for batch in &records.batches {
            let mut calls = self.timed.begin(Arc::clone(batch));
            for index in 0..batch.len() {
                if counts.records > 0 && calls.now().saturating_duration_since(began) >= time {
                    break 'records;
                }
                if interrupt.is_asked() {
                    return Err(Interrupted);
                }
                let answer = calls.call(index);
                counts.add(batch.event(index), &answer);
            }
        }
        Ok(counts)
    }

    /// One round over so many of the first records, as often as there is time for, and once at least.
    pub(super) fn round(
        &mut self,
        records: &BenchRecords,
        count: usize,
        time: Duration,
        interrupt: &Interrupt,
    ) -> Result<(), CommandError> {
        let Ok((passed, elapsed)) = passes(&mut self.timed, records, count, time, interrupt) else { return Ok(()) };
        let watch = self.presence.watch()?;
        let watched = passes(&mut self.watched, records, count, time / WATCHED_PART, interrupt);
        let share = watch.end();
        if watched.is_err() {
            return Ok(());
        }
        self.share.looks += share.looks;
        self.share.inside += share.inside;
        self.measured_records += (passed * count) as u64;
        self.measured += elapsed;
        self.call_micros.push(elapsed.as_secs_f64() * 1e6 / (passed * count) as f64);
        Ok(())
    }

    /// Microseconds of a call, of each round that came to its end.
    pub(super) fn calls(&self) -> &[f64] {
        &self.call_micros
    }

    /// How often it was looked where its time goes.
    pub(super) fn looks(&self) -> u64 {
        self.share.looks
    }

    /// The part of a call's time that goes by inside the transform.
    pub(super) fn part_inside(&self) -> f64 {
        self.share.inside as f64 / self.share.looks.max(1) as f64
    }

    /// The most linear memory that an instance had.
    pub(super) fn memory_bytes(&self) -> usize {
        self.timed.usage().memory_bytes
    }
}

/// When the first record arrived.
fn first_arrival(records: &BenchRecords) -> u64 {
    records.batches.first().and_then(|batch| batch.iter().next().map(|event| event.arrived_at)).unwrap_or(0)
}

/// As many passes as there is time for, and one at least: how many there were, and how long they took.
fn passes(
    trial: &mut Trial,
    records: &BenchRecords,
    count: usize,
    time: Duration,
    interrupt: &Interrupt,
) -> Result<(usize, Duration), Interrupted> {
    let began = Instant::now();
    let mut passed = 0;
    loop {
        pass(trial, records, count, interrupt)?;
        passed += 1;
        let elapsed = began.elapsed();
        if elapsed >= time {
            return Ok((passed, elapsed));
        }
    }
}

/// Puts so many of the first records through.
fn pass(trial: &mut Trial, records: &BenchRecords, count: usize, interrupt: &Interrupt) -> Result<(), Interrupted> {
    let mut left = count;
    for batch in &records.batches {
        if left == 0 {
            break;
        }
        let mut calls = trial.begin(Arc::clone(batch));
        let mut looked_at = calls.now();
        for index in 0..batch.len().min(left) {
            // The clock stands still between its ticks, so that this is as good as free.
            let now = calls.now();
            if index % LOOK == 0 || now != looked_at {
                looked_at = now;
                if interrupt.is_asked() {
                    return Err(Interrupted);
                }
            }
            std::hint::black_box(calls.call(index));
        }
        left -= batch.len().min(left);
    }
    Ok(())
}

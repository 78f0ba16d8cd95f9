//! What happens on a guest's thread: its events, one after the other, and their verdicts handed over in groups.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::group::{Given, Group, HandedOver};
use super::guest::{Conductor, Grouping};
use super::instance::{Blueprint, Called, Instance, StartError};
use super::log::GuestLines;
use super::memory::Memory;
use super::shares::Shares;
use super::ticker::{Ticker, Timekeeping};
use super::{Fault, FaultKind, Verdict};
use crate::event::{Batch, Event, Payload};

/// How long the thread sleeps before it looks again whether it is still wanted.
const NAP: Duration = Duration::from_millis(20);

/// A guest's part of a batch.
pub(super) struct Assignment {
    pub(super) batch: Arc<Batch>,
    /// The index of the first event of the batch that is to be processed, by whichever guest.
    pub(super) first: usize,
    pub(super) shares: Shares,
    /// Which of the guests this one is.
    pub(super) number: usize,
    pub(super) conductor: Box<dyn Conductor>,
    pub(super) grouping: Grouping,
    pub(super) interrupt_at: Option<Instant>,
    pub(super) outlet: Outlet,
    pub(super) cancelled: Arc<AtomicBool>,
    /// The index of the last event that is of use, as far as any of the guests knows.
    pub(super) last: Arc<AtomicUsize>,
}

/// The way of verdicts to whoever waits for them.
pub(super) struct Outlet {
    pub(super) groups: mpsc::UnboundedSender<HandedOver>,
    /// What of outputs may be in memory.
    pub(super) memory: Arc<Memory>,
}

impl Outlet {
    /// Hands over what is pending, once there is room for it, and begins anew; false: nobody wants it.
    pub(super) fn hand_over(&self, pending: &mut Group) -> bool {
        if pending.is_empty() {
            return true;
        }
        let now = Instant::now();
        let full = std::mem::replace(pending, Group::new(now));
        let busy = now.saturating_duration_since(full.since).saturating_sub(full.waited);
        let room = self.memory.take(full.bytes());
        let is_wanted = self.groups.send(full.hand_over(busy, room)).is_ok();
        // Waiting for room is no work of the next group.
        pending.since = Instant::now();
        is_wanted
    }
}

/// What lives on the guest's thread.
pub(super) struct Worker {
    blueprint: Blueprint,
    ticker: Arc<Ticker>,
    /// None after a fault, until the next event needs one.
    instance: Option<Box<Instance>>,
    log: GuestLines,
}

impl Worker {
    pub(super) fn new(blueprint: Blueprint, ticker: Arc<Ticker>) -> Self {
        Self { blueprint, ticker, instance: None, log: GuestLines::default() }
    }

    pub(super) fn start_instance(&mut self, time_left: Duration) -> Result<(), StartError> {
        let _timekeeping = self.ticker.keep_time();
        let (start, written) = Instance::start(&self.blueprint, time_left);
        self.log.write(&written, None);
        self.instance = Some(Box::new(start?));
        Ok(())
    }

    /// Works until nobody can give it anything any more.
    pub(super) fn work(&mut self, queue: &std_mpsc::Receiver<Assignment>) {
        while let Ok(assignment) = queue.recv() {
            self.run(assignment);
        }
    }

    fn run(&mut self, mut assignment: Assignment) {
        let mut time = self.ticker.keep_time();
        let mut pending = Group::new(Instant::now());
        for index in assignment.first..assignment.batch.len() {
            if assignment.shares.guest_of(index) != assignment.number {
                continue;
            }
            if assignment.cancelled.load(Ordering::Relaxed) || index > assignment.last.load(Ordering::Relaxed) {
                break;
            }
            let event = assignment.batch.event(index);
            let wait = assignment.conductor.wait_before(event);
            if !wait.is_zero() {
                if assignment.grouping == Grouping::Promptly && !assignment.outlet.hand_over(&mut pending) {
                    break;
                }
                pending.waited += sleep(wait, assignment.interrupt_at, &assignment.cancelled);
                time.look();
            }
            let given = self.call(&assignment, index, event, &mut time);
            let is_last = match &given {
                Given::Outputs(_) => false,
                Given::Other(verdict) => ends_batch(verdict) || assignment.conductor.is_last(event, verdict),
            };
            pending.push(given);
            if is_last {
                assignment.last.fetch_min(index, Ordering::Relaxed);
                break;
            }
            if pending.is_full(time.now(), assignment.grouping) && !assignment.outlet.hand_over(&mut pending) {
                break;
            }
        }
        if let Some(instance) = &mut self.instance {
            instance.rest();
        }
        self.log.end_batch(&assignment.batch);
        // Before the last verdicts: whoever has them may begin with the next batch, and its conductor.
        drop(assignment.conductor);
        assignment.outlet.hand_over(&mut pending);
    }

    fn call(&mut self, assignment: &Assignment, index: usize, event: Event<'_>, time: &mut Timekeeping) -> Given {
        if let Payload::Undecodable { .. } = event.payload {
            return Verdict::Undecodable.into();
        }
        let mut now = time.now();
        let is_over = |now: Instant| assignment.interrupt_at.is_some_and(|at| now >= at);
        if is_over(now) {
            return Verdict::Interrupted.into();
        }
        let was_alive = self.instance.is_some();
        if !was_alive {
            let start = self.start_instance(time_until(assignment.interrupt_at, now));
            // A start takes its time, which is not the event's.
            now = time.look();
            if is_over(now) {
                return Verdict::Interrupted.into();
            }
            if let Err(error) = start {
                return Verdict::Unavailable(error.to_string()).into();
            }
        }
        let Some(instance) = self.instance.take() else {
            return Verdict::Unavailable("there is no instance of the transform".to_owned()).into();
        };
        let time_left = time_until(assignment.interrupt_at, now);
        let Called { given, survivor, written } =
            instance.process(&assignment.batch, event, self.blueprint.limits, now, time_left);
        self.instance = survivor;
        self.log.write(&written, Some((&assignment.batch, event)));
        match given {
            // The first event had all the time that a batch has: it would be interrupted for ever.
            Given::Other(Verdict::Interrupted) if index == assignment.first && was_alive => Verdict::Fault(Fault {
                kind: FaultKind::Timeout,
                reason: format!(
                    "took longer than all the time that there is for a batch, {time_left:?}: give the function a \
                     longer timeout, or the transform less (KINESIEVE_EVENT_TIMEOUT)"
                ),
            })
            .into(),
            given => given,
        }
    }
}

/// Whether there can be no further verdict.
pub(super) fn ends_batch(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Interrupted | Verdict::Unavailable(_))
}

/// Sleeps so long, unless there is no need to any more, and answers how long it did.
pub(super) fn sleep(wait: Duration, interrupt_at: Option<Instant>, cancelled: &AtomicBool) -> Duration {
    let started = Instant::now();
    let end = started + wait;
    let end = interrupt_at.map_or(end, |at| end.min(at));
    let mut now = started;
    while now < end && !cancelled.load(Ordering::Relaxed) {
        thread::sleep((end - now).min(NAP));
        now = Instant::now();
    }
    now - started
}

pub(super) fn time_until(end: Option<Instant>, now: Instant) -> Duration {
    end.map_or(Duration::MAX, |end| end.saturating_duration_since(now))
}

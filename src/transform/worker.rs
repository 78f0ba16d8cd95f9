//! What happens on a worker's thread: batches, one after the other, event by event through its guest, and the verdicts
//! handed over in groups.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::flow_control::FlowControl;
use super::group::{CallOutcome, Grouping, SentGroup, VerdictGroup};
use super::guest::{Guest, InstanceSlot};
use super::guest_time::GuestTime;
use super::instance::Exports;
use super::log_budget::LogBudget;
use super::memory::MemoryBudget;
use super::prefilter::Prefilter;
use super::shares::Shares;
use super::verdict::Verdict;
use crate::event::{Batch, Event, Payload};

/// How long the thread sleeps before it looks again whether it is still wanted.
const NAP: Duration = Duration::from_millis(20);

/// What the guests of a world do with a batch. One travels with each batch to each worker.
pub(super) trait Program: Sized + Send + 'static {
    /// What such a guest exports.
    type Exports: Exports;

    /// Processes an event whose turn came at this time.
    fn process(
        &mut self,
        guest: &mut Guest<'_, Self::Exports>,
        index: usize,
        event: Event<'_>,
        turn: Instant,
    ) -> CallOutcome;

    /// Ends the batch. The last verdicts are to be handed over when the guest is done with all that they stand for.
    fn end(self, guest: Guest<'_, Self::Exports>, hand_over: impl FnOnce());
}

/// A worker's part of a batch.
pub(super) struct Assignment<P> {
    pub(super) batch: Arc<Batch>,
    /// The index of the first event of the batch that is to be processed, by whichever worker.
    pub(super) first: usize,
    pub(super) shares: Shares,
    /// Which of the workers this one is.
    pub(super) number: usize,
    pub(super) flow_control: Box<dyn FlowControl>,
    pub(super) grouping: Grouping,
    pub(super) time: Option<GuestTime>,
    pub(super) log: LogBudget,
    pub(super) verdict_sender: VerdictSender,
    pub(super) cancelled: Arc<AtomicBool>,
    /// The index of the last event that is of use, as far as any of the workers knows.
    pub(super) last: Arc<AtomicUsize>,
    pub(super) program: P,
}

/// The way of verdicts to whoever waits for them.
pub(super) struct VerdictSender {
    pub(super) groups: mpsc::UnboundedSender<SentGroup>,
    /// What of outputs may be in memory.
    pub(super) memory: Arc<MemoryBudget>,
}

impl VerdictSender {
    /// Hands over what is pending, once there is room for it, and begins anew; false: nobody wants it.
    fn hand_over(&self, pending: &mut VerdictGroup) -> bool {
        if pending.is_empty() {
            return true;
        }
        let now = Instant::now();
        let full = std::mem::replace(pending, VerdictGroup::new(now));
        let busy = now.saturating_duration_since(full.since).saturating_sub(full.waited);
        let permit = self.memory.take(full.held());
        let is_wanted = self.groups.send(full.hand_over(busy, permit)).is_ok();
        // Waiting for room is no work of the next group.
        pending.since = Instant::now();
        is_wanted
    }
}

/// Works until nobody can give it anything any more.
pub(super) fn work<P: Program>(
    mut slot: InstanceSlot<P::Exports>,
    prefilter: &Prefilter,
    queue: &std_mpsc::Receiver<Assignment<P>>,
) {
    while let Ok(assignment) = queue.recv() {
        let invocation = assignment.log.invocation();
        invocation.within(|| run(&mut slot, prefilter, assignment));
    }
}

fn run<P: Program>(slot: &mut InstanceSlot<P::Exports>, prefilter: &Prefilter, assignment: Assignment<P>) {
    let Assignment {
        batch,
        first,
        shares,
        number,
        mut flow_control,
        grouping,
        time,
        log,
        verdict_sender,
        cancelled,
        last,
        mut program,
    } = assignment;
    let mut guest = slot.guest(Arc::clone(&batch), time, log);
    let mut pending = VerdictGroup::new(guest.now());
    for index in first..batch.len() {
        if shares.worker_of(index) != number {
            continue;
        }
        if cancelled.load(Ordering::Relaxed) || index > last.load(Ordering::Relaxed) {
            break;
        }
        let event = batch.event(index);
        let wait = flow_control.wait_before(event);
        if !wait.is_zero() {
            if grouping == Grouping::Promptly && !verdict_sender.hand_over(&mut pending) {
                break;
            }
            pending.waited += sleep(wait, guest.interrupt_at(), &cancelled);
            guest.look();
        }
        let given = process(prefilter, &mut program, &mut guest, index, event);
        let is_last = match &given {
            CallOutcome::Outputs(_) => false,
            CallOutcome::Other(verdict) => verdict.ends_batch() || flow_control.is_last(event, verdict),
        };
        pending.push(given);
        if is_last {
            last.fetch_min(index, Ordering::Relaxed);
            break;
        }
        if pending.is_full(guest.now(), grouping) && !verdict_sender.hand_over(&mut pending) {
            break;
        }
    }
    // Before the last verdicts: whoever has them may begin with the next batch, and its conductor.
    drop(flow_control);
    program.end(guest, move || {
        verdict_sender.hand_over(&mut pending);
    });
}

fn process<P: Program>(
    prefilter: &Prefilter,
    program: &mut P,
    guest: &mut Guest<'_, P::Exports>,
    index: usize,
    event: Event<'_>,
) -> CallOutcome {
    if let Payload::Undecodable { .. } = event.payload {
        return Verdict::Undecodable.into();
    }
    let turn = guest.now();
    if guest.is_time_over(turn) {
        return Verdict::Interrupted.into();
    }
    match prefilter.verdict(guest.batch(), event, turn, guest.time()) {
        Some(verdict) => verdict.into(),
        None => program.process(guest, index, event, turn),
    }
}

/// Sleeps so long, unless there is no need to any more, and answers how long it did.
fn sleep(wait: Duration, interrupt_at: Option<Instant>, cancelled: &AtomicBool) -> Duration {
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

//! What happens on a window guest's thread: its batches, one after the other, each folded, handed over and closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

use super::Window;
use super::fold::Order;
use super::instance::{Blueprint, Broke, Budget, Called, Instance};
use super::session::Session;
use crate::event::{Batch, Event};
use crate::transform::group::Group;
use crate::transform::guest::{Conductor, Grouping};
use crate::transform::instance::StartError;
use crate::transform::log::GuestLines;
use crate::transform::ticker::Ticker;
use crate::transform::worker::{Outlet, ends_batch, sleep, time_until};

/// A batch to fold, and the ways of what comes of it.
pub(super) struct Assignment {
    pub(super) batch: Arc<Batch>,
    pub(super) first: usize,
    pub(super) window: Window,
    pub(super) state: Option<Arc<[u8]>>,
    pub(super) conductor: Box<dyn Conductor>,
    pub(super) grouping: Grouping,
    pub(super) interrupt_at: Option<Instant>,
    pub(super) outlet: Outlet,
    pub(super) cancelled: Arc<AtomicBool>,
    /// One comes when it is known which events are acknowledged.
    pub(super) orders: std_mpsc::Receiver<Order>,
}

/// What lives on the guest's thread.
pub(super) struct Worker {
    blueprint: Blueprint,
    ticker: Arc<Ticker>,
    /// None after a fault, until the next call needs one.
    instance: Option<Instance>,
    log: GuestLines,
}

impl Worker {
    pub(super) fn new(blueprint: Blueprint, ticker: Arc<Ticker>) -> Self {
        Self { blueprint, ticker, instance: None, log: GuestLines::default() }
    }

    /// Starts an instance, and answers with the form of its state.
    pub(super) fn start_instance(&mut self, time_left: Duration) -> Result<String, StartError> {
        let _timekeeping = self.ticker.keep_time();
        let (start, written) = Instance::start(&self.blueprint, time_left);
        self.log.write(&written, None);
        let instance = self.instance.insert(start?);
        Ok(instance.form.clone())
    }

    /// Works until nobody can give it anything any more.
    pub(super) fn work(&mut self, queue: &std_mpsc::Receiver<Assignment>) {
        while let Ok(assignment) = queue.recv() {
            self.run(assignment);
        }
    }

    /// Whether there is an instance to call.
    pub(super) fn is_alive(&self) -> bool {
        self.instance.is_some()
    }

    /// One call, of an instance that is there. One that broke is thrown away.
    pub(super) fn call<T>(
        &mut self,
        about: Option<(&Batch, Event<'_>)>,
        until: Option<Instant>,
        call: impl FnOnce(&mut Instance, Budget) -> Called<T>,
    ) -> Result<T, Broke> {
        let now = Instant::now();
        let Some(mut instance) = self.instance.take() else { return Err(Broke::Interrupted) };
        let budget = Budget { limits: self.blueprint.limits, now, time_left: time_until(until, now) };
        let (answer, written) = call(&mut instance, budget);
        self.log.write(&written, about);
        if answer.is_ok() {
            self.instance = Some(instance);
        }
        answer
    }

    fn run(&mut self, assignment: Assignment) {
        let ticker = Arc::clone(&self.ticker);
        let mut time = ticker.keep_time();
        let Assignment { batch, first, window, state, conductor, grouping, interrupt_at, outlet, cancelled, orders } =
            assignment;
        let mut session = Session::new(self, &batch, window, (first, state), interrupt_at);
        let mut pending = Group::new(Instant::now());
        let mut conductor = conductor;
        for index in first..batch.len() {
            if cancelled.load(Ordering::Relaxed) {
                break;
            }
            let event = batch.event(index);
            let wait = conductor.wait_before(event);
            if !wait.is_zero() {
                if grouping == Grouping::Promptly && !outlet.hand_over(&mut pending) {
                    break;
                }
                pending.waited += sleep(wait, interrupt_at, &cancelled);
                time.look();
            }
            let verdict = session.take_up(index, event, time.now());
            let is_last = ends_batch(&verdict) || conductor.is_last(event, &verdict);
            pending.push(verdict.into());
            if is_last || (pending.is_full(time.now(), grouping) && !outlet.hand_over(&mut pending)) {
                break;
            }
        }
        // Before the last verdicts: whoever has them may begin with the next batch, and its conductor.
        drop(conductor);
        outlet.hand_over(&mut pending);
        // No more verdicts come; what is next is said by whoever has them.
        drop(outlet);
        if let Ok(Order { close, answer }) = orders.recv() {
            // Nobody waits any more: then the fold counts for nothing, as it should.
            let _ = answer.send(session.close(close));
        }
        if let Some(instance) = &mut self.instance {
            instance.rest();
        }
        self.log.end_batch(&batch);
    }
}

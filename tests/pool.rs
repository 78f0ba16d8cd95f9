//! The pool of guests, below the processor: whose fault it is that time is up, and what travels with a batch.

use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock, mpsc};
use std::time::{Duration, Instant};

use kinesieve::event::{Batch, Event};
use kinesieve::transform::{
    FaultKind, FlowControl, Grouping, GuestRun, GuestTime, Job, Limits, LogBudget, RecordPool, Transform, UpToRetry,
    Verdict, Window, WindowFold, WindowOpening, WindowPool,
};

use crate::support::events::batch;
use crate::support::{block_on, guest_file};

/// A worker of either world, whose guest does what payloads say.
enum Pool {
    Records(RecordPool),
    Windows(WindowPool),
}

/// What comes of a batch. Dropped, it tells the worker to stop.
enum Coming {
    Records(GuestRun),
    Windows(WindowFold),
}

impl Pool {
    /// One of each world. No event takes too long by itself.
    fn both() -> [Self; 2] {
        static SCRIPTED: LazyLock<Transform> =
            LazyLock::new(|| Transform::load(&guest_file("scripted")).expect("a transform"));
        static FOLDING: LazyLock<Transform> =
            LazyLock::new(|| Transform::load(&guest_file("folding")).expect("a transform"));

        let limits = Limits { event_time: Duration::from_secs(60), ..Limits::default() };
        let one = NonZeroUsize::MIN;
        let records = RecordPool::start(&SCRIPTED, limits, &[], one).expect("it starts");
        let windows = WindowPool::start(&FOLDING, limits, &[], one).expect("it starts");
        [Pool::Records(records), Pool::Windows(windows)]
    }

    fn begin(&self, payloads: &[&str], flow_control: impl FlowControl + 'static, time: Option<GuestTime>) -> Coming {
        let batch: Arc<Batch> = Arc::new(batch(payloads));
        let log = LogBudget::of(&batch);
        let flow_controls: Vec<Box<dyn FlowControl>> = vec![Box::new(flow_control)];
        let job = Job { batch, first: 0, flow_controls, grouping: Grouping::Promptly, time, log };
        match self {
            Pool::Records(pool) => Coming::Records(pool.lend(1).run(job)),
            Pool::Windows(pool) => {
                let opening = WindowOpening { window: Window { start: 0, end: 60_000 }, state: None };
                Coming::Windows(pool.lend().fold(job, opening))
            }
        }
    }

    /// What became of the last event, up to which the batch came.
    fn last_verdict(
        &self,
        payloads: &[&str],
        flow_control: impl FlowControl + 'static,
        time: GuestTime,
    ) -> (usize, Verdict) {
        let mut coming = self.begin(payloads, flow_control, Some(time));
        let mut verdicts = Vec::new();
        block_on(async {
            while let Some(chunk) = match &mut coming {
                Coming::Records(run) => run.next().await,
                Coming::Windows(fold) => fold.next().await,
            } {
                verdicts.extend(chunk.verdicts);
            }
        });
        (verdicts.len(), verdicts.pop().expect("a verdict"))
    }
}

/// Holds each event up for so long, and says when one is about to begin.
struct HoldsUp {
    wait: Duration,
    begins: Option<mpsc::Sender<()>>,
}

impl FlowControl for HoldsUp {
    fn wait_before(&mut self, _event: Event<'_>) -> Duration {
        if let Some(begins) = &self.begins {
            begins.send(()).expect("somebody waits");
        }
        self.wait
    }

    fn is_last(&self, _event: Event<'_>, _verdict: &Verdict) -> bool {
        false
    }
}

/// Guests could begin so many milliseconds from now, and have a second from now on.
fn a_second_of(began_at: i64) -> GuestTime {
    let now = Instant::now();
    let apart = Duration::from_millis(began_at.unsigned_abs());
    let began_at = if began_at < 0 { now - apart } else { now + apart };
    GuestTime { began_at, interrupt_at: now + Duration::from_secs(1) }
}

/// The time counts from a moment that even a busy machine can begin before.
fn all_the_time() -> GuestTime {
    a_second_of(900)
}

fn assert_timed_out(verdict: &Verdict) {
    let Verdict::Fault(fault) = verdict else { panic!("{verdict:?}") };
    assert_eq!(fault.kind, FaultKind::Timeout);
    assert!(fault.reason.contains("that an invocation has for the transform"), "{}", fault.reason);
}

/// It would be interrupted for ever.
#[test]
fn an_event_that_had_all_the_time_took_too_long() {
    for pool in Pool::both() {
        let (events, verdict) = pool.last_verdict(&["spin"], UpToRetry, all_the_time());
        assert_eq!(events, 1);
        assert_timed_out(&verdict);
        // In a sleep it does not look at the time itself, and behind others it may have had all of it, too.
        let first = if matches!(pool, Pool::Records(_)) { "keep" } else { "add 1" };
        let (events, verdict) = pool.last_verdict(&[first, "sleep 60000", first], UpToRetry, all_the_time());
        assert_eq!(events, 3, "the batch goes on behind what took too long");
        assert!(matches!(verdict, Verdict::Interrupted), "{verdict:?}");
    }
}

#[test]
fn an_event_that_was_held_up_comes_again() {
    for pool in Pool::both() {
        // By an earlier part of what came with the invocation.
        let (_, verdict) = pool.last_verdict(&["spin"], UpToRetry, a_second_of(-500));
        assert!(matches!(verdict, Verdict::Interrupted), "{verdict:?}");
        // By the pace.
        let paced = HoldsUp { wait: Duration::from_millis(300), begins: None };
        let (_, verdict) = pool.last_verdict(&["spin"], paced, a_second_of(0));
        assert!(matches!(verdict, Verdict::Interrupted), "{verdict:?}");
        // By an event before it.
        let (events, verdict) = pool.last_verdict(&["sleep 300", "spin"], UpToRetry, a_second_of(0));
        assert_eq!(events, 2);
        assert!(matches!(verdict, Verdict::Interrupted), "{verdict:?}");
        // By a call for another batch, which nobody waits for any more.
        let (begins, begun) = mpsc::channel();
        let leftover = pool.begin(&["sleep 300"], HoldsUp { wait: Duration::ZERO, begins: Some(begins) }, None);
        begun.recv().expect("it begins");
        drop(leftover);
        let (_, verdict) = pool.last_verdict(&["spin"], UpToRetry, a_second_of(0));
        assert!(matches!(verdict, Verdict::Interrupted), "{verdict:?}");
    }
}

/// The instance that was interrupted is gone, so the event has to wait for the start of another: that is its own time.
#[test]
fn an_event_that_was_interrupted_once_took_too_long_when_it_comes_first() {
    for pool in Pool::both() {
        let (_, verdict) = pool.last_verdict(&["spin"], UpToRetry, a_second_of(-500));
        assert!(matches!(verdict, Verdict::Interrupted), "{verdict:?}");
        let (_, verdict) = pool.last_verdict(&["spin"], UpToRetry, all_the_time());
        assert_timed_out(&verdict);
    }
}

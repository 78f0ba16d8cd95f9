//! The lease of one shard, as the work on the shard sees it: until when it may go on.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;

use super::boot_clock::since_boot;

/// How long the timer is trusted at most: the machine may sleep.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Until when the work on a shard may go on.
#[derive(Debug, Clone)]
pub(super) struct ShardLease(Rc<LeaseState>);

#[derive(Debug)]
struct LeaseState {
    /// By [`since_boot`].
    trusted_until: Cell<Duration>,
    has_changed: Notify,
}

impl ShardLease {
    pub(super) fn until(trusted_until: Duration) -> Self {
        Self(Rc::new(LeaseState { trusted_until: Cell::new(trusted_until), has_changed: Notify::new() }))
    }

    /// It was renewed.
    pub(super) fn lasts_until(&self, trusted_until: Duration) {
        self.0.trusted_until.set(trusted_until);
        self.0.has_changed.notify_one();
    }

    /// It is over at once.
    pub(super) fn ends(&self) {
        self.lasts_until(Duration::ZERO);
    }

    fn is_over(&self) -> bool {
        since_boot() >= self.0.trusted_until.get()
    }

    /// Does this work for as long as the lease lasts; none: it is over, and the work was dropped. Each time that the work could
    /// go on, the lease is looked at first: a process that was stopped for a while does not send another byte.
    pub(super) async fn covers<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            let left = self.0.trusted_until.get().saturating_sub(since_boot());
            let mut wait = pin!(tokio::time::sleep(left.min(LONGEST_SLEEP)));
            let mut change = pin!(self.0.has_changed.notified());
            let step = poll_fn(|context| {
                if self.is_over() {
                    return Poll::Ready(Step::Over);
                }
                if let Poll::Ready(done) = work.as_mut().poll(context) {
                    return Poll::Ready(Step::Done(done));
                }
                match wait.as_mut().poll(context).is_ready() | change.as_mut().poll(context).is_ready() {
                    true => Poll::Ready(Step::Look),
                    false => Poll::Pending,
                }
            });
            match step.await {
                Step::Done(done) => return Some(done),
                Step::Over => return None,
                Step::Look => {}
            }
        }
    }
}

/// What comes of waiting.
enum Step<T> {
    Done(T),
    Over,
    Look,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(future)
    }

    const SOON: Duration = Duration::from_millis(30);

    #[test]
    fn work_that_ends_in_time_is_done() {
        let done =
            block_on(async { ShardLease::until(since_boot() + Duration::from_secs(60)).covers(async { 7 }).await });
        assert_eq!(done, Some(7));
    }

    #[test]
    fn work_that_does_not_is_dropped_and_a_renewal_gives_it_time() {
        let endless = block_on(async {
            let lease = ShardLease::until(since_boot() + SOON);
            lease.covers(std::future::pending::<()>()).await
        });
        assert_eq!(endless, None);
        let renewed = block_on(async {
            let lease = ShardLease::until(since_boot() + SOON);
            lease.lasts_until(since_boot() + Duration::from_secs(60));
            lease.covers(tokio::time::sleep(SOON * 3)).await
        });
        assert_eq!(renewed, Some(()));
    }

    /// As a process that was stopped: the work could go on, and the lease is over.
    #[test]
    fn nothing_is_done_once_it_is_over() {
        let done = block_on(async {
            let lease = ShardLease::until(since_boot() + SOON);
            std::thread::sleep(SOON * 2);
            lease.covers(async { 7 }).await
        });
        assert_eq!(done, None);
        let ended = block_on(async {
            let lease = ShardLease::until(since_boot() + Duration::from_secs(60));
            let ends = async {
                tokio::task::yield_now().await;
                lease.ends();
                std::future::pending::<()>().await;
            };
            lease.covers(ends).await
        });
        assert_eq!(ended, None);
    }
}

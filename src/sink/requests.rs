//! Outputs to a service that takes them in requests: what goes when, and when to give up.
//!
//! A service may refuse some records of a request and take others, or refuse all. What is refused goes
//! again, with exponential backoff and full jitter, until the time is up.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::queue::{Queue, RecordResponse, RequestLimits};
use super::{Output, SinkResponse, TargetHealth};
use crate::backoff::Backoff;
use crate::sink::Order;

/// Without a deadline, how long a service may refuse everything before we give up.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// A service that takes records in requests.
pub(super) trait RequestService: Sync {
    /// What a request can hold.
    const LIMITS: RequestLimits;

    /// Requests on their way at once.
    const AT_ONCE: usize;

    /// What is known of the target.
    fn health(&self) -> &TargetHealth;

    /// What an output weighs in a request, in bytes.
    ///
    /// # Errors
    /// Why the service can never take it.
    fn weigh(&self, output: &Output<'_>) -> Result<usize, String>;

    /// Sends a request of these outputs.
    fn send(&self, outputs: &[&Output<'_>]) -> impl Future<Output = RequestOutcome> + Send;
}

/// What came of a request.
#[derive(Debug)]
pub(super) enum RequestOutcome {
    /// The service answered for each record.
    Answered(Vec<RecordResponse>),
    /// The whole request failed in a way that passes.
    Refused(String),
    /// The service finds something wrong in it.
    Invalid(String),
    /// No request will go through, until somebody changes something.
    Hopeless {
        /// The service's code for it, if it was the service that refused.
        code: Option<String>,
        /// Why, for a person.
        reason: String,
    },
}

/// Delivers outputs, by as many requests as it takes.
pub(super) async fn deliver<S: RequestService>(
    service: &S,
    outputs: &[Output<'_>],
    order: Order,
    until: Option<std::time::Instant>,
) -> SinkResponse {
    let until = until.map(Instant::from_std);
    let health = service.health();
    let _delivery = health.begin();
    let mut queue = Queue::new(outputs, order, S::LIMITS, |output| service.weigh(output));
    let mut on_their_way = FuturesUnordered::new();
    let mut backoff = Backoff::default();
    let mut pause_ends = Instant::now();
    let mut gives_up_at = Instant::now() + TIME_LIMIT;
    loop {
        // One look at the clock: were the pause to end between two, nothing would be on its way, nothing
        // would wait, and the rest would count as given up.
        let now = Instant::now();
        // What is on its way is not cut off for that: it ends by itself, when it stalls.
        let may_wait = until.is_some() || now < gives_up_at;
        while may_wait
            && on_their_way.len() < S::AT_ONCE
            && now >= pause_ends
            && let Some(request) = queue.next_request()
        {
            on_their_way.push(async {
                let records: Vec<&Output<'_>> = request.iter().map(|&index| &outputs[index]).collect();
                let sent = service.send(&records).await;
                (request, sent)
            });
        }
        let is_paused = now < pause_ends && !queue.is_idle();
        if on_their_way.is_empty() && !may_wait {
            return queue.finish("the service took nothing for a minute");
        }
        if on_their_way.is_empty() && !is_paused {
            return queue.finish("it was not sent");
        }
        let gives_up = until.or(on_their_way.is_empty().then_some(gives_up_at));
        let wakes = [gives_up, is_paused.then_some(pause_ends)].into_iter().flatten().min();
        let Some((request, sent)) = answered(&mut on_their_way, wakes).await else {
            if until.is_some_and(|until| Instant::now() >= until) {
                return queue.finish("it was not delivered before the deadline");
            }
            continue;
        };
        let pause = match sent {
            RequestOutcome::Answered(answers) => {
                let refused = queue.settle(&request, answers);
                if refused < request.len() {
                    health.took();
                    gives_up_at = Instant::now() + TIME_LIMIT;
                } else if let Some(reason) = queue.last_refusal() {
                    health.failed(reason, None);
                }
                if refused == 0 {
                    backoff.after_success();
                    Duration::ZERO
                } else if refused < request.len() {
                    backoff.after_partial_failure(fastrand::f64())
                } else {
                    backoff.after_failure(fastrand::f64())
                }
            }
            RequestOutcome::Refused(reason) => {
                health.failed(&reason, None);
                queue.refuse(&request, reason);
                backoff.after_failure(fastrand::f64())
            }
            // Taken apart, it may go at once.
            RequestOutcome::Invalid(reason) => {
                queue.invalid(&request, reason);
                Duration::ZERO
            }
            RequestOutcome::Hopeless { code, reason } => {
                health.failed(&reason, code.as_deref());
                queue.refuse(&request, reason);
                return SinkResponse { lasting_error: code, ..queue.finish("the service refuses it") };
            }
        };
        pause_ends = pause_ends.max(Instant::now() + pause);
    }
}

/// The next request that ends, and how; none: it is time to wake before.
async fn answered<T>(
    on_their_way: &mut FuturesUnordered<impl Future<Output = T>>,
    wakes: Option<Instant>,
) -> Option<T> {
    let next = async {
        match on_their_way.next().await {
            Some(answered) => answered,
            // Nothing is on its way: only the pause has to end.
            None => std::future::pending().await,
        }
    };
    match wakes {
        Some(wakes) => tokio::time::timeout_at(wakes, next).await.ok(),
        None => Some(next.await),
    }
}

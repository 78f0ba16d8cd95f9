//! The targets of a processor, and how outputs get to them before time is up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::settings::normal_route;
use crate::sink::{Delivery, Output, Sink};

/// Where outputs go.
#[derive(Clone)]
pub struct Outputs {
    main: Arc<dyn Sink>,
    routes: HashMap<String, Arc<dyn Sink>>,
}

impl Outputs {
    /// The main output, and the targets of routes by name.
    pub fn new(main: Arc<dyn Sink>, routes: impl IntoIterator<Item = (String, Arc<dyn Sink>)>) -> Self {
        let routes = routes.into_iter().map(|(name, sink)| (normal_route(&name), sink)).collect();
        Self { main, routes }
    }

    /// The sink of a route, or the main output.
    pub(super) fn sink(&self, route: Option<&str>) -> Option<&Arc<dyn Sink>> {
        match route {
            None => Some(&self.main),
            Some(name) => self.routes.get(name).or_else(|| self.routes.get(&normal_route(name))),
        }
    }

    /// Delivers outputs to where their routes lead: one result an output, in order. What has no
    /// answer by then has failed for now; it may have arrived.
    pub(super) async fn deliver(&self, outputs: &[Output<'_>], answer_by: Option<Instant>) -> Vec<Delivery> {
        let mut results = vec![None; outputs.len()];
        for (sink, indices) in self.by_sink(outputs) {
            let for_sink: Vec<Output<'_>> = indices.iter().map(|&index| outputs[index]).collect();
            let deliveries = within(answer_by, sink.deliver(&for_sink, before(answer_by))).await.unwrap_or_else(|| {
                let reason = "the target did not answer before the deadline".to_owned();
                vec![Delivery::Failed { reason }; for_sink.len()]
            });
            for (index, delivery) in indices.into_iter().zip(deliveries) {
                results[index] = Some(delivery);
            }
        }
        let unanswered = || Delivery::Failed { reason: "the target gave no answer for it".to_owned() };
        results.into_iter().map(|result| result.unwrap_or_else(unanswered)).collect()
    }

    /// Which outputs go to which sink. Several routes may lead to one: what it gets stays in order.
    fn by_sink(&self, outputs: &[Output<'_>]) -> Vec<(&Arc<dyn Sink>, Vec<usize>)> {
        let mut groups: Vec<(&Arc<dyn Sink>, Vec<usize>)> = Vec::new();
        for (index, output) in outputs.iter().enumerate() {
            let Some(sink) = self.sink(output.route) else { continue };
            match groups.iter_mut().find(|(known, _)| Arc::ptr_eq(known, sink)) {
                Some((_, indices)) => indices.push(index),
                None => groups.push((sink, vec![index])),
            }
        }
        groups
    }
}

/// A little before a point in time: a sink that gives up by itself can tell what it delivered, one that
/// is given up can not.
pub(super) fn before(until: Option<Instant>) -> Option<Instant> {
    const MARGIN: Duration = Duration::from_millis(100);

    until.map(|until| until - MARGIN.min(until.saturating_duration_since(Instant::now()) / 10))
}

/// Waits until a point in time; none: it was reached first.
pub(super) async fn within<T>(until: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match until {
        None => Some(work.await),
        Some(until) => tokio::time::timeout_at(until.into(), work).await.ok(),
    }
}

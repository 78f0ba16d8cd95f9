//! The targets of a processor, and the time that there is for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::settings::normal_route;
use crate::sink::Sink;

/// The name of the main output in metrics.
const MAIN: &str = "main";

/// Where outputs go.
#[derive(Clone)]
pub struct Outputs {
    main: Arc<dyn Sink>,
    routes: BTreeMap<String, Arc<dyn Sink>>,
}

impl Outputs {
    /// The main output, and the targets of routes by name.
    pub fn new(main: Arc<dyn Sink>, routes: impl IntoIterator<Item = (String, Arc<dyn Sink>)>) -> Self {
        let routes = routes.into_iter().map(|(name, sink)| (normal_route(&name), sink)).collect();
        Self { main, routes }
    }

    /// The same routes, with another main output.
    pub(super) fn with_main(&self, main: Arc<dyn Sink>) -> Self {
        Self { main, routes: self.routes.clone() }
    }

    /// The main output.
    pub(super) fn main(&self) -> &Arc<dyn Sink> {
        &self.main
    }

    /// All sinks by name, the main output first.
    pub(super) fn sinks(&self) -> impl Iterator<Item = (&str, &Arc<dyn Sink>)> {
        let routes = self.routes.iter().map(|(name, sink)| (name.as_str(), sink));
        std::iter::once((MAIN, &self.main)).chain(routes)
    }

    /// The sink of a route, or the main output.
    pub(super) fn sink(&self, route: Option<&str>) -> Option<&Arc<dyn Sink>> {
        match route {
            None => Some(&self.main),
            Some(name) => self.routes.get(name).or_else(|| self.routes.get(&normal_route(name))),
        }
    }
}

/// A little before a point in time: a sink that gives up by itself can tell what it delivered, one that
/// is given up can not.
pub(super) fn before(until: Option<Instant>) -> Option<Instant> {
    const MARGIN: Duration = Duration::from_millis(100);

    until.map(|until| until - MARGIN.min(until.saturating_duration_since(Instant::now()) / 10))
}

/// Half of the time that is left, so that something remains for who comes next.
pub(super) fn half_way(until: Option<Instant>) -> Option<Instant> {
    until.map(|until| until - until.saturating_duration_since(Instant::now()) / 2)
}

/// Waits until a point in time; none: it was reached first.
pub(super) async fn within<T>(until: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match until {
        None => Some(work.await),
        Some(until) => tokio::time::timeout_at(until.into(), work).await.ok(),
    }
}

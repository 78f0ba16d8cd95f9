//! The destinations of a processor: the main output, and the routes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::settings::normal_route;
use crate::sink::Sink;

/// The name of the main output in metrics.
const MAIN: &str = "main";

/// Where outputs go.
#[derive(Clone)]
pub struct Outputs {
    /// The main output, and behind it the routes by name.
    destinations: Vec<Destination>,
    /// The place of each route among them.
    routes: BTreeMap<String, usize>,
}

/// One place that outputs can be meant for. Several may lead to one sink.
#[derive(Clone)]
pub(super) struct Destination {
    /// Its name in metrics: `main`, or that of the route.
    pub(super) name: Arc<str>,
    pub(super) sink: Arc<dyn Sink>,
}

impl Outputs {
    /// Returns the destinations made of the main output, and the targets of routes by name.
    pub fn new(main: Arc<dyn Sink>, routes: impl IntoIterator<Item = (String, Arc<dyn Sink>)>) -> Self {
        let mut destinations = vec![Destination { name: MAIN.into(), sink: main }];
        let sorted: BTreeMap<String, Arc<dyn Sink>> =
            routes.into_iter().map(|(name, sink)| (normal_route(&name), sink)).collect();
        let mut routes = BTreeMap::new();
        for (name, sink) in sorted {
            // A route may be called like the main output, and is none.
            let in_metrics = if name == MAIN { format!("route-{name}") } else { name.clone() };
            destinations.push(Destination { name: in_metrics.into(), sink });
            routes.insert(name, destinations.len() - 1);
        }
        Self { destinations, routes }
    }

    /// Returns the same routes with another main output.
    pub(super) fn with_main(&self, main: Arc<dyn Sink>) -> Self {
        let mut outputs = self.clone();
        outputs.destinations[0].sink = main;
        outputs
    }

    /// Returns the main output.
    pub(super) fn main(&self) -> &Arc<dyn Sink> {
        &self.destinations[0].sink
    }

    /// Returns all destinations, the main output first.
    pub(super) fn all(&self) -> &[Destination] {
        &self.destinations
    }

    /// Returns each sink once, however many destinations lead to it.
    pub(super) fn sinks(&self) -> Vec<&Arc<dyn Sink>> {
        let mut sinks: Vec<&Arc<dyn Sink>> = Vec::new();
        for Destination { sink, .. } in &self.destinations {
            if !sinks.iter().any(|known| Arc::ptr_eq(known, sink)) {
                sinks.push(sink);
            }
        }
        sinks
    }

    /// Returns the place among [`all`](Self::all) of a route, or of the main output; none: no such route is configured.
    pub(super) fn place(&self, route: Option<&str>) -> Option<usize> {
        match route {
            None => Some(0),
            Some(name) => self.routes.get(name).or_else(|| self.routes.get(&normal_route(name))).copied(),
        }
    }
}

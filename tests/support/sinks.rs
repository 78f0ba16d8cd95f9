//! Sinks that remember what they were given, and fail on purpose.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use kinesieve::sink::{Delivery, DeliveryTiming, Output, Sink, SinkFuture, SinkResponse};

/// One delivered output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    pub sequence_number: String,
    pub partition_key: String,
    pub data: Vec<u8>,
}

impl Delivered {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.data).into_owned()
    }
}

/// How a sink treats the outputs of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It refuses the output at this place of the event, so many times.
    Fails { place: usize, times: usize },
    /// It can never take the output at this place of the event.
    Undeliverable { place: usize },
}

/// Remembers what it took; fails where the plan, by sequence number, says so.
#[derive(Debug, Default)]
pub struct Recorder {
    taken: Mutex<Vec<Delivered>>,
    plan: Mutex<HashMap<String, Fault>>,
}

impl Recorder {
    pub fn with_plan(plan: HashMap<String, Fault>) -> Self {
        Self { plan: Mutex::new(plan), ..Self::default() }
    }

    pub fn taken(&self) -> Vec<Delivered> {
        self.taken.lock().expect("unpoisoned").clone()
    }

    pub fn texts(&self) -> Vec<String> {
        self.taken().iter().map(Delivered::text).collect()
    }
}

impl Sink for Recorder {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
        let mut plan = self.plan.lock().expect("unpoisoned");
        let mut taken = self.taken.lock().expect("unpoisoned");
        let results = outputs.iter().map(|output| {
            let sequence_number = output.sequence_number.as_str();
            let here = output.ordinal as usize;
            match plan.get_mut(sequence_number) {
                Some(Fault::Fails { place, times }) if *place == here && *times > 0 => {
                    *times -= 1;
                    Delivery::Failed { reason: "refused on purpose".into() }
                }
                Some(Fault::Undeliverable { place }) if *place == here => {
                    Delivery::Undeliverable { reason: "too large on purpose".into() }
                }
                _ => {
                    taken.push(Delivered {
                        sequence_number: sequence_number.to_owned(),
                        partition_key: output.partition_key.to_owned(),
                        data: output.data.to_vec(),
                    });
                    Delivery::Delivered
                }
            }
        });
        Box::pin(std::future::ready(SinkResponse { deliveries: results.collect(), ..SinkResponse::default() }))
    }
}

/// Never answers.
#[derive(Debug)]
pub struct Hanging;

impl Sink for Hanging {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            SinkResponse::of_all(outputs.len(), Delivery::Delivered)
        })
    }
}

/// Breaks the rules: answers for fewer outputs than it was given.
#[derive(Debug)]
pub struct Taciturn;

impl Sink for Taciturn {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
        Box::pin(std::future::ready(SinkResponse::of_all(outputs.len() / 2, Delivery::Delivered)))
    }
}

/// Wants outputs gathered, and remembers which came together; slow, if it is to be.
#[derive(Debug)]
pub struct Gatherer {
    bytes: usize,
    pause: Duration,
    refuses: bool,
    gatherings: Mutex<Vec<Vec<String>>>,
}

impl Gatherer {
    pub fn new(bytes: usize, pause: Duration) -> Self {
        Self { bytes, pause, refuses: false, gatherings: Mutex::default() }
    }

    /// One that takes nothing.
    pub fn refusing(bytes: usize) -> Self {
        Self { refuses: true, ..Self::new(bytes, Duration::ZERO) }
    }

    /// The data of what came together.
    pub fn gatherings(&self) -> Vec<Vec<String>> {
        self.gatherings.lock().expect("unpoisoned").clone()
    }
}

impl Sink for Gatherer {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], _until: Option<Instant>) -> SinkFuture<'a> {
        let texts = outputs.iter().map(|output| String::from_utf8_lossy(output.data).into_owned());
        self.gatherings.lock().expect("unpoisoned").push(texts.collect());
        Box::pin(async {
            tokio::time::sleep(self.pause).await;
            let refused = || Delivery::Failed { reason: "refused on purpose".into() };
            SinkResponse::of_all(outputs.len(), if self.refuses { refused() } else { Delivery::Delivered })
        })
    }

    fn hand_over(&self) -> DeliveryTiming {
        DeliveryTiming::Gathered { bytes: self.bytes }
    }
}

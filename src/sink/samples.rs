//! The last few outputs that were delivered, for a person to look at.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{Delivery, DeliveryTiming, Output, Sink, SinkFuture, TargetHealth, WarmUp};

/// As much of an output as is kept, in bytes.
const EXCERPT_BYTES: usize = 512;

/// An output, or its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its partition key.
    pub partition_key: String,
    /// Its data, as far as it is text.
    pub text: String,
}

/// The last outputs that were delivered, up to so many.
#[derive(Debug)]
pub struct OutputSamples {
    most: usize,
    last: Mutex<VecDeque<Sample>>,
}

impl OutputSamples {
    /// Keeps so many.
    pub fn new(most: usize) -> Self {
        Self { most, last: Mutex::default() }
    }

    /// What came since the last time.
    pub fn take(&self) -> Vec<Sample> {
        self.lock().drain(..).collect()
    }

    /// What came last.
    pub fn last(&self) -> Vec<Sample> {
        self.lock().iter().cloned().collect()
    }

    fn add(&self, output: &Output<'_>) {
        let excerpt = &output.data[..output.data.len().min(EXCERPT_BYTES)];
        let sample = Sample {
            partition_key: output.partition_key.to_owned(),
            text: String::from_utf8_lossy(excerpt).into_owned(),
        };
        let mut last = self.lock();
        if last.len() >= self.most {
            last.pop_front();
        }
        last.push_back(sample);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Sample>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sink that keeps samples of what another one delivers.
pub struct SamplingSink {
    sink: Arc<dyn Sink>,
    samples: Arc<OutputSamples>,
}

impl SamplingSink {
    /// Samples of what this sink delivers.
    pub fn new(sink: Arc<dyn Sink>, samples: Arc<OutputSamples>) -> Self {
        Self { sink, samples }
    }
}

impl Sink for SamplingSink {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], until: Option<Instant>) -> SinkFuture<'a> {
        Box::pin(async move {
            let answer = self.sink.deliver(outputs, until).await;
            let delivered = outputs.iter().zip(&answer.deliveries).rev();
            let delivered = delivered.filter(|(_, delivery)| **delivery == Delivery::Delivered);
            let last: Vec<&Output<'_>> = delivered.take(self.samples.most).map(|(output, _)| output).collect();
            last.into_iter().rev().for_each(|output| self.samples.add(output));
            answer
        })
    }

    fn hand_over(&self) -> DeliveryTiming {
        self.sink.hand_over()
    }

    fn refuses(&self, output: &Output<'_>) -> Option<String> {
        self.sink.refuses(output)
    }

    fn health(&self) -> Option<&TargetHealth> {
        self.sink.health()
    }

    fn warm(&self) -> WarmUp<'_> {
        self.sink.warm()
    }
}

//! What a destination in AWS is: how it is named, what it can do, how it is opened and checked.
//!
//! A file of this folder holds all of that for one service, and a line of [`DESTINATIONS`] adds it. Settings read targets
//! by this table, which is the one thing that they know of sinks.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use super::eventbridge::EventBus;
use super::firehose::DeliveryStream;
use super::kinesis::Stream;
use super::s3::Bucket;
use super::sns::Topic;
use super::sqs::Queue;
use super::{Sink, SinkOptions};
use crate::aws::Arn;
use crate::aws::DestinationProbe;

/// The destinations that there are, in the order in which messages list them.
static DESTINATIONS: [&dyn Destination; 6] = [&Stream, &DeliveryStream, &Queue, &Topic, &EventBus, &Bucket];

/// What a target can do with outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Which outputs can be packed into one.
    pub packing: PackGroups,
    /// Whether outputs can be compressed.
    pub encodes: bool,
    /// Whether outputs can travel in KPL aggregates.
    pub aggregates: bool,
    /// Whether whoever reads there is promised an order. From a stream, dead letters are picked one by one, and their
    /// order tells nobody anything.
    pub keeps_order: bool,
    /// Whether outputs can go there.
    pub outputs: bool,
    /// Whether dead letters can be left there.
    pub dead_letters: bool,
    /// What outputs and dead letters need one each of, where they would mix in one, or replace each other.
    pub storage: Option<&'static str>,
}

/// Which outputs can be packed into one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackGroups {
    /// None: each stays by itself.
    None,
    /// Those of one partition key: a message says its key.
    OfKey,
    /// Any.
    Any,
    /// All that are handed over together, by the target itself.
    Object,
    /// Any, in what is written one behind the other: a file has no records.
    Text,
}

/// Whether a target can do something.
pub(crate) type Ability = fn(Capabilities) -> bool;

impl Capabilities {
    /// What a target can do that takes each output by itself and as it is, dead letters included.
    pub(crate) const PLAIN: Self = Self {
        packing: PackGroups::None,
        encodes: false,
        aggregates: false,
        keeps_order: false,
        outputs: true,
        dead_letters: true,
        storage: None,
    };
}

/// A sink to come.
pub(crate) type Opening<'a> = Pin<Box<dyn Future<Output = io::Result<Arc<dyn Sink>>> + Send + 'a>>;

/// The result of a check to come.
pub(crate) type Probing<'a> = Pin<Box<dyn Future<Output = DestinationProbe> + Send + 'a>>;

/// A size in bytes to come.
pub(crate) type Measuring<'a> = Pin<Box<dyn Future<Output = Option<u64>> + Send + 'a>>;

/// A kind of destination in AWS.
pub(crate) trait Destination: fmt::Debug + Sync {
    /// The service, as it is written in an ARN.
    fn service(&self) -> &'static str;

    /// What the service is called in short.
    fn name(&self) -> &'static str;

    /// What one destination is called, with its article.
    fn noun(&self) -> &'static str;

    /// Checks the ARN of a destination, and returns it in its shortest form.
    ///
    /// # Errors
    /// What is wrong with it.
    fn check(&self, arn: Arn) -> Result<Arn, &'static str>;

    /// Returns what a destination can do.
    fn capabilities(&self, arn: &Arn) -> Capabilities;

    /// Whether what is written to one destination lands where what is written to the other does.
    fn is_same_place(&self, own: &Arn, other: &Arn) -> bool {
        own == other
    }

    /// Whether one destination holds the other, or is the same.
    fn overlaps(&self, _own: &Arn, _other: &Arn) -> bool {
        false
    }

    /// Opens a destination. The service is not asked for anything yet.
    fn open<'a>(&'a self, arn: &'a Arn, options: &'a SinkOptions) -> Opening<'a>;

    /// Returns the bytes of the largest record that a destination takes, asking it where that is configured there; none:
    /// it takes any.
    fn largest_record<'a>(&'a self, arn: &'a Arn) -> Measuring<'a>;

    /// Checks whether a destination is there and may be written to. Nothing is written: the service refuses the request
    /// for its content once it has let it in.
    fn probe<'a>(&'a self, arn: &'a Arn) -> Probing<'a>;
}

/// A destination in AWS, of one of the known kinds.
#[derive(Clone)]
pub struct AwsTarget {
    kind: &'static dyn Destination,
    arn: Arn,
}

impl AwsTarget {
    /// Takes the ARN of a destination.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn of(arn: Arn) -> Result<Self, &'static str> {
        let kind = DESTINATIONS.iter().find(|kind| kind.service() == arn.service).ok_or("it is another service's")?;
        Ok(Self { kind: *kind, arn: kind.check(arn)? })
    }

    /// Returns a bucket with a prefix, whose ARN was checked before.
    pub(crate) fn bucket(arn: Arn) -> Self {
        Self { kind: &Bucket, arn }
    }

    /// Returns its ARN.
    pub fn arn(&self) -> &Arn {
        &self.arn
    }

    pub(crate) fn kind(&self) -> &'static dyn Destination {
        self.kind
    }

    /// Returns what it can do.
    pub fn capabilities(&self) -> Capabilities {
        self.kind.capabilities(&self.arn)
    }

    /// Whether what is written to one of them lands where what is written to the other does.
    pub fn is_same_place(&self, other: &Self) -> bool {
        self.is_same_kind(other) && self.kind.is_same_place(&self.arn, &other.arn)
    }

    /// Whether one of them holds the other, or is the same.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.is_same_kind(other) && self.kind.overlaps(&self.arn, &other.arn)
    }

    fn is_same_kind(&self, other: &Self) -> bool {
        self.kind.service() == other.kind.service()
    }
}

impl PartialEq for AwsTarget {
    fn eq(&self, other: &Self) -> bool {
        self.arn == other.arn
    }
}

impl Eq for AwsTarget {}

impl fmt::Debug for AwsTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("AwsTarget").field(&self.arn.to_string()).finish()
    }
}

impl fmt::Display for AwsTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.arn.fmt(formatter)
    }
}

/// Returns what destinations are called that have a capability, as a list: "a stream, a queue or a bucket".
pub(crate) fn nouns_of(has_it: Ability) -> String {
    listed(able(has_it).map(|kind| kind.noun()))
}

/// Returns the names of the services whose destinations have a capability, as a list: "Kinesis or SQS".
pub(crate) fn names_of(has_it: Ability) -> String {
    listed(able(has_it).map(|kind| kind.name()))
}

/// The kinds of destinations that have a capability whatever one is called.
fn able(has_it: Ability) -> impl Iterator<Item = &'static &'static dyn Destination> {
    let any = |service: &str| Arn {
        partition: "aws".to_owned(),
        service: service.to_owned(),
        region: String::new(),
        account: String::new(),
        resource: String::new(),
    };
    DESTINATIONS.iter().filter(move |kind| has_it(kind.capabilities(&any(kind.service()))))
}

fn listed(items: impl Iterator<Item = &'static str>) -> String {
    let items: Vec<&str> = items.collect();
    match items.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Checks region, account and name of an ARN that needs all three.
pub(super) fn check_named(arn: &Arn, name: &str) -> Result<(), &'static str> {
    if name.is_empty() || arn.region.is_empty() || arn.account.is_empty() {
        return Err("it lacks its region, its account or its name");
    }
    // Names of streams may hold a dot, those of queues and topics the one of `.fifo`.
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Err("its name holds more than letters, digits, hyphens, underscores and dots");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_listed_by_what_they_can_do() {
        assert_eq!(names_of(|able| able.packing != PackGroups::None), "Kinesis, Firehose, SQS, SNS or S3");
        assert_eq!(names_of(|able| able.encodes), "Kinesis, Firehose, SQS or SNS");
        assert_eq!(names_of(|able| able.keeps_order), "");
        assert!(nouns_of(|_| true).ends_with("an EventBridge event bus or an S3 bucket with a prefix"));
        assert_eq!(nouns_of(|able| able.aggregates), "a Kinesis stream");
    }

    #[test]
    fn no_two_destinations_share_a_service() {
        for (index, kind) in DESTINATIONS.iter().enumerate() {
            assert!(DESTINATIONS[..index].iter().all(|other| other.service() != kind.service()), "{kind:?}");
        }
    }
}

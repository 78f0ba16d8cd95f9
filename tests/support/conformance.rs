//! What every target does alike: one suite, which all of them pass, at stubs and at services that run on this machine.

use std::sync::Arc;
use std::time::Instant;

use kinesieve::event::{SequenceNumber, Shard};
use kinesieve::settings::Order;
use kinesieve::sink::{Delivery, Output, Sink, SinkResponse};

use super::block_on;
use super::events::{SHARD_ID, STREAM_ARN, sequence_number};
use super::targets::Arrived;

/// A target somewhere, and what arrived there.
pub trait Place {
    fn sink(&self, order: Order) -> Arc<dyn Sink>;

    /// In the order in which it arrived, as far as the order of each key.
    fn arrived(&self) -> Vec<Arrived>;

    /// Whether outputs arrive with their keys, and in their order.
    fn has_keys(&self) -> bool {
        true
    }

    /// How many outputs are many here: more than a request takes.
    fn many(&self) -> usize {
        1100
    }

    /// How many bytes a large output has, which each place takes by itself.
    fn large(&self) -> usize {
        300_000
    }

    /// The most bytes of data that it takes under a key of three bytes; none: any number.
    fn largest(&self) -> Option<usize>;
}

/// An output to be: a key and data. The data of all of them ends with the line, and holds no other line
/// end, since Firehose has nothing else between records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    pub key: String,
    pub data: Vec<u8>,
}

pub fn sample(key: &str, data: &[u8]) -> Sample {
    Sample { key: key.to_owned(), data: [data, b"\n"].concat() }
}

/// Delivers samples, each from an event of its own.
pub fn deliver(sink: &dyn Sink, samples: &[Sample], until: Option<Instant>) -> SinkResponse {
    let shard = Shard { stream_arn: STREAM_ARN.to_owned(), id: SHARD_ID.to_owned() };
    let numbers: Vec<String> = (0..samples.len()).map(sequence_number).collect();
    let outputs: Vec<Output<'_>> = samples
        .iter()
        .zip(&numbers)
        .map(|(sample, number)| Output {
            data: &sample.data,
            partition_key: &sample.key,
            explicit_hash_key: None,
            has_chosen_key: false,
            route: None,
            shard: &shard,
            sequence_number: SequenceNumber::parse(number).expect("a sequence number"),
            sub_sequence_number: 0,
            ordinal: 0,
        })
        .collect();
    let answer = block_on(sink.deliver(&outputs, until));
    assert_eq!(answer.deliveries.len(), samples.len(), "one result an output");
    answer
}

pub fn all_delivered(answer: &SinkResponse) -> bool {
    answer.deliveries.iter().all(|delivery| *delivery == Delivery::Delivered)
}

/// Many outputs of some keys, with their number as data.
pub fn numbered(count: usize, keys: usize) -> Vec<Sample> {
    (0..count).map(|index| sample(&format!("key-{}", index % keys), index.to_string().as_bytes())).collect()
}

/// Everything arrived, at least once, and each key in its order. Answers how many outputs arrived in all.
pub fn check_arrived(place: &dyn Place, samples: &[Sample], order: Order) -> usize {
    let arrived = place.arrived();
    let place_of = |sample: &Sample| {
        let is_it = |arrived: &Arrived| {
            arrived.data == sample.data && (!place.has_keys() || arrived.partition_key.as_ref() == Some(&sample.key))
        };
        arrived.iter().position(is_it).unwrap_or_else(|| panic!("{sample:?} did not arrive"))
    };
    let places: Vec<(&str, usize)> = samples.iter().map(|sample| (sample.key.as_str(), place_of(sample))).collect();
    if order == Order::Key && place.has_keys() {
        for (key, _) in &places {
            let own: Vec<usize> = places.iter().filter(|(other, _)| other == key).map(|(_, place)| *place).collect();
            assert!(own.is_sorted(), "outputs of {key} arrived out of order: {own:?}");
        }
    }
    arrived.len()
}

/// Data of all sorts arrives byte for byte.
pub fn outputs_arrive_as_they_are(place: &dyn Place) {
    let samples = [
        sample("plain", b"{\"reading\":21.5}"),
        sample("binary", &[0xff, 0x00, 0x80, 0x07]),
        sample("caf\u{e9} \u{1f980} with spaces", "gr\u{fc}\u{df}e \u{fffd}".as_bytes()),
        sample(&"k".repeat(256), b"\xef\xbb\xbf with a mark, \ttabs and \\ \"quotes\""),
        sample("plain", b""),
        sample("large", &vec![b'x'; place.large()]),
    ];
    let answer = deliver(&*place.sink(Order::Key), &samples, None);
    assert!(all_delivered(&answer), "{answer:?}");
    assert_eq!(check_arrived(place, &samples, Order::Key), samples.len());
    assert_eq!(answer.retries, 0);
}

/// More than one request takes, in either order.
pub fn many_outputs_are_split(place: &dyn Place, order: Order) {
    let samples = numbered(place.many(), place.many() / 3);
    let answer = deliver(&*place.sink(order), &samples, None);
    assert!(all_delivered(&answer), "{answer:?}");
    assert!(deliver(&*place.sink(order), &[], None).deliveries.is_empty());
    assert_eq!(check_arrived(place, &samples, order), samples.len());
}

/// An output that never fits is told, and harms no other.
pub fn what_never_fits_is_undeliverable(place: &dyn Place) {
    let Some(largest) = place.largest() else { return };
    let too_large = Sample { key: "key".to_owned(), data: vec![b'x'; largest + 1] };
    let samples = [sample("key", b"before"), too_large, sample("key", b"after")];
    let answer = deliver(&*place.sink(Order::Key), &samples, None);
    assert_eq!((&answer.deliveries[0], &answer.deliveries[2]), (&Delivery::Delivered, &Delivery::Delivered));
    let Delivery::Undeliverable { reason } = &answer.deliveries[1] else { panic!("{answer:?}") };
    assert!(reason.contains("bytes"), "{reason}");
    assert_eq!(check_arrived(place, &[samples[0].clone(), samples[2].clone()], Order::Key), 2);
}

/// The suite where nothing fails.
pub fn suite(new_place: impl Fn() -> Box<dyn Place>) {
    outputs_arrive_as_they_are(&*new_place());
    many_outputs_are_split(&*new_place(), Order::Key);
    many_outputs_are_split(&*new_place(), Order::None);
    what_never_fits_is_undeliverable(&*new_place());
}

//! The consumer by which a stream is read with enhanced fan-out.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{ShardIteratorType, StartingPosition};

use super::finding::Finding;
use super::probe::ProbeAnswer;
use crate::aws;
use crate::settings::Arn;
use crate::source::live::ConsumerName;

/// A shard that no stream has: whoever may subscribe is told so, and nobody's subscription ends.
const NO_SHARD: &str = "shardId-999999999999";

/// Whether it is there and can be read by. `None`: the stack, or a run, registers one.
pub(super) async fn check(stream: &Arn, consumer: Option<&ConsumerName>) -> Vec<Finding> {
    let client = Client::new(&aws::config(stream).await);
    let request = client.describe_stream_consumer();
    let request = match consumer {
        None => {
            let what = format!("a consumer of {stream}");
            return vec![Finding::fine(format!("{what}: not there yet, the stack registers it"))];
        }
        Some(ConsumerName::Name(name)) => request.stream_arn(stream.to_string()).consumer_name(name),
        Some(ConsumerName::Arn { stream: of, .. }) if of != stream => {
            let reason = format!("it is one of {of}, and {stream} is read");
            return vec![Finding::missing(
                format!("consumer {}", consumer.map(ToString::to_string).unwrap_or_default()),
                reason,
            )];
        }
        Some(ConsumerName::Arn { consumer, .. }) => request.consumer_arn(consumer),
    };
    let described = request.send().await;
    let description = described.as_ref().ok().and_then(|answer| answer.consumer_description.clone());
    let named = consumer.map(ToString::to_string).unwrap_or_default();
    let resource = description.as_ref().map_or_else(
        || if named.starts_with("arn:") { named.clone() } else { format!("{stream}/consumer/{named}:*") },
        |description| description.consumer_arn.clone(),
    );
    let answer = ProbeAnswer::of(described, &[]);
    let is_named = matches!(consumer, Some(ConsumerName::Name(_)));
    let mut findings = match answer {
        ProbeAnswer::NoSuchThing(_) if is_named => {
            return vec![Finding::fine(format!(
                "consumer {named} of {stream}: not there yet, it is registered at the start"
            ))];
        }
        ProbeAnswer::NoSuchThing(reason) => {
            return vec![Finding::missing(format!("consumer {named}"), format!("it does not exist ({reason})"))];
        }
        answer => vec![answer.on("kinesis:DescribeStreamConsumer", &resource)],
    };
    let position = StartingPosition::builder().r#type(ShardIteratorType::Latest).build();
    let Ok(position) = position else { return findings };
    let subscribed =
        client.subscribe_to_shard().consumer_arn(&resource).shard_id(NO_SHARD).starting_position(position).send().await;
    let let_in = ["ResourceNotFoundException", "InvalidArgumentException"];
    findings.push(ProbeAnswer::of(subscribed, &let_in).on("kinesis:SubscribeToShard", &resource));
    findings
}

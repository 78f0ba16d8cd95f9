//! An S3 bucket as a target: an object of lines for all outputs that are handed over together.
//!
//! The key of an object follows from what it holds, `PREFIX/STREAM/SHARD/FIRST-LAST.ndjson`: keys sort by
//! position, and a batch that comes again writes its objects again, over the old ones. The last position
//! is part of the name so that an object is never replaced by one that holds less.

mod object;
mod said;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::destination::{Capabilities, Destination, Measuring, Opening, PackGroups, Probing};
use super::queue::{RecordResponse, RequestLimits};
use super::requests::{RequestOutcome, RequestService, deliver};
use super::{
    Delivery, DeliveryTiming, LineContent, Output, Sink, SinkFuture, SinkOptions, SinkResponse, TargetHealth, WarmUp,
    aws, line, open_bucket, reason,
};
use crate::aws::Arn;
use crate::aws::{DestinationProbe, ProbeAnswer, TraceHeader, bucket_and_prefix, config, s3_config};
use crate::sink::{Compression, Order};

/// Large enough that requests cost little, small enough to be in memory twice, as outputs and as an object.
const OBJECT_BYTES: usize = 16 << 20;

/// Bytes of a prefix: a key has 1,024 at most, and stream, shard and positions take up to 300.
const PREFIX_BYTES: usize = 700;

/// S3 buckets, each with a prefix of keys.
#[derive(Debug)]
pub(super) struct Bucket;

impl Destination for Bucket {
    fn service(&self) -> &'static str {
        "s3"
    }

    fn name(&self) -> &'static str {
        "S3"
    }

    fn noun(&self) -> &'static str {
        "an S3 bucket with a prefix"
    }

    /// Checks `arn:aws:s3:::BUCKET` or `arn:aws:s3:::BUCKET/PREFIX`. Slashes around the prefix, which keys have none of,
    /// are left out.
    fn check(&self, arn: Arn) -> Result<Arn, &'static str> {
        let (name, prefix) = bucket_and_prefix(&arn);
        let prefix = prefix.trim_end_matches('/');
        if !arn.region.is_empty() || !arn.account.is_empty() {
            return Err("it is not a bucket's, which has neither region nor account (arn:aws:s3:::BUCKET/PREFIX)");
        }
        let is_named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if name.len() < 3 || !name.bytes().all(is_named) {
            return Err("its bucket can't be one: 3 letters, digits, hyphens or dots at least");
        }
        if prefix.len() > PREFIX_BYTES {
            return Err("its prefix has more than 700 bytes");
        }
        let resource = if prefix.is_empty() { name.to_owned() } else { format!("{name}/{prefix}") };
        Ok(Arn { resource, ..arn })
    }

    fn capabilities(&self, _arn: &Arn) -> Capabilities {
        Capabilities { packing: PackGroups::Object, storage: Some("a prefix"), ..Capabilities::PLAIN }
    }

    fn is_same_place(&self, own: &Arn, other: &Arn) -> bool {
        bucket_and_prefix(own) == bucket_and_prefix(other)
    }

    /// Whether both are prefixes of one bucket, of which one holds the other, or is the same.
    fn overlaps(&self, own: &Arn, other: &Arn) -> bool {
        let ((own_bucket, own_prefix), (bucket, prefix)) = (bucket_and_prefix(own), bucket_and_prefix(other));
        own_bucket == bucket && (own_prefix.starts_with(&prefix) || prefix.starts_with(&own_prefix))
    }

    fn open<'a>(&'a self, arn: &'a Arn, options: &'a SinkOptions) -> Opening<'a> {
        Box::pin(async { Ok(Arc::new(open_bucket(arn, options.lines, options.compression).await?) as Arc<dyn Sink>) })
    }

    fn largest_record<'a>(&'a self, _arn: &'a Arn) -> Measuring<'a> {
        Box::pin(std::future::ready(None))
    }

    fn probe<'a>(&'a self, arn: &'a Arn) -> Probing<'a> {
        Box::pin(async {
            let client = Client::from_conf(s3_config(&config(arn).await).build());
            let (bucket, prefix) = bucket_and_prefix(arn);
            let is_there = ProbeAnswer::of(client.head_bucket().bucket(bucket).send().await, &[]);
            // To replace an object that is not there is refused, after the question who asks.
            let key = format!("{prefix}kinesieve-doctor-writes-nothing");
            let put = client.put_object().bucket(bucket).key(key).if_match("\"none\"").send().await;
            let may_write = ProbeAnswer::of(put, &["NoSuchKey", "PreconditionFailed"]);
            let resource = format!("arn:{}:s3:::{bucket}/{prefix}*", arn.partition);
            DestinationProbe { is_there, may_write, action: "s3:PutObject", resource }
        })
    }
}

/// A bucket, and a prefix of keys in it.
#[derive(Debug)]
pub struct S3Sink {
    client: Client,
    bucket: String,
    /// Empty, or with its slash.
    prefix: String,
    lines: LineContent,
    compression: Compression,
    health: TargetHealth,
}

impl S3Sink {
    /// A bucket and prefix. An ARN of S3 names no region: the client's is the SDK's own. Its retries are
    /// switched off, since the time for all tries is bounded here.
    pub fn new(config: &SdkConfig, place: &Arn, lines: LineContent, compression: Compression) -> Self {
        let config = s3_config(config).retry_config(RetryConfig::disabled()).interceptor(TraceHeader).build();
        let (bucket, prefix) = bucket_and_prefix(place);
        let health = TargetHealth::of(place.to_string());
        Self { client: Client::from_conf(config), bucket: bucket.to_owned(), prefix, lines, compression, health }
    }

    /// The key of the object that holds these outputs, from the first position to the last.
    fn key(&self, first: &Output<'_>, last: &Output<'_>) -> String {
        let Self { prefix, .. } = self;
        let (stream, shard) = (key_segment(first.shard.stream_name()), key_segment(&first.shard.id));
        let mut key = format!("{prefix}{stream}/{shard}/");
        for (output, separator) in [(first, "-"), (last, "")] {
            let (number, sub_number) = (output.sequence_number.as_str(), output.sub_sequence_number);
            // Sequence numbers have up to 56 digits.
            write!(key, "{number:0>56}.{sub_number:0>6}{separator}").expect("a String takes everything");
        }
        key.push_str(self.ending());
        key
    }

    /// Returns the key of an object of this name.
    pub(crate) fn key_below_prefix(&self, name: &str) -> String {
        format!("{}{name}{}", self.prefix, self.ending())
    }

    /// Returns the name of the bucket.
    pub(crate) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// What the key of an object ends with.
    fn ending(&self) -> &'static str {
        match (self.lines, self.compression) {
            (LineContent::Elements, Compression::None) => ".json",
            (LineContent::Elements, Compression::Gzip) => ".json.gz",
            (LineContent::Joined, Compression::None) => ".bin",
            (LineContent::Joined, Compression::Gzip) => ".bin.gz",
            (LineContent::Envelopes | LineContent::Bare, Compression::None) => ".ndjson",
            (LineContent::Envelopes | LineContent::Bare, Compression::Gzip) => ".ndjson.gz",
        }
    }

    async fn put(&self, outputs: &[Output<'_>], until: Option<Instant>) -> SinkResponse {
        let (Some(first), Some(last)) = (outputs.first(), outputs.last()) else { return SinkResponse::default() };
        self.put_object(self.key(first, last), outputs, until).await
    }

    /// Puts an object of these outputs under this key, over what is there.
    pub(crate) async fn put_object(&self, key: String, outputs: &[Output<'_>], until: Option<Instant>) -> SinkResponse {
        let body = match self.compression {
            Compression::None => line::encode(outputs, self.lines).await,
            Compression::Gzip => match object::gzipped(outputs, self.lines).await {
                Ok(body) => body,
                Err(why) => {
                    let reason = reason(format!("the object could not be compressed: {why}"));
                    return SinkResponse::of_all(outputs.len(), Delivery::Failed { reason });
                }
            },
        };
        let upload = Upload { target: self, key, body: body.into() };
        // One object: there is no order to keep in it.
        deliver(&upload, outputs, Order::None, until).await
    }
}

impl Sink for S3Sink {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], until: Option<Instant>) -> SinkFuture<'a> {
        Box::pin(self.put(outputs, until))
    }

    fn hand_over(&self) -> DeliveryTiming {
        DeliveryTiming::Gathered { bytes: OBJECT_BYTES }
    }

    fn health(&self) -> Option<&TargetHealth> {
        Some(&self.health)
    }

    /// Whether the bucket may be asked for is of no matter: it was reached.
    fn warm(&self) -> WarmUp<'_> {
        let request = self.client.head_bucket().bucket(&self.bucket);
        Box::pin(async move { drop(request.send().await) })
    }
}

/// An object on its way: a request that holds all of its outputs.
struct Upload<'a> {
    target: &'a S3Sink,
    key: String,
    body: Bytes,
}

impl RequestService for Upload<'_> {
    /// An object takes what it is given: it ends where its caller says.
    const LIMITS: RequestLimits = RequestLimits { records: usize::MAX, bytes: usize::MAX, alone_above: usize::MAX };

    const AT_ONCE: usize = 1;

    fn health(&self) -> &TargetHealth {
        &self.target.health
    }

    fn weigh(&self, _output: &Output<'_>) -> Result<usize, String> {
        Ok(0)
    }

    async fn send(&self, outputs: &[&Output<'_>]) -> RequestOutcome {
        let content_type = match (self.target.compression, self.target.lines) {
            (Compression::Gzip, _) => "application/gzip",
            (Compression::None, LineContent::Elements) => "application/json",
            (Compression::None, LineContent::Joined) => "application/octet-stream",
            (Compression::None, LineContent::Envelopes | LineContent::Bare) => "application/x-ndjson",
        };
        let call = self
            .target
            .client
            .put_object()
            .bucket(&self.target.bucket)
            .key(&self.key)
            .content_type(content_type)
            .body(ByteStream::from(self.body.clone()));
        match call.customize().interceptor(said::PutObjectAnswer).send().await {
            Ok(_) => RequestOutcome::Answered(vec![RecordResponse::Taken; outputs.len()]),
            Err(error) => match aws::failed(&error) {
                // An object can't be taken apart: its parts would have the same key.
                RequestOutcome::Invalid(reason) => RequestOutcome::Hopeless { code: None, reason },
                sent => sent,
            },
        }
    }
}

/// Returns a text that others chose as one segment of a key: slashes and control characters are written as `%` with two
/// hexadecimal digits for each byte, and so are the dots of `.` and `..`.
pub(crate) fn key_segment(text: &str) -> Cow<'_, str> {
    let is_relative = matches!(text, "." | "..");
    let is_plain = |character: char| !is_relative && character != '/' && !character.is_control();
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut segment = String::with_capacity(text.len() * 3);
    for character in text.chars() {
        if is_plain(character) {
            segment.push(character);
        } else {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                write!(segment, "%{byte:02X}").expect("a String takes everything");
            }
        }
    }
    Cow::Owned(segment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{SequenceNumber, Shard};

    fn key(resource: &str, compression: Compression, first: &str, last: &str) -> String {
        let config = SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest()).build();
        let place: Arn = format!("arn:aws:s3:::{resource}").parse().expect("an ARN");
        let shard = Shard {
            stream_arn: "arn:aws:kinesis:eu-west-1:123456789012:stream/in".to_owned(),
            id: "shardId-000000000006".to_owned(),
        };
        let output = |number| Output {
            data: b"",
            partition_key: "key",
            explicit_hash_key: None,
            has_chosen_key: false,
            route: None,
            shard: &shard,
            sequence_number: SequenceNumber::parse(number).expect("a sequence number"),
            sub_sequence_number: 7,
            ordinal: 0,
        };
        S3Sink::new(&config, &place, LineContent::Bare, compression).key(&output(first), &output(last))
    }

    #[test]
    fn a_key_says_stream_shard_and_positions_and_sorts_by_them() {
        let short = key("bucket/a/b/", Compression::None, "9", "10");
        assert_eq!(
            short,
            "a/b/in/shardId-000000000006/00000000000000000000000000000000000000000000000000000009.000007-\
             00000000000000000000000000000000000000000000000000000010.000007.ndjson"
        );
        let long =
            key("bucket/a/b", Compression::None, "49590338271490256608559692538361571095921575989136588898", "5");
        assert!(short < long);
        let without_prefix = key("bucket", Compression::Gzip, "1", "2");
        assert!(without_prefix.starts_with("in/shardId-") && without_prefix.ends_with(".ndjson.gz"));
    }
}

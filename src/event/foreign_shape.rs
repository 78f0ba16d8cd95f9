//! Events of other services, told by their shape: what somebody sent, or gave to a run, by mistake.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// What an event is known by. Fields of each service are there with it alone.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow, rename = "Records")]
    event_records: Option<&'a RawValue>,
    #[serde(borrow)]
    records: Option<&'a RawValue>,
    #[serde(borrow, rename = "eventSource")]
    event_source: Option<&'a RawValue>,
    #[serde(borrow, rename = "EventSource")]
    upper_event_source: Option<&'a RawValue>,
    #[serde(borrow)]
    awslogs: Option<&'a RawValue>,
    #[serde(rename = "requestContext", borrow)]
    request_context: Option<&'a RawValue>,
    #[serde(rename = "httpMethod")]
    http_method: Option<IgnoredAny>,
    #[serde(rename = "routeKey")]
    route_key: Option<IgnoredAny>,
    #[serde(borrow, rename = "detail-type")]
    detail_type: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    detail: Option<IgnoredAny>,
    #[serde(borrow, rename = "Event")]
    event: Option<&'a RawValue>,
    key1: Option<IgnoredAny>,
    key2: Option<IgnoredAny>,
    key3: Option<IgnoredAny>,
}

/// The part of a request's context that says what passed it on.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    elb: Option<IgnoredAny>,
    http: Option<IgnoredAny>,
    connection_id: Option<IgnoredAny>,
    #[serde(borrow)]
    domain_name: Option<&'a RawValue>,
}

/// A record of Kafka.
#[derive(Deserialize)]
struct KafkaRecord {
    topic: Option<IgnoredAny>,
    partition: Option<IgnoredAny>,
    offset: Option<IgnoredAny>,
}

/// Returns what service's event JSON looks like, as a short noun phrase that quotes nothing of it: `an event of SQS`.
/// None: it looks like none that is known here. An array is what its first element is: a record of Pipes, mostly.
pub fn foreign_shape(json: &[u8]) -> Option<&'static str> {
    if json.trim_ascii_start().starts_with(b"[") {
        let records: Vec<&RawValue> = serde_json::from_slice(json).ok()?;
        let first = records.first()?.get().trim_ascii_start();
        // No further: what is nested deeper is none.
        return if first.starts_with('[') { None } else { foreign_shape(first.as_bytes()) };
    }
    let shape: Shape<'_> = serde_json::from_slice(json).ok()?;
    if let Some(records) = shape.event_records {
        return records_shape(records);
    }
    if let Some(records) = shape.records.filter(|_| is_kafka(&shape)) {
        let is_msk = is_text(shape.event_source, "aws:kafka");
        let is_own = is_text(shape.event_source, "SelfManagedKafka");
        return match (is_msk, is_own, records.get().starts_with('{')) {
            (true, _, _) => Some("an event of Amazon MSK"),
            (_, true, _) => Some("an event of a self-managed Kafka cluster"),
            _ => Some("an event of Kafka"),
        };
    }
    if let Some(source) = shape.event_source.or(shape.upper_event_source) {
        return record_phrase(source);
    }
    if shape.awslogs.is_some_and(|logs| logs.get().starts_with('{')) {
        return Some("an event of a CloudWatch Logs subscription");
    }
    if let Some(context) = shape.request_context {
        let is_request = shape.http_method.is_some() || shape.route_key.is_some();
        return request_shape(context, is_request);
    }
    if let (Some(detail_type), Some(source), Some(_)) = (shape.detail_type, shape.source, shape.detail) {
        let is_scheduled = is_text(Some(detail_type), "Scheduled Event") && is_text(Some(source), "aws.events");
        return Some(if is_scheduled { "a scheduled event of EventBridge" } else { "an event of EventBridge" });
    }
    if is_text(shape.event, "s3:TestEvent") {
        return Some("an event of S3");
    }
    let is_test = shape.key1.is_some() && shape.key2.is_some() && shape.key3.is_some();
    is_test.then_some("the test event of the Lambda console")
}

/// What the first record of an event says.
fn records_shape(records: &RawValue) -> Option<&'static str> {
    #[derive(Deserialize)]
    struct First<'a> {
        #[serde(borrow, rename = "eventSource")]
        event_source: Option<&'a RawValue>,
        #[serde(borrow, rename = "EventSource")]
        upper_event_source: Option<&'a RawValue>,
    }

    let records: Vec<&RawValue> = serde_json::from_str(records.get()).ok()?;
    let first: First<'_> = serde_json::from_str(records.first()?.get()).ok()?;
    let source = first.event_source.or(first.upper_event_source)?;
    services().find(|service| is_text(Some(source), service.source)).map(|service| service.event)
}

/// What a record by itself says, as EventBridge Pipes hands them over.
fn record_phrase(source: &RawValue) -> Option<&'static str> {
    services().find(|service| is_text(Some(source), service.source)).map(|service| service.record)
}

fn request_shape(context: &RawValue, is_request: bool) -> Option<&'static str> {
    let context: RequestContext<'_> = serde_json::from_str(context.get()).unwrap_or_default();
    if context.elb.is_some() {
        return Some("a request of an Application Load Balancer");
    }
    if context.connection_id.is_some() && !is_request {
        return Some("a message of a WebSocket API of API Gateway");
    }
    if context.http.is_some() {
        let is_url = context.domain_name.is_some_and(|name| name.get().contains(".lambda-url."));
        return Some(if is_url { "a request of a function URL" } else { "a request of an HTTP API of API Gateway" });
    }
    is_request.then_some("a request of a REST API of API Gateway")
}

/// Whether the records of an event are those of Kafka: lists by topic and partition.
fn is_kafka(shape: &Shape<'_>) -> bool {
    if is_text(shape.event_source, "aws:kafka") || is_text(shape.event_source, "SelfManagedKafka") {
        return true;
    }
    let lists: Option<std::collections::BTreeMap<String, Vec<KafkaRecord>>> =
        shape.records.and_then(|records| serde_json::from_str(records.get()).ok());
    let first = lists.as_ref().and_then(|lists| lists.values().next()?.first());
    first.is_some_and(|record| record.topic.is_some() && record.partition.is_some() && record.offset.is_some())
}

/// Whether a JSON value is a text.
fn is_text(value: Option<&RawValue>, text: &str) -> bool {
    value.is_some_and(|value| serde_json::from_str::<String>(value.get()).is_ok_and(|value| value == text))
}

/// A service whose records say that they are its.
struct Service {
    source: &'static str,
    event: &'static str,
    record: &'static str,
}

fn services() -> impl Iterator<Item = Service> {
    [
        ("aws:sqs", "an event of SQS", "a record of SQS"),
        ("aws:sns", "an event of SNS", "a record of SNS"),
        ("aws:dynamodb", "an event of a DynamoDB stream", "a record of a DynamoDB stream"),
        ("aws:s3", "an event of S3", "a record of S3"),
        ("aws:ses", "an event of SES", "a record of SES"),
        ("aws:kafka", "an event of Amazon MSK", "a record of Amazon MSK"),
        ("SelfManagedKafka", "an event of a self-managed Kafka cluster", "a record of a self-managed Kafka cluster"),
        ("aws:mq", "an event of Amazon MQ", "an event of Amazon MQ"),
        ("aws:amq", "an event of Amazon MQ", "an event of Amazon MQ"),
        ("aws:rmq", "an event of Amazon MQ", "an event of Amazon MQ"),
        ("aws:docdb", "an event of DocumentDB", "an event of DocumentDB"),
    ]
    .into_iter()
    .map(|(source, event, record)| Service { source, event, record })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHAPES: [(&str, &str); 24] = [
        (r#"{"Records":[{"messageId":"1","body":"x","eventSource":"aws:sqs"}]}"#, "an event of SQS"),
        (r#"{"Records":[{"EventSource":"aws:sns","EventVersion":"1.0","Sns":{"Message":"x"}}]}"#, "an event of SNS"),
        (
            r#"{"Records":[{"eventID":"1","eventName":"INSERT","eventSource":"aws:dynamodb","dynamodb":{}}]}"#,
            "an event of a DynamoDB stream",
        ),
        (r#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","s3":{}}]}"#, "an event of S3"),
        (r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#, "an event of S3"),
        (r#"{"Records":[{"eventSource":"aws:ses","ses":{}}]}"#, "an event of SES"),
        (
            r#"{"eventSource":"aws:kafka","eventSourceArn":"arn","records":{"t-0":[{"topic":"t","partition":0,"offset":1}]}}"#,
            "an event of Amazon MSK",
        ),
        (
            r#"{"eventSource":"SelfManagedKafka","bootstrapServers":"b","records":{}}"#,
            "an event of a self-managed Kafka cluster",
        ),
        (r#"{"records":{"t-0":[{"topic":"t","partition":0,"offset":1,"value":"eA=="}]}}"#, "an event of Kafka"),
        (
            r#"{"resource":"/","path":"/","httpMethod":"GET","requestContext":{"stage":"prod","apiId":"a"}}"#,
            "a request of a REST API of API Gateway",
        ),
        (
            r#"{"version":"1.0","resource":"/","httpMethod":"GET","requestContext":{"stage":"$default"}}"#,
            "a request of a REST API of API Gateway",
        ),
        (
            r#"{"version":"2.0","routeKey":"$default","requestContext":{"http":{"method":"GET"},"domainName":"a.execute-api.eu-west-1.amazonaws.com"}}"#,
            "a request of an HTTP API of API Gateway",
        ),
        (
            r#"{"version":"2.0","routeKey":"$default","requestContext":{"http":{"method":"GET"},"domainName":"a.lambda-url.eu-west-1.on.aws"}}"#,
            "a request of a function URL",
        ),
        (
            r#"{"requestContext":{"routeKey":"$connect","connectionId":"c","eventType":"CONNECT"}}"#,
            "a message of a WebSocket API of API Gateway",
        ),
        (
            r#"{"requestContext":{"elb":{"targetGroupArn":"arn"}},"httpMethod":"GET","path":"/"}"#,
            "a request of an Application Load Balancer",
        ),
        (
            r#"{"version":"0","id":"1","detail-type":"EC2 State","source":"aws.ec2","detail":{}}"#,
            "an event of EventBridge",
        ),
        (
            r#"{"version":"0","id":"1","detail-type":"Scheduled Event","source":"aws.events","detail":{}}"#,
            "a scheduled event of EventBridge",
        ),
        (r#"{"awslogs":{"data":"H4sI"}}"#, "an event of a CloudWatch Logs subscription"),
        (r#"{"key1":"value1","key2":"value2","key3":"value3"}"#, "the test event of the Lambda console"),
        (r#"{"messageId":"1","body":"x","eventSource":"aws:sqs"}"#, "a record of SQS"),
        (r#"{"eventID":"1","eventSource":"aws:dynamodb","dynamodb":{}}"#, "a record of a DynamoDB stream"),
        (r#"{"topic":"t","partition":0,"offset":1,"eventSource":"aws:kafka"}"#, "a record of Amazon MSK"),
        (r#"{"eventSource":"aws:rmq","rmqMessagesByQueue":{}}"#, "an event of Amazon MQ"),
        (r#" { "eventSource" : "aws:docdb", "events": [] } "#, "an event of DocumentDB"),
    ];

    #[test]
    fn each_event_is_known_by_its_shape() {
        for (json, phrase) in SHAPES {
            assert_eq!(foreign_shape(json.as_bytes()), Some(phrase), "{json}");
        }
    }

    #[test]
    fn what_is_of_kinesis_or_of_nobody_is_none() {
        for json in [
            r#"{"Records":[{"eventSource":"aws:kinesis","kinesis":{}}]}"#,
            r#"{"Records":[{"SequenceNumber":"1","Data":"","PartitionKey":"k"}]}"#,
            r#"{"Records":[]}"#,
            r#"{"Records":[{"eventSource":"payments"}]}"#,
            r#"{"Records":"none"}"#,
            r#"{"deliveryStreamArn":"arn","records":[{"recordId":"1","data":""}]}"#,
            r#"{"device":"a","temperature":21.5}"#,
            r#"{"source":"a","detail":{}}"#,
            r#"{"key1":"value1","key2":"value2"}"#,
            r#"{"requestContext":{"requestId":"1"},"KinesisBatchInfo":{}}"#,
            r#"{"requestContext":"none"}"#,
            r#"{"eventSource":"s3.amazonaws.com","eventName":"GetObject"}"#,
            r#"{"eventSource":7}"#,
            r#"{"awslogs":"none"}"#,
            r#"{"records":{"a":[{"topic":"t"}]}}"#,
            r#"{"records":{}}"#,
            "[1,2]",
            "{",
            "",
        ] {
            assert_eq!(foreign_shape(json.as_bytes()), None, "{json}");
        }
    }

    proptest! {
        #[test]
        fn no_damage_makes_it_panic(which in 0..SHAPES.len(), place in 0usize..200, bytes in prop::collection::vec(any::<u8>(), 0..4)) {
            let mut json = SHAPES[which].0.as_bytes().to_vec();
            let place = place % json.len();
            json.splice(place..place + 1, bytes);
            let _ = foreign_shape(&json);
        }
    }
}

//! An EventBridge event bus as a target: PutEvents.
//!
//! The detail of an event is the output's data, which has to be a JSON object. Source and detail type are settings, and the
//! same for all outputs. A bus keeps no order, and tells whoever sends nothing of the rules: an event that no rule matches
//! is taken all the same.

use std::sync::Arc;
use std::time::Instant;

use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::retry::RetryConfig;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use serde::de::IgnoredAny;

use super::destination::{Capabilities, Destination, Measuring, Opening, Probing, check_named};
use super::queue::{RecordResponse, RequestLimits};
use super::requests::{RequestOutcome, RequestService, deliver};
use super::{Output, Sink, SinkFuture, SinkOptions, TargetHealth, WarmUp, aws};
use crate::aws::Arn;
use crate::aws::{DestinationProbe, ProbeAnswer, TraceHeader, config};
use crate::sink::Order;

/// Bytes of an event, and of all in a request, source and detail type included: less than 1 MiB (Amazon EventBridge,
/// PutEvents).
const BYTES: usize = (1 << 20) - 1;

/// What events are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLabels {
    /// Who they come from.
    pub source: Arc<str>,
    /// What they are.
    pub detail_type: Arc<str>,
}

impl EventLabels {
    /// Returns the labels of what is no output, by what it is.
    pub fn with_detail_type(&self, detail_type: &str) -> Self {
        Self { source: Arc::clone(&self.source), detail_type: detail_type.into() }
    }
}

impl Default for EventLabels {
    fn default() -> Self {
        Self { source: "kinesieve".into(), detail_type: "record".into() }
    }
}

/// EventBridge event buses.
#[derive(Debug)]
pub(super) struct EventBus;

impl Destination for EventBus {
    fn service(&self) -> &'static str {
        "events"
    }

    fn name(&self) -> &'static str {
        "EventBridge"
    }

    fn noun(&self) -> &'static str {
        "an EventBridge event bus"
    }

    fn check(&self, arn: Arn) -> Result<Arn, &'static str> {
        let name = arn.resource.strip_prefix("event-bus/").ok_or("it is not an event bus's (...:event-bus/NAME)")?;
        check_named(&arn, name)?;
        Ok(arn)
    }

    /// Each event is one JSON object: several outputs, or compressed ones, are none.
    fn capabilities(&self, _arn: &Arn) -> Capabilities {
        Capabilities::PLAIN
    }

    fn open<'a>(&'a self, arn: &'a Arn, options: &'a SinkOptions) -> Opening<'a> {
        Box::pin(async {
            let sink = EventBridgeSink::new(&config(arn).await, arn, options.order, options.events.clone());
            Ok(Arc::new(sink) as Arc<dyn Sink>)
        })
    }

    fn largest_record<'a>(&'a self, _arn: &'a Arn) -> Measuring<'a> {
        Box::pin(std::future::ready(Some(BYTES as u64)))
    }

    fn probe<'a>(&'a self, arn: &'a Arn) -> Probing<'a> {
        Box::pin(async {
            let (client, bus) = (Client::new(&config(arn).await), arn.to_string());
            let is_there = ProbeAnswer::of(client.describe_event_bus().name(&bus).send().await, &[]);
            // An event without source, detail type and detail is refused by itself.
            let nothing = PutEventsRequestEntry::builder().event_bus_name(&bus).build();
            let may_write = match client.put_events().entries(nothing).send().await {
                Ok(answer) => answer_of(answer.entries().first()),
                Err(error) => ProbeAnswer::of::<(), _>(Err(error), &["ValidationException"]),
            };
            DestinationProbe { is_there, may_write, action: "events:PutEvents", resource: bus }
        })
    }
}

/// What the refusal of an event by itself says: it lacks what every event has, unless it says that it is who sent it.
fn answer_of(refusal: Option<&PutEventsResultEntry>) -> ProbeAnswer {
    let code = refusal.and_then(PutEventsResultEntry::error_code).unwrap_or_default();
    if code.starts_with("AccessDenied") || code.starts_with("NotAuthorized") {
        let message = refusal.and_then(PutEventsResultEntry::error_message).unwrap_or_default();
        return ProbeAnswer::Denied(format!("{code}: {message}"));
    }
    ProbeAnswer::LetIn
}

/// A bus that outputs are put on.
#[derive(Debug)]
pub struct EventBridgeSink {
    client: Client,
    bus_arn: String,
    order: Order,
    labels: EventLabels,
    health: TargetHealth,
}

impl EventBridgeSink {
    /// Returns the sink for a bus, by a client for its region. The client's own retries are switched off, as for a
    /// Kinesis stream.
    pub fn new(config: &SdkConfig, bus: &Arn, order: Order, labels: EventLabels) -> Self {
        let config = aws_sdk_eventbridge::config::Builder::from(config).retry_config(RetryConfig::disabled());
        let config = config.interceptor(TraceHeader).build();
        let health = TargetHealth::of(bus.to_string());
        Self { client: Client::from_conf(config), bus_arn: bus.to_string(), order, labels, health }
    }
}

impl Sink for EventBridgeSink {
    fn deliver<'a>(&'a self, outputs: &'a [Output<'a>], until: Option<Instant>) -> SinkFuture<'a> {
        Box::pin(deliver(self, outputs, self.order, until))
    }

    fn health(&self) -> Option<&TargetHealth> {
        Some(&self.health)
    }

    fn refuses(&self, output: &Output<'_>) -> Option<String> {
        self.weigh(output).err()
    }

    /// A request without events is refused, by a service that it reached.
    fn warm(&self) -> WarmUp<'_> {
        let request = self.client.put_events().set_entries(Some(Vec::new()));
        Box::pin(async move { drop(request.send().await) })
    }
}

impl RequestService for EventBridgeSink {
    const LIMITS: RequestLimits = RequestLimits { records: 10, bytes: BYTES, alone_above: BYTES };

    /// A request holds few events, so many have to be on their way.
    const AT_ONCE: usize = 16;

    fn health(&self) -> &TargetHealth {
        &self.health
    }

    fn weigh(&self, output: &Output<'_>) -> Result<usize, String> {
        let EventLabels { source, detail_type } = &self.labels;
        let bytes = output.data.len() + source.len() + detail_type.len();
        if bytes > BYTES {
            return Err(format!(
                "it has {bytes} bytes as an event, source and detail type included; EventBridge takes {BYTES}"
            ));
        }
        check_detail(output.data)?;
        Ok(bytes)
    }

    async fn send(&self, outputs: &[&Output<'_>]) -> RequestOutcome {
        let entry = |output: &&Output<'_>| {
            let detail = std::str::from_utf8(output.data).map_err(|error| error.to_string())?;
            let entry = PutEventsRequestEntry::builder().event_bus_name(&self.bus_arn).detail(detail);
            Ok(entry.source(&*self.labels.source).detail_type(&*self.labels.detail_type).build())
        };
        let entries: Vec<_> = match outputs.iter().map(entry).collect::<Result<_, String>>() {
            Ok(entries) => entries,
            Err(reason) => return RequestOutcome::Hopeless { code: None, reason },
        };
        match self.client.put_events().set_entries(Some(entries)).send().await {
            Ok(output) => aws::answered(outputs.len(), output.entries(), output.failed_entry_count(), said),
            Err(error) => aws::failed(&error),
        }
    }
}

/// What was said of an event. Its detail may be wrong in a way that only the service finds, nested too deeply for example.
fn said(event: &PutEventsResultEntry) -> RecordResponse {
    aws::said(event.error_code(), event.error_message(), ("event id", event.event_id()))
}

/// Checks that data is a JSON object.
fn check_detail(data: &[u8]) -> Result<(), String> {
    const WANTED: &str = "EventBridge takes a JSON object as the detail of an event";

    let first = data.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'{') {
        return Err(format!("it is no JSON object; {WANTED}"));
    }
    std::str::from_utf8(data).map_err(|_| format!("it is no text; {WANTED}"))?;
    match serde_json::from_slice::<IgnoredAny>(data) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("it is no JSON object: {error}; {WANTED}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_a_json_object_and_nothing_else() {
        for detail in ["{}", " \n{\"a\": [1, {\"b\": null}]}\n", "{\"caf\u{e9}\":\"\u{1f980}\"}"] {
            assert_eq!(check_detail(detail.as_bytes()), Ok(()), "{detail}");
        }
        for data in ["", " ", "null", "[{}]", "\"{}\"", "{", "{}{}", "{\"a\":}", "{'a':1}", "{\"a\":1,}", "\u{feff}{}"]
        {
            let reason = check_detail(data.as_bytes()).expect_err(data);
            assert!(reason.starts_with("it is no JSON object"), "{data}: {reason}");
        }
        assert!(check_detail(b"{\"a\":\"\xff\"}").is_err_and(|reason| reason.starts_with("it is no text")));
        // However deep it is: no input takes the stack.
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(400_000), "]".repeat(400_000));
        assert_eq!(check_detail(deep.as_bytes()), Ok(()));
    }
}

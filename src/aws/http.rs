//! The HTTP client of all services: how long a service may be silent, and how much it may say.
//!
//! A request ends when it stalls, not when it is large: as long as bytes move, it goes on. And whatever a service
//! answers, no more of it is read than any answer needs.

mod receiving;
mod sending;
#[cfg(feature = "tcp")]
mod tcp;
mod unknown_host;

use std::borrow::Cow;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use tokio::time::timeout;

use crate::aws::tcp_options::TcpOptions;
use receiving::Receiving;
use sending::{SendProgress, Sending};
pub(crate) use unknown_host::unknown_host;

/// How often the progress of a request is looked at within the time that it may stand still. Looks are counted, and no
/// clock is read: a process that was frozen in between, as Lambda does, has missed no more than one.
const LOOKS: u32 = 5;

/// Bytes of a request that may be on their way although the client counts them as sent: in the buffers of the HTTP client,
/// of TLS and of the operating system.
const BUFFERED_BYTES: u64 = 256 << 10;

/// How fast those leave at least, in bytes a second (1 Mbit/s).
const BUFFERED_BYTES_PER_SECOND: u64 = 128 << 10;

/// What one exchange with a service may take.
#[derive(Debug, Clone, Copy)]
pub struct ExchangeBounds {
    /// How long nothing may move: no byte of the request, and then none of the answer.
    pub silence: Duration,
    /// Bytes of an answer at most, without its headers.
    pub answer_bytes: u64,
}

/// Returns a client that ends what stalls, and refuses answers that are too long.
pub fn client(bounds: ExchangeBounds) -> SharedHttpClient {
    client_by(&TcpOptions::NONE, bounds)
}

/// The same, over connections with options of their own.
pub(super) fn client_by(tcp: &TcpOptions, bounds: ExchangeBounds) -> SharedHttpClient {
    SharedHttpClient::new(BoundedClient { bounds, tcp: *tcp, connectors: Mutex::default() })
}

/// Why an exchange was ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("nothing moved for {silence:?}: {sent}{total} bytes of the request were sent, and no answer came")]
    NoAnswer { silence: Duration, sent: u64, total: String },
    #[error("nothing moved for {silence:?}: {received} bytes of the answer came")]
    Stalled { silence: Duration, received: u64 },
    #[error("the answer of the service is longer than {answer_bytes} bytes, which no answer to this request needs")]
    TooLong { answer_bytes: u64 },
}

/// Marks a request whose answer is read piece by piece: where it succeeds, it may be as long as it likes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Streamed;

impl Intercept for Streamed {
    fn name(&self) -> &'static str {
        "Streamed"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        context.request_mut().add_extension(Streamed);
        Ok(())
    }
}

/// The SDK's own client with bounds.
#[derive(Debug)]
struct BoundedClient {
    bounds: ExchangeBounds,
    tcp: TcpOptions,
    /// Each with its connections, by the timeouts that it was made for.
    connectors: Mutex<HashMap<Timeouts, SharedHttpConnector>>,
}

/// To connect, and to read.
type Timeouts = (Option<Duration>, Option<Duration>);

impl HttpClient for BoundedClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let timeouts = (settings.connect_timeout(), settings.read_timeout());
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        let connector = connectors.entry(timeouts).or_insert_with(|| {
            let inner = connector(&self.tcp, settings, components);
            SharedHttpConnector::new(BoundedConnector { inner, bounds: self.bounds })
        });
        connector.clone()
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        Some(ConnectorMetadata::new("hyper", Some(Cow::Borrowed("1.x"))))
    }
}

/// What sends requests. Where sockets have no options of their own, it is the SDK's.
fn connector(
    tcp: &TcpOptions,
    settings: &HttpConnectorSettings,
    components: &RuntimeComponents,
) -> SharedHttpConnector {
    #[cfg(feature = "tcp")]
    if tcp.are_of_sockets() {
        return SharedHttpConnector::new(tcp::connector(tcp, settings.connect_timeout()));
    }
    let _ = tcp;
    SharedHttpConnector::new(sdk_connector(settings, components))
}

/// Made as the SDK makes it where it is left to it.
fn sdk_connector(settings: &HttpConnectorSettings, components: &RuntimeComponents) -> Connector {
    let mut builder = Connector::builder().connector_settings(settings.clone()).proxy_config(ProxyConfig::from_env());
    builder.set_sleep_impl(components.sleep_impl());
    builder.tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc)).build()
}

#[derive(Debug)]
struct BoundedConnector {
    inner: SharedHttpConnector,
    bounds: ExchangeBounds,
}

impl HttpConnector for BoundedConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let bounds = self.bounds;
        let is_streamed = request.extension::<Streamed>().is_some();
        let sent = Arc::<SendProgress>::default();
        let body = request.take_body();
        let total = body.content_length();
        *request.body_mut() = SdkBody::from_body_1_x(Sending::new(body, Arc::clone(&sent)));
        let host = host(&request);
        let answering = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer(answering, &sent, total, bounds.silence).await;
            let mut response = answer.map_err(|error| unknown_host::told(error, &host))?;
            // The SDK reads the answer of an error as a whole, whatever was asked for.
            let is_streamed = is_streamed && response.status().is_success();
            let (status, body) = (response.status().as_u16(), response.take_body());
            *response.body_mut() = SdkBody::from_body_1_x(Receiving::new(body, bounds, status, is_streamed));
            Ok(response)
        })
    }
}

/// The host that a request goes to.
fn host(request: &HttpRequest) -> String {
    let uri: Option<hyper::Uri> = request.uri().parse().ok();
    uri.as_ref().and_then(hyper::Uri::host).unwrap_or_default().to_owned()
}

/// Waits for the head of an answer as long as something moves.
async fn answer(
    answering: HttpConnectorFuture,
    sent: &SendProgress,
    total: Option<u64>,
    silence: Duration,
) -> Result<HttpResponse, ConnectorError> {
    let look = silence / LOOKS;
    let mut answering = pin!(answering);
    let (mut seen, mut quiet, mut looks) = (0, 0, 0_u32);
    loop {
        if let Ok(answered) = timeout(look, &mut answering).await {
            return answered;
        }
        let bytes = sent.bytes();
        if bytes != seen {
            (seen, quiet, looks) = (bytes, 0, looks.saturating_add(1));
            continue;
        }
        quiet += 1;
        let most = LOOKS.saturating_add(if sent.is_whole() { buffered_looks(bytes, looks, look) } else { 0 });
        if quiet >= most {
            let total = total.map_or_else(String::new, |total| format!(" of {total}"));
            return Err(ConnectorError::timeout(Ended::NoAnswer { silence: look * quiet, sent: bytes, total }.into()));
        }
    }
}

/// How many looks longer an answer is waited for, once all of a request is sent: the end of it may still lie in buffers.
/// What took a while to get that far, by so many looks, may take as long to get on.
fn buffered_looks(bytes: u64, looks: u32, look: Duration) -> u32 {
    let seconds = bytes.min(BUFFERED_BYTES) as f64 / BUFFERED_BYTES_PER_SECOND as f64;
    let looks_of_buffered = (seconds / look.as_secs_f64().max(0.001)).ceil();
    looks.saturating_add(looks_of_buffered.min(f64::from(u32::MAX)) as u32)
}

#[cfg(test)]
mod tests;

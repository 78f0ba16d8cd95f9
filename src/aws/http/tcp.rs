//! Connections whose sockets have options of their own. The SDK's client sets none, so where there are some, connections are
//! made here, and all else stays as it is there: proxies by the environment, TLS by the system's roots, HTTP/2 where the
//! service offers it.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use hyper::Uri;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{CaptureConnection, HttpInfo, capture_connection};
use hyper_util::client::legacy::{self, Client};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::aws::cause::found;
use crate::aws::tcp_options::TcpOptions;

/// Returns what sends requests over connections with these options; `connect_timeout` is how long one may take to be made, its
/// TLS handshake included.
pub(super) fn connector(options: &TcpOptions, connect_timeout: Option<Duration>) -> impl HttpConnector + 'static {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new());
    PooledConnector { client: builder.build(Dialer { way: way(options), connect_timeout }) }
}

/// TLS over a tunnel, or over the socket itself.
type Way = HttpsConnector<MaybeTunnel>;

fn way(options: &TcpOptions) -> Way {
    let mut tcp = TcpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    if let Some(keep_alive) = &options.keep_alive {
        tcp.set_keepalive(Some(keep_alive.idle));
        tcp.set_keepalive_interval(Some(keep_alive.interval));
        tcp.set_keepalive_retries(Some(keep_alive.count));
    }
    #[cfg(target_os = "linux")]
    tcp.set_tcp_user_timeout(options.user_timeout);
    let tls = || HttpsConnectorBuilder::new().with_tls_config(tls_config()).https_or_http();
    // A proxy itself may be reached by TLS.
    let to_proxy = tls().enable_http1().wrap_connector(tcp);
    let maybe_tunnel = MaybeTunnel { to_proxy, proxies: Arc::new(Matcher::from_env()) };
    tls().enable_all_versions().wrap_connector(maybe_tunnel)
}

/// TLS by the roots of the system, which are read once. Without any, nothing is spoken by TLS, and each request says that the
/// certificate of its service is signed by nobody.
fn tls_config() -> ClientConfig {
    static ONCE: OnceLock<ClientConfig> = OnceLock::new();

    let config = ONCE.get_or_init(|| {
        let builder = || {
            let provider = Arc::new(aws_lc_rs::default_provider());
            let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
            // Which provider it is, and which versions these are, is decided here and nowhere else.
            builder.expect("the provider speaks the versions that are usual")
        };
        let roots = builder().with_native_roots();
        roots.unwrap_or_else(|_| builder().with_root_certificates(RootCertStore::empty())).with_no_client_auth()
    });
    config.clone()
}

/// A connection to come.
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, Box<dyn Error + Send + Sync>>> + Send>>;

/// Makes connections, through a proxy where the environment names one: as a tunnel in any case, also for addresses that begin
/// with `http:`.
#[derive(Clone)]
struct MaybeTunnel {
    to_proxy: HttpsConnector<TcpConnector>,
    proxies: Arc<Matcher>,
}

impl Service<Uri> for MaybeTunnel {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.to_proxy.poll_ready(context)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.intercept(&address) else {
            // TLS to the service is the caller's: here, all is a plain socket.
            return Box::pin(self.to_proxy.call(plain(address)));
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy.clone());
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        Box::pin(async move { tunnel.call(address).await.map_err(Into::into) })
    }
}

/// The address without TLS, at its own port.
fn plain(address: Uri) -> Uri {
    let port = address.port_u16().unwrap_or(if address.scheme_str() == Some("https") { 443 } else { 80 });
    let host = address.host().unwrap_or_default().to_owned();
    let plain = Uri::builder().scheme("http").authority(format!("{host}:{port}")).path_and_query("/").build();
    plain.unwrap_or(address)
}

/// Makes connections within their time.
#[derive(Clone)]
struct Dialer {
    way: Way,
    connect_timeout: Option<Duration>,
}

/// A connection was not made in time.
#[derive(Debug, thiserror::Error)]
#[error("no connection was made within {0:?}")]
struct NotConnected(Duration);

impl Service<Uri> for Dialer {
    type Response = MaybeHttpsStream<<MaybeTunnel as Service<Uri>>::Response>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.way.poll_ready(context)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let connecting = self.way.call(address);
        let Some(most) = self.connect_timeout else { return Box::pin(connecting) };
        Box::pin(async move {
            match tokio::time::timeout(most, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(NotConnected(most).into()),
            }
        })
    }
}

/// Sends requests, and keeps connections for the next ones.
struct PooledConnector {
    client: Client<Dialer, SdkBody>,
}

impl std::fmt::Debug for PooledConnector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PooledConnector").finish_non_exhaustive()
    }
}

impl HttpConnector for PooledConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let connection = capture_connection(&mut request);
        if let Some(asked_for) = request.extensions().get::<CaptureSmithyConnection>() {
            asked_for.set_connection_retriever(move || Some(metadata(&connection)));
        }
        let answering = self.client.request(request);
        HttpConnectorFuture::new(async move {
            let response = answering.await.map_err(told)?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// What the SDK wants of a connection: to close it, once something was wrong with it.
fn metadata(connection: &CaptureConnection) -> ConnectionMetadata {
    let (local, remote) = connection.connection_metadata().as_ref().map_or((None, None), |connected| {
        let mut extras = hyper::http::Extensions::new();
        connected.get_extras(&mut extras);
        let info = extras.get::<HttpInfo>();
        (info.map(HttpInfo::local_addr), info.map(HttpInfo::remote_addr))
    });
    let connection = connection.clone();
    let mut builder = ConnectionMetadata::builder().proxied(false).poison_fn(move || {
        if let Some(connected) = connection.connection_metadata().as_ref() {
            connected.poison();
        }
    });
    builder.set_local_addr(local).set_remote_addr(remote);
    builder.build()
}

/// What an error is to the SDK, which tries again what passes.
fn told(error: legacy::Error) -> ConnectorError {
    if found::<NotConnected>(&error).is_some() {
        return ConnectorError::timeout(error.into());
    }
    if error.is_connect() || found::<std::io::Error>(&error).is_some() {
        return ConnectorError::io(error.into());
    }
    match found::<hyper::Error>(&error) {
        Some(of_http) if of_http.is_timeout() => ConnectorError::timeout(error.into()),
        Some(of_http) if of_http.is_user() => ConnectorError::user(error.into()),
        Some(of_http) if of_http.is_closed() || of_http.is_canceled() => ConnectorError::io(error.into()),
        // The service hung up before its answer.
        Some(of_http) if of_http.is_incomplete_message() => {
            ConnectorError::other(error.into(), Some(ErrorKind::TransientError))
        }
        _ => ConnectorError::other(error.into(), None),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use hyper_util::client::legacy::connect::Connection;
    use socket2::SockRef;

    use super::*;
    use crate::aws::tcp_options::KeepAlive;

    fn connected(options: &TcpOptions) -> TokioIo<TcpStream> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let address = format!("http://{}", listener.local_addr().expect("an address")).parse::<Uri>().expect("a URI");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let connection = runtime.block_on(way(options).call(address)).expect("connected");
        assert!(!connection.connected().is_proxied());
        match connection {
            MaybeHttpsStream::Http(MaybeHttpsStream::Http(socket)) => socket,
            _ => panic!("it is no plain socket"),
        }
    }

    #[test]
    fn options_are_those_of_the_socket() {
        let keep_alive = KeepAlive { idle: Duration::from_secs(41), interval: Duration::from_secs(7), count: 5 };
        let options = TcpOptions {
            connect_timeout: None,
            keep_alive: Some(keep_alive),
            user_timeout: Some(Duration::from_millis(31_500)),
        };
        let socket = connected(&options);
        let socket = SockRef::from(socket.inner());
        assert!(socket.keepalive().expect("an option") && socket.tcp_nodelay().expect("an option"));
        assert_eq!(socket.tcp_keepalive_time().expect("an option"), Duration::from_secs(41));
        assert_eq!(socket.tcp_keepalive_interval().expect("an option"), Duration::from_secs(7));
        assert_eq!(socket.tcp_keepalive_retries().expect("an option"), 5);
        assert_eq!(socket.tcp_user_timeout().expect("an option"), Some(Duration::from_millis(31_500)));
        let socket = connected(&TcpOptions { user_timeout: Some(Duration::from_secs(9)), ..TcpOptions::NONE });
        let socket = SockRef::from(socket.inner());
        assert!(!socket.keepalive().expect("an option"));
        assert_eq!(socket.tcp_user_timeout().expect("an option"), Some(Duration::from_secs(9)));
    }

    #[test]
    fn an_address_is_reached_at_its_port_whatever_is_spoken_there() {
        for (address, expected) in [
            ("https://kinesis.eu-west-1.amazonaws.com/a?b", "http://kinesis.eu-west-1.amazonaws.com:443/"),
            ("https://[::1]:8443", "http://[::1]:8443/"),
            ("http://localhost", "http://localhost:80/"),
        ] {
            assert_eq!(plain(address.parse().expect(address)).to_string(), expected);
        }
    }
}

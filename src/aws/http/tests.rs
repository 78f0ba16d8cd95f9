use std::future::Future;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Sleep, sleep};

use super::*;
use crate::aws::causes;

const SILENCE: Duration = Duration::from_millis(250);
const ANSWER_BYTES: u64 = 1 << 20;
const BOUNDS: ExchangeBounds = ExchangeBounds { silence: SILENCE, answer_bytes: ANSWER_BYTES };

/// A moment that is much shorter than the silence that ends a request.
const MOMENT: Duration = Duration::from_millis(25);

/// A service that takes a request piece by piece, each after a moment, and answers after some.
#[derive(Debug, Clone)]
struct Steady {
    /// Bytes that it takes at most; then it stands still.
    takes: usize,
    answers_after: u32,
    /// Pieces of the answer, each after so many moments.
    pieces: usize,
    piece: Bytes,
    moments: u32,
}

impl Default for Steady {
    fn default() -> Self {
        Self { takes: usize::MAX, answers_after: 0, pieces: 0, piece: Bytes::new(), moments: 1 }
    }
}

impl HttpConnector for Steady {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let steady = self.clone();
        HttpConnectorFuture::new(async move {
            let mut body = request.into_body();
            let mut taken = 0;
            while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
                let piece = frame.expect("a frame").into_data().expect("data");
                assert!(piece.len() <= 8 << 10, "the client gets no large piece");
                taken += piece.len();
                sleep(MOMENT).await;
                if taken >= steady.takes {
                    std::future::pending::<()>().await;
                }
            }
            sleep(MOMENT * steady.answers_after).await;
            let Steady { pieces, piece, moments, .. } = steady;
            let answer = SdkBody::from_body_1_x(Drip { pieces, piece, pause: MOMENT * moments, waits: None });
            Ok(HttpResponse::new(200.try_into().expect("a status"), answer))
        })
    }
}

/// A body that comes piece by piece, and does not end where there are endless ones.
struct Drip {
    pieces: usize,
    piece: Bytes,
    pause: Duration,
    waits: Option<Pin<Box<Sleep>>>,
}

impl Body for Drip {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.pieces == 0 {
            return Poll::Ready(None);
        }
        let pause = self.pause;
        if self.waits.get_or_insert_with(|| Box::pin(sleep(pause))).as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.waits = None;
        self.pieces -= 1;
        Poll::Ready(Some(Ok(Frame::data(self.piece.clone()))))
    }
}

/// What comes of a request of so many bytes: those of the answer, or why there is none.
async fn exchange(steady: Steady, bytes: usize, is_streamed: bool) -> Result<usize, String> {
    let connector = BoundedConnector { inner: SharedHttpConnector::new(steady), bounds: BOUNDS };
    let mut request = HttpRequest::new(SdkBody::from(vec![0; bytes]));
    if is_streamed {
        request.add_extension(Streamed);
    }
    let response = connector.call(request).await.map_err(|error| causes(&error))?;
    let mut body = response.into_body();
    let mut received = 0;
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        received += frame.map_err(|error| causes(&*error))?.into_data().expect("data").len();
    }
    Ok(received)
}

#[tokio::test]
async fn what_moves_is_not_ended_however_long_it_takes() {
    // A request of a second, and an answer of a second.
    let steady = Steady { pieces: 40, piece: Bytes::from_static(&[0; 2048]), ..Steady::default() };
    assert_eq!(exchange(steady, 40 * (8 << 10), false).await, Ok(40 * 2048));
    // What took long to send may lie in buffers as long, so that the answer may come as late.
    let steady = Steady { answers_after: 15, ..Steady::default() };
    assert_eq!(exchange(steady, 40 * (8 << 10), false).await, Ok(0));
}

#[tokio::test]
async fn what_stands_still_is_ended() {
    let stalls = |takes, bytes| exchange(Steady { takes, ..Steady::default() }, bytes, false);
    let reason = stalls(3 * (8 << 10), 10 * (8 << 10)).await.expect_err("it stalls");
    assert!(reason.contains("nothing moved for 250ms: 24576 of 81920 bytes of the request were sent"), "{reason}");
    let hangs = Steady { answers_after: 1000, ..Steady::default() };
    for bytes in [0, 100] {
        let reason = exchange(hangs.clone(), bytes, false).await.expect_err("it hangs");
        assert!(reason.contains("no answer came"), "{reason}");
    }
    let piece = Bytes::from_static(&[0; 2048]);
    let late = Steady { pieces: 2, piece: piece.clone(), moments: 100, ..Steady::default() };
    let reason = exchange(late, 100, false).await.expect_err("it stalls");
    assert!(reason.contains("nothing moved for 250ms: 0 bytes of the answer came"), "{reason}");
}

/// A byte now and then is no progress, except where somebody waits for just that.
#[tokio::test]
async fn an_answer_that_drips_is_ended() {
    let drips = Steady { pieces: 30, piece: Bytes::from_static(b"."), ..Steady::default() };
    let reason = exchange(drips.clone(), 100, false).await.expect_err("it drips");
    assert!(reason.contains("bytes of the answer came"), "{reason}");
    assert_eq!(exchange(drips, 100, true).await, Ok(30));
}

/// A service on a socket.
struct Server {
    endpoint: String,
    /// Bytes that it wrote.
    written: Arc<AtomicU64>,
}

impl Server {
    /// Takes one request after the other, and writes a head and then the same again and again, up to so many bytes.
    fn start(head: &'static str, again: Vec<u8>, most: u64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let written = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&written);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // The client closes the connection when it has enough.
                let _ = answer_request(&stream, head.as_bytes(), &again, most, &counted);
            }
        });
        Self { endpoint, written }
    }

    fn client(&self) -> Client {
        let credentials = Credentials::new("id", "key", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .endpoint_url(&self.endpoint)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(client(ExchangeBounds { silence: Duration::from_secs(20), answer_bytes: ANSWER_BYTES }))
            .retry_config(RetryConfig::disabled())
            .build();
        Client::from_conf(crate::aws::s3_config(&config).force_path_style(true).build())
    }

    fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

fn answer_request(
    mut stream: &TcpStream,
    head: &[u8],
    again: &[u8],
    most: u64,
    written: &AtomicU64,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    stream.write_all(head)?;
    let mut rest = most;
    while rest > 0 && !again.is_empty() {
        stream.write_all(again)?;
        written.fetch_add(again.len() as u64, Ordering::Relaxed);
        rest = rest.saturating_sub(again.len() as u64);
    }
    Ok(())
}

/// So many bytes are endless here: far more than buffers hold on the way.
const ENDLESS: u64 = 512 << 20;

/// What is read, with what the buffers of the operating system take besides.
const READ_AND_BUFFERED: u64 = 32 << 20;

fn chunk() -> Vec<u8> {
    [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat()
}

#[tokio::test]
async fn no_more_of_an_answer_is_read_than_any_needs() {
    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n\r\n";
    let heads: [(&'static str, bool); 3] = [
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false),
        ("HTTP/1.1 500 Broken\r\nTransfer-Encoding: chunked\r\n\r\n", false),
        // An error is read as a whole, also where what was asked for is not.
        ("HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n", true),
    ];
    for (head, is_streamed) in heads {
        assert!(head.ends_with(CHUNKED));
        let server = Server::start(head, chunk(), ENDLESS);
        let client = server.client();
        let reason = if is_streamed {
            let call = client.get_object().bucket("bucket").key("key").customize().interceptor(Streamed);
            causes(&call.send().await.expect_err("it is endless"))
        } else {
            let call = client.list_objects_v2().bucket("bucket");
            causes(&call.send().await.expect_err("it is endless"))
        };
        assert!(reason.contains("longer than 1048576 bytes"), "{reason}");
        assert!(server.written() < READ_AND_BUFFERED, "{} bytes were written", server.written());
    }
}

#[tokio::test]
async fn an_answer_that_announces_too_much_is_not_read() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 9007199254740992\r\n\r\n";
    let server = Server::start(head, vec![b'x'; 1 << 16], ENDLESS);
    let call = server.client().list_objects_v2().bucket("bucket").send().await;
    let reason = causes(&call.expect_err("it is too long"));
    assert!(reason.contains("longer than 1048576 bytes"), "{reason}");
    assert!(server.written() < READ_AND_BUFFERED, "{} bytes were written", server.written());
}

/// The HTTP client bounds these; were it to stop, it would be seen here.
#[tokio::test]
async fn endless_headers_trailers_and_provisional_answers_are_no_answer() {
    let endless = [
        ("HTTP/1.1 200 OK\r\n", b"x: y\r\n".repeat(10_000)),
        ("HTTP/1.1 200 OK\r\nx: ", b"y".repeat(1 << 16)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n".repeat(10_000)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"y".repeat(1 << 16)),
    ];
    for (head, again) in endless {
        let server = Server::start(head, again, ENDLESS);
        let answer = server.client().list_objects_v2().bucket("bucket").send().await;
        let reason = causes(&answer.expect_err("it has no end"));
        assert!(server.written() < READ_AND_BUFFERED, "{reason}: {} bytes were written", server.written());
    }
}

#[tokio::test]
async fn what_is_read_piece_by_piece_may_be_long() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n";
    let server = Server::start(head, vec![b'x'; 1 << 16], 4 << 20);
    let call = server.client().get_object().bucket("bucket").key("key").customize().interceptor(Streamed);
    let object = call.send().await.expect("an object").body.collect().await.expect("a body");
    assert_eq!(object.into_bytes().len(), 4 << 20);
    // Unless nobody said so.
    let object = server.client().get_object().bucket("bucket").key("key").send().await.expect("an object");
    assert!(object.body.collect().await.is_err());
}

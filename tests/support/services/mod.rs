//! AWS services that fail on purpose: over HTTP, with the limits that each of them has, and the faults
//! that it can show. A stub is one stream, one delivery stream, one queue, one bucket or one
//! table.

mod dynamodb;
mod faults;
mod firehose;
mod http;
mod json;
mod kinesis;
mod reading;
mod s3;
mod sqs;

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_config::SdkConfig;
use kinesieve::aws::{self, ExchangeBounds};
use socket2::{Domain, Socket, Type};

pub use faults::{Faults, Lie, Reading};
use faults::{Luck, Silence};
use http::{Answer, Request, read_request};
use reading::Paced;

use super::client;

/// What a stub is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Kinesis,
    Firehose,
    Sqs,
    S3,
    DynamoDb,
}

/// A record, message or object that was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Of a message: its attribute `partitionKey`.
    pub partition_key: Option<String>,
    /// Of a message: its body, decoded where its attribute `encoding` is `base64`.
    pub data: Vec<u8>,
    pub details: Details,
}

/// What a put has besides, by service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Details {
    Record,
    Message { group_id: Option<String>, deduplication_id: Option<String> },
    Object { key: String, content_type: Option<String>, content_encoding: Option<String> },
}

/// The stub; ends with the value.
pub struct Stub {
    port: u16,
    state: Arc<Mutex<State>>,
    is_over: Arc<AtomicBool>,
    /// Bytes of endless answers.
    answered: Arc<AtomicU64>,
}

struct State {
    front: &'static dyn Front,
    luck: Luck,
    store: Store,
    requests: Vec<Vec<Put>>,
    unanswered: Vec<Put>,
    /// What the requests said of the trace that they belong to.
    trace_ids: Vec<Option<String>>,
}

/// What a service has.
struct Store {
    /// What was put, in the order in which it was.
    puts: Vec<Put>,
    /// How many bytes a stream takes of a record, its partition key included.
    record_limit: usize,
    /// What a queue holds.
    messages: Vec<sqs::Message>,
}

/// How one service speaks.
trait Front: Sync {
    /// What a request puts; none: it is one of those that put nothing.
    fn read(&self, request: &Request) -> Result<Option<Vec<Put>>, Answer>;

    /// Does what a request asks for, unless the service itself would refuse it.
    fn apply(&self, request: &Request, puts: Vec<Put>, store: &mut Store, luck: &mut Luck) -> Result<Answer, Answer>;

    fn error(&self, status: u16, code: &str, message: &str) -> Answer;

    /// What is said in the place of a right answer to a request that puts something.
    fn lie(&self, lie: Lie, answer: Answer) -> Answer;

    /// The errors of a whole request that pass.
    fn passing_errors(&self) -> &'static [(u16, &'static str)];

    /// The status of an error that does not.
    fn lasting_status(&self) -> u16 {
        400
    }
}

impl Stub {
    pub fn start(service: Service, faults: Faults, seed: u64) -> Self {
        Self::start_refusing_for(service, faults, seed, Duration::ZERO)
    }

    /// Connections are refused for so long.
    pub fn start_refusing_for(service: Service, faults: Faults, seed: u64, refusing: Duration) -> Self {
        // Bound and not listening, the port is ours, and whoever connects is refused.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        if faults.reading != Reading::AtOnce {
            socket.set_recv_buffer_size(64 << 10).expect("a small buffer");
        }
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port");
        let port = socket.local_addr().expect("an address").as_socket().expect("an IP address").port();
        let front: &'static dyn Front = match service {
            Service::Kinesis => &kinesis::Kinesis,
            Service::Firehose => &firehose::Firehose,
            Service::Sqs => &sqs::Sqs,
            Service::S3 => &s3::S3,
            Service::DynamoDb => &dynamodb::DynamoDb,
        };
        let store = Store { puts: Vec::new(), record_limit: kinesis::MOST_OF_A_RECORD, messages: Vec::new() };
        let luck = Luck::new(faults, seed);
        let state = State { front, luck, store, requests: Vec::new(), unanswered: Vec::new(), trace_ids: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let answered = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&answered);
        let listen = move || {
            socket.listen(1024).expect("it listens");
            TcpListener::from(socket)
        };
        let accept = move |listener: TcpListener| {
            for stream in listener.incoming().flatten().take_while(|_| !over.load(Ordering::Relaxed)) {
                let (state, counted) = (Arc::clone(&shared), Arc::clone(&counted));
                // A connection that breaks is the client's business.
                std::thread::spawn(move || serve(stream, &state, &counted).ok());
            }
        };
        if refusing.is_zero() {
            let listener = listen();
            std::thread::spawn(move || accept(listener));
        } else {
            std::thread::spawn(move || {
                std::thread::sleep(refusing);
                accept(listen());
            });
        }
        Self { port, state, is_over, answered }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A client's configuration that leads here, and gives up soon on an answer that never comes.
    pub fn config(&self) -> SdkConfig {
        self.config_with(Duration::from_millis(250))
    }

    /// The same, with another time that nothing may move.
    pub fn config_with(&self, silence: Duration) -> SdkConfig {
        self.config_within(ExchangeBounds { silence, answer_bytes: client::ANSWER_BYTES })
    }

    /// The same, with other bounds.
    pub fn config_within(&self, bounds: ExchangeBounds) -> SdkConfig {
        client::config(self.endpoint()).into_builder().http_client(aws::client(bounds)).build()
    }

    /// How many bytes were written of answers that never end.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// All that was put, in the order in which it was.
    pub fn puts(&self) -> Vec<Put> {
        self.state().store.puts.clone()
    }

    /// All requests to put something that could be read, taken or not.
    pub fn requests(&self) -> Vec<Vec<Put>> {
        self.state().requests.clone()
    }

    /// What each request said of the trace that it belongs to.
    pub fn trace_ids(&self) -> Vec<Option<String>> {
        self.state().trace_ids.clone()
    }

    /// All that was in a request which may have been applied, and which nobody was answered.
    pub fn unanswered(&self) -> Vec<Put> {
        self.state().unanswered.clone()
    }

    /// The objects of a bucket, by key.
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        s3::objects(&state.store.puts).into_iter().map(|(key, put)| (key.to_owned(), put.data.clone())).collect()
    }

    /// From now on.
    pub fn set_faults(&self, faults: Faults) {
        self.state().luck.faults = faults;
    }

    /// Forgets what was put: of thousands of requests it would take more memory than what is tested.
    pub fn forget(&self) {
        let mut state = self.state();
        state.store.puts.clear();
        state.store.messages.clear();
        state.requests.clear();
        state.unanswered.clear();
        state.trace_ids.clear();
    }

    /// How many bytes a stream takes of a record, its partition key included.
    pub fn set_record_limit(&self, bytes: usize) {
        self.state().store.record_limit = bytes;
    }

    /// Messages that were received and not deleted can be received again, as after their visibility
    /// timeout.
    pub fn return_messages(&self) {
        sqs::return_messages(&mut self.state().store.messages);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("unpoisoned")
    }
}

impl Drop for Stub {
    /// Wakes the thread that waits for connections, to let it end; connections end with their clients.
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>, answered: &AtomicU64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let reading = state.lock().expect("unpoisoned").luck.faults.reading;
    let mut reader = BufReader::new(Paced::new(stream.try_clone()?, reading));
    let mut writer = stream;
    while let Some(request) = read_request(&mut reader)? {
        // On its own, so that the lock is not held while an answer is late.
        let outcome = state.lock().expect("unpoisoned").outcome(&request);
        match outcome {
            Ok((answer, delay)) => {
                std::thread::sleep(delay);
                let lie = state.lock().expect("unpoisoned").luck.faults.lie;
                if let Some(Lie::Endless(status)) = lie {
                    return write_endlessly(&mut writer, status, answered);
                }
                answer.write(&mut writer)?;
            }
            Err(Silence::Dropped) => return Ok(()),
            Err(Silence::Hangs) => return std::io::copy(&mut reader, &mut std::io::sink()).map(drop),
        }
    }
    Ok(())
}

/// Until the client has enough.
fn write_endlessly(writer: &mut impl Write, status: u16, answered: &AtomicU64) -> std::io::Result<()> {
    writer.write_all(format!("HTTP/1.1 {status} X\r\ntransfer-encoding: chunked\r\n\r\n").as_bytes())?;
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
    loop {
        writer.write_all(&chunk)?;
        answered.fetch_add(chunk.len() as u64, Ordering::Relaxed);
    }
}

impl State {
    /// The answer to a request and how late it is, or no answer.
    fn outcome(&mut self, request: &Request) -> Result<(Answer, Duration), Silence> {
        let fate = self.luck.fate();
        self.trace_ids.push(request.header("x-amzn-trace-id").map(str::to_owned));
        let puts = self.front.read(request);
        let may_be_put = puts.as_ref().ok().cloned().flatten().unwrap_or_default();
        if let Ok(Some(puts)) = &puts {
            self.requests.push(puts.clone());
        }
        if let Some(code) = self.luck.faults.always {
            return Ok((self.front.error(self.front.lasting_status(), code, "on purpose"), Duration::ZERO));
        }
        if let Some(silence) = fate.silence_before {
            return Err(silence);
        }
        let answer = if fate.is_refused {
            let (status, code) = self.luck.one_of(self.front.passing_errors());
            self.front.error(status, code, "on purpose")
        } else {
            let lie = self.luck.faults.lie.filter(|_| matches!(puts, Ok(Some(_))));
            let applied = puts
                .and_then(|puts| self.front.apply(request, puts.unwrap_or_default(), &mut self.store, &mut self.luck));
            match (applied, lie) {
                (Ok(answer), Some(lie)) => self.front.lie(lie, answer),
                (Ok(answer) | Err(answer), _) => answer,
            }
        };
        match fate.silence_after {
            Some(silence) => {
                self.unanswered.extend(may_be_put);
                Err(silence)
            }
            None => Ok((answer, fate.delay)),
        }
    }
}

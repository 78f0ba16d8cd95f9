//! A Kinesis that fails on purpose: PutRecords over HTTP, with the faults that the service can show.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::SdkConfig;
use serde_json::{Value, json};

use super::client;

/// How likely each fault is, from 0 to 1.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// A record of a request is refused while others are taken.
    pub refused_record: f64,
    /// A request is refused whole: throttled, or an error of the service.
    pub refused_request: f64,
    /// The connection is dropped before the request is applied.
    pub dropped_before: f64,
    /// The connection is dropped after it was applied: nobody is told.
    pub dropped_after: f64,
    /// The answer is late.
    pub slow: f64,
    /// Every request is refused by this error, for good.
    pub always: Option<&'static str>,
}

/// A record that was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    pub partition_key: String,
    pub data: Vec<u8>,
}

/// The stub; serves until the test ends.
pub struct KinesisStub {
    port: u16,
    state: Arc<Mutex<State>>,
}

struct State {
    faults: Faults,
    luck: fastrand::Rng,
    puts: Vec<Put>,
    requests: Vec<Vec<Put>>,
}

impl KinesisStub {
    pub fn start(faults: Faults, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let state = State { faults, luck: fastrand::Rng::with_seed(seed), puts: Vec::new(), requests: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &state).ok());
            }
        });
        Self { port, state }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A client's configuration that leads here.
    pub fn config(&self) -> SdkConfig {
        client::config(self.endpoint())
    }

    /// All records that were put, in the order in which they were.
    pub fn puts(&self) -> Vec<Put> {
        self.state.lock().expect("unpoisoned").puts.clone()
    }

    /// All requests that came, taken or not.
    pub fn requests(&self) -> Vec<Vec<Put>> {
        self.state.lock().expect("unpoisoned").requests.clone()
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    while let Some(body) = read_request(&mut reader)? {
        let request: Value = serde_json::from_slice(&body).expect("JSON");
        let Some((status, answer, delay)) = answer(&request, &mut state.lock().expect("unpoisoned")) else {
            return Ok(());
        };
        std::thread::sleep(delay);
        let answer = answer.to_string();
        write!(
            writer,
            "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        )?;
    }
    Ok(())
}

/// The body of the next request on a connection; none at its end.
fn read_request(reader: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if let Some(target) = header.strip_prefix("x-amz-target:") {
            assert_eq!(target.trim(), "kinesis_20131202.putrecords");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(body))
}

/// Status, body and delay of the answer; none: the connection is dropped.
fn answer(request: &Value, state: &mut State) -> Option<(u16, Value, Duration)> {
    let records: Vec<Put> = request["Records"]
        .as_array()
        .expect("records")
        .iter()
        .map(|record| Put {
            partition_key: record["PartitionKey"].as_str().expect("a key").to_owned(),
            data: base64_simd::STANDARD.decode_to_vec(record["Data"].as_str().expect("data")).expect("base64"),
        })
        .collect();
    state.requests.push(records.clone());
    let faults = state.faults;
    let error = |code: &str| json!({ "__type": code, "message": "on purpose" });
    if let Some(code) = faults.always {
        return Some((400, error(code), Duration::ZERO));
    }
    if state.luck.f64() < faults.dropped_before {
        return None;
    }
    if state.luck.f64() < faults.refused_request {
        let (status, code) = [
            (400, "ProvisionedThroughputExceededException"),
            (400, "LimitExceededException"),
            (400, "ExpiredTokenException"),
            (500, "InternalFailure"),
            (503, "ServiceUnavailable"),
        ][state.luck.usize(..5)];
        return Some((status, error(code), Duration::ZERO));
    }
    let mut failed = 0;
    let answers: Vec<Value> = records
        .into_iter()
        .map(|record| {
            if state.luck.f64() < faults.refused_record {
                failed += 1;
                let code = ["ProvisionedThroughputExceededException", "InternalFailure"][state.luck.usize(..2)];
                return json!({ "ErrorCode": code, "ErrorMessage": "on purpose" });
            }
            state.puts.push(record);
            json!({ "SequenceNumber": state.puts.len().to_string(), "ShardId": "shardId-000000000000" })
        })
        .collect();
    if state.luck.f64() < faults.dropped_after {
        return None;
    }
    let delay = if state.luck.f64() < faults.slow { Duration::from_millis(30) } else { Duration::ZERO };
    Some((200, json!({ "FailedRecordCount": failed, "Records": answers }), delay))
}

//! A runtime API of a few lines, for what the emulator does not show: deadlines that mean something,
//! and the report of a start that fails.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the function posted.
#[derive(Debug)]
pub struct Posted {
    pub path: String,
    pub body: String,
    /// The header that names the kind of a failure.
    pub error_type: Option<String>,
    /// How much time was left of the invocation; none where no invocation was given out.
    pub time_left: Option<Duration>,
}

/// How invocations are given out, and answers taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiBehaviour {
    Plain,
    /// Events come in so many pieces.
    InPieces(usize),
    /// The connection ends in the middle of an event.
    CutShort,
    /// Whoever asks is told that something is wrong.
    Broken,
    /// Each answer is larger than it may be.
    RefusesAnswers,
    /// Whoever answers is told that the environment is broken.
    BreaksAtAnswers,
}

/// Where invocations come from: each is an event, and how far ahead its deadline is; none: there is no further one.
type Invocations = Box<dyn FnMut() -> Option<(Vec<u8>, Duration)> + Send>;

/// Serves its invocations and passes on everything that is posted.
pub struct RuntimeApi {
    port: u16,
    posted: mpsc::Receiver<Posted>,
    asked: Arc<AtomicUsize>,
}

/// Where it says what happens.
#[derive(Clone)]
struct Witness {
    posted: mpsc::Sender<Posted>,
    asked: Arc<AtomicUsize>,
}

impl RuntimeApi {
    /// Gives out one event, with a deadline so far ahead of the moment when it is asked for.
    pub fn with_invocation(event: Vec<u8>, time_left: Duration) -> Self {
        Self::with_invocations(vec![event], time_left)
    }

    /// The same, with several.
    pub fn with_invocations(events: Vec<Vec<u8>>, time_left: Duration) -> Self {
        Self::with_behaviour(ApiBehaviour::Plain, events, time_left)
    }

    /// The same, in another manner.
    pub fn with_behaviour(options: ApiBehaviour, mut events: Vec<Vec<u8>>, time_left: Duration) -> Self {
        Self::asking(options, Box::new(move || events.pop().map(|event| (event, time_left))))
    }

    /// Gives out what comes through a channel, as it comes.
    pub fn from_channel(invocations: mpsc::Receiver<(Vec<u8>, Duration)>) -> Self {
        Self::asking(ApiBehaviour::Plain, Box::new(move || invocations.recv().ok()))
    }

    fn asking(options: ApiBehaviour, invocations: Invocations) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (posts, posted) = mpsc::channel();
        let asked = Arc::<AtomicUsize>::default();
        let witness = Witness { posted: posts, asked: Arc::clone(&asked) };
        std::thread::spawn(move || {
            let invocations = Arc::new(Mutex::new(invocations));
            for stream in listener.incoming().flatten() {
                let (invocations, witness) = (Arc::clone(&invocations), witness.clone());
                // A connection that breaks is the function's business.
                std::thread::spawn(move || serve(stream, options, &invocations, &witness).ok());
            }
        });
        Self { port, posted, asked }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn next_post(&self, time_limit: Duration) -> Posted {
        self.posted.recv_timeout(time_limit).expect("something is posted in time")
    }

    /// How often an invocation was asked for.
    pub fn asks(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

fn serve(
    stream: TcpStream,
    options: ApiBehaviour,
    invocations: &Mutex<Invocations>,
    witness: &Witness,
) -> std::io::Result<()> {
    // An answer is written in pieces: each would wait until the one before it is acknowledged.
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    let mut ends = None;
    loop {
        let mut request_line = String::new();
        if reader.read_line(&mut request_line)? == 0 {
            return Ok(());
        }
        let mut length = 0;
        let mut error_type = None;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            if header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("lambda-runtime-function-error-type")
            {
                error_type = Some(value.trim().to_owned());
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let mut words = request_line.split_whitespace();
        if request_line.contains("/invocation/next") {
            witness.asked.fetch_add(1, Ordering::Relaxed);
        }
        match (words.next(), words.next()) {
            (Some("GET"), _) if options == ApiBehaviour::Broken => {
                writer.write_all(b"HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n")?;
            }
            (Some("GET"), _) => match take(invocations) {
                Some((event, time_left)) => {
                    let end = SystemTime::now() + time_left;
                    ends = Some(end);
                    let deadline = end.duration_since(UNIX_EPOCH).expect("after 1970");
                    write!(
                        writer,
                        "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: 6b562146\r\n\
                         lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-west-1:123456789012:function:f\r\n\
                         lambda-runtime-trace-id: Root=1\r\nlambda-runtime-deadline-ms: {}\r\ncontent-length: {}\r\n\r\n",
                        deadline.as_millis(),
                        event.len()
                    )?;
                    match options {
                        ApiBehaviour::InPieces(pieces) => {
                            for piece in event.chunks(event.len().div_ceil(pieces)) {
                                writer.write_all(piece)?;
                                // So that each is read by itself.
                                std::thread::sleep(Duration::from_millis(5));
                            }
                        }
                        ApiBehaviour::CutShort => return writer.write_all(&event[..event.len() / 2]),
                        _ => writer.write_all(&event)?,
                    }
                }
                None if options == ApiBehaviour::BreaksAtAnswers => return Ok(()),
                // No further invocation: the function waits, as it would in Lambda.
                None => std::thread::sleep(Duration::from_secs(3600)),
            },
            (Some("POST"), Some(path)) => {
                let body = String::from_utf8_lossy(&body).into_owned();
                let time_left = ends.map(|end| end.duration_since(SystemTime::now()).unwrap_or_default());
                let _ = witness.posted.send(Posted { path: path.to_owned(), body, error_type, time_left });
                let answer: &[u8] = match options {
                    ApiBehaviour::BreaksAtAnswers => b"HTTP/1.1 500 Broken\r\ncontent-length: 2\r\n\r\n{}",
                    ApiBehaviour::RefusesAnswers => b"HTTP/1.1 413 Too Large\r\ncontent-length: 9\r\n\r\ntoo large",
                    _ => b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
                };
                writer.write_all(answer)?;
            }
            _ => return Ok(()),
        }
    }
}

/// On its own, so that the lock is not held while the function waits for more.
fn take(invocations: &Mutex<Invocations>) -> Option<(Vec<u8>, Duration)> {
    let mut next = invocations.lock().expect("unpoisoned");
    next()
}

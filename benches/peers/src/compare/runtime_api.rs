//! The Lambda runtime API, as far as a function needs it, for one function: hands out invocations and takes their
//! times, from the first byte of an invocation to the head of its response.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};

/// No invocation of these takes longer, by far.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The API at a port of its own.
pub struct RuntimeApi {
    port: u16,
    invocations: Sender<Arc<Vec<u8>>>,
    told: Receiver<Told>,
}

/// What the function did.
enum Told {
    /// It asks for an invocation.
    Polls(Instant),
    /// It answers one.
    Answers { took: Duration, response: Vec<u8> },
    /// It could not start.
    Fails(String),
}

/// What an invocation came to.
pub struct Answer {
    pub took: Duration,
    pub response: Vec<u8>,
}

impl RuntimeApi {
    pub fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let (invocations, queue) = channel();
        let (tell, told) = channel();
        std::thread::spawn(move || {
            let mut api = Served { queue, tell, started: Instant::now() };
            // One connection at a time is all that these clients use. One that goes away is followed by another.
            for connection in listener.incoming().flatten() {
                let _ = api.serve(connection);
            }
        });
        Ok(Self { port, invocations, told })
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Waits until the function asks for its first invocation, and answers when it did.
    pub fn first_poll(&self) -> anyhow::Result<Instant> {
        match self.next()? {
            Told::Polls(at) => Ok(at),
            Told::Answers { .. } => bail!("it answers what it was not asked"),
            Told::Fails(reason) => bail!("it does not start: {reason}"),
        }
    }

    /// One invocation, to its response, and until the function asks for the next.
    pub fn invoke(&self, event: &Arc<Vec<u8>>) -> anyhow::Result<Answer> {
        self.invocations.send(Arc::clone(event)).context("the runtime API has ended")?;
        let answer = match self.next()? {
            Told::Answers { took, response } => Answer { took, response },
            Told::Polls(_) => bail!("it asks for the next invocation without an answer to the last"),
            Told::Fails(reason) => bail!("it fails: {reason}"),
        };
        self.first_poll()?;
        Ok(answer)
    }

    fn next(&self) -> anyhow::Result<Told> {
        self.told.recv_timeout(TIME_LIMIT).map_err(|error| match error {
            RecvTimeoutError::Timeout => anyhow::anyhow!("nothing was heard of it for {TIME_LIMIT:?}"),
            RecvTimeoutError::Disconnected => anyhow::anyhow!("the runtime API has ended"),
        })
    }
}

/// The function's side.
struct Served {
    queue: Receiver<Arc<Vec<u8>>>,
    tell: Sender<Told>,
    /// When the invocation in hand was sent.
    started: Instant,
}

impl Served {
    fn serve(&mut self, connection: TcpStream) -> anyhow::Result<()> {
        connection.set_nodelay(true)?;
        let mut writer = connection.try_clone()?;
        let mut reader = BufReader::new(connection);
        while let Some((path, length)) = read_head(&mut reader)? {
            let came = Instant::now();
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            if path.ends_with("/invocation/next") {
                self.tell.send(Told::Polls(came))?;
                self.hand_out(&mut writer)?;
                continue;
            }
            // The answer first: the function goes on meanwhile.
            writer
                .write_all(b"HTTP/1.1 202 Accepted\r\nLambda-Extension-Identifier: 1\r\nContent-Length: 0\r\n\r\n")?;
            if path.ends_with("/response") {
                self.tell.send(Told::Answers { took: came - self.started, response: body })?;
            } else if path.ends_with("/error") {
                self.tell.send(Told::Fails(String::from_utf8_lossy(&body).into_owned()))?;
            }
        }
        Ok(())
    }

    fn hand_out(&mut self, writer: &mut TcpStream) -> anyhow::Result<()> {
        let event = self.queue.recv()?;
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH)? + TIME_LIMIT;
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: 1\r\n\
             Lambda-Runtime-Deadline-Ms: {}\r\nLambda-Runtime-Invoked-Function-Arn: \
             arn:aws:lambda:eu-west-1:123456789012:function:peer\r\nContent-Length: {}\r\n\r\n",
            deadline.as_millis(),
            event.len(),
        );
        self.started = Instant::now();
        writer.write_all(head.as_bytes())?;
        writer.write_all(&event)?;
        Ok(())
    }
}

/// The path of a request and the length of its body; none: the connection is at its end.
fn read_head(reader: &mut impl BufRead) -> anyhow::Result<Option<(String, usize)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            return Ok(Some((path, length)));
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
}

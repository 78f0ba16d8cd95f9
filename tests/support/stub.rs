//! A service that answers as a test says, over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Answers an operation, by its name and the body of its request, with a status and a body.
type Answer = dyn Fn(&str, &str) -> (u16, String) + Send + Sync;

/// The service; it ends with the process.
pub struct Stub {
    port: u16,
    operations: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    pub fn start(answer: impl Fn(&str, &str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let operations = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&operations);
        let answer: Arc<Answer> = Arc::new(answer);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                // An answer may be long in coming, and others must not wait for it.
                std::thread::spawn(move || {
                    // A client that goes away is its own affair.
                    let _ = serve(&connection, &*answer, &seen);
                });
            }
        });
        Self { port, operations }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The names of all operations so far.
    pub fn operations(&self) -> Vec<String> {
        self.operations.lock().expect("unpoisoned").clone()
    }
}

/// One request a connection.
fn serve(mut connection: &TcpStream, answer: &Answer, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let (operation, body) = read_request(connection)?;
    seen.lock().expect("unpoisoned").push(operation.clone());
    let (status, text) = answer(&operation, &String::from_utf8_lossy(&body));
    let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", text.len());
    connection.write_all((head + &text).as_bytes())
}

/// The name of the operation and the body of a request.
pub fn read_request(connection: &TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut reader = BufReader::new(connection);
    let (mut operation, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        let (name, value) = line.trim_end().split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            // As `AmazonSQS.ReceiveMessage`; S3 has none.
            "x-amz-target" => operation = value.rsplit('.').next().unwrap_or_default().to_owned(),
            "content-length" => length = value.trim().parse().unwrap_or_default(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((operation, body))
}

//! A service that does nothing but answer, so that what is measured is our side.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_kinesis::config::{Credentials, SharedCredentialsProvider};

/// A client's configuration that leads to a service which answers each request's body in this way.
pub fn answering(answer: fn(&str) -> String) -> SdkConfig {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream, answer));
        }
    });
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("id", "key", None, None, "bench")))
        .build()
}

fn serve(stream: TcpStream, answer: fn(&str) -> String) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(1 << 16, stream.try_clone()?);
    let mut writer = stream;
    let mut body = Vec::new();
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
        let answer = answer(&String::from_utf8_lossy(&body));
        let length = answer.len();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\n";
        writer.write_all(format!("{head}content-length: {length}\r\n\r\n{answer}").as_bytes())?;
    }
}

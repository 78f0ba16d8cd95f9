//! Options of connections: requests go the same way with them as without.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::kinesis_local::KinesisLocal;
use crate::support::moto::Moto;
use crate::support::{kinesieve, stderr, stdout};

const OPTIONS: [&str; 8] = [
    "--tcp-connect-timeout",
    "5s",
    "--tcp-keep-alive-idle",
    "20s",
    "--tcp-keep-alive-count",
    "3",
    "--tcp-user-timeout",
    "10s",
];

/// A command whose environment says no more of AWS than where it is.
fn bare(folder: &Path, endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = kinesieve(arguments);
    command.env_clear().env("HOME", folder).env("AWS_EC2_METADATA_DISABLED", "true").current_dir(folder);
    command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_REGION", "eu-west-1");
    command.env("AWS_ACCESS_KEY_ID", "id").env("AWS_SECRET_ACCESS_KEY", "key");
    command
}

#[test]
fn a_stream_is_filled_and_read_with_its_table_over_connections_with_options() {
    const RECORDS: usize = 2_000;
    // Not the table's server: that one loses records that two requests put at once.
    let (streams, moto) = (KinesisLocal::start(&[("by-options", 2)]), Moto::start());
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = moto.endpoint();
    let lines: String = (0..RECORDS).map(|number| format!("record {number}\n")).collect();
    std::fs::write(folder.path().join("lines"), lines).expect("written");
    let put = [&["put", "--stream", "by-options", "lines"][..], &OPTIONS].concat();
    let at_both = |arguments: &[&str]| {
        let mut command = bare(folder.path(), &endpoint, arguments);
        command.env("AWS_ENDPOINT_URL_KINESIS", streams.endpoint()).output()
    };
    let put = at_both(&put).expect("it runs");
    assert_eq!(put.status.code(), Some(0), "{}", stderr(&put));
    std::fs::write(
        folder.path().join("c.yaml"),
        "streams: [by-options]\ncheckpoint:\n  table: positions\n  create: true\n  tcp: {connect_timeout: 5s, keep_alive: {interval: \
         5s}}\nfrom: checkpoint\nto_checkpoint: true\nuntil: now\ntcp: {user_timeout: 10s, keep_alive: {idle: 20s}}\n",
    )
    .expect("written");
    for expected in [RECORDS, 0] {
        let run = at_both(&["run", "--connector", "c.yaml"]).expect("it runs");
        assert_eq!(run.status.code(), Some(0), "{}", stderr(&run));
        assert_eq!(stdout(&run).lines().count(), expected, "{}", stderr(&run));
    }
}

/// A proxy that leads each tunnel to a server, and notes who asked for it.
fn proxy(server: &str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (server, asked) = (server.trim_start_matches("http://").to_owned(), Arc::<Mutex<Vec<String>>>::default());
    let noted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (server, noted) = (server.clone(), Arc::clone(&noted));
            // Either side may go at any time.
            std::thread::spawn(move || tunnel(client, &server, &noted));
        }
    });
    (address, asked)
}

fn tunnel(mut client: TcpStream, server: &str, noted: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut head = String::new();
    let mut reader = BufReader::new(client.try_clone()?);
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    noted.lock().expect("unpoisoned").push(head);
    let mut server = TcpStream::connect(server)?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || std::io::copy(&mut from_server, &mut to_client));
    std::io::copy(&mut reader, &mut server)?;
    Ok(())
}

#[test]
fn a_proxy_of_the_environment_is_gone_through() {
    let moto = Moto::start();
    moto.create_stream("behind-a-proxy", 1);
    let folder = tempfile::tempdir().expect("a folder");
    let (address, asked) = proxy(&moto.endpoint());
    let listed = ["streams", "--tcp-user-timeout", "10s"];
    // A name that nobody but the proxy knows.
    let mut command = bare(folder.path(), "http://kinesis.invalid:4567", &listed);
    let listed = command.env("http_proxy", format!("http://user:hunter2@{address}")).output().expect("it runs");
    assert_eq!(listed.status.code(), Some(0), "{}", stderr(&listed));
    assert!(stdout(&listed).contains("behind-a-proxy"), "{}", stdout(&listed));
    let asked = asked.lock().expect("unpoisoned").concat();
    assert!(asked.starts_with("CONNECT kinesis.invalid:4567 HTTP/1.1\r\n"), "{asked}");
    // `user:hunter2`.
    assert!(asked.to_ascii_lowercase().contains("proxy-authorization: basic dxnlcjpodw50zxiy"), "{asked}");
}

#[test]
fn what_hangs_refuses_or_is_unknown_ends_with_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    // It takes connections, and never says a word of TLS.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("https://{}", listener.local_addr().expect("an address"));
    for (endpoint, said) in [
        (silent.as_str(), "no connection was made within 300ms"),
        ("http://127.0.0.1:9", "refused"),
        ("http://kinesis.invalid", "no host kinesis.invalid is known"),
    ] {
        let started = Instant::now();
        let arguments = ["streams", "--tcp-connect-timeout", "300ms", "--tcp-user-timeout", "10s"];
        let output = bare(folder.path(), endpoint, &arguments).output().expect("it runs");
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{endpoint}: {message}");
        assert!(message.contains(said), "{endpoint}: {message}");
        assert!(started.elapsed() < Duration::from_secs(60), "{endpoint}: {message}");
    }
}

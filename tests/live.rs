//! `kinesieve run` over streams.

mod aggregates;
mod bad_input;
mod batches;
mod checkpoints;
pub mod closed_shards;
mod containers;
mod enhanced;
pub mod faults;
mod fleet;
mod look;
mod resharding;
mod retries;
mod seen;
mod starts;
mod two_runs;
mod view;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;

use crate::support::process::wait_until;
use crate::support::{block_on, guest_file, kinesieve};

/// A run over streams with what it writes.
struct Run {
    folder: tempfile::TempDir,
    kinesis: String,
    dynamodb: Option<String>,
}

/// A run that goes on; killed with the value.
struct Running(Child);

impl Run {
    fn of(kinesis: String) -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), kinesis, dynamodb: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The scripted guest over an input, outputs into a file.
    fn command(&self, input: &str, arguments: &[&str]) -> Command {
        let mut command = kinesieve(&["run", "--input", input, "--transform"]);
        command
            .arg(guest_file("scripted"))
            .arg("--output")
            .arg(format!("file:{}", self.path("out.ndjson").display()))
            .args(arguments)
            .env("AWS_ENDPOINT_URL_KINESIS", &self.kinesis)
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "id")
            .env("AWS_SECRET_ACCESS_KEY", "key");
        if let Some(dynamodb) = &self.dynamodb {
            command.env("AWS_ENDPOINT_URL_DYNAMODB", dynamodb);
        }
        command
    }

    /// Runs it to its end: the exit code and standard error.
    fn end(&self, input: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.command(input, arguments).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn start(&self, input: &str, arguments: &[&str]) -> Running {
        let log = std::fs::File::create(self.path("log")).expect("a log");
        let child = self.command(input, arguments).stdout(Stdio::null()).stderr(log).spawn().expect("it starts");
        Running(child)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).expect("a log")
    }

    /// What was delivered so far, in the order in which it was.
    fn delivered(&self) -> Vec<String> {
        let Ok(text) = std::fs::read_to_string(self.path("out.ndjson")) else { return Vec::new() };
        // A line that is being written is none yet.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let data = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).expect(line);
            line["data"].as_str().expect("text").to_owned()
        };
        whole.lines().map(data).collect()
    }

    /// The same from now on.
    fn forget_delivered(&self) {
        let _ = std::fs::remove_file(self.path("out.ndjson"));
    }
}

impl Running {
    /// As Ctrl-C.
    fn interrupt(&self) {
        let status = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status().expect("kill");
        assert!(status.success());
    }

    /// As kill -9: nothing is finished.
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("its state").is_some()
    }

    /// The exit code.
    fn end(&mut self) -> Option<i32> {
        wait_until("the run ends", || self.has_ended());
        self.0.wait().expect("its end").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Puts a record, and answers its shard and its sequence number.
fn put(config: &SdkConfig, stream: &str, key: &str, data: &str) -> (String, String) {
    let request = Client::new(config).put_record().stream_name(stream).partition_key(key).data(Blob::new(data));
    let answer = block_on(request.send()).expect("a record is put");
    (answer.shard_id, answer.sequence_number)
}

/// The pause between things that the clock has to tell apart.
fn a_moment() {
    std::thread::sleep(Duration::from_millis(1100));
}

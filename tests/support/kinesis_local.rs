//! Kinesis by `kinesis-local`: sequence numbers and shards as the service has them. Slow, and heavy with much
//! data.

use std::process::Command;

use aws_config::SdkConfig;

use super::client::{self, StreamRecord};
use super::process::{Process, free_port, installed};

/// The server, with its streams; ends with the value.
pub struct KinesisLocal {
    port: u16,
    _process: Process,
}

impl KinesisLocal {
    /// Starts it with streams of these names and numbers of shards.
    pub fn start(streams: &[(&str, u32)]) -> Self {
        let program =
            installed("TEST_KINESIS_LOCAL", "kinesis-local/node_modules/kinesis-local/main.js", "tools-emulators");
        let streams_text: Vec<String> = streams.iter().map(|(name, shards)| format!("{name}:{shards}")).collect();
        let port = free_port();
        let process = Process::serving(
            port,
            Command::new("node")
                .env("KINESIS_MOCK_PLAIN_PORT", port.to_string())
                // Any that is free: it can't be switched off, and has a default that two servers can't share.
                .env("KINESIS_MOCK_TLS_PORT", "0")
                .env("KINESIS_MOCK_CERT_PATH", program.with_file_name("server.json"))
                .env("AWS_ACCOUNT_ID", "123456789012")
                .env("AWS_REGION", "eu-west-1")
                .env("INITIALIZE_STREAMS", streams_text.join(","))
                .arg(&program),
        );
        let server = Self { port, _process: process };
        for (stream, _) in streams {
            server.arn(stream);
        }
        server
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A client's configuration that leads here.
    pub fn config(&self) -> SdkConfig {
        client::config(self.endpoint())
    }

    /// The ARN of a stream, once it takes records.
    pub fn arn(&self, stream: &str) -> String {
        client::active_stream(&self.config(), stream)
    }

    /// All records of a stream, shard by shard, each in its order.
    pub fn records(&self, stream: &str) -> Vec<StreamRecord> {
        client::stream_records(&self.config(), stream)
    }

    /// The first hash key of each shard of a stream, in the order of the shards.
    pub fn first_hash_keys(&self, stream: &str) -> Vec<u128> {
        client::first_hash_keys(&self.config(), stream)
    }
}

//! The real Lambda runtime API of `cargo lambda`, and the function under it.

use std::path::PathBuf;
use std::process::Command;

use super::kinesieve_lambda;
use super::process::{Process, TIME_LIMIT, free_port, installed};

/// A runtime API on a free port; ends with the value.
pub struct Emulator {
    port: u16,
    _process: Process,
}

/// The function, attached to an emulator; ends with the value.
pub struct Function {
    process: Process,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl Emulator {
    pub fn start() -> Self {
        let program = installed("TEST_CARGO_LAMBDA", "venv/bin/cargo-lambda", "tools-lambda");
        let port = free_port();
        let process = Process::serving(
            port,
            Command::new(program)
                .args(["lambda", "watch", "--only-lambda-apis", "-A", "127.0.0.1", "-P", &port.to_string()])
                .current_dir(env!("CARGO_MANIFEST_DIR")),
        );
        Self { port, _process: process }
    }

    /// Starts the function with these settings.
    pub fn function(&self, variables: &[(&str, &str)]) -> Function {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log.ndjson");
        let process = Process::start(
            kinesieve_lambda()
                .env("AWS_LAMBDA_RUNTIME_API", format!("http://127.0.0.1:{}/.rt", self.port))
                .env("AWS_LAMBDA_FUNCTION_NAME", "_")
                .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
                .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
                .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
                .env("AWS_LAMBDA_LOG_GROUP_NAME", "group")
                .envs(variables.iter().copied())
                .stderr(std::fs::File::create(&log).expect("a log")),
        );
        Function { process, log, _folder: folder }
    }

    /// Invokes the function: the status and the body of the answer.
    pub fn invoke(&self, event: &[u8]) -> (u16, String) {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(TIME_LIMIT)).http_status_as_error(false).build().into();
        let url = format!("http://127.0.0.1:{}/2015-03-31/functions/_/invocations", self.port);
        let mut answer = agent.post(&url).send(event).expect("an answer");
        (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
    }
}

impl Function {
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The log so far, a JSON object a line.
    pub fn log(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(&self.log).expect("a log");
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

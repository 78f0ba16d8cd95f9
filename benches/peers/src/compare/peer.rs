//! A function as a process of its own, under a runtime API of its own.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::runtime_api::RuntimeApi;

/// A function that can be started.
#[derive(Clone)]
pub struct Peer {
    /// How it is called in the table.
    pub name: String,
    pub program: PathBuf,
    pub arguments: Vec<PathBuf>,
    pub variables: Vec<(&'static str, String)>,
    /// Whether outputs are named by Kinesieve's settings.
    pub is_kinesieve: bool,
}

/// A function that runs; it is ended with the value.
pub struct Running {
    child: Child,
    api: RuntimeApi,
    /// From the start of its process to its first poll.
    pub start: Duration,
}

impl Peer {
    pub fn start(&self, more: &[(&str, &OsStr)]) -> anyhow::Result<Running> {
        let api = RuntimeApi::start()?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", "peer")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "3538")
            .env("AWS_REGION", "eu-west-1")
            .env("POWERTOOLS_SERVICE_NAME", "peer")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("starting {}", self.program.display()))?;
        let mut running = Running { child, api, start: Duration::ZERO };
        running.start = running.api.first_poll().with_context(|| format!("starting {}", self.name))? - started;
        Ok(running)
    }

    /// What one invocation delivers, in its order; `path`: a file for that.
    pub fn outputs_of(&self, event: &Arc<Vec<u8>>, path: &Path) -> anyhow::Result<Vec<String>> {
        if !self.is_kinesieve {
            self.start(&[("PEER_OUTPUTS", path.as_os_str())])?.invoke(event)?;
            return Ok(std::fs::read_to_string(path)?.lines().map(str::to_owned).collect());
        }
        let mut target = OsString::from("file:");
        target.push(path);
        self.start(&[("KINESIEVE_OUTPUT", &target)])?.invoke(event)?;
        let data = |line: &str| -> anyhow::Result<String> {
            let output: serde_json::Value = serde_json::from_str(line)?;
            Ok(output["data"].as_str().context("an output without data")?.to_owned())
        };
        std::fs::read_to_string(path)?.lines().map(data).collect()
    }
}

impl Running {
    /// How long one invocation takes; all of its records have to be done.
    pub fn invoke(&self, event: &Arc<Vec<u8>>) -> anyhow::Result<Duration> {
        let answer = self.api.invoke(event)?;
        let response: serde_json::Value = serde_json::from_slice(&answer.response).context("its response")?;
        let failures = &response["batchItemFailures"];
        anyhow::ensure!(failures.as_array().is_some_and(Vec::is_empty), "it answers {response}");
        Ok(answer.took)
    }

    /// The most memory that its process ever held, in bytes.
    pub fn peak_memory(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no peak of memory")?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1024)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

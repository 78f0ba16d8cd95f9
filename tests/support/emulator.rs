//! The real Lambda runtime API of `cargo lambda`, and the function under it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use super::kinesieve_lambda;

const PATIENCE: Duration = Duration::from_secs(60);

/// A runtime API on a free port; ends with the value.
pub struct Emulator {
    port: u16,
    process: Child,
}

/// The function, attached to an emulator; ends with the value.
pub struct Function {
    process: Child,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl Emulator {
    pub fn start() -> Self {
        let program = std::env::var_os("TEST_CARGO_LAMBDA")
            .map(PathBuf::from)
            .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".tools/venv/bin/cargo-lambda"));
        assert!(program.is_file(), "{} is missing: `make tools-lambda` installs it", program.display());
        let port = free_port();
        let mut process = Command::new(program)
            .args(["lambda", "watch", "--only-lambda-apis", "-A", "127.0.0.1", "-P", &port.to_string()])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the emulator starts");
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            // Also where another program was faster to take the port: that one must not answer for ours.
            if let Ok(Some(status)) = process.try_wait() {
                panic!("the emulator ended with {status}");
            }
            assert!(started.elapsed() < PATIENCE, "the emulator does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { port, process }
    }

    /// Starts the function with these settings.
    pub fn function(&self, variables: &[(&str, &str)]) -> Function {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log.ndjson");
        let process = kinesieve_lambda()
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://127.0.0.1:{}/.rt", self.port))
            .env("AWS_LAMBDA_FUNCTION_NAME", "_")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "group")
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).expect("a log"))
            .spawn()
            .expect("the function starts");
        Function { process, log, _folder: folder }
    }

    /// Invokes the function: the status and the body of the answer.
    pub fn invoke(&self, event: &[u8]) -> (u16, String) {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build().into();
        let url = format!("http://127.0.0.1:{}/2015-03-31/functions/_/invocations", self.port);
        let mut answer = agent.post(&url).send(event).expect("an answer");
        (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
    }
}

impl Function {
    /// The log so far, a JSON object a line.
    pub fn log(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(&self.log).expect("a log");
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

/// A port that nobody listens on. From below the range that the system gives to connections, of which the
/// other tests open many: one of those could take the port before the emulator does.
fn free_port() -> u16 {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 16_000;
    static TAKEN: AtomicU16 = AtomicU16::new(0);

    // Runs side by side start at different places.
    let start = std::process::id() % u32::from(COUNT);
    for _ in 0..COUNT {
        let offset = start + u32::from(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = FIRST + (offset % u32::from(COUNT)) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free from {FIRST} on");
}

impl Drop for Emulator {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// Kills it by its pid and waits, so that nothing outlives the test.
fn end(process: &mut Child) {
    let _ = process.kill();
    let _ = process.wait();
}

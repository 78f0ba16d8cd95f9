//! Programs that the tests start beside themselves: where they are, what port they get, and their end.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// How long anything here may take. It takes seconds, but the machine may have other things to do.
pub const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The file that a variable names, or the one below `.tools/` that `make tools-emulators`, say, installs.
pub fn installed(variable: &str, below_tools: &str, make_target: &str) -> PathBuf {
    let file = match std::env::var_os(variable) {
        Some(file) => PathBuf::from(file),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools").join(below_tools),
    };
    assert!(file.is_file(), "{} is missing: `make {make_target}` installs it", file.display());
    file
}

/// Whether a program has its own way with Ctrl-C by now, and is not just ended by it.
pub fn catches_interrupts(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    // SIGINT is the second of them.
    caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 2 != 0)
}

/// A program that runs; ends with the value.
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts what says nothing of use on standard output.
    pub fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap_or_else(|error| {
            panic!("{} does not start: {error}", command.get_program().display());
        });
        Self { child }
    }

    /// Starts what serves the port, and waits until it does.
    pub fn serving(port: u16, command: &mut Command) -> Self {
        let mut process = Self::start(command.stderr(Stdio::null()));
        let program = command.get_program().display();
        wait_until(&format!("{program} listens"), || {
            // Also where another program was faster to take the port: that one must not answer for ours.
            if let Ok(Some(status)) = process.child.try_wait() {
                panic!("{program} ended with {status}");
            }
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        process
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    /// Kills it by its pid and waits, so that nothing outlives the test.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again and again until it is so.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < TIME_LIMIT, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A port that nobody listens on. From below the range that the system gives to connections, of which the
/// other tests open many: one of those could take the port before the program does.
pub fn free_port() -> u16 {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 16_000;
    static TAKEN: AtomicU16 = AtomicU16::new(0);

    // Runs side by side, whose numbers follow each other, start further apart than the ports that one takes.
    let start = std::process::id().wrapping_mul(199) % u32::from(COUNT);
    for _ in 0..COUNT {
        let offset = start + u32::from(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = FIRST + (offset % u32::from(COUNT)) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free from {FIRST} on");
}

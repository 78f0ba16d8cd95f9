//! `kinesieve build`: precompiles a transform.

use std::io::{self, Write};
use std::path::PathBuf;

use bytesize::ByteSize;
use clap::Args;

use super::ALL_ACKNOWLEDGED;
use super::progress::Progress;
use crate::transform::{Manifest, Target, precompile};

/// Precompile a transform for the machine that will run it
///
/// Compiling takes from a tenth of a second (Rust) to ten seconds (JavaScript, Python), a precompiled
/// transform loads in a millisecond or so. The result fits the machine and this version of kinesieve,
/// and nothing else. A manifest with its digest is written beside it (FILE.json): the function runs
/// the one only with the other, so keep them together.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kinesieve build transform.wasm --target arm64 --output transform.cwasm")]
pub(super) struct BuildArguments {
    /// The component (.wasm)
    #[arg(value_name = "COMPONENT")]
    component: PathBuf,

    /// The machine that will run it: arm64 or x86_64 as in Lambda, or host for the one at hand
    #[arg(long, value_name = "TARGET")]
    target: Target,

    /// Where to write it [default: COMPONENT with the ending .TARGET.cwasm]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn build(arguments: &BuildArguments) -> anyhow::Result<u8> {
    let output = arguments
        .output
        .clone()
        .unwrap_or_else(|| arguments.component.with_extension(format!("{}.cwasm", arguments.target)));
    let waiting = Progress::waiting_for(format!("compiling {}", arguments.component.display()));
    let built = precompile(&arguments.component, arguments.target, &output);
    waiting.finish();
    let built = built?;
    let size = |bytes: usize| ByteSize::b(bytes as u64).display().iec();
    let report = format!(
        "{} for {}: {}, from {} of WebAssembly\n{}: its manifest; keep the two together\n",
        output.display(),
        built.manifest.target,
        size(built.precompiled_bytes),
        size(built.source_bytes),
        Manifest::path_of(&output).display(),
    );
    // A reader that is gone changes nothing about what was built.
    let _ = io::stdout().write_all(report.as_bytes());
    Ok(ALL_ACKNOWLEDGED)
}

//! What is written beside a precompiled transform, so that it can be trusted and told apart.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The file `X.cwasm.json` beside a precompiled transform `X.cwasm`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// SHA-256 of the precompiled file, in hexadecimal.
    pub sha256: String,
    /// SHA-256 of the component that it was made of: what a dead letter names as its transform,
    /// precompiled or not.
    pub source_sha256: String,
    /// The machine it is for: `arm64` or `x86_64`.
    pub target: String,
    /// The engine that can run it, with its version.
    pub engine: String,
    /// The program that made it, with its version.
    pub built_by: String,
}

impl Manifest {
    /// Where the manifest of a precompiled file lies.
    pub fn path_of(precompiled: &Path) -> PathBuf {
        let mut name = OsString::from(precompiled);
        name.push(".json");
        name.into()
    }
}

/// SHA-256 in hexadecimal.
#[cfg(feature = "compiler")]
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of a file in hexadecimal, without holding the file in memory: precompiled JavaScript is
/// tens of megabytes.
pub(super) fn sha256_hex_of_file(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut reader = io::BufReader::with_capacity(1 << 20, std::fs::File::open(path)?);
    io::copy(&mut reader, &mut hasher)?;
    Ok(hex(&hasher.finalize()))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

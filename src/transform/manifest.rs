//! What is written beside a precompiled transform, so that it can be trusted and told apart.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::files::{hex, read_bounded, too_large};
use crate::json_error::explained_without_values;

/// What this build's engine is called in a manifest: it takes no other release's code.
#[cfg(feature = "compiler")]
pub(super) const ENGINE: &str = "wasmtime 48";

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
    /// Whether calls are inlined in it, which the engine that loads it has to know. They are not where that would take
    /// gigabytes of memory to compile. Before there was the difference, they always were.
    #[serde(default = "always")]
    pub inlined: bool,
}

fn always() -> bool {
    true
}

/// The most bytes of a manifest: it has some 300.
const MOST_BYTES: u64 = 64 << 10;

/// The most bytes of a precompiled file. What is made of the largest component that is compiled has a quarter of it.
const MOST_PRECOMPILED_BYTES: u64 = 2 << 30;

impl Manifest {
    /// Where the manifest of a precompiled file lies.
    pub fn path_of(precompiled: &Path) -> PathBuf {
        let mut name = OsString::from(precompiled);
        name.push(".json");
        name.into()
    }

    /// Reads the manifest of a precompiled file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn of(precompiled: &Path) -> Result<Self, String> {
        let bytes = read_bounded(&Self::path_of(precompiled), MOST_BYTES).map_err(|error| error.to_string())?;
        serde_json::from_slice(&bytes).map_err(|error| explained_without_values(&error, "a manifest"))
    }
}

/// SHA-256 of a file in hexadecimal, without holding the file in memory: precompiled JavaScript is
/// tens of megabytes.
pub(super) fn sha256_hex_of_file(path: &Path) -> io::Result<String> {
    let file = std::fs::File::open(path)?;
    let size = file.metadata()?.len();
    if size > MOST_PRECOMPILED_BYTES {
        return Err(too_large(&format!("it has {}", ByteSize::b(size).display().iec()), MOST_PRECOMPILED_BYTES));
    }
    let mut hasher = Sha256::new();
    let mut reader = io::BufReader::with_capacity(1 << 20, file.take(MOST_PRECOMPILED_BYTES + 1));
    if io::copy(&mut reader, &mut hasher)? > MOST_PRECOMPILED_BYTES {
        return Err(too_large("it goes on", MOST_PRECOMPILED_BYTES));
    }
    Ok(hex(&hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_manifest_is_said_in_the_words_of_json() {
        let folder = tempfile::tempdir().expect("a folder");
        let precompiled = folder.path().join("x.cwasm");
        for (text, expected) in [
            ("{}", "at line 1 column 2, a manifest needs the field `sha256`"),
            ("{\"sha256\": 7}", "at line 1 column 12, a part is of another type than in a manifest"),
            ("{\"sha256\": \"\",", "at line 1 column 14, it ends"),
        ] {
            std::fs::write(Manifest::path_of(&precompiled), text).expect("written");
            let said = Manifest::of(&precompiled).expect_err(text);
            assert!(said.starts_with(expected), "{said}");
        }
    }
}

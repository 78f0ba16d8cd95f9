//! Compiling beforehand: once, on the machine that builds, for the machine that runs.

use std::io;
use std::path::{Path, PathBuf};

use super::artifact::{FileKind, LoadError, invalid, no_engine, read_checked, threads};
use super::engine::{EnginePurpose, InliningMode, Insight, engine};
use super::manifest::{ENGINE, Manifest};
use super::target::CompileTarget;
use crate::error_code::ErrorCode;
use crate::files::{is_same_file, sha256_hex, write_whole};

/// Why a component was not precompiled.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The component can't be loaded, or is no transform.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It is precompiled already.
    #[error("{path} is precompiled already: give the component (.wasm) that it was made of")]
    AlreadyPrecompiled {
        /// The file.
        path: PathBuf,
    },
    /// The result would take the component's place.
    #[error("the output {path} is the component itself: name another file")]
    OutputIsComponent {
        /// The file.
        path: PathBuf,
    },
    /// The result can't be written.
    #[error("can't write {path}: {source}")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl BuildError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            BuildError::Load(error) => error.code(),
            BuildError::AlreadyPrecompiled { .. } => ErrorCode::AlreadyPrecompiled,
            BuildError::OutputIsComponent { .. } => ErrorCode::OutputIsComponent,
            BuildError::Unwritable { .. } => ErrorCode::FileNotWritten,
        }
    }
}

/// What a build made.
#[derive(Debug)]
pub struct Built {
    /// What was written beside the precompiled file.
    pub manifest: Manifest,
    /// The size of the component, in bytes.
    pub source_bytes: usize,
    /// The size of the precompiled file, in bytes.
    pub precompiled_bytes: usize,
}

/// Compiles a component for a machine and writes it to `output`, with its manifest beside it.
///
/// # Errors
/// When the component is no transform or the files can't be written.
pub fn precompile(component: &Path, target: CompileTarget, output: &Path) -> Result<Built, BuildError> {
    if let FileKind::Precompiled = FileKind::of(component)? {
        return Err(BuildError::AlreadyPrecompiled { path: component.to_owned() });
    }
    if is_same_file(component, output) {
        return Err(BuildError::OutputIsComponent { path: output.to_owned() });
    }
    // Checked before the long work: compiling takes ten seconds for a JavaScript or Python guest.
    let (source, extent) = read_checked(component)?;
    let calls = if extent.is_inlined() { InliningMode::Inlined } else { InliningMode::Kept };
    let purpose = EnginePurpose::Precompile(target, calls, threads(&extent));
    let engine = engine(purpose, Insight::None).map_err(no_engine)?;
    let code = engine.precompile_component(&source).map_err(|error| invalid(component, &error))?;
    let made_for = match target {
        CompileTarget::Host => CompileTarget::of_this_machine(),
        CompileTarget::Arm64 | CompileTarget::X86_64 => target.as_str(),
    };
    let manifest = Manifest {
        sha256: sha256_hex(&code),
        source_sha256: sha256_hex(&source),
        target: made_for.to_owned(),
        engine: ENGINE.to_owned(),
        built_by: concat!("kinesieve ", env!("CARGO_PKG_VERSION")).to_owned(),
        inlined: calls == InliningMode::Inlined,
    };
    let mut manifest_text = serde_json::to_vec_pretty(&manifest)
        .map_err(io::Error::from)
        .map_err(|source| BuildError::Unwritable { path: Manifest::path_of(output), source })?;
    manifest_text.push(b'\n');
    write(output, &code)?;
    write(&Manifest::path_of(output), &manifest_text)?;
    Ok(Built { manifest, source_bytes: source.len(), precompiled_bytes: code.len() })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    write_whole(path, bytes).map_err(|source| BuildError::Unwritable { path: path.to_owned(), source })
}

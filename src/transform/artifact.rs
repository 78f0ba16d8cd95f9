//! A transform on disk: a component, or one that was precompiled.

use std::fs::File;
use std::io::{self, Read};
#[cfg(feature = "compiler")]
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::component::{Component, InstancePre};
use wasmtime::{Engine, Precompiled};

use super::contract::{self, ContractError, World};
#[cfg(feature = "compiler")]
use super::engine::Threads;
use super::engine::{EnginePurpose, InliningMode, Insight, engine};
#[cfg(feature = "compiler")]
use super::extent::{Extent, NotCompilable};
use super::host::{self, HostState};
use super::manifest::{Manifest, sha256_hex_of_file};
use super::precompiled;
use super::target::CompileTarget;
use super::ticker::{Ticker, tick_for};
use super::trace::SourceFolder;
use crate::error_code::ErrorCode;
#[cfg(feature = "compiler")]
use crate::files::{read_bounded, sha256_hex};

/// Why a transform could not be loaded. Each message names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file can't be read.
    #[error("transform {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no WebAssembly at all.
    #[error(
        "transform {path}: not WebAssembly: the file starts with {found}. Give a component (.wasm), or a component that `kinesieve build` precompiled (.cwasm)"
    )]
    NotWebAssembly {
        /// The file.
        path: PathBuf,
        /// Its first bytes.
        found: String,
    },
    /// The file is a core module.
    #[error(
        "transform {path}: a core module, not a component. Build it with a toolchain that makes components \
         (in Rust: --target wasm32-wasip2), or wrap it with `wasm-tools component new`"
    )]
    CoreModule {
        /// The file.
        path: PathBuf,
    },
    /// The component can't be compiled: it is truncated, invalid, or uses what is switched off.
    #[error("transform {path}: can't compile it: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What the compiler says, with the remedy where it is known.
        reason: String,
    },
    /// There is too much in the component for it to be compiled.
    #[error(
        "transform {path}: {reason}. Leave out what it does not use, unused libraries for instance; \
         docs/reference/transforms.md has the limits"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What there is too much of, how much, and the limit.
        reason: String,
    },
    /// This build has no compiler.
    #[error(
        "transform {path}: this build of kinesieve has no compiler. Precompile the transform: `kinesieve build {path} --target {machine}`"
    )]
    NoCompiler {
        /// The file.
        path: PathBuf,
        /// The target for this machine.
        machine: &'static str,
    },
    /// A precompiled file stands without its manifest, or with one that can't be read.
    #[error(
        "transform {path}: can't read the manifest {manifest} of the precompiled file: {reason}. `kinesieve build` \
         writes both; keep them together"
    )]
    NoManifest {
        /// The precompiled file.
        path: PathBuf,
        /// Where its manifest should be.
        manifest: PathBuf,
        /// Why it can't be read.
        reason: String,
    },
    /// A precompiled file is not the one that its manifest speaks of.
    #[error(
        "transform {path}: its SHA-256 is {found}, its manifest says {expected}: one of the two was damaged or \
         replaced. Build both again: `kinesieve build COMPONENT.wasm --target {machine}`"
    )]
    DigestMismatch {
        /// The precompiled file.
        path: PathBuf,
        /// The digest of the file as it is.
        found: String,
        /// The digest in the manifest.
        expected: String,
        /// The target for this machine.
        machine: &'static str,
    },
    /// A precompiled file was made for another machine, version or settings.
    #[error(
        "transform {path}: it was precompiled for {made_for} by {built_by}, which does not fit this build: {reason}. \
         Make one that fits, with the `kinesieve` of this version: `kinesieve build COMPONENT.wasm --target {machine}`"
    )]
    OtherSettings {
        /// The precompiled file.
        path: PathBuf,
        /// The target it was made for.
        made_for: String,
        /// The program that made it.
        built_by: String,
        /// What does not fit.
        reason: String,
        /// The target for this machine.
        machine: &'static str,
    },
    /// The component is no transform.
    #[error("transform {path}: {source}")]
    Contract {
        /// The file.
        path: PathBuf,
        /// What is missing.
        source: ContractError,
    },
    /// The engine itself does not work here.
    #[error("the WebAssembly engine can't be set up: {0}")]
    Engine(String),
}

impl LoadError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            LoadError::Unreadable { .. } => ErrorCode::TransformUnreadable,
            LoadError::NotWebAssembly { .. } => ErrorCode::NotWebAssembly,
            LoadError::CoreModule { .. } => ErrorCode::CoreModule,
            LoadError::Invalid { .. } => ErrorCode::NotCompilable,
            LoadError::TooLarge { .. } => ErrorCode::TransformTooLarge,
            LoadError::NoCompiler { .. } => ErrorCode::NoCompiler,
            LoadError::NoManifest { .. } => ErrorCode::NoManifest,
            LoadError::DigestMismatch { .. } => ErrorCode::DigestMismatch,
            LoadError::OtherSettings { .. } => ErrorCode::PrecompiledForOther,
            LoadError::Contract { source, .. } => source.code(),
            LoadError::Engine(_) => ErrorCode::EngineFailed,
        }
    }
}

/// A component that implements the contract, ready to be started any number of times.
pub struct Transform {
    /// One for all its guests: they share the engine's epoch.
    ticker: Arc<Ticker>,
    /// The component with all its imports provided.
    linked: InstancePre<HostState>,
    world: World,
    digest: String,
    sources: SourceFolder,
    insight: Insight,
}

impl Transform {
    /// Loads a component (`.wasm`) or a precompiled one (`.cwasm`), told apart by content.
    ///
    /// # Errors
    /// When it can't be read, compiled or run by this build, or is no transform.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        Self::load_with(path, Insight::None)
    }

    /// Loads one to learn so much about it. The instructions of a precompiled one can't be counted: code of the engine for that
    /// is refused.
    ///
    /// # Errors
    /// When it can't be read, compiled or run by this build, or is no transform.
    pub fn load_with(path: &Path, insight: Insight) -> Result<Self, LoadError> {
        match FileKind::of(path)? {
            FileKind::Component => Self::compile(path, insight),
            FileKind::Precompiled => Self::open_precompiled(path, insight),
        }
    }

    /// Compiles a component that is in no file.
    ///
    /// # Errors
    /// When it can't be compiled by this build, or is no transform.
    #[cfg(feature = "compiler")]
    pub fn of_component(source: &[u8], insight: Insight) -> Result<Self, LoadError> {
        Self::compile_checked(Path::new("(built in)"), source, Threads::All, insight)
    }

    /// What a dead letter names as its transform: `sha256:` and the digest of the component,
    /// precompiled or not.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What it works on.
    pub fn world(&self) -> World {
        self.world
    }

    /// What is learned about its guests.
    pub fn insight(&self) -> Insight {
        self.insight
    }

    pub(super) fn ticker(&self) -> Arc<Ticker> {
        Arc::clone(&self.ticker)
    }

    pub(super) fn linked(&self) -> InstancePre<HostState> {
        self.linked.clone()
    }

    pub(super) fn sources(&self) -> SourceFolder {
        self.sources.clone()
    }

    #[cfg(feature = "compiler")]
    fn compile(path: &Path, insight: Insight) -> Result<Self, LoadError> {
        let (source, extent) = read_checked(path)?;
        Self::compile_checked(path, &source, threads(&extent), insight)
    }

    #[cfg(feature = "compiler")]
    fn compile_checked(path: &Path, source: &[u8], threads: Threads, insight: Insight) -> Result<Self, LoadError> {
        let engine = engine(EnginePurpose::CompileAndRun(threads), insight).map_err(no_engine)?;
        let component = Component::from_binary(&engine, source).map_err(|error| invalid(path, &error))?;
        Self::checked(path, engine, component, &sha256_hex(source), insight)
    }

    #[cfg(not(feature = "compiler"))]
    fn compile(path: &Path, _insight: Insight) -> Result<Self, LoadError> {
        Err(LoadError::NoCompiler { path: path.to_owned(), machine: CompileTarget::of_this_machine() })
    }

    fn open_precompiled(path: &Path, insight: Insight) -> Result<Self, LoadError> {
        let manifest = checked_manifest(path)?;
        let machine = CompileTarget::of_this_machine();
        let calls = if manifest.inlined { InliningMode::Inlined } else { InliningMode::Kept };
        let engine = engine(EnginePurpose::RunPrecompiled(calls), insight).map_err(no_engine)?;
        let component = precompiled::load(&engine, path).map_err(|error| LoadError::OtherSettings {
            path: path.to_owned(),
            made_for: format!("{} and {}", manifest.target, manifest.engine),
            built_by: manifest.built_by.clone(),
            reason: error.root_cause().to_string(),
            machine,
        })?;
        Self::checked(path, engine, component, &manifest.source_sha256, insight)
    }

    fn checked(
        path: &Path,
        engine: Engine,
        component: Component,
        sha256: &str,
        insight: Insight,
    ) -> Result<Self, LoadError> {
        let world = contract::check(&engine, &component)
            .map_err(|source| LoadError::Contract { path: path.to_owned(), source })?;
        // Names fit by now; what this still finds is a function of another type.
        let linked = host::linker(&engine)
            .and_then(|linker| linker.instantiate_pre(&component))
            .map_err(|error| LoadError::Invalid { path: path.to_owned(), reason: format!("{error:#}") })?;
        let ticker =
            Ticker::start(Some(&engine), tick_for(insight)).map_err(|error| LoadError::Engine(error.to_string()))?;
        let digest = format!("sha256:{sha256}");
        let sources = if insight == Insight::Lines { SourceFolder::of(path) } else { SourceFolder::default() };
        Ok(Self { ticker: Arc::new(ticker), linked, world, digest, sources, insight })
    }
}

/// The manifest of a precompiled transform whose digest is right; none: it is a component. The machine that it is for
/// need not be the one at hand.
///
/// # Errors
/// When it is neither, can't be read, or is not what its manifest speaks of.
pub fn check_precompiled(path: &Path) -> Result<Option<Manifest>, LoadError> {
    match FileKind::of(path)? {
        FileKind::Component => Ok(None),
        FileKind::Precompiled => checked_manifest(path).map(Some),
    }
}

fn checked_manifest(path: &Path) -> Result<Manifest, LoadError> {
    let manifest = read_manifest(path)?;
    let machine = CompileTarget::of_this_machine();
    let found = sha256_hex_of_file(path).map_err(|source| LoadError::Unreadable { path: path.to_owned(), source })?;
    if found != manifest.sha256 {
        return Err(LoadError::DigestMismatch { path: path.to_owned(), found, expected: manifest.sha256, machine });
    }
    Ok(manifest)
}

pub(super) fn no_engine(error: wasmtime::Error) -> LoadError {
    LoadError::Engine(format!("{error:#}"))
}

fn read_manifest(path: &Path) -> Result<Manifest, LoadError> {
    Manifest::of(path).map_err(|reason| LoadError::NoManifest {
        path: path.to_owned(),
        manifest: Manifest::path_of(path),
        reason,
    })
}

/// Returns the bytes of a component, whatever is in it.
#[cfg(feature = "compiler")]
pub(super) fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let limit = super::extent::MOST_BYTES;
    read_bounded(path, limit).map_err(|source| LoadError::Unreadable { path: path.to_owned(), source })
}

/// Returns the bytes of a component that can be compiled as far as can be told beforehand, and what is in it.
#[cfg(feature = "compiler")]
pub(super) fn read_checked(path: &Path) -> Result<(Vec<u8>, Extent), LoadError> {
    let source = read(path)?;
    contract::check_binary(&source).map_err(|source| LoadError::Contract { path: path.to_owned(), source })?;
    let extent = Extent::of(&source).map_err(|unfit| match unfit {
        NotCompilable::Excess(excess) => LoadError::TooLarge { path: path.to_owned(), reason: excess.to_string() },
        NotCompilable::Invalid(error) => invalid_bytes(path, &error),
    })?;
    Ok((source, extent))
}

/// Which threads compile a component.
#[cfg(feature = "compiler")]
pub(super) fn threads(extent: &Extent) -> Threads {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    if extent.is_compiled_by(processors) { Threads::All } else { Threads::One }
}

/// What a file is, told from its first bytes.
pub(super) enum FileKind {
    Component,
    Precompiled,
}

impl FileKind {
    pub(super) fn of(path: &Path) -> Result<Self, LoadError> {
        let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
        let mut head = Vec::with_capacity(8);
        File::open(path).and_then(|file| file.take(8).read_to_end(&mut head)).map_err(unreadable)?;
        // Both kinds of WebAssembly start with "\0asm"; then a version, and a layer: 0 is a core
        // module, 1 a component.
        match head.as_slice() {
            [0, b'a', b's', b'm', _, _, 1, 0] => Ok(FileKind::Component),
            [0, b'a', b's', b'm', _, _, 0, 0] => Err(LoadError::CoreModule { path: path.to_owned() }),
            // The eighth byte is the engine's own. A file that is cut off or damaged behind it is still one.
            [0x7f, b'E', b'L', b'F', 2, 1, _, 0xc8]
                if !matches!(Engine::detect_precompiled_file(path), Ok(Some(Precompiled::Module))) =>
            {
                Ok(FileKind::Precompiled)
            }
            [] => Err(LoadError::NotWebAssembly { path: path.to_owned(), found: "nothing: it is empty".to_owned() }),
            other => {
                Err(LoadError::NotWebAssembly { path: path.to_owned(), found: format!("\"{}\"", other.escape_ascii()) })
            }
        }
    }
}

#[cfg(feature = "compiler")]
pub(super) fn invalid(path: &Path, error: &wasmtime::Error) -> LoadError {
    invalid_bytes(path, &format_args!("{error:#}"))
}

/// Returns the error of a file whose bytes are invalid.
#[cfg(feature = "compiler")]
pub(super) fn invalid_bytes(path: &Path, error: &dyn std::fmt::Display) -> LoadError {
    // The compiler says some things on several lines.
    let lines: Vec<String> = error.to_string().lines().map(|line| line.trim().to_owned()).collect();
    let mut reason = lines.join(" ");
    if reason.contains("async") {
        reason.push_str(". Asynchronous components are not taken: build a synchronous one (componentize-qjs: --sync)");
    } else if reason.contains("unexpected end") {
        reason.push_str(". The file seems to be cut off: build or copy it again");
    }
    LoadError::Invalid { path: path.to_owned(), reason }
}

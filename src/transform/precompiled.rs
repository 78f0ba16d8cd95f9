//! Machine code that was made beforehand: for which machine, and how it is loaded.
//!
//! The only unsafe code of the crate.

#![allow(unsafe_code, reason = "loading precompiled code can't be checked by the compiler; the arguments stand below")]

use std::path::Path;

use wasmtime::Engine;
use wasmtime::component::Component;

#[cfg(feature = "compiler")]
use super::target::CompileTarget;

/// Makes the compiler write code for `target` instead of the machine at hand.
#[cfg(feature = "compiler")]
pub(super) fn compile_for(config: &mut wasmtime::Config, target: CompileTarget) -> wasmtime::Result<()> {
    let Some((triple, features)) = target.machine() else { return Ok(()) };
    config.target(triple)?;
    for feature in features {
        // SAFETY: a wrong flag would make the compiler use instructions that the machine lacks. The
        // flags are constants of `CompileTarget::machine`, each a feature that all machines of that target
        // have, and the engine checks them once more against the processor when the code is loaded.
        unsafe {
            config.cranelift_flag_enable(feature);
        }
    }
    Ok(())
}

/// Loads precompiled code, mapped into memory rather than read.
pub(super) fn load(engine: &Engine, digest_checked: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the engine runs what is in the file without looking at it, so it must be the compiler's
    // own output, and must not change while it is in use. Its one caller compared the file's SHA-256
    // with the manifest that `kinesieve build` wrote beside it, which excludes truncated, damaged and
    // mixed-up files. That the two come from the compiler, and are not replaced under a running
    // process, is the deployment's to keep, exactly as for the program's own binary: they are packaged
    // together, and a function's package is read-only. The engine itself then refuses code of another
    // version, other settings or another processor.
    unsafe { Component::deserialize_file(engine, digest_checked) }
}

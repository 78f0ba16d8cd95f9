//! The function that is packaged: Lambda calls its file `bootstrap`.

use std::fs;
use std::path::{Path, PathBuf};

use super::PackageError;
use crate::files::{read_bounded, sha256_hex};
use crate::transform::CompileTarget;

/// The most bytes of a function. It has some 15 MB, and 200 before its symbols are taken out.
const MOST_BYTES: u64 = 1 << 30;

/// Where an ELF file says its machine, as two bytes with the lower one first, and what it begins with. From the System V
/// ABI, "ELF Header".
const ELF_MACHINE: std::ops::Range<usize> = 18..20;
const ELF_MAGIC: &[u8] = b"\x7fELF";

/// What releases say of their functions while they are compiled: the digest, in hexadecimal.
const OF_RELEASE: [(&str, Option<&str>); 2] = [
    ("arm64", option_env!("KINESIEVE_RELEASE_BOOTSTRAP_ARM64_SHA256")),
    ("x86_64", option_env!("KINESIEVE_RELEASE_BOOTSTRAP_X86_64_SHA256")),
];

/// Where a function came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BootstrapOrigin {
    /// It belongs to this release, and its digest is right.
    Release,
    /// A development build made it for this machine: nobody tested that Lambda has what it is linked with.
    Development(PathBuf),
    /// The person named it.
    Named(PathBuf),
}

/// A function, for a machine.
#[derive(Debug)]
pub(crate) struct Bootstrap {
    /// The file.
    pub(crate) bytes: Vec<u8>,
    pub(crate) origin: BootstrapOrigin,
}

impl Bootstrap {
    /// Reads the function for a machine of Lambda: the one that is named, or that of this release, or of this development build.
    pub(crate) fn of(target: CompileTarget, named: Option<&Path>) -> Result<Self, PackageError> {
        let architecture = target.as_str();
        if let Some(path) = named {
            let bytes = read(path)?;
            check_machine(&bytes, path, architecture)?;
            return Ok(Self { bytes, origin: BootstrapOrigin::Named(path.to_owned()) });
        }
        let program = program()?;
        match OF_RELEASE.iter().find(|(name, _)| *name == architecture).and_then(|(_, digest)| *digest) {
            Some(digest) => Self::of_release(&program, architecture, digest),
            None => Self::of_development(&program, architecture),
        }
    }

    fn of_release(program: &Path, architecture: &'static str, expected: &'static str) -> Result<Self, PackageError> {
        let place = place_in_release(program, architecture);
        if !place.exists() {
            return Err(PackageError::NoFunction { architecture, place, hint: "" });
        }
        let bytes = read(&place)?;
        let found = sha256_hex(&bytes);
        if found != expected {
            return Err(PackageError::Damaged { path: place, found, expected });
        }
        Ok(Self { bytes, origin: BootstrapOrigin::Release })
    }

    fn of_development(program: &Path, architecture: &'static str) -> Result<Self, PackageError> {
        let place = program.with_file_name("kinesieve-lambda");
        if architecture != CompileTarget::of_this_machine() {
            let hint = ", and a development build has one for its own machine only";
            return Err(PackageError::NoFunction {
                architecture,
                place: place_in_release(program, architecture),
                hint,
            });
        }
        if !place.exists() {
            let hint = ", which a development build makes beside this program";
            return Err(PackageError::NoFunction { architecture, place, hint });
        }
        let bytes = read(&place)?;
        check_machine(&bytes, &place, architecture)?;
        Ok(Self { bytes, origin: BootstrapOrigin::Development(place) })
    }
}

/// This program, where it really lies: installers make links to it.
fn program() -> Result<PathBuf, PackageError> {
    let unreadable = |source| PackageError::Unreadable { path: PathBuf::from("kinesieve"), source };
    let program = std::env::current_exe().map_err(unreadable)?;
    fs::canonicalize(&program).map_err(unreadable)
}

/// Archives, wheels and packages have `lib/kinesieve` beside the `bin` of this program.
fn place_in_release(program: &Path, architecture: &str) -> PathBuf {
    let bin = program.parent().unwrap_or(Path::new("."));
    let prefix = bin.parent().unwrap_or(bin);
    prefix.join("lib/kinesieve").join(format!("bootstrap-{architecture}"))
}

fn read(path: &Path) -> Result<Vec<u8>, PackageError> {
    read_bounded(path, MOST_BYTES).map_err(|source| PackageError::Unreadable { path: path.to_owned(), source })
}

fn check_machine(bytes: &[u8], path: &Path, architecture: &'static str) -> Result<(), PackageError> {
    let other = |what: &str| PackageError::OtherMachine { path: path.to_owned(), what: what.to_owned(), architecture };
    let machine = match (bytes.starts_with(ELF_MAGIC), bytes.get(ELF_MACHINE)) {
        (true, Some(&[low, high])) => u16::from_le_bytes([low, high]),
        _ => return Err(other("no program for Linux")),
    };
    match (machine, architecture) {
        (183, "arm64") | (62, "x86_64") => Ok(()),
        (183, _) => Err(other("for arm64")),
        (62, _) => Err(other("for x86_64")),
        (machine, _) => Err(other(&format!("for another machine (number {machine} of ELF)"))),
    }
}

impl BootstrapOrigin {
    /// A line about it for a person; none where all is as it should be.
    pub(crate) fn remark(&self) -> Option<String> {
        match self {
            BootstrapOrigin::Release => None,
            BootstrapOrigin::Named(path) => Some(format!("the function is {}", path.display())),
            BootstrapOrigin::Development(path) => Some(format!(
                "this kinesieve is a development build: the function is {}, made for this machine. It may need a newer C \
                 library than Lambda has",
                path.display()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(machine: u16) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..4].copy_from_slice(ELF_MAGIC);
        bytes[ELF_MACHINE].copy_from_slice(&machine.to_le_bytes());
        bytes
    }

    #[test]
    fn a_function_is_told_by_its_machine() {
        let said = |bytes: &[u8], architecture| {
            check_machine(bytes, Path::new("f"), architecture).map_err(|error| error.to_string())
        };
        assert_eq!(said(&elf(183), "arm64"), Ok(()));
        assert_eq!(said(&elf(62), "x86_64"), Ok(()));
        for (bytes, what) in [
            (elf(62), "f is for x86_64, and no function for arm64"),
            (elf(40), "f is for another machine (number 40 of ELF), and"),
            (b"#!/bin/sh".to_vec(), "f is no program for Linux, and"),
            (ELF_MAGIC.to_vec(), "f is no program for Linux, and"),
            (Vec::new(), "f is no program for Linux, and"),
        ] {
            let error = said(&bytes, "arm64").expect_err(what);
            assert!(error.starts_with(what), "{error}");
        }
    }

    #[test]
    fn what_is_not_the_function_of_the_release_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("bin/kinesieve");
        let place = place_in_release(&program, "arm64");
        assert_eq!(place, folder.path().join("lib/kinesieve/bootstrap-arm64"));
        let digest = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
        let missing = Bootstrap::of_release(&program, "arm64", digest).expect_err("missing").to_string();
        assert!(missing.contains("bootstrap-arm64 is missing. Install a release"), "{missing}");
        fs::create_dir_all(place.parent().expect("a folder")).expect("made");
        fs::write(&place, "foo").expect("written");
        let bootstrap = Bootstrap::of_release(&program, "arm64", digest).expect("the right one");
        assert_eq!((bootstrap.bytes.as_slice(), bootstrap.origin), (b"foo".as_slice(), BootstrapOrigin::Release));
        fs::write(&place, "bar").expect("written");
        let damaged = Bootstrap::of_release(&program, "arm64", digest).expect_err("another").to_string();
        assert!(damaged.contains("is not the function of this release"), "{damaged}");
    }
}

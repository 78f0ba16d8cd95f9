//! `kinesieve package`: what Lambda runs, from a project or a transform, without Rust.

use std::io;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use clap::Args;

use super::error::CommandError;
use super::foreign::one_line;
use super::progress::ProgressDisplay;
use super::{ALL_ACKNOWLEDGED, place, print, say};
use crate::error_code::ErrorCode;
use crate::files::read_bounded;
use crate::package::{Bootstrap, PackageFile, PackageFiles};
use crate::project::Project;
use crate::settings::SettingsError;
use crate::transform::{CompileTarget, Manifest, check_precompiled, precompile};

/// What a package is called that nobody named.
const PACKAGE: &str = "function.zip";

/// The most bytes of a precompiled transform that is read: Lambda takes no more of a whole package.
const MOST_TRANSFORM_BYTES: u64 = 250 << 20;

/// Package a transform as a Lambda function
///
/// A folder is built first, with the commands in its kinesieve.json. The transform is compiled for the function's
/// machine, and packaged with the function that came with this kinesieve: Rust is not needed for it. The package is the
/// same to the byte each time, and holds bootstrap, transform.cwasm with its manifest, and package.json.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
  0  the package is written
  1  the transform can't be built or is none, there is no function for that machine, or the package can't be written
  2  wrong usage

Examples:
  kinesieve package
  kinesieve package masker --target x86_64
  kinesieve package transform.wasm --output build/function.zip")]
pub(super) struct PackageArguments {
    #[command(flatten)]
    pub(super) what: Packaged,

    /// File of the package [default: function.zip in the folder of the project, or beside the transform]
    #[arg(short, long, value_name = "FILE", conflicts_with = "unpacked")]
    output: Option<PathBuf>,

    /// Write the files of the package into this folder, and no archive
    #[arg(long, value_name = "DIR")]
    unpacked: Option<PathBuf>,
}

/// What is packaged.
#[derive(Debug, Args)]
pub(super) struct Packaged {
    /// Folder of a project (with kinesieve.json in it or in a folder above), a component (.wasm), or a transform that is
    /// precompiled for the function's machine (.cwasm)
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    pub(super) place: PathBuf,

    /// Machine of the function: arm64 or x86_64
    #[arg(long, value_name = "TARGET", default_value = "arm64", value_parser = machine)]
    pub(super) target: CompileTarget,

    /// The function, in the place of the one that came with this kinesieve: the bootstrap that `cargo lambda build` made
    /// of the same version
    #[arg(long, value_name = "FILE")]
    bootstrap: Option<PathBuf>,
}

fn machine(text: &str) -> Result<CompileTarget, String> {
    match text.parse() {
        Ok(CompileTarget::Host) | Err(_) => Err("Lambda has arm64 and x86_64".to_owned()),
        Ok(target) => Ok(target),
    }
}

pub(super) fn package(arguments: &PackageArguments) -> Result<u8, CommandError> {
    let files = arguments.what.files()?;
    match &arguments.unpacked {
        Some(folder) => {
            files.write_into(folder)?;
            print(&list(&files))?;
        }
        None => {
            let path = arguments.output.clone().unwrap_or_else(|| arguments.what.folder().join(PACKAGE));
            print(&write(&files, &path)?)?;
        }
    }
    Ok(ALL_ACKNOWLEDGED)
}

impl Packaged {
    /// The folder of the project, or the one that the transform lies in.
    pub(super) fn folder(&self) -> PathBuf {
        if self.place.is_dir() {
            return Project::find(&self.place)
                .map_or_else(|_| self.place.clone(), |project| project.folder().to_owned());
        }
        match self.place.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        }
    }

    /// Builds and compiles what is missing, and answers with the files of the package.
    pub(super) fn files(&self) -> Result<PackageFiles, CommandError> {
        // Looked at first: a function that is missing would be known only after the long work.
        let bootstrap = Bootstrap::of(self.target, self.bootstrap.as_deref())?;
        if let Some(remark) = bootstrap.origin.remark() {
            say(&one_line(&remark));
        }
        let transform = self.precompiled()?;
        let read = |path: &Path| {
            read_bounded(path, MOST_TRANSFORM_BYTES).map_err(|error| {
                let code = match error.kind() {
                    io::ErrorKind::FileTooLarge => ErrorCode::PackageTooLarge,
                    _ => ErrorCode::TransformUnreadable,
                };
                CommandError::new(code, format!("{}: {error}", path.display()))
            })
        };
        let file = |name, bytes, is_program| PackageFile { name, bytes, is_program };
        let files = vec![
            file("bootstrap", bootstrap.bytes, true),
            file("transform.cwasm", read(&transform)?, false),
            file("transform.cwasm.json", read(&Manifest::path_of(&transform))?, false),
        ];
        Ok(PackageFiles::new(self.target.as_str(), files)?)
    }

    /// The transform, compiled for the function's machine.
    fn precompiled(&self) -> Result<PathBuf, CommandError> {
        let component = place::component(&self.place)?;
        if let Some(manifest) = check_precompiled(&component)? {
            if manifest.target != self.target.as_str() {
                return Err(SettingsError::Contradiction(format!(
                    "{} is precompiled for {}, and the package is for {}: name the component (.wasm), or another --target",
                    component.display(),
                    manifest.target,
                    self.target
                ))
                .into());
            }
            return Ok(component);
        }
        let output = component.with_extension(format!("{}.cwasm", self.target));
        let waiting = ProgressDisplay::waiting_for(format!("compiling {} for {}", component.display(), self.target));
        let built = precompile(&component, self.target, &output);
        waiting.finish();
        built?;
        Ok(output)
    }
}

/// Writes the archive; answers with what is to be said of it.
pub(super) fn write(files: &PackageFiles, path: &Path) -> Result<String, CommandError> {
    let bytes = files.write_archive(path)?;
    Ok(format!("{}: {}\n{}", one_line(&path.display().to_string()), size(bytes), list(files)))
}

fn list(files: &PackageFiles) -> String {
    files.sizes().map(|(name, bytes)| format!("  {name:<22}{:>10}\n", size(bytes).to_string())).collect()
}

fn size(bytes: usize) -> impl std::fmt::Display {
    ByteSize::b(bytes as u64).display().iec()
}

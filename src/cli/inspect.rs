//! `kinesieve inspect`: what a transform's file is.

use std::fmt::{self, Write as _};
use std::path::PathBuf;

use bytesize::ByteSize;
use clap::Args;

use super::error::CommandError;
use super::foreign::{one_line, plain};
use super::{ALL_ACKNOWLEDGED, FAILED, place, print, print_json};
use crate::transform::{ComponentDescription, FileDescription, PrecompiledDescription, describe};

/// Describe a transform: its contract, its imports, its producers, and whether this build runs it
///
/// The transform is not run, and no machine code is loaded: a precompiled transform is judged by its headers and its
/// manifest. A core module, a component for another version of the contract and a component with unavailable imports
/// are named as such, with the change that their build needs.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
  0  this build runs the transform
  1  this build does not run it, or the file can't be read
  2  wrong usage

Examples:
  kinesieve inspect transform.wasm
  kinesieve inspect masker
  kinesieve inspect transform.cwasm --json")]
pub(super) struct InspectArguments {
    /// A component (.wasm), a component that `kinesieve build` precompiled (.cwasm), or the folder of a project (with
    /// kinesieve.json in it or in a folder above), which is built first
    #[arg(value_name = "FILE|DIR")]
    place: PathBuf,

    /// Print one JSON object, for programs
    #[arg(long)]
    json: bool,
}

/// The most producers that are named.
const MOST_PRODUCERS: usize = 20;

pub(super) fn inspect(arguments: &InspectArguments) -> Result<u8, CommandError> {
    let description = describe(&place::component(&arguments.place)?)?;
    if arguments.json {
        print_json(&(serde_json::to_string_pretty(&description)? + "\n"))?;
    } else {
        match &description {
            FileDescription::Component(component) => print(&format!("{}\n", Component(component)))?,
            FileDescription::Precompiled(precompiled) => print(&format!("{}\n", Precompiled(precompiled)))?,
        }
    }
    Ok(if description.unfit().is_none() { ALL_ACKNOWLEDGED } else { FAILED })
}

/// A name, and what stands for it, in two columns.
fn row(formatter: &mut fmt::Formatter<'_>, name: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(formatter, "{name:<12}{value}")
}

fn verdict(unfit: Option<&str>) -> String {
    unfit.map_or_else(|| "yes".to_owned(), |reason| format!("NO: {}", one_line(reason)))
}

fn size(bytes: usize) -> impl fmt::Display {
    ByteSize::b(bytes as u64).display().iec()
}

struct Component<'a>(&'a ComponentDescription);

impl fmt::Display for Component<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(component) = self;
        let metadata = &component.metadata;
        row(formatter, "is", "a component")?;
        row(formatter, "runs here", verdict(component.unfit.as_deref()))?;
        row(formatter, "contract", component.contract.as_deref().map_or("none".into(), plain))?;
        if let Some(world) = component.world {
            row(formatter, "world", world)?;
        }
        for (name, value) in [
            ("name", &metadata.name),
            ("version", &metadata.version),
            ("description", &metadata.description),
            ("authors", &metadata.authors),
            ("licence", &metadata.licenses),
            ("source", &metadata.source),
            ("homepage", &metadata.homepage),
            ("revision", &metadata.revision),
        ] {
            if let Some(value) = value {
                row(formatter, name, plain(value))?;
            }
        }
        if !metadata.producers.is_empty() {
            let producers = metadata.producers.iter().take(MOST_PRODUCERS).map(|producer| plain(producer));
            let mut producers = producers.collect::<Vec<String>>().join(", ");
            if metadata.producers.len() > MOST_PRODUCERS {
                write!(producers, " and {} more", metadata.producers.len() - MOST_PRODUCERS)?;
            }
            row(formatter, "built with", producers)?;
        }
        row(formatter, "size", Sizes(component))?;
        row(formatter, "digest", format_args!("sha256:{}", component.sha256))?;
        let mut lines = String::new();
        for export in &component.exports {
            writeln!(lines, "  {}", plain(export))?;
        }
        if !component.exports.is_empty() {
            write!(formatter, "exports\n{lines}")?;
        }
        if component.imports.is_empty() {
            return write!(formatter, "imports     nothing");
        }
        write!(formatter, "imports")?;
        for import in &component.imports {
            let remark = match (import.granted, import.remedy) {
                (true, _) => String::new(),
                (false, None) => "  NOT given to transforms".to_owned(),
                (false, Some(remedy)) => format!("  NOT given to transforms: {remedy}"),
            };
            write!(formatter, "\n  {}{remark}", plain(&import.name))?;
        }
        Ok(())
    }
}

struct Sizes<'a>(&'a ComponentDescription);

impl fmt::Display for Sizes<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(component) = self;
        write!(formatter, "{}", size(component.bytes))?;
        match component.module_bytes.as_slice() {
            [] => {}
            [one] => write!(formatter, ", {} of it a core module", size(*one))?,
            [largest, rest @ ..] => {
                write!(formatter, ", {} core modules, the largest {}", rest.len() + 1, size(*largest))?;
            }
        }
        if component.debug_bytes > 0 {
            write!(formatter, ", {} only for debugging", size(component.debug_bytes))?;
        }
        Ok(())
    }
}

struct Precompiled<'a>(&'a PrecompiledDescription);

impl fmt::Display for Precompiled<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(precompiled) = self;
        let manifest = &precompiled.manifest;
        row(formatter, "is", "a precompiled component")?;
        let verdict = match precompiled.unfit.as_deref() {
            None => "yes, as its headers and its manifest say: its code was not loaded".to_owned(),
            reason => verdict(reason),
        };
        row(formatter, "runs here", verdict)?;
        row(formatter, "made for", format_args!("{} and {}", plain(&manifest.target), plain(&manifest.engine)))?;
        row(formatter, "built by", plain(&manifest.built_by))?;
        let code = precompiled.code_bytes.map(|bytes| format!(", {} of it code", ByteSize::b(bytes).display().iec()));
        let bytes = ByteSize::b(precompiled.bytes).display().iec();
        row(formatter, "size", format_args!("{bytes}{}", code.unwrap_or_default()))?;
        row(formatter, "digest", format_args!("sha256:{}, as its manifest says", precompiled.sha256))?;
        write!(formatter, "component   sha256:{}", plain(&manifest.source_sha256))
    }
}

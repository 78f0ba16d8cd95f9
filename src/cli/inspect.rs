//! `kinesieve inspect`: what a transform's file is.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::path::PathBuf;

use bytesize::ByteSize;
use clap::Args;

use super::foreign::plain;
use super::{ALL_ACKNOWLEDGED, FAILED};
use crate::transform::{ComponentDescription, Description, PrecompiledDescription, describe};

/// Say what a transform is: its contract, what it imports, who built it, whether it runs here
///
/// Nothing of it is run. A core module, a component for another version of the contract and one that imports what
/// transforms are not given are named as such, with what to change in their build.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
  0  this build runs it
  1  it does not, or the file can't be read
  2  wrong usage

Examples:
  kinesieve inspect transform.wasm
  kinesieve inspect transform.cwasm --json")]
pub(super) struct InspectArguments {
    /// The component (.wasm), or what `kinesieve build` made of one (.cwasm)
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Print one JSON object, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn inspect(arguments: &InspectArguments) -> anyhow::Result<u8> {
    let description = describe(&arguments.file)?;
    let mut text = if arguments.json {
        serde_json::to_string_pretty(&description)?
    } else {
        match &description {
            Description::Component(component) => Component(component).to_string(),
            Description::Precompiled(precompiled) => Precompiled(precompiled).to_string(),
        }
    };
    text.push('\n');
    // A reader that is gone changes nothing about what the file is.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(if description.unfit().is_none() { ALL_ACKNOWLEDGED } else { FAILED })
}

/// A name, and what stands for it, in two columns.
fn row(formatter: &mut fmt::Formatter<'_>, name: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(formatter, "{name:<12}{value}")
}

fn verdict(unfit: Option<&str>) -> String {
    unfit.map_or_else(|| "yes".to_owned(), |reason| format!("NO: {reason}"))
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
            let producers: Vec<String> = metadata.producers.iter().map(|producer| plain(producer)).collect();
            row(formatter, "built with", producers.join(", "))?;
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
        row(formatter, "runs here", verdict(precompiled.unfit.as_deref()))?;
        row(formatter, "made for", format_args!("{} and {}", plain(&manifest.target), plain(&manifest.engine)))?;
        row(formatter, "built by", plain(&manifest.built_by))?;
        row(formatter, "size", ByteSize::b(precompiled.bytes).display().iec())?;
        row(formatter, "digest", format_args!("sha256:{}, as its manifest says", precompiled.sha256))?;
        write!(formatter, "component   sha256:{}", plain(&manifest.source_sha256))
    }
}

//! What a transform's file is, for a person: read from the file, without running it.

use std::path::Path;

use serde::Serialize;
use wasmparser::{ComponentName, KnownCustom, Parser, Payload};

use super::artifact::{FileKind, LoadError, check_precompiled, invalid_bytes, read};
use super::contract::{Surface, World, is_granted, remedy};
use super::elf::Headers;
use super::extent::{Extent, NotCompilable};
use super::manifest::{ENGINE, Manifest};
use super::target::CompileTarget;
use crate::files::sha256_hex;

/// The longest text of a component's metadata that is shown: whoever built it may have written anything.
const METADATA_BYTES: usize = 4096;

/// What a file is.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum FileDescription {
    /// A component.
    Component(Box<ComponentDescription>),
    /// What was made of one.
    Precompiled(Box<PrecompiledDescription>),
}

/// What a component is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentDescription {
    /// Its size.
    pub bytes: usize,
    /// The digest that dead letters name it by.
    pub sha256: String,
    /// The version of the contract that it implements.
    pub contract: Option<String>,
    /// The world that it is for: `record-transform` or `window-transform`.
    pub world: Option<&'static str>,
    /// Why this build can't run it; none: it can.
    pub unfit: Option<String>,
    /// What it offers.
    pub exports: Vec<String>,
    /// What it asks for.
    pub imports: Vec<ImportDescription>,
    /// What whoever built it says about it.
    pub metadata: ComponentMetadata,
    /// The core modules inside, the largest first.
    pub module_bytes: Vec<usize>,
    /// The bytes that help debugging and nothing else: `name` and `.debug_*` sections.
    pub debug_bytes: usize,
}

/// An interface that a component asks for.
#[derive(Debug, Serialize)]
pub struct ImportDescription {
    /// Its name.
    pub name: String,
    /// Whether transforms get it.
    pub granted: bool,
    /// Of one that they don't get: what pulls it in, and how to build without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<&'static str>,
}

/// What WebAssembly has custom sections for.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct ComponentMetadata {
    /// The component's name.
    pub name: Option<String>,
    /// Its own version.
    pub version: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// Who wrote it.
    pub authors: Option<String>,
    /// Its licences, as an SPDX expression.
    pub licenses: Option<String>,
    /// Where its source is.
    pub source: Option<String>,
    /// Where to read about it.
    pub homepage: Option<String>,
    /// The revision of its source.
    pub revision: Option<String>,
    /// What it was built with: languages and tools, with their versions, each once.
    pub producers: Vec<String>,
}

/// What a precompiled transform is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrecompiledDescription {
    /// Its size.
    pub bytes: u64,
    /// Its digest, as the file is.
    pub sha256: String,
    /// The size of its machine code; none: its headers are damaged.
    pub code_bytes: Option<u64>,
    /// What stands beside it.
    pub manifest: Manifest,
    /// Why this build can't run it on this machine, as far as its headers and its manifest tell; none: it can. Features of
    /// the processor that it was made for show only when it is loaded.
    pub unfit: Option<String>,
}

impl FileDescription {
    /// Why this build can't run it; none: it can.
    pub fn unfit(&self) -> Option<&str> {
        match self {
            FileDescription::Component(component) => component.unfit.as_deref(),
            FileDescription::Precompiled(precompiled) => precompiled.unfit.as_deref(),
        }
    }
}

/// Says what the file of a transform is.
///
/// # Errors
/// When it is neither a component nor a precompiled one that is as its manifest says.
pub fn describe(path: &Path) -> Result<FileDescription, LoadError> {
    match FileKind::of(path)? {
        FileKind::Component => component(path).map(|component| FileDescription::Component(Box::new(component))),
        FileKind::Precompiled => {
            precompiled(path).map(|precompiled| FileDescription::Precompiled(Box::new(precompiled)))
        }
    }
}

/// Read as data: code can't be looked at by loading it, since a damaged file may crash whoever does.
fn precompiled(path: &Path) -> Result<PrecompiledDescription, LoadError> {
    let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
    // It is the other kind only if the file changes while it is looked at.
    let Some(manifest) = check_precompiled(path)? else {
        return Err(unreadable(std::io::Error::other("it changes while it is read")));
    };
    let headers = Headers::of(path);
    Ok(PrecompiledDescription {
        bytes: std::fs::metadata(path).map_err(unreadable)?.len(),
        // The manifest's, or it would not have passed.
        sha256: manifest.sha256.clone(),
        code_bytes: headers.as_ref().ok().map(|headers| headers.code_bytes),
        unfit: unfit_to_load(&headers, &manifest),
        manifest,
    })
}

/// Why this build can't run a precompiled file on this machine, as far as its headers and its manifest tell.
fn unfit_to_load(headers: &std::io::Result<Headers>, manifest: &Manifest) -> Option<String> {
    let headers = match headers {
        Ok(headers) => headers,
        Err(error) => return Some(format!("it is damaged: {error}")),
    };
    let here = CompileTarget::of_this_machine();
    let made_for = headers.machine.unwrap_or("another machine");
    let engine = format!("wasmtime {}", headers.engine_version);
    if made_for != here {
        Some(format!(
            "it is precompiled for {made_for}, and this is {here}: `kinesieve build COMPONENT.wasm --target {here}`"
        ))
    } else if engine != ENGINE {
        Some(format!(
            "{engine} made it ({}), and this build has {ENGINE}: build it with the `kinesieve` of this version",
            manifest.built_by
        ))
    } else if manifest.target != made_for || manifest.engine != engine {
        Some(format!(
            "its manifest speaks of {} and {}, and it is for {made_for} and {engine}: build both again",
            manifest.target, manifest.engine
        ))
    } else {
        None
    }
}

fn component(path: &Path) -> Result<ComponentDescription, LoadError> {
    let source = read(path)?;
    // Read once for what it says, and then as the loader does, which alone decides whether it fits.
    let contents = ComponentContents::of(&source).map_err(|error| invalid_bytes(path, &error))?;
    let surface = Surface::of_binary(&source).unwrap_or_default();
    let contract = surface.contract_version().map(str::to_owned);
    let world = surface.world().map(World::as_str);
    let unfit = surface.check().err().map(|error| error.to_string()).or_else(|| match Extent::of(&source) {
        Ok(_) => None,
        Err(NotCompilable::Excess(excess)) => Some(excess.to_string()),
        Err(NotCompilable::Invalid(error)) => Some(error.to_string()),
    });
    let imports = surface.imports.into_iter().map(|name| {
        let granted = is_granted(&name);
        ImportDescription { granted, remedy: remedy(&name).filter(|_| !granted), name }
    });
    Ok(ComponentDescription {
        bytes: source.len(),
        sha256: sha256_hex(&source),
        contract,
        world,
        unfit,
        exports: surface.exports,
        imports: imports.collect(),
        metadata: contents.metadata,
        module_bytes: contents.module_bytes,
        debug_bytes: contents.debug_bytes,
    })
}

/// What a component's sections hold.
#[derive(Debug, Default)]
struct ComponentContents {
    metadata: ComponentMetadata,
    module_bytes: Vec<usize>,
    debug_bytes: usize,
}

impl ComponentContents {
    fn of(component: &[u8]) -> wasmparser::Result<Self> {
        let mut contents = Self::default();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(component) {
            match payload? {
                Payload::ModuleSection { unchecked_range, .. } => {
                    depth += 1;
                    contents.module_bytes.push(unchecked_range.len());
                }
                Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::CustomSection(section) => contents.custom_section(&section, depth == 0),
                _ => {}
            }
        }
        contents.module_bytes.sort_unstable_by(|a, b| b.cmp(a));
        contents.metadata.producers.sort();
        contents.metadata.producers.dedup();
        Ok(contents)
    }

    /// What can't be read in a custom section is left out: by the standard these never make a file invalid.
    fn custom_section(&mut self, section: &wasmparser::CustomSectionReader<'_>, is_of_the_component: bool) {
        if section.name() == "name" || section.name().starts_with(".debug_") {
            self.debug_bytes += section.data().len();
        }
        let metadata = &mut self.metadata;
        match section.as_known() {
            // Of the modules inside too: it is there that compilers leave their names.
            KnownCustom::Producers(fields) => {
                for field in fields.into_iter().flatten() {
                    let values = field.values.into_iter().flatten();
                    metadata.producers.extend(values.map(|value| match (value.name, value.version) {
                        (name, "") => bounded(name),
                        (name, version) => bounded(&format!("{name} {version}")),
                    }));
                }
            }
            KnownCustom::ComponentName(names) if is_of_the_component => {
                for name in names.into_iter().flatten() {
                    if let ComponentName::Component { name, .. } = name {
                        metadata.name = Some(bounded(name));
                    }
                }
            }
            _ => {
                let slot = match section.name() {
                    "version" => &mut metadata.version,
                    "description" => &mut metadata.description,
                    "authors" => &mut metadata.authors,
                    "licenses" => &mut metadata.licenses,
                    "source" => &mut metadata.source,
                    "homepage" => &mut metadata.homepage,
                    "revision" => &mut metadata.revision,
                    _ => return,
                };
                // Toolchains that describe the program at all describe its module; the component's own word wins.
                if is_of_the_component || slot.is_none() {
                    *slot = Some(bounded(&String::from_utf8_lossy(section.data())));
                }
            }
        }
    }
}

fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(METADATA_BYTES)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component that holds nothing but custom sections.
    fn component_with(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        for (name, data) in sections {
            let length = 1 + name.len() + data.len();
            bytes.extend([0, u8::try_from(length).expect("short"), u8::try_from(name.len()).expect("short")]);
            bytes.extend(name.as_bytes());
            bytes.extend(*data);
        }
        bytes
    }

    #[test]
    fn metadata_is_what_the_custom_sections_say() {
        let producers = b"\x01\x08language\x02\x04Rust\x041.95\x01C\x00";
        let bytes = component_with(&[
            ("component-name", b"\0\x07\x06masker"),
            ("version", b"1.2.3"),
            ("licenses", b"Apache-2.0"),
            ("producers", producers),
            ("producers", producers),
            (".debug_info", b"xxxx"),
        ]);
        let contents = ComponentContents::of(&bytes).expect("a component");
        assert_eq!(
            contents.metadata,
            ComponentMetadata {
                name: Some("masker".to_owned()),
                version: Some("1.2.3".to_owned()),
                licenses: Some("Apache-2.0".to_owned()),
                producers: vec!["C".to_owned(), "Rust 1.95".to_owned()],
                ..ComponentMetadata::default()
            }
        );
        assert_eq!(contents.debug_bytes, 4);
    }

    #[test]
    fn broken_metadata_is_left_out() {
        let bytes = component_with(&[("producers", b"\xff\xff"), ("component-name", b"\0\x7f"), ("version", b"\xff")]);
        let contents = ComponentContents::of(&bytes).expect("a component");
        let version = Some("\u{fffd}".to_owned());
        assert_eq!(contents.metadata, ComponentMetadata { version, ..ComponentMetadata::default() });
    }
}

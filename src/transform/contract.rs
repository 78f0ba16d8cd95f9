//! Whether a component implements the contract, told from what it imports and exports, and if not,
//! what to do about it.

use std::cmp::Ordering;
use std::fmt;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error_code::ErrorCode;

/// What a transform works on, told from the interface that it exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// Records, one by one: the world record-transform.
    Records,
    /// Tumbling windows: the world window-transform.
    Windows,
}

impl World {
    const ALL: [World; 2] = [World::Records, World::Windows];

    /// The name in `wit/`.
    pub fn as_str(self) -> &'static str {
        match self {
            World::Records => "record-transform",
            World::Windows => "window-transform",
        }
    }

    /// The interface that such a transform exports.
    const fn interface(self) -> &'static str {
        match self {
            World::Records => "kinesieve:transform/transform@0.1.0",
            World::Windows => "kinesieve:transform/window@0.1.0",
        }
    }

    /// Whether an export is that interface, in whichever version.
    fn is_meant_by(self, export: &str) -> bool {
        let any_version = self.interface().trim_end_matches(|letter: char| letter != '@');
        export.starts_with(any_version)
    }
}

/// The interface that a transform exports, as messages name it.
const TRANSFORM: &str = World::Records.interface();

/// Interfaces that a transform may import: the contract's own, and those of WASI 0.2 that the
/// processor answers, mostly with a refusal.
const GRANTED: [&str; 8] = [
    "kinesieve:transform/host@0.1.0",
    "kinesieve:transform/types@0.1.0",
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];

/// The most names that a message lists.
const MOST_NAMED: usize = 20;

/// Why a component is no transform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// It implements the contract in another version.
    #[error("it implements {found}, {age} contract than this build runs, {runs}: {}", age.remedy())]
    OtherVersion {
        /// The interface that it exports.
        found: String,
        /// The version of it that this build runs.
        runs: &'static str,
        /// How its version compares to ours.
        age: Age,
    },
    /// It does not implement the contract at all.
    #[error(
        "it does not implement the contract: it exports {found}, not {TRANSFORM}. Build it for the world \
         record-transform of wit/transform.wit, or window-transform of wit/window.wit; in Rust, put \
         #[kinesieve_sdk::transform] on a function"
    )]
    NotATransform {
        /// What it exports instead.
        found: String,
    },
    /// It is for records and for windows at once.
    #[error(
        "it exports {records} and {windows}, and a transform works either on records or on windows: build it for one of \
         the worlds record-transform and window-transform",
        records = World::Records.interface(),
        windows = World::Windows.interface()
    )]
    TwoWorlds,
    /// It wants something that transforms do not get.
    #[error("it imports {imports}, which transforms are not given{remedies}")]
    NotGranted {
        /// The interfaces that it imports, separated by commas.
        imports: String,
        /// What to change in its build, where that is known.
        remedies: String,
    },
}

impl ContractError {
    /// Returns the code of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            ContractError::OtherVersion { .. } => ErrorCode::ContractVersion,
            ContractError::NotATransform { .. } => ErrorCode::NotATransform,
            ContractError::TwoWorlds => ErrorCode::TwoWorlds,
            ContractError::NotGranted { .. } => ErrorCode::ImportNotGranted,
        }
    }
}

/// How the version of a contract compares to the one that this build runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// It is of an earlier release.
    Older,
    /// It is of a later release.
    Newer,
    /// It is no version at all.
    Unknown,
}

impl Age {
    fn of(interface: &str, runs: &str) -> Self {
        let version = |name: &str| {
            let mut parts = name.rsplit_once('@')?.1.splitn(3, '.').map(|part| part.parse::<u64>().ok());
            Some((parts.next()??, parts.next()??, parts.next()??))
        };
        match version(interface).map(|found| Some(found).cmp(&version(runs))) {
            Some(Ordering::Less) => Age::Older,
            Some(Ordering::Greater) => Age::Newer,
            Some(Ordering::Equal) | None => Age::Unknown,
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Age::Newer => "run it with a newer kinesieve, or build it against the wit/transform.wit of this version",
            Age::Older | Age::Unknown => "build it against the wit/transform.wit of this version",
        }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Age::Older => "an older",
            Age::Newer => "a newer",
            Age::Unknown => "another",
        })
    }
}

/// What a component asks for and offers: the names of interfaces and functions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Surface {
    pub(super) imports: Vec<String>,
    pub(super) exports: Vec<String>,
}

impl Surface {
    /// Of a component that is compiled.
    pub(super) fn of(engine: &Engine, component: &Component) -> Self {
        let component_type = component.component_type();
        Self {
            imports: component_type.imports(engine).map(|(name, _)| name.to_owned()).collect(),
            exports: component_type.exports(engine).map(|(name, _)| name.to_owned()).collect(),
        }
    }

    /// Of a component's bytes, without compiling it; none where they are no component.
    #[cfg(feature = "compiler")]
    pub(super) fn of_binary(component: &[u8]) -> Option<Self> {
        use wasmparser::{Parser, Payload};

        let mut surface = Self::default();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(component) {
            match payload.ok()? {
                // Components and modules inside this one have imports and exports of their own.
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    surface.imports.extend(section.into_iter().flatten().map(|import| import.name.name.to_owned()));
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    surface.exports.extend(section.into_iter().flatten().map(|export| export.name.name.to_owned()));
                }
                _ => {}
            }
        }
        Some(surface)
    }

    /// What this transform works on, if it is one that this build can run.
    pub(super) fn check(&self) -> Result<World, ContractError> {
        let world = self.check_exports()?;
        self.check_imports()?;
        Ok(world)
    }

    /// The world that it is for, in whichever version of the contract.
    #[cfg(feature = "compiler")]
    pub(super) fn world(&self) -> Option<World> {
        World::ALL.into_iter().find(|world| self.exports.iter().any(|name| world.is_meant_by(name)))
    }

    /// The version of the contract that it implements.
    #[cfg(feature = "compiler")]
    pub(super) fn contract_version(&self) -> Option<&str> {
        let is_meant = |name: &&String| World::ALL.into_iter().any(|world| world.is_meant_by(name));
        let exported = self.exports.iter().find(is_meant)?;
        Some(exported.split_once('@')?.1)
    }

    fn check_exports(&self) -> Result<World, ContractError> {
        let exports = |world: World| self.exports.iter().any(|name| name == world.interface());
        match (exports(World::Records), exports(World::Windows)) {
            (true, true) => return Err(ContractError::TwoWorlds),
            (true, false) => return Ok(World::Records),
            (false, true) => return Ok(World::Windows),
            (false, false) => {}
        }
        for world in World::ALL {
            if let Some(found) = self.exports.iter().find(|name| world.is_meant_by(name)) {
                let runs = world.interface();
                return Err(ContractError::OtherVersion { found: found.clone(), runs, age: Age::of(found, runs) });
            }
        }
        let found = match self.exports.len() {
            0 => "nothing".to_owned(),
            count if count > MOST_NAMED => {
                format!("{} and {} more", self.exports[..MOST_NAMED].join(", "), count - MOST_NAMED)
            }
            _ => self.exports.join(", "),
        };
        Err(ContractError::NotATransform { found })
    }

    fn check_imports(&self) -> Result<(), ContractError> {
        let refused: Vec<&str> = self.imports.iter().map(String::as_str).filter(|import| !is_granted(import)).collect();
        if refused.is_empty() {
            return Ok(());
        }
        let mut remedies = String::new();
        for remedy in refused.iter().filter_map(|import| remedy(import)) {
            if !remedies.contains(remedy) {
                remedies.push_str(if remedies.is_empty() { ": " } else { ". " });
                remedies.push_str(remedy);
            }
        }
        let mut imports = refused[..refused.len().min(MOST_NAMED)].join(", ");
        if refused.len() > MOST_NAMED {
            imports.push_str(&format!(" and {} more", refused.len() - MOST_NAMED));
        }
        Err(ContractError::NotGranted { imports, remedies })
    }
}

/// Checks what a component imports and exports.
pub(super) fn check(engine: &Engine, component: &Component) -> Result<World, ContractError> {
    Surface::of(engine, component).check()
}

/// Checks the same from a component's bytes, without compiling it. Bytes that are no component pass:
/// what is wrong with those, the compiler says better.
#[cfg(feature = "compiler")]
pub(super) fn check_binary(component: &[u8]) -> Result<(), ContractError> {
    Surface::of_binary(component).map_or(Ok(()), |surface| surface.check().map(|_| ()))
}

/// Whether transforms are given this import.
pub(super) fn is_granted(import: &str) -> bool {
    GRANTED.iter().any(|prefix| import.starts_with(prefix)) && !is_wasi_of_another_release(import)
}

fn is_wasi_of_another_release(import: &str) -> bool {
    import.starts_with("wasi:") && !import.contains("@0.2.")
}

/// What pulls an import in that is not granted, and how to build without it.
pub(super) fn remedy(import: &str) -> Option<&'static str> {
    if import.starts_with("wasi:http/") {
        Some("there is no network. With componentize-js, build with the features http and fetch-event disabled")
    } else if is_wasi_of_another_release(import) {
        Some(
            "it was built for another release of WASI than 0.2. Use a toolchain that targets WASI 0.2 \
             (wasm32-wasip2 in Rust; --sync with componentize-qjs)",
        )
    } else if import.starts_with("kinesieve:") {
        Some("build it against the wit/transform.wit of this version")
    } else if import.starts_with("wasi:") {
        Some(
            "of WASI there are cli, clocks, filesystem, io, random and sockets. Build for the world record-transform \
             alone, without the interfaces of another platform's SDK",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn importing(imports: &[&str]) -> Result<(), String> {
        let imports = imports.iter().map(|&name| name.to_owned()).collect();
        let surface = Surface { imports, exports: vec![TRANSFORM.to_owned()] };
        surface.check().map(|_| ()).map_err(|error| error.to_string())
    }

    fn exporting(exports: &[&str]) -> Result<World, String> {
        let exports = exports.iter().map(|&name| name.to_owned()).collect();
        Surface { imports: Vec::new(), exports }.check().map_err(|error| error.to_string())
    }

    #[test]
    fn wasi_is_granted_in_its_second_release_only() {
        assert_eq!(importing(&["wasi:cli/environment@0.2.6", "wasi:clocks/monotonic-clock@0.2.0"]), Ok(()));
        let error = importing(&["wasi:clocks/monotonic-clock@0.3.0"]).expect_err("another release");
        assert!(error.contains("wasm32-wasip2"), "{error}");
    }

    #[test]
    fn a_refused_import_comes_with_its_remedy() {
        let http = importing(&["wasi:http/types@0.2.3"]).expect_err("refused");
        assert!(http.contains("wasi:http/types@0.2.3") && http.contains("fetch-event disabled"), "{http}");
        let own = importing(&["kinesieve:transform/host@0.2.0"]).expect_err("refused");
        assert!(own.contains("wit/transform.wit"), "{own}");
        let foreign = importing(&["acme:secrets/vault"]).expect_err("refused");
        assert_eq!(foreign, "it imports acme:secrets/vault, which transforms are not given");
        let store = importing(&["wasi:keyvalue/store@0.2.0-draft"]).expect_err("refused");
        assert!(store.contains("another platform's SDK"), "{store}");
    }

    #[test]
    fn all_refused_imports_are_named_at_once_and_each_remedy_once() {
        let error = importing(&["wasi:http/types@0.2.3", "acme:x/y", "wasi:io/poll@0.2.6", "wasi:http/handler@0.2.3"])
            .expect_err("refused");
        assert!(error.starts_with("it imports wasi:http/types@0.2.3, acme:x/y, wasi:http/handler@0.2.3, which"));
        assert_eq!(error.matches("fetch-event").count(), 1, "{error}");
    }

    #[test]
    fn an_export_is_told_from_another_version_of_it() {
        assert_eq!(exporting(&["acme:x/y", TRANSFORM]), Ok(World::Records));
        let newer = exporting(&["kinesieve:transform/transform@0.10.0"]).expect_err("newer");
        assert!(newer.contains("@0.10.0, a newer contract") && newer.contains("a newer kinesieve"), "{newer}");
        let older = exporting(&["kinesieve:transform/transform@0.0.9"]).expect_err("older");
        assert!(older.contains("an older contract") && !older.contains("newer"), "{older}");
        let odd = exporting(&["kinesieve:transform/transform@x"]).expect_err("no version");
        assert!(odd.contains("another contract"), "{odd}");
        let none = exporting(&[]).expect_err("nothing");
        assert!(none.contains("it exports nothing"), "{none}");
    }
    #[test]
    fn the_world_is_told_from_the_export() {
        assert_eq!(exporting(&["kinesieve:transform/window@0.1.0"]), Ok(World::Windows));
        let newer = exporting(&["kinesieve:transform/window@0.2.0"]).expect_err("newer");
        assert!(newer.contains("runs, kinesieve:transform/window@0.1.0: run it with a newer"), "{newer}");
        let both = exporting(&[TRANSFORM, "kinesieve:transform/window@0.1.0"]).expect_err("both");
        assert!(both.contains("either on records or on windows"), "{both}");
    }
}

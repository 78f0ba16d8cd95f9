//! Whether a component implements the contract, told from what it imports and exports, and if not,
//! what to do about it.

use wasmtime::Engine;
use wasmtime::component::Component;

/// The interface that a transform exports.
const TRANSFORM: &str = "kinesieve:transform/transform@0.1.0";

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

/// Why a component is no transform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// It implements the contract in another version.
    #[error(
        "it implements {found}, this build runs {TRANSFORM}: build it against the wit/transform.wit of this version"
    )]
    OtherVersion {
        /// The interface that it exports.
        found: String,
    },
    /// It does not implement the contract at all.
    #[error(
        "it does not implement the contract: it exports {found}, not {TRANSFORM}. Build it for the world \
         record-transform of wit/transform.wit; in Rust, put #[kinesieve_sdk::transform] on a function"
    )]
    NotATransform {
        /// What it exports instead.
        found: String,
    },
    /// It wants something that transforms do not get.
    #[error("it imports {import}, which transforms are not given{remedy}")]
    NotGranted {
        /// The interface that it imports.
        import: String,
        /// What to change in its build, where that is known.
        remedy: &'static str,
    },
}

/// Checks what a component imports and exports.
pub(super) fn check(engine: &Engine, component: &Component) -> Result<(), ContractError> {
    let component_type = component.component_type();
    let exports: Vec<&str> = component_type.exports(engine).map(|(name, _)| name).collect();
    check_exports(&exports)?;
    component_type.imports(engine).try_for_each(|(import, _)| check_import(import))
}

/// Checks the same from a component's bytes, without compiling it. Bytes that are no component pass:
/// what is wrong with those, the compiler says better.
#[cfg(feature = "compiler")]
pub(super) fn check_binary(component: &[u8]) -> Result<(), ContractError> {
    use wasmparser::{Parser, Payload};

    let (mut exports, mut imports) = (Vec::new(), Vec::new());
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        let Ok(payload) = payload else { return Ok(()) };
        match payload {
            // Components and modules inside this one have imports and exports of their own.
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                imports.extend(section.into_iter().flatten().map(|import| import.name.name));
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                exports.extend(section.into_iter().flatten().map(|export| export.name.name));
            }
            _ => {}
        }
    }
    check_exports(&exports)?;
    imports.into_iter().try_for_each(check_import)
}

fn check_exports(exports: &[&str]) -> Result<(), ContractError> {
    if exports.contains(&TRANSFORM) {
        return Ok(());
    }
    if let Some(found) = exports.iter().find(|name| name.starts_with("kinesieve:transform/transform")) {
        return Err(ContractError::OtherVersion { found: (*found).to_owned() });
    }
    let found = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
    Err(ContractError::NotATransform { found })
}

fn check_import(import: &str) -> Result<(), ContractError> {
    let is_wasi_of_another_release = import.starts_with("wasi:") && !import.contains("@0.2.");
    let granted = GRANTED.iter().any(|prefix| import.starts_with(prefix)) && !is_wasi_of_another_release;
    if granted {
        return Ok(());
    }
    let remedy = if import.starts_with("wasi:http/") {
        ": there is no network. With componentize-js, build with the features http and fetch-event disabled"
    } else if is_wasi_of_another_release {
        ": it was built for another release of WASI than 0.2. Use a toolchain that targets WASI 0.2 \
         (wasm32-wasip2 in Rust)"
    } else if import.starts_with("kinesieve:") {
        ": build it against the wit/transform.wit of this version"
    } else {
        ""
    };
    Err(ContractError::NotGranted { import: import.to_owned(), remedy })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wasi_is_granted_in_its_second_release_only() {
        assert_eq!(check_import("wasi:cli/environment@0.2.6"), Ok(()));
        assert_eq!(check_import("wasi:clocks/monotonic-clock@0.2.0"), Ok(()));
        let error = check_import("wasi:clocks/monotonic-clock@0.3.0").expect_err("another release").to_string();
        assert!(error.contains("wasm32-wasip2"), "{error}");
    }

    #[test]
    fn a_refused_import_comes_with_its_remedy() {
        let http = check_import("wasi:http/types@0.2.3").expect_err("refused").to_string();
        assert!(http.contains("wasi:http/types@0.2.3") && http.contains("fetch-event disabled"), "{http}");
        let own = check_import("kinesieve:transform/host@0.2.0").expect_err("refused").to_string();
        assert!(own.contains("wit/transform.wit"), "{own}");
        let foreign = check_import("acme:secrets/vault").expect_err("refused").to_string();
        assert_eq!(foreign, "it imports acme:secrets/vault, which transforms are not given");
    }

    #[test]
    fn an_export_is_told_from_another_version_of_it() {
        assert_eq!(check_exports(&["acme:x/y", TRANSFORM]), Ok(()));
        let newer = check_exports(&["kinesieve:transform/transform@0.9.0"]).expect_err("newer").to_string();
        assert!(newer.contains("@0.9.0") && newer.contains("@0.1.0"), "{newer}");
        let none = check_exports(&[]).expect_err("nothing").to_string();
        assert!(none.contains("it exports nothing"), "{none}");
    }
}

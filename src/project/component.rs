//! A component of a core module, for languages whose compilers stop at modules: C and Go.

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::CONTRACT;

/// The world that a module is for, if it does not say it itself.
const WORLD: &str = "record-transform";

/// What a module starts with, and a component does not.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Makes a component of a core module that has the functions of the contract, under the names of the canonical ABI.
/// The answer to what is no such module says what is wrong.
pub(crate) fn of_module(mut module: Vec<u8>) -> Result<Vec<u8>, String> {
    if !module.starts_with(MODULE) {
        let what = if module.starts_with(b"\0asm") {
            "a component already: name it as \"component\""
        } else {
            "no WebAssembly"
        };
        return Err(format!("it is {what}"));
    }
    // The whole chain: the first message alone says where, and the last one what.
    let why = |error: anyhow::Error| format!("{error:#}");
    if !says_its_world(&module)? {
        let mut contract = Resolve::default();
        let package = contract.push_str("transform.wit", CONTRACT).map_err(why)?;
        let world = contract.select_world(&[package], Some(WORLD)).map_err(why)?;
        embed_component_metadata(&mut module, &contract, world, StringEncoding::UTF8).map_err(why)?;
    }
    ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| {
            encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)
        })
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(why)
}

/// Generated bindings leave it in a section that linkers keep.
fn says_its_world(module: &[u8]) -> Result<bool, String> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CustomSection(section) = payload.map_err(|error| error.to_string())?
            && section.name().starts_with("component-type")
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_module_of_a_transform_is_refused() {
        let refusal = |module: &[u8]| of_module(module.to_vec()).expect_err("refused");
        assert_eq!(refusal(b""), "it is no WebAssembly");
        assert_eq!(refusal(b"\0asm\x0d\0\x01\0"), "it is a component already: name it as \"component\"");
        let empty = refusal(MODULE);
        assert!(empty.contains("kinesieve:transform/transform@0.1.0"), "{empty}");
        let cut_off = refusal(b"\0asm\x01\0\0\0\x01\x7f");
        assert!(cut_off.contains("unexpected end"), "{cut_off}");
    }
}

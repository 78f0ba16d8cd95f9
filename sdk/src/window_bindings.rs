//! What wit-bindgen makes of the contract's second world. The types that both have are those of [`crate::bindings`].

#![allow(
    unsafe_code,
    missing_docs,
    reason = "generated: memory crosses the component boundary as raw pointers, and not every \
              case of the contract carries a text"
)]

wit_bindgen::generate!({
    path: "wit",
    world: "window-transform",
    with: {
        "kinesieve:transform/host@0.1.0": crate::bindings::kinesieve::transform::host,
        "kinesieve:transform/types@0.1.0": crate::bindings::kinesieve::transform::types,
    },
    additional_derives: [PartialEq, Eq],
    pub_export_macro: true,
    export_macro_name: "export_window",
});

//! What wit-bindgen makes of the contract. Authors meet its types under the names that the crate
//! gives them; the rest is for the code that `#[transform]` writes.

#![allow(
    unsafe_code,
    missing_docs,
    reason = "generated: memory crosses the component boundary as raw pointers, and not every \
              case of the contract carries a text"
)]

wit_bindgen::generate!({
    path: "wit",
    world: "record-transform",
    additional_derives: [PartialEq, Eq],
    pub_export_macro: true,
});

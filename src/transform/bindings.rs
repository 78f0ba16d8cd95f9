//! The contract's types and functions, generated from `wit/`.

wasmtime::component::bindgen!({
    path: "wit",
    world: "record-transform",
    // Events go to the guest straight from the batch's arena, without a copy on our side.
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub use self::kinesieve::transform::types::Output;

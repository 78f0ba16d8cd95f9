//! The functions of the contract's second world, generated from `wit/window.wit`. Types that both worlds have are the
//! first one's.

wasmtime::component::bindgen!({
    path: "wit",
    world: "window-transform",
    with: {
        "kinesieve:transform/host": crate::transform::bindings::kinesieve::transform::host,
        "kinesieve:transform/types": crate::transform::bindings::kinesieve::transform::types,
    },
    // As there.
    ownership: Borrowing { duplicate_if_necessary: true },
});

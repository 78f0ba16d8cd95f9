//! Answers an event `greedy` with a thousand outputs of 8 MiB that all lie in the same 8 MiB: 8 GiB
//! for whoever copies them. Any other event is kept.
//!
//! No toolchain makes such an answer, so this one is laid out by hand, as the component model's
//! canonical ABI says.

wit_bindgen::generate!({ path: "../../../wit", world: "record-transform" });

const OUTPUTS: usize = 1_000;
const BYTES: usize = 8 << 20;

/// `outcome`: the case, and the list of an `emit`.
#[repr(C)]
struct Outcome {
    case: u8,
    outputs: *const Output,
    count: usize,
}

/// `output`: its data, and that it has neither a key nor a route of its own.
#[repr(C)]
#[derive(Clone, Copy)]
struct Output {
    data: *const u8,
    length: usize,
    has_partition_key: u8,
    partition_key: [usize; 2],
    has_route: u8,
    route: [usize; 2],
}

/// `result<_, string>`: ok.
#[repr(C)]
struct Configured {
    is_error: u8,
    message: [usize; 2],
}

#[unsafe(export_name = "kinesieve:transform/transform@0.1.0#configure")]
extern "C" fn configure(_settings: *const u8, _count: usize) -> *const Configured {
    Box::leak(Box::new(Configured { is_error: 0, message: [0; 2] }))
}

#[unsafe(export_name = "kinesieve:transform/transform@0.1.0#process")]
extern "C" fn process(
    data: *const u8,
    length: usize,
    _partition_key: *const u8,
    _partition_key_length: usize,
    _sequence_number: *const u8,
    _sequence_number_length: usize,
    _sub_sequence_number: u64,
    _arrived_at: u64,
) -> *const Outcome {
    // SAFETY: the host lowered the event's data to here.
    let data = unsafe { std::slice::from_raw_parts(data, length) };
    let outcome = if data == b"greedy" {
        let bytes: &[u8] = Vec::leak(vec![b'x'; BYTES]);
        let output = Output {
            data: bytes.as_ptr(),
            length: BYTES,
            has_partition_key: 0,
            partition_key: [0; 2],
            has_route: 0,
            route: [0; 2],
        };
        let outputs: &[Output] = Vec::leak(vec![output; OUTPUTS]);
        Outcome { case: 2, outputs: outputs.as_ptr(), count: OUTPUTS }
    } else {
        Outcome { case: 0, outputs: std::ptr::null(), count: 0 }
    };
    Box::leak(Box::new(outcome))
}

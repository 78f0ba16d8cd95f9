use super::*;

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn section(id: u8, data: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(data.len()), data].concat()
}

/// A section of so many equal things.
fn many(id: u8, count: usize, each: &[u8]) -> Vec<u8> {
    section(id, &[leb(count), each.repeat(count)].concat())
}

fn component(sections: &[&[u8]]) -> Vec<u8> {
    [&[COMPONENT][..], sections].concat().concat()
}

/// A component of one module of these sections.
fn of_module(sections: &[&[u8]]) -> Vec<u8> {
    component(&[&section(1, &[&[MODULE][..], sections].concat().concat())])
}

/// A component with a function of this body, which takes four numbers and gives one.
fn of_body(body: &[u8]) -> Vec<u8> {
    let types = section(1, b"\x01\x60\x04\x7f\x7f\x7f\x7f\x01\x7f");
    of_module(&[&types, &many(3, 1, b"\0"), &section(10, &[&b"\x01"[..], &leb(body.len()), body].concat())])
}

fn extent(component: &[u8]) -> Extent {
    Extent::of(component).expect("a small component")
}

/// What there is too much of.
fn excess(component: &[u8]) -> ExtentExceeded {
    match Extent::of(component) {
        Err(NotCompilable::Excess(excess)) => excess,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_in_modules_is_counted_over_all_of_them() {
    let module = section(
        1,
        &[
            MODULE,
            &section(1, b"\x02\x60\0\0\x60\x02\x7f\x7f\x01\x7f"),
            &many(3, 3, b"\0"),
            &many(6, 2, b"\x7f\0\x41\0\x0b"),
            &many(10, 3, b"\x02\0\x0b"),
        ]
        .concat(),
    );
    let counted = extent(&component(&[&module, &module]));
    let expected = Extent {
        functions: 6,
        types: 4,
        parameters: 6,
        declarations: 4,
        instructions: 6,
        largest_function: 1,
        needs: vec![COMPILING_INSTRUCTION_BYTES; 6],
        ..Extent::default()
    };
    assert_eq!(counted, expected);
}

#[test]
fn an_instruction_counts_with_what_it_hands_on() {
    // Nothing but the end; a call of itself, which hands on five values; a block of that type, and a branch out of it.
    for (body, instructions) in [
        (b"\0\x0b".as_slice(), 1),
        (b"\0\x10\0\x0b", 1 + 5 + 1),
        (b"\0\x11\0\0\x0b", 1 + 5 + 1),
        (b"\0\x02\0\x0c\0\x0b\x0b", 1 + 5 + 1 + 5 + 1 + 1),
        // A table of branches with three targets and another one, each with five values.
        (b"\0\x02\0\x0e\x03\0\0\0\0\x0b\x0b", 1 + 5 + 1 + 4 * 6 + 1 + 1),
    ] {
        assert_eq!(extent(&of_body(body)).instructions, instructions, "{body:?}");
    }
}

#[test]
fn branches_count_with_the_variables_that_meet_there() {
    // Four parameters and three locals, a block and a branch.
    let counted = extent(&of_body(b"\x02\x02\x7f\x01\x7e\x02\x40\x0c\0\x0b\x0b"));
    assert_eq!((counted.locals, counted.merges, counted.all_merges), (3, 7 * 2, 7 * 2));
}

#[test]
fn each_cause_has_a_limit() {
    let types = section(1, b"\x01\x60\0\0");
    let huge = [b"\0".as_slice(), &b"\x01".repeat(1_000_001), b"\x0b"].concat();
    let thousand = [&b"\x60"[..], &leb(1000), &[0x7f].repeat(1000), b"\0"].concat();
    let locals = [&b"\x01"[..], &leb(5_000_001), b"\x7f\x0b"].concat();
    let branches = [&b"\x01"[..], &leb(50_000), b"\x7f", &b"\x02\x40\x0b".repeat(500), b"\x0b"].concat();
    for (component, what, found) in [
        (of_module(&[&types, &many(3, 50_001, b"\0")]), "functions", 50_001),
        (of_module(&[&many(1, 20_001, b"\x60\0\0")]), "types of functions", 20_001),
        (of_module(&[&many(1, 201, &thousand)]), "parameters and results of types", 201_000),
        (
            of_module(&[&many(6, 200_001, b"\x7f\0\x41\0\x0b")]),
            "imports, exports, globals, tables and segments",
            200_001,
        ),
        (of_body(&huge), "instructions in one function", 1_000_002),
        (of_body(&locals), "local variables", 5_000_001),
        (of_body(&branches), "local variables times branches in one function", 50_004 * 500),
    ] {
        let limit = excess(&component).limit;
        assert_eq!(excess(&component), ExtentExceeded { what, found, limit });
        assert!(found > limit);
    }
}

/// A component that holds `inner` and instantiates it twice.
fn twice(inner: &[u8]) -> Vec<u8> {
    component(&[&section(4, inner), &section(5, b"\x02\0\0\0\0\0\0")])
}

#[test]
fn instances_count_as_often_as_they_are_made() {
    let mut nested = component(&[]);
    for step in 1..=10 {
        nested = twice(&nested);
        assert_eq!((extent(&nested).instances, extent(&nested).depth), (2_u64.pow(step + 1) - 2, step.into()));
    }
    // A component that takes another from outside by its index, and instantiates it three times.
    let borrowing = component(&[&section(6, b"\x01\x04\x02\x01\0"), &section(5, b"\x03\0\0\0\0\0\0\0\0\0")]);
    let both =
        component(&[&section(4, &twice(&component(&[]))), &section(4, &borrowing), &section(5, b"\x01\0\x01\0")]);
    // One of it; in it the name of the other and three of that; in each of these two.
    assert_eq!(extent(&both).instances, 1 + 1 + 3 * (1 + 2));
}

#[test]
fn components_that_are_handed_on_are_refused() {
    // As an import of a component's type.
    let importing = component(&[&section(7, b"\x01\x41\0"), &section(10, b"\x01\0\x01a\x04\0")]);
    assert_eq!(
        excess(&importing).to_string(),
        "it has components that are handed to components, which are not compiled"
    );
}

#[test]
fn what_is_too_deep_is_refused_before_it_is_counted() {
    let mut nested = component(&[]);
    for _ in 0..17 {
        nested = component(&[&section(4, &nested)]);
    }
    assert_eq!(excess(&nested), ExtentExceeded { what: "components in one another", found: 17, limit: 16 });
}

#[test]
fn calls_are_inlined_where_memory_suffices() {
    let small = Extent { functions: 1700, instructions: 500_000, ..Extent::default() };
    assert!(small.is_inlined());
    assert!(!Extent { functions: 35_000, ..Extent::default() }.is_inlined());
    assert!(!Extent { instructions: 3_000_000, ..Extent::default() }.is_inlined());
}

#[test]
fn large_functions_are_compiled_one_after_the_other_where_many_would_be_at_once() {
    let function = |instructions| FunctionExtent { instructions, ..FunctionExtent::default() };
    let mut extent = Extent::default();
    extent.add(&function(900_000));
    // One of them is none too many, however many threads there are.
    (0..100).for_each(|_| extent.add(&function(10_000)));
    assert!(extent.is_compiled_by(1) && extent.is_compiled_by(64));
    (0..2).for_each(|_| extent.add(&function(900_000)));
    assert!(extent.is_compiled_by(2) && !extent.is_compiled_by(3));
    assert_eq!(extent.needs.len(), MOST_REMEMBERED);
    let mut merging = Extent::default();
    (0..5)
        .for_each(|_| merging.add(&FunctionExtent { variables: 20_000, branches: 1000, ..FunctionExtent::default() }));
    assert!(merging.is_compiled_by(4) && !merging.is_compiled_by(5));
}

/// The largest that an extent can be told from a few bytes must not overflow either.
#[test]
fn counts_do_not_overflow() {
    let most = u64::MAX;
    let mut extent = Extent::default();
    let largest = FunctionExtent { instructions: most, locals: most, variables: most, branches: most };
    (0..2).for_each(|_| extent.add(&largest));
    assert_eq!((extent.instructions, extent.all_merges, extent.needs[0]), (most, most, most));
    assert!(extent.check().is_err() && !extent.is_inlined() && !extent.is_compiled_by(1));
    // As many variables as a number has room for, of six bytes.
    assert_eq!(excess(&of_body(b"\x01\xff\xff\xff\xff\x0f\x7f\x0b")).found, u64::from(u32::MAX));
}

#[test]
fn what_is_malformed_is_no_component() {
    assert!(matches!(Extent::of(&of_body(b"\0\xff\xff\x0b")), Err(NotCompilable::Invalid(_))));
    let whole = of_body(b"\0\x0b");
    for length in 0..whole.len() {
        assert!(matches!(Extent::of(&whole[..length]), Err(NotCompilable::Invalid(_)) | Ok(_)), "{length}");
    }
}

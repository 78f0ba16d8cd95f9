//! Components that no toolchain makes, byte by byte.

/// What a component begins with.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// The numbers of sections.
const TYPES: u8 = 1;
const FUNCTIONS: u8 = 3;
const CODE: u8 = 10;
const MODULE: u8 = 1;
const NESTED_COMPONENT: u8 = 4;
const INSTANCES: u8 = 5;
const IMPORTS: u8 = 10;
const EXPORTS: u8 = 11;

/// A function that does nothing, as a body without its size.
pub const NOTHING: &[u8] = b"\0\x0b";

/// The interface that a transform exports.
const TRANSFORM: &str = "kinesieve:transform/transform@0.1.0";

/// A component with more functions of no parameters in its largest module: it does what it did.
pub fn with_functions(component: &[u8], bodies: &[&[u8]]) -> Vec<u8> {
    let mut sections = sections(&component[8..]);
    let largest = sections.iter_mut().filter(|(id, _)| *id == MODULE).max_by_key(|(_, data)| data.len());
    let (_, module) = largest.expect("a module");
    let mut parts = self::sections(&module[8..]);
    let data =
        |parts: &mut Vec<(u8, Vec<u8>)>, id: u8| parts.iter().position(|part| part.0 == id).expect("the section");
    let (types, functions, code) = (data(&mut parts, TYPES), data(&mut parts, FUNCTIONS), data(&mut parts, CODE));
    let index = leb(&parts[types].1).0;
    parts[types].1 = appended(&parts[types].1, 1, b"\x60\0\0");
    parts[functions].1 = appended(&parts[functions].1, bodies.len(), &leb_of(index).repeat(bodies.len()));
    let more: Vec<u8> = bodies.iter().flat_map(|body| [leb_of(body.len()), body.to_vec()].concat()).collect();
    parts[code].1 = appended(&parts[code].1, bodies.len(), &more);
    *module = [&module[..8], &joined(&parts)].concat();
    [&component[..8], &joined(&sections)].concat()
}

/// A component that also instantiates one that instantiates another twice, and that again, so many steps deep.
pub fn with_instances(component: &[u8], steps: usize) -> Vec<u8> {
    let components = sections(&component[8..]).iter().filter(|(id, _)| *id == NESTED_COMPONENT).count();
    let mut nested = COMPONENT.to_vec();
    for _ in 0..steps {
        let twice = section(INSTANCES, b"\x02\0\0\0\0\0\0");
        nested = [COMPONENT, &section(NESTED_COMPONENT, &nested), &twice].concat();
    }
    let instance = [b"\x01\0".as_slice(), &leb_of(components), b"\0"].concat();
    [component, &section(NESTED_COMPONENT, &nested), &section(INSTANCES, &instance)].concat()
}

/// What looks like a transform to whoever reads its names alone: it imports this, and exports what transforms do.
pub fn importing(name: &str) -> Vec<u8> {
    let named = |name: &str| [b"\x01\0".as_slice(), &leb_of(name.len()), name.as_bytes()].concat();
    let import = section(IMPORTS, &[named(name).as_slice(), b"\x01\0"].concat());
    let export = section(EXPORTS, &[named(TRANSFORM).as_slice(), b"\x05\0\0"].concat());
    [COMPONENT, &import, &export].concat()
}

fn sections(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut sections = Vec::new();
    while let Some((id, rest)) = bytes.split_first() {
        let (length, read) = leb(rest);
        let (data, others) = rest[read..].split_at(length);
        sections.push((*id, data.to_vec()));
        bytes = others;
    }
    sections
}

fn joined(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    sections.iter().flat_map(|(id, data)| section(*id, data)).collect()
}

fn section(id: u8, data: &[u8]) -> Vec<u8> {
    [&[id][..], &leb_of(data.len()), data].concat()
}

/// A vector with more elements.
fn appended(vector: &[u8], count: usize, elements: &[u8]) -> Vec<u8> {
    let (before, read) = leb(vector);
    [leb_of(before + count).as_slice(), &vector[read..], elements].concat()
}

/// A number, and how many bytes it has.
fn leb(bytes: &[u8]) -> (usize, usize) {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).expect("an end") + 1;
    let number = bytes[..length].iter().rev().fold(0, |number, byte| number << 7 | usize::from(byte & 0x7f));
    (number, length)
}

fn leb_of(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

//! What a precompiled file's own headers say, read as data: nothing of the file is mapped as code.
//!
//! The engine writes 64-bit ELF in little-endian order, with its version in a section of its own, `.wasmtime.engine`: a byte
//! for the format of the section, a byte for the length of the version, the version, and settings in a format of its own.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// The most sections that are looked at: the engine writes some thirteen.
const MOST_SECTIONS: u16 = 256;

/// The most bytes that their names have together.
const MOST_NAME_BYTES: u64 = 64 << 10;

/// The numbers of machines in ELF.
const X86_64: u16 = 62;
const AARCH64: u16 = 183;

/// What the headers of a precompiled file say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Headers {
    /// The machine that its code is for: `arm64`, `x86_64`, or none of those.
    pub(super) machine: Option<&'static str>,
    /// The version of the engine that made it.
    pub(super) engine_version: String,
    /// The size of its machine code, in bytes.
    pub(super) code_bytes: u64,
}

/// Where a section lies in its file.
#[derive(Debug, Clone, Copy)]
struct Section {
    name: u32,
    offset: u64,
    size: u64,
}

impl Headers {
    /// Reads the headers.
    ///
    /// # Errors
    /// What is wrong with them, or why they can't be read.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let header: [u8; 64] = read_array(&mut file, 0)?;
        if header[..6] != *b"\x7fELF\x02\x01" {
            return Err(broken("it has no header of a 64-bit ELF file"));
        }
        let machine = match u16_at(&header, 18) {
            X86_64 => Some("x86_64"),
            AARCH64 => Some("arm64"),
            _ => None,
        };
        let sections = sections(&mut file, &header, size)?;
        let names =
            *sections.get(usize::from(u16_at(&header, 62))).ok_or_else(|| broken("its sections have no names"))?;
        let names = read_at(&mut file, names.offset, names.size.min(MOST_NAME_BYTES))?;
        let find = |name: &[u8]| {
            sections.iter().find(|section| {
                let own_name = names.get(section.name as usize..).unwrap_or_default();
                own_name.strip_prefix(name).is_some_and(|rest| rest.first() == Some(&0))
            })
        };
        let engine = find(b".wasmtime.engine").ok_or_else(|| broken("it does not say which engine made it"))?;
        let about = read_at(&mut file, engine.offset, engine.size.min(2 + u64::from(u8::MAX)))?;
        let version = about.get(1).and_then(|length| about.get(2..2 + usize::from(*length)));
        let version = version.ok_or_else(|| broken("it does not say which engine made it"))?;
        Ok(Self {
            machine,
            engine_version: String::from_utf8_lossy(version).into_owned(),
            code_bytes: find(b".text").map_or(0, |section| section.size),
        })
    }
}

/// All sections, each within the file.
fn sections(file: &mut File, header: &[u8; 64], size: u64) -> io::Result<Vec<Section>> {
    const ENTRY: usize = 64;
    let (offset, entry, count) = (u64_at(header, 40), u16_at(header, 58), u16_at(header, 60));
    if usize::from(entry) != ENTRY || count > MOST_SECTIONS {
        return Err(broken("its table of sections is none that an engine writes"));
    }
    let table = read_at(file, offset, u64::from(count) * ENTRY as u64)?;
    let (entries, _) = table.as_chunks::<ENTRY>();
    let sections: Vec<Section> = entries
        .iter()
        .map(|entry| Section { name: u32_at(entry, 0), offset: u64_at(entry, 24), size: u64_at(entry, 32) })
        .collect();
    let is_within = |section: &Section| section.offset.checked_add(section.size).is_some_and(|end| end <= size);
    match sections.iter().all(is_within) {
        true => Ok(sections),
        false => Err(broken("one of its sections lies beyond its end")),
    }
}

fn read_array<const N: usize>(file: &mut File, offset: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut bytes).map_err(cut_off)?;
    Ok(bytes)
}

/// Callers ask for no more than some kilobytes.
fn read_at(file: &mut File, offset: u64, size: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut bytes).map_err(cut_off)?;
    Ok(bytes)
}

fn cut_off(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof { broken("it is cut off") } else { error }
}

fn broken(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

fn u16_at(bytes: &[u8; 64], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8; 64], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8; 64], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers_of(bytes: &[u8]) -> io::Result<Headers> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.cwasm");
        std::fs::write(&path, bytes).expect("written");
        Headers::of(&path)
    }

    /// A file with the sections that matter: their names, the engine's version and some code.
    fn file() -> Vec<u8> {
        const NAMES: &[u8] = b"\0.shstrtab\0.wasmtime.engine\0.text\0";
        const VERSION: &[u8] = b"\0\x0248settings";
        const CODE: &[u8] = b"\xc3\xc3\xc3";
        let mut bytes = b"\x7fELF\x02\x01\x01\xc8".to_vec();
        bytes.resize(64, 0);
        let mut table = vec![0; 64];
        for (name, data) in [(1_u32, NAMES), (11, VERSION), (28, CODE)] {
            let mut entry = [0; 64];
            entry[..4].copy_from_slice(&name.to_le_bytes());
            entry[24..32].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
            entry[32..40].copy_from_slice(&(data.len() as u64).to_le_bytes());
            bytes.extend_from_slice(data);
            table.extend_from_slice(&entry);
        }
        let table_at = (bytes.len() as u64).to_le_bytes();
        bytes[18..20].copy_from_slice(&X86_64.to_le_bytes());
        bytes[40..48].copy_from_slice(&table_at);
        bytes[58..60].copy_from_slice(&64_u16.to_le_bytes());
        bytes[60..62].copy_from_slice(&4_u16.to_le_bytes());
        bytes[62..64].copy_from_slice(&1_u16.to_le_bytes());
        bytes.extend(table);
        bytes
    }

    #[test]
    fn the_headers_say_machine_and_engine() {
        let expected = Headers { machine: Some("x86_64"), engine_version: "48".to_owned(), code_bytes: 3 };
        assert_eq!(headers_of(&file()).expect("headers"), expected);
    }

    #[test]
    fn what_is_cut_off_is_said_to_be() {
        let file = file();
        for length in 0..file.len() {
            assert!(headers_of(&file[..length]).is_err(), "{length} bytes of {}", file.len());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(at in proptest::collection::vec((0_usize..400, any::<u8>()), 1..8)) {
            let mut bytes = file();
            for (at, byte) in at {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            // Whatever it says, it says it.
            let _ = headers_of(&bytes);
        }
    }
}

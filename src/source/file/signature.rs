//! Files that are no text, told by how they begin.

use crate::source::file::form::Refusal;

/// What makes lines of what is compressed otherwise than Kinesieve reads.
const UNPACK: &str = "unpack it first";
const CONVERT: &str = "convert it to lines of JSON first";

/// How files begin, what they are, and what to do with them.
const SIGNATURES: [(&[u8], &str, &str); 18] = [
    (b"Obj\x01", "an Avro file", CONVERT),
    (b"PAR1", "a Parquet file", CONVERT),
    (b"ORC", "an ORC file", CONVERT),
    (b"PK\x03\x04", "a zip archive", UNPACK),
    (b"PK\x05\x06", "an empty zip archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"BZh", "compressed with bzip2", "unpack it first, as with `bzip2 -dc`"),
    (b"\xfd7zXZ\0", "compressed with xz", "unpack it first, as with `xz -dc`"),
    (b"\x04\x22\x4d\x18", "compressed with lz4", "unpack it first, as with `lz4 -dc`"),
    (b"\x02\x21\x4c\x18", "compressed with lz4", "unpack it first, as with `lz4 -dc`"),
    (b"\xff\x06\0\0sNaPpY", "compressed with Snappy", UNPACK),
    (b"\x1f\x9d", "compressed with compress", "unpack it first, as with `gzip -dc`"),
    (b"\x1f\x8b", "compressed twice", "unpack it once, as with `gzip -dc`"),
    (b"\x28\xb5\x2f\xfd", "compressed twice", "unpack it once, as with `zstd -dc`"),
    (b"\0asm", "a WebAssembly file", "name it with --transform, and the records with --input"),
    (b"\xff\xfe", "text in UTF-16", "make UTF-8 of it, as with `iconv -f UTF-16 -t UTF-8`"),
    (b"\xfe\xff", "text in UTF-16", "make UTF-8 of it, as with `iconv -f UTF-16 -t UTF-8`"),
    (b"%PDF-", "a PDF file", CONVERT),
];

/// Bytes that are looked at for what no text holds.
const LOOKED_AT: usize = 512;

/// Returns what a beginning says that is no text.
pub(super) fn refusal(head: &[u8]) -> Option<Refusal> {
    let beginning = &head[..head.len().min(LOOKED_AT)];
    // Some begin like words. A text has no such bytes.
    let is_text = !beginning.iter().any(|byte| is_control(*byte)) && std::str::from_utf8(beginning).is_ok();
    if !is_text && let Some((_, what, remedy)) = SIGNATURES.iter().find(|(sign, ..)| head.starts_with(sign)) {
        return Some(Refusal::new(format!("it is {what}"), *remedy));
    }
    if head.contains(&0) {
        return Some(Refusal::new("it is binary", CONVERT));
    }
    is_markup(head).map(|what| Refusal::new(format!("it is {what}"), CONVERT))
}

/// Whether a byte stands in no line of text: C0 without tab, line ends, form feed and escape, which logs have.
fn is_control(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b)
}

/// Returns what a document of markup is. One on a line of its own may be a record, as a JSON object may.
fn is_markup(head: &[u8]) -> Option<&'static str> {
    let line = head.trim_ascii();
    let starts_with = |sign: &[u8]| line.get(..sign.len()).is_some_and(|start| start.eq_ignore_ascii_case(sign));
    if starts_with(b"<!doctype html") || starts_with(b"<html") {
        return Some("an HTML page");
    }
    if !starts_with(b"<?xml") {
        return None;
    }
    let behind = memchr::memmem::find(line, b"?>").map_or(&b""[..], |end| &line[end + 2..]);
    let is_whole = behind.ends_with(b">") && (memchr::memmem::find(behind, b"</").is_some() || behind.ends_with(b"/>"));
    (!is_whole).then_some("an XML document")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_named() {
        for (head, named) in [
            (&b"Obj\x01\x04\x14avro.codec"[..], "Avro"),
            (b"PAR1\x15\0\x15", "Parquet"),
            (b"ORC\x00\x11", "ORC"),
            (b"PK\x03\x04\x14", "zip archive"),
            (b"BZh91AY&SY\x01\x02", "bzip2"),
            (b"\xfd7zXZ\0\0\x04", "xz"),
            (b"\x04\x22\x4d\x18\x64", "lz4"),
            (b"\xff\x06\0\0sNaPpY", "Snappy"),
            (b"\x1f\x8b\x08\0", "twice"),
            (b"\x28\xb5\x2f\xfd\0", "twice"),
            (b"\0asm\x0d\0\x01\0", "WebAssembly"),
            (b"\xff\xfe{\0}\0", "UTF-16"),
            (b"a\0b", "binary"),
            (b"<?xml version=\"1.0\"?>\n", "XML"),
            (b"<?xml version=\"1.0\"?><a>\n", "XML"),
            (b"<!DOCTYPE html>\n", "HTML"),
        ] {
            let refusal = refusal(head).unwrap_or_else(|| panic!("{head:?}"));
            assert!(refusal.what.contains(named) && !refusal.remedy.is_empty(), "{refusal:?}");
        }
    }

    #[test]
    fn text_that_begins_like_it_stays_text() {
        for head in [
            &b"PAR1 is a parking lot\n"[..],
            b"ORC: out of range\n",
            b"BZh is no word\n",
            b"<34>Oct 11 22:14:15 su: failed\n",
            b"<?xml version=\"1.0\"?><a>1</a>\n",
            b"<reading n=\"1\"/>\n",
            b"\x1b[31mred\x1b[0m\n",
            b"caf\xe9 in Latin-1\n",
        ] {
            assert!(refusal(head).is_none(), "{head:?}");
        }
    }
}

//! A payload as lines that a person reads: JSON laid out, text as it is, or bytes in hexadecimal.

use std::fmt::Write;

use serde_json::value::RawValue;

use crate::cases::pretty;
use crate::foreign::is_unsafe;

/// The most lines of a payload that are shown.
const MOST_LINES: usize = 200;

/// Bytes on a line of a dump: few, so that two dumps stand side by side.
const DUMPED_A_LINE: usize = 8;

/// A payload's lines. None of them holds what a terminal would obey.
pub(in crate::cli) fn lines(bytes: &[u8]) -> Vec<String> {
    if bytes.is_empty() {
        return vec!["(no bytes)".to_owned()];
    }
    let Ok(text) = str::from_utf8(bytes) else {
        return cut(bytes.chunks(DUMPED_A_LINE).map(dumped), bytes.len().div_ceil(DUMPED_A_LINE));
    };
    let is_laid_out = matches!(text.trim_start().bytes().next(), Some(b'{' | b'['))
        && serde_json::from_str::<&RawValue>(text).is_ok();
    if is_laid_out {
        let laid_out = pretty(text);
        return cut(laid_out.lines().map(printable), laid_out.lines().count());
    }
    cut(text.lines().map(printable), text.lines().count())
}

/// The first lines, and how many there are besides.
fn cut(lines: impl Iterator<Item = String>, count: usize) -> Vec<String> {
    let mut shown: Vec<String> = lines.take(MOST_LINES).collect();
    if count > MOST_LINES {
        shown.push(format!("… and {} more lines", count - MOST_LINES));
    }
    shown
}

fn dumped(bytes: &[u8]) -> String {
    let mut line = String::new();
    for index in 0..DUMPED_A_LINE {
        // A String takes everything.
        let _ = match bytes.get(index) {
            Some(byte) => write!(line, "{byte:02x} "),
            None => write!(line, "   "),
        };
    }
    line.push(' ');
    line.extend(bytes.iter().map(|byte| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '.' }));
    line
}

/// A line with what a terminal would obey escaped; tabs are two spaces.
pub(in crate::cli) fn printable(line: &str) -> String {
    let mut printable = String::with_capacity(line.len());
    for character in line.chars() {
        match character {
            '\t' => printable.push_str("  "),
            _ if is_unsafe(character) => printable.extend(character.escape_default()),
            _ => printable.push(character),
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_as_it_is_written() {
        let text = r#" {"a":1.50,"b":[{}, "x\u001by"] } "#;
        assert_eq!(
            lines(text.as_bytes()).join("\n"),
            "{\n  \"a\": 1.50,\n  \"b\": [\n    {},\n    \"x\\u001by\"\n  ]\n}"
        );
        assert_eq!(lines(b"12"), ["12"]);
    }

    #[test]
    fn text_is_text_and_obeyed_by_no_terminal() {
        assert_eq!(lines("{not JSON\n\tn\u{e9}\u{1b}[31m\u{9b}".as_bytes()), ["{not JSON", "  né\\u{1b}[31m\\u{9b}"]);
        assert_eq!(lines(b""), ["(no bytes)"]);
        assert_eq!(lines(b"\n"), [""]);
    }

    #[test]
    fn bytes_are_dumped() {
        assert_eq!(lines(b"\0\xffab cdef\x1b"), ["00 ff 61 62 20 63 64 65  ..ab cde", "66 1b                    f."]);
    }

    #[test]
    fn what_is_long_has_an_end() {
        let many = "x\n".repeat(1000);
        let shown = lines(many.as_bytes());
        assert_eq!((shown.len(), shown[200].as_str()), (201, "… and 800 more lines"));
        assert_eq!(lines(&[0xff; 1 << 20]).len(), 201);
    }
}

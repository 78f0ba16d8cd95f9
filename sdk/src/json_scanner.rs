//! Finds where values of JSON end, without making anything of them.
//!
//! It takes what serde_json takes where that passes over a value: a test compares the two. It never recurses, so that no
//! depth of a document can exhaust the stack.

/// What was scanned is no JSON. `why` says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invalid;

/// The byte order mark that some programs write before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The bytes behind a byte order mark, if there is one.
pub(crate) fn without_mark(data: &[u8]) -> &[u8] {
    data.strip_prefix(BYTE_ORDER_MARK).unwrap_or(data)
}

/// A place in a text.
#[derive(Clone, Copy)]
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    /// The offset of the next byte.
    pub(crate) at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str, at: usize) -> Self {
        Self { bytes: text.as_bytes(), at }
    }

    /// The next byte; 0, which begins nothing in JSON, where there is none.
    #[inline]
    pub(crate) fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    #[inline]
    pub(crate) fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\t' | b'\r') {
            self.at += 1;
        }
    }

    #[inline]
    pub(crate) fn take(&mut self, expected: u8) -> Result<(), Invalid> {
        if self.peek() != expected {
            return Err(Invalid);
        }
        self.at += 1;
        Ok(())
    }

    /// The name of a field with the colon behind it, and the space around that; answers where the name ends, its quotes
    /// included.
    #[inline]
    pub(crate) fn name(&mut self) -> Result<usize, Invalid> {
        self.string()?;
        let end = self.at;
        self.space();
        self.take(b':')?;
        self.space();
        Ok(end)
    }

    /// A value that holds no others.
    #[inline]
    pub(crate) fn scalar(&mut self) -> Result<(), Invalid> {
        match self.peek() {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => Err(Invalid),
        }
    }

    /// Any value. What is open in it takes a byte each.
    pub(crate) fn value(&mut self) -> Result<(), Invalid> {
        let mut open = Vec::new();
        loop {
            let first = self.peek();
            let is_empty = match first {
                b'{' | b'[' => {
                    open.push(closing(first));
                    self.at += 1;
                    self.space();
                    self.peek() == closing(first)
                }
                _ => {
                    self.scalar()?;
                    true
                }
            };
            if is_empty {
                // Close what ends here; where something goes on, it is behind a comma.
                loop {
                    let Some(&close) = open.last() else { return Ok(()) };
                    self.space();
                    match self.peek() {
                        b',' => {
                            self.at += 1;
                            self.space();
                            break;
                        }
                        byte if byte == close => {
                            self.at += 1;
                            open.pop();
                        }
                        _ => return Err(Invalid),
                    }
                }
            }
            if open.last() == Some(&b'}') {
                self.name()?;
            }
        }
    }

    #[inline]
    fn string(&mut self) -> Result<(), Invalid> {
        self.take(b'"')?;
        loop {
            // Eight bytes at a time, as long as none of them is special.
            while let Some(eight) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk) {
                let special = special(u64::from_le_bytes(*eight));
                self.at += (special.trailing_zeros() / 8) as usize;
                if special != 0 {
                    break;
                }
            }
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                None | Some(..0x20) => return Err(Invalid),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), Invalid> {
        let rest = self.bytes.get(self.at + 1..).unwrap_or_default();
        self.at += match rest {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', digits @ ..] if digits.len() >= 4 && digits[..4].iter().all(u8::is_ascii_hexdigit) => 6,
            _ => return Err(Invalid),
        };
        Ok(())
    }

    fn number(&mut self) -> Result<(), Invalid> {
        if self.peek() == b'-' {
            self.at += 1;
        }
        if self.peek() == b'0' {
            self.at += 1;
            // No number begins with a zero and goes on with digits.
            if self.peek().is_ascii_digit() {
                return Err(Invalid);
            }
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Invalid> {
        let from = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == from { Err(Invalid) } else { Ok(()) }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Invalid> {
        if !self.bytes.get(self.at..).unwrap_or_default().starts_with(word) {
            return Err(Invalid);
        }
        self.at += word.len();
        Ok(())
    }
}

/// What closes an object or an array.
fn closing(open: u8) -> u8 {
    if open == b'{' { b'}' } else { b']' }
}

/// The high bit of each byte that is a quote, a backslash or a control character. Only the lowest of them is sure: above
/// it, a carry may have set others. No bit: there is none.
#[inline]
fn special(eight: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES * 0x80;
    let is_zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes & HIGH;
    let is_control = eight.wrapping_sub(ONES * 0x20) & !eight & HIGH;
    is_control | is_zero(eight ^ (ONES * u64::from(b'"'))) | is_zero(eight ^ (ONES * u64::from(b'\\')))
}

/// Why a text is no JSON, in serde_json's words, which quote nothing of it. Slow: it is for what fails.
pub(crate) fn why(text: &str) -> String {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Err(error) => format!("not JSON: {error}"),
        Ok(_) => "not JSON".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn takes(text: &str) -> bool {
        let mut scanner = Scanner::new(text, 0);
        scanner.space();
        let is_value = scanner.value().is_ok();
        scanner.space();
        is_value && scanner.is_at_end()
    }

    fn serde_takes(text: &str) -> bool {
        serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
    }

    #[test]
    fn it_takes_what_serde_json_passes_over() {
        for text in [
            "",
            " ",
            "{}",
            "[]",
            "[ ]",
            "{ }",
            "[1,]",
            "[,1]",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{1:2}",
            "[1 2]",
            "01",
            "-",
            "-0",
            "-01",
            "1.",
            "1.e1",
            ".5",
            "1e",
            "1e+",
            "1E-2",
            "1e400",
            "+1",
            "NaN",
            "tru",
            "truely",
            "null",
            "\"",
            "\"\\\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\x\"",
            "\"a\tb\"",
            "\"a\u{7f}é😀\"",
            "\"1234567\\\"\"",
            "[}",
            "{]",
            "[[]",
            "[]]",
            "{}{}",
            "\u{feff}{}",
            "{\"a\" : [ 1 , {} ] }",
            "\"\u{0}\"",
            "[\u{0}]",
            "\"12345678é\u{1f}\"",
        ] {
            assert_eq!(takes(text), serde_takes(text), "{text:?}");
        }
    }

    #[test]
    fn no_depth_exhausts_the_stack() {
        for depth in [1_000, 1_000_000] {
            assert!(takes(&("[".repeat(depth) + &"]".repeat(depth))));
            assert!(!takes(&"[".repeat(depth)));
            assert!(takes(&("{\"a\":".repeat(depth) + "1" + &"}".repeat(depth))));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_as_serde_json_takes_it(text in r#"[\[\]{}:,"\\ \n0-9eE.+\-a-fnrtu/é\x1f]{0,40}"#) {
            prop_assert_eq!(takes(&text), serde_takes(&text));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            prop_assert_eq!(takes(&text), serde_takes(&text));
        }

        #[test]
        fn the_first_special_byte_of_eight_is_found(eight in any::<[u8; 8]>()) {
            let first = eight.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20)).unwrap_or(8);
            prop_assert_eq!(special(u64::from_le_bytes(eight)).trailing_zeros() / 8, first as u32);
        }
    }
}

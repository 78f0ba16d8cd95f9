//! The elements of a JSON array, one after the other: memory holds one of them, however long the array is.

use std::io::{self, BufRead};

use serde_json::value::RawValue;

use crate::source::lines::MAX_LINE_BYTES;

/// Why an array can't be read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum ArrayError {
    /// Its input can't be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// It is no array, or not a whole one. No message holds any of it.
    #[error("{0}")]
    Broken(String),
}

/// Where in the array the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ArrayPlace {
    /// Before the bracket.
    Start,
    /// Behind the bracket.
    Opened,
    /// Behind an element.
    BehindElement,
    /// Behind the other bracket.
    Closed,
}

/// Reads the elements of an array.
pub(super) struct ElementReader<R> {
    input: R,
    place: ArrayPlace,
    elements: u64,
}

impl<R: BufRead> ElementReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, place: ArrayPlace::Start, elements: 0 }
    }

    pub(super) fn input(&self) -> &R {
        &self.input
    }

    /// How many elements were read so far.
    pub(super) fn elements(&self) -> u64 {
        self.elements
    }

    /// Reads the next element as it stands, without the space around it; false at the end of the array, behind which
    /// there is nothing.
    pub(super) fn next(&mut self, element: &mut Vec<u8>) -> Result<bool, ArrayError> {
        element.clear();
        if self.place == ArrayPlace::Start {
            self.expect(b'[')?;
            self.place = ArrayPlace::Opened;
        }
        match (self.place, self.next_sign()?) {
            (ArrayPlace::Closed, None) => return Ok(false),
            (ArrayPlace::Closed, Some(_)) => {
                return Err(ArrayError::Broken("something follows the end of the array".to_owned()));
            }
            (ArrayPlace::Opened | ArrayPlace::BehindElement, Some(b']')) => {
                self.input.consume(1);
                self.place = ArrayPlace::Closed;
                return self.next(element);
            }
            (ArrayPlace::BehindElement, Some(b',')) => self.input.consume(1),
            (ArrayPlace::Start | ArrayPlace::Opened, Some(_)) => {}
            (ArrayPlace::BehindElement, Some(_)) => {
                return Err(ArrayError::Broken(format!("a comma is missing behind element {}", self.elements)));
            }
            (_, None) => return Err(self.ended()),
        }
        if self.next_sign()?.is_none() {
            return Err(self.ended());
        }
        self.read_element(element)?;
        self.elements += 1;
        self.place = ArrayPlace::BehindElement;
        Ok(true)
    }

    /// Takes what belongs to the next element, up to the comma or the bracket behind it, and looks at it.
    fn read_element(&mut self, element: &mut Vec<u8>) -> Result<(), ArrayError> {
        let number = self.elements + 1;
        let mut extent = Extent::default();
        loop {
            let at_hand = fill(&mut self.input)?;
            if at_hand.is_empty() {
                return Err(self.ended());
            }
            let end = at_hand.iter().position(|byte| extent.ends_before(*byte));
            let taken = end.unwrap_or(at_hand.len());
            if element.len() + taken > MAX_LINE_BYTES {
                let message = format!("element {number} is longer than the largest Kinesis record, 10 MiB");
                return Err(ArrayError::Broken(message));
            }
            element.extend_from_slice(&at_hand[..taken]);
            self.input.consume(taken);
            if end.is_some() {
                break;
            }
        }
        element.truncate(element.trim_ascii_end().len());
        match serde_json::from_slice::<&RawValue>(element) {
            Ok(_) => Ok(()),
            Err(_) => Err(ArrayError::Broken(format!("element {number} of the array is no JSON"))),
        }
    }

    fn expect(&mut self, sign: u8) -> Result<(), ArrayError> {
        match self.next_sign()? {
            Some(found) if found == sign => self.input.consume(1),
            Some(_) => return Err(ArrayError::Broken("it is no JSON array".to_owned())),
            None => return Err(ArrayError::Broken("it is empty, and no JSON array".to_owned())),
        }
        Ok(())
    }

    /// The next byte that is no space, which is still to be read; none: the input ends.
    fn next_sign(&mut self) -> Result<Option<u8>, ArrayError> {
        loop {
            let at_hand = fill(&mut self.input)?;
            if at_hand.is_empty() {
                return Ok(None);
            }
            let space = at_hand.iter().take_while(|byte| is_space(**byte)).count();
            let next = at_hand.get(space).copied();
            self.input.consume(space);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    fn ended(&self) -> ArrayError {
        ArrayError::Broken(format!("the array is cut off behind element {}", self.elements))
    }
}

/// As `fill_buf`, and again where a signal was in between.
fn fill(input: &mut impl BufRead) -> io::Result<&[u8]> {
    // Asked twice, since the first answer can't be kept over the loop: the second finds what the first has read.
    while let Err(error) = input.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    input.fill_buf()
}

/// What JSON has for space.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// How far an element goes: where it ends, and not whether it is one.
#[derive(Debug, Default)]
struct Extent {
    depth: u64,
    is_in_text: bool,
    is_escaped: bool,
}

impl Extent {
    /// Takes the next byte; true: it is the first one that is none of the element's.
    fn ends_before(&mut self, byte: u8) -> bool {
        if self.is_in_text {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.is_in_text = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.is_in_text = true,
            b'{' | b'[' => self.depth += 1,
            b',' | b']' | b'}' if self.depth == 0 => return true,
            b'}' | b']' => self.depth -= 1,
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    /// The elements, and how it ends, whatever the reads are.
    fn elements(text: &[u8]) -> (Vec<String>, Result<(), String>) {
        let read = |at_a_time: usize| {
            let mut reader = ElementReader::new(BufReader::with_capacity(at_a_time, text));
            let (mut elements, mut element) = (Vec::new(), Vec::new());
            loop {
                match reader.next(&mut element) {
                    Ok(true) => elements.push(String::from_utf8(element.clone()).expect("checked")),
                    Ok(false) => return (elements, Ok(())),
                    Err(error) => return (elements, Err(error.to_string())),
                }
            }
        };
        let (at_once, slowly) = (read(1 << 16), read(1));
        assert_eq!(at_once, slowly);
        at_once
    }

    #[test]
    fn an_element_is_its_text_as_it_stands() {
        let text = "\n[ 1.50 , {\"b\" : 1e2,\"a\":[1,\"],\\\"\"] ,\"b\":\"\"}\t,\n\"é, \\\\\",null,[ ],true ]\n\n";
        let expected = ["1.50", "{\"b\" : 1e2,\"a\":[1,\"],\\\"\"] ,\"b\":\"\"}", "\"é, \\\\\"", "null", "[ ]", "true"];
        assert_eq!(elements(text.as_bytes()), (expected.map(str::to_owned).to_vec(), Ok(())));
        assert_eq!(elements(b" [ ] "), (Vec::new(), Ok(())));
    }

    #[test]
    fn what_is_no_array_ends_with_what_is_wrong_behind_the_elements_before() {
        for (text, before, reason) in [
            (&b"[1,2"[..], 1, "cut off behind element 1"),
            (b"[1,2,", 2, "cut off behind element 2"),
            (b"[1,{\"a\":\"", 1, "cut off behind element 1"),
            (b"[", 0, "cut off behind element 0"),
            (b"", 0, "empty"),
            (b"{}", 0, "no JSON array"),
            (b"[1,,2]", 1, "element 2 of the array is no JSON"),
            (b"[1,]", 1, "element 2 of the array is no JSON"),
            (b"[1}", 1, "comma is missing"),
            (b"[1 2]", 0, "element 1"),
            (b"[1,\xff]", 1, "element 2"),
            (b"[1][2]", 1, "follows the end"),
        ] {
            let (elements, end) = elements(text);
            let shown = String::from_utf8_lossy(text);
            // What ends with its input is not known to be whole.
            assert!(elements.len() == before, "{shown}: {elements:?}");
            assert!(end.as_ref().is_err_and(|message| message.contains(reason)), "{shown}: {end:?}");
        }
        let long = [&b"[\""[..], &vec![b'x'; MAX_LINE_BYTES], b"\"]"].concat();
        let mut reader = ElementReader::new(long.as_slice());
        assert!(reader.next(&mut Vec::new()).is_err_and(|error| error.to_string().contains("10 MiB")));
    }

    proptest! {
        #[test]
        fn elements_are_those_that_a_parser_finds(values in prop::collection::vec("[\\[\\]{}\", \\\\a0]{0,12}", 0..6), is_pretty: bool) {
            let array = serde_json::json!(values.iter().map(|text| serde_json::json!({"k": [text, 1]})).collect::<Vec<_>>());
            let text = if is_pretty { serde_json::to_string_pretty(&array) } else { serde_json::to_string(&array) };
            let (found, end) = elements(text.expect("JSON").as_bytes());
            prop_assert_eq!(end, Ok(()));
            let found: Vec<serde_json::Value> = found.iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
            prop_assert_eq!(serde_json::Value::Array(found), array);
        }

        #[test]
        fn no_text_makes_it_panic_or_go_on_for_ever(text in "[\\[\\]{}\", \\\\a0:\n]{0,60}") {
            let (found, end) = elements(text.as_bytes());
            let whole = serde_json::from_str::<Vec<serde_json::Value>>(&text);
            prop_assert_eq!(end.is_ok(), whole.is_ok());
            if let Ok(whole) = whole {
                prop_assert_eq!(found.len(), whole.len());
            }
        }
    }
}

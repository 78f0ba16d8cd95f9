//! A YAML or JSON document as a tree whose parts know where they stand, for files that people write.
//!
//! JSON is read as the YAML that it nearly is. What makes a small file a large one (anchors that refer to anchors) and what
//! makes a parser's stack overflow (depth) is bounded. A key that stands twice in a mapping is an error, since one of the two
//! would have no effect.

use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

/// A file with settings is not longer.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// A document has no more parts than this, those that aliases repeat included.
const MOST_PARTS: usize = 100_000;

/// Mappings and lists are not nested deeper.
const MOST_DEPTH: usize = 64;

/// Where something stands: a line and a column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl From<&Marker> for Place {
    fn from(marker: &Marker) -> Self {
        // Lines count from 1 there, and columns from 0.
        Self { line: marker.line().max(1), column: marker.col() + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// A part of a document.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) content: Content,
}

/// What a part of a document is. Parts that aliases repeat are there once.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Nothing: `null`, `~`, or no value at all.
    Null,
    /// A text, number, `true` or `false`, as it is written.
    Scalar(Scalar),
    List(Rc<Vec<Node>>),
    Map(Rc<Vec<Entry>>),
}

/// A value by itself.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Whether it is in quotes, or a block: a text then, whatever stands in it.
    pub(crate) is_quoted: bool,
}

/// A key of a mapping, with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) value: Node,
}

impl Node {
    /// What it is, with its article, for messages.
    pub(crate) fn noun(&self) -> &'static str {
        match &self.content {
            Content::Null => "nothing",
            Content::Scalar(_) => "a value",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }

    /// The value of a key, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.content {
            Content::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            _ => None,
        }
    }
}

impl Scalar {
    /// The value as JSON: a number or a truth value where it is one and not in quotes, a text otherwise.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let is_plain = !self.is_quoted && matches!(self.text.as_bytes(), [b'-' | b'0'..=b'9' | b't' | b'f', ..]);
        match is_plain.then(|| serde_json::from_str(&self.text)) {
            Some(Ok(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_)))) => value,
            _ => serde_json::Value::String(self.text.clone()),
        }
    }
}

/// Why a text is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub(crate) struct DocumentError {
    pub(crate) place: Place,
    pub(crate) reason: String,
}

/// Reads the one document of a text. A text without any is nothing.
///
/// # Errors
/// When it is no YAML, has several documents, or goes beyond what a file with settings may be.
pub(crate) fn read(text: &str) -> Result<Node, DocumentError> {
    let begin = Place { line: 1, column: 1 };
    if text.len() > MOST_BYTES {
        let reason = format!("the file has {} bytes, and one with settings has at most {MOST_BYTES}", text.len());
        return Err(DocumentError { place: begin, reason });
    }
    let mut reading = Reading { open: Vec::new(), anchors: HashMap::new(), parts: 0, document: None };
    for event in Parser::new_from_str(text) {
        let (event, span) = event
            .map_err(|error| DocumentError { place: error.marker().into(), reason: in_plain_words(error.info()) })?;
        reading.take(event, (&span.start).into())?;
    }
    Ok(reading.document.unwrap_or(Node { place: begin, content: Content::Null }))
}

/// The parser's words for what people do most often, in theirs.
fn in_plain_words(said: &str) -> String {
    match said {
        "while parsing node, found unknown anchor" => {
            "a value that begins with * refers to an anchor, and there is none of that name: write a text that begins with * \
             in quotes"
                .to_owned()
        }
        "while scanning an anchor or alias, did not find expected alphabetic or numeric character" => {
            "a value that begins with * or & refers to an anchor: write a text that begins so in quotes".to_owned()
        }
        "tabs disallowed within this context (block indentation)"
        | "tabs disallowed in this context"
        | "tab cannot be used as indentation" => {
            "a tab indents this line: use spaces".to_owned()
        }
        said => format!("this is no YAML: {said}"),
    }
}

/// A mapping or list that is not complete yet.
struct Open {
    place: Place,
    anchor: usize,
    content: OpenContent,
}

enum OpenContent {
    List(Vec<Node>),
    Map(OpenMap),
}

/// A mapping that is not complete yet.
#[derive(Default)]
struct OpenMap {
    entries: Vec<Entry>,
    /// The line of each key of its own.
    lines: HashMap<String, usize>,
    /// The key whose value comes next.
    next: Option<(String, Place)>,
    /// What it takes over from others, where it has no such key itself.
    merged: Vec<Entry>,
}

/// The key by which a mapping takes over the entries of another one.
const MERGE: &str = "<<";

impl OpenMap {
    /// Takes a key, or the value of the last one.
    fn put(&mut self, node: Node) -> Result<(), DocumentError> {
        match self.next.take() {
            Some((key, place)) if key == MERGE => self.merge(&node, place),
            Some((key, place)) => {
                self.entries.push(Entry { key, place, value: node });
                Ok(())
            }
            None => {
                self.next = Some(self.key(node)?);
                Ok(())
            }
        }
    }

    /// Takes a part for a key, which has to be a value by itself, and new.
    fn key(&mut self, node: Node) -> Result<(String, Place), DocumentError> {
        let place = node.place;
        let noun = node.noun();
        let Content::Scalar(Scalar { text, .. }) = node.content else {
            return Err(DocumentError { place, reason: format!("a key is a text, and this is {noun}") });
        };
        match self.lines.insert(text.clone(), place.line) {
            Some(line) => {
                let text = crate::foreign::excerpt(&text);
                Err(DocumentError { place, reason: format!("the key {text} stands in line {line} already") })
            }
            None => Ok((text, place)),
        }
    }

    fn merge(&mut self, node: &Node, place: Place) -> Result<(), DocumentError> {
        let sources: &[Node] = match &node.content {
            Content::List(nodes) => nodes,
            _ => std::slice::from_ref(node),
        };
        for source in sources {
            let Content::Map(taken) = &source.content else {
                let reason = format!("`<<` takes a mapping, and this is {}", source.noun());
                return Err(DocumentError { place, reason });
            };
            self.merged.extend(taken.iter().cloned());
        }
        Ok(())
    }

    /// All entries: its own, then what it took over. Of two that were taken over, the first stays.
    fn complete(mut self) -> Vec<Entry> {
        for entry in self.merged {
            if self.lines.insert(entry.key.clone(), entry.place.line).is_none() {
                self.entries.push(entry);
            }
        }
        self.entries
    }
}

struct Reading {
    open: Vec<Open>,
    /// What an anchor names, with the number of its parts.
    anchors: HashMap<usize, (Node, usize)>,
    parts: usize,
    document: Option<Node>,
}

impl Reading {
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), DocumentError> {
        match event {
            Event::DocumentStart(_) if self.document.is_some() => {
                let reason = "a second document begins here, and one is read: leave out what follows `---`".to_owned();
                Err(DocumentError { place, reason })
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
            Event::Alias(anchor) => {
                let Some((node, parts)) = self.anchors.get(&anchor).cloned() else {
                    let reason = "this refers to an anchor that is not complete here".to_owned();
                    return Err(DocumentError { place, reason });
                };
                self.count(parts, place)?;
                self.put(Node { place, ..node })
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.count(1, place)?;
                let node = Node { place, content: scalar(text.into_owned(), style, tag.as_deref()) };
                if anchor != 0 {
                    self.anchors.insert(anchor, (node.clone(), 1));
                }
                self.put(node)
            }
            Event::SequenceStart(anchor, _) => self.begin(place, anchor, OpenContent::List(Vec::new())),
            Event::MappingStart(anchor, _) => self.begin(place, anchor, OpenContent::Map(OpenMap::default())),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
    }

    fn count(&mut self, parts: usize, place: Place) -> Result<(), DocumentError> {
        self.parts = self.parts.saturating_add(parts);
        if self.parts <= MOST_PARTS {
            return Ok(());
        }
        let reason = format!("the document has more than {MOST_PARTS} parts, what anchors repeat included");
        Err(DocumentError { place, reason })
    }

    fn begin(&mut self, place: Place, anchor: usize, content: OpenContent) -> Result<(), DocumentError> {
        self.count(1, place)?;
        if self.open.len() == MOST_DEPTH {
            return Err(DocumentError { place, reason: format!("it is nested deeper than {MOST_DEPTH}") });
        }
        self.open.push(Open { place, anchor, content });
        Ok(())
    }

    fn end(&mut self) -> Result<(), DocumentError> {
        let Some(Open { place, anchor, content }) = self.open.pop() else { return Ok(()) };
        let content = match content {
            OpenContent::List(nodes) => Content::List(Rc::new(nodes)),
            OpenContent::Map(map) => Content::Map(Rc::new(map.complete())),
        };
        let node = Node { place, content };
        if anchor != 0 {
            let parts = parts_of(&node);
            self.anchors.insert(anchor, (node.clone(), parts));
        }
        self.put(node)
    }

    /// Puts a part where it belongs: into what is open, as a key or as a value.
    fn put(&mut self, node: Node) -> Result<(), DocumentError> {
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.document = Some(node),
            Some(OpenContent::List(nodes)) => nodes.push(node),
            Some(OpenContent::Map(map)) => map.put(node)?,
        }
        Ok(())
    }
}

fn scalar(text: String, style: ScalarStyle, tag: Option<&Tag>) -> Content {
    let is_quoted = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str");
    if !is_quoted && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL") {
        return Content::Null;
    }
    Content::Scalar(Scalar { text, is_quoted })
}

/// How many parts it has, each as often as it is repeated.
fn parts_of(node: &Node) -> usize {
    let below: usize = match &node.content {
        Content::Null | Content::Scalar(_) => 0,
        Content::List(nodes) => nodes.iter().map(parts_of).fold(0, usize::saturating_add),
        Content::Map(entries) => entries.iter().map(|entry| parts_of(&entry.value) + 1).fold(0, usize::saturating_add),
    };
    below.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        read(text).expect_err(text).to_string()
    }

    /// A document as JSON, with values as texts.
    fn shown(node: &Node) -> String {
        match &node.content {
            Content::Null => "null".to_owned(),
            Content::Scalar(scalar) => format!("{:?}", scalar.text),
            Content::List(nodes) => format!("[{}]", nodes.iter().map(shown).collect::<Vec<_>>().join(",")),
            Content::Map(entries) => {
                let entries = entries.iter().map(|entry| format!("{:?}:{}", entry.key, shown(&entry.value)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
            }
        }
    }

    fn document(text: &str) -> String {
        shown(&read(text).expect(text))
    }

    #[test]
    fn yaml_and_json_are_read_with_values_as_they_are_written() {
        assert_eq!(document("a: 1.50\nb: ~\nc: [x, 'y z']\n"), r#"{"a":"1.50","b":null,"c":["x","y z"]}"#);
        assert_eq!(document("{\"a\": {\"b\": [1, true, null]}}"), r#"{"a":{"b":["1","true",null]}}"#);
        assert_eq!(document("a: |\n  one\n  two\n"), r#"{"a":"one\ntwo\n"}"#);
        assert_eq!(document(""), "null");
        assert_eq!(document("\u{feff}a: 1\r\n"), r#"{"a":"1"}"#);
        let node = read("a: 'true'\nb: true\nc: 007\nd: 12\n").expect("YAML");
        let json = |key: &str| match &node.get(key).expect(key).content {
            Content::Scalar(scalar) => scalar.to_json(),
            _ => serde_json::Value::Null,
        };
        assert_eq!(
            [json("a"), json("b"), json("c"), json("d")],
            [serde_json::json!("true"), serde_json::json!(true), serde_json::json!("007"), serde_json::json!(12)]
        );
    }

    #[test]
    fn anchors_repeat_and_merges_add_what_is_not_there() {
        assert_eq!(
            document("x: &x {a: 1, b: 2}\ny: *x\nz:\n  <<: *x\n  b: 3\n"),
            r#"{"x":{"a":"1","b":"2"},"y":{"a":"1","b":"2"},"z":{"b":"3","a":"1"}}"#
        );
        let unknown = refused("a: *nowhere\n");
        assert!(unknown.starts_with("1:") && unknown.contains("and there is none of that name"), "{unknown}");
        assert!(refused("sessionToken: *******\n").contains("in quotes"));
        assert!(refused("a: &a [*a]\n").contains("anchor"), "what holds itself has no end");
        assert!(refused("a: &a 1\nb:\n  <<: *a\n").starts_with("3:3: `<<` takes a mapping"));
    }

    #[test]
    fn what_stands_twice_or_is_no_yaml_is_named_with_its_place() {
        assert_eq!(refused("a: 1\nb: 2\na: 3\n"), "3:1: the key a stands in line 1 already");
        assert_eq!(refused("{\"a\": 1, \"a\": 2}"), "1:10: the key a stands in line 1 already");
        assert!(refused("a: [1, 2\nb: 3\n").contains("this is no YAML"));
        assert!(refused("a:\n\t- 1\n").contains("tab"), "{}", refused("a:\n\t- 1\n"));
        assert!(refused("a: 1\n---\nb: 2\n").contains("a second document begins here"));
        assert!(refused("[a]: 1\n").contains("a key is a text"));
    }

    #[test]
    fn no_document_is_larger_or_deeper_than_it_may_be() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}, ", level - 1).repeat(10);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", before.trim_end_matches(", ")));
        }
        assert!(refused(&bomb).contains("more than 100000 parts"));
        assert!(refused(&"[".repeat(100)).contains("nested deeper than 64"));
        assert!(refused(&"a".repeat(MOST_BYTES + 1)).contains("has 1048577 bytes"));
        // As many keys as fit: each is looked up once.
        let keys: String = (0..90_000).map(|number| format!("k{number}:\n")).collect();
        read(&keys[..keys.len().min(MOST_BYTES)]).expect_err("two parts a key");
        let keys: String = (0..45_000).map(|number| format!("k{number}:\n")).collect();
        read(&keys).expect("a large one");
    }

    #[test]
    fn no_text_panics() {
        use proptest::prelude::*;

        proptest!(|(text in "[a-c:\\-\\[\\]{}&*!|>'\"#%@`,?\n\t ~<0-9]{0,60}")| {
            let _ = read(&text);
        });
    }
}

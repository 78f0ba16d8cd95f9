//! Changes values of a JSON text and copies all else as it is written.

use std::borrow::Cow;
use std::ops::Range;

use serde::Serialize;

use crate::json_scanner::{Invalid, Scanner, why, without_mark};
use crate::{Error, Event, Outcome, json_string};

/// So many objects and arrays may be looked into one in another: as many as serde_json reads.
const DEEPEST: usize = 127;

/// What becomes of a value that [`Event::edit_json`] shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// It stays as it is written, and what is in it is shown next.
    Descend,
    /// It stays as it is written, and what is in it is passed over.
    Keep,
    /// It goes, with its name and one comma.
    Remove,
    /// This JSON stands in its place.
    Replace(String),
}

impl Edit {
    /// This text stands in its place, as a JSON string.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Replace(json_string::quoted(text.as_ref()))
    }

    /// This value stands in its place, as JSON.
    ///
    /// # Errors
    /// [`Error::Reject`] when the value can't be written, a map whose keys are no texts for instance.
    pub fn value(value: &impl Serialize) -> Result<Self, Error> {
        Ok(Self::Replace(serde_json::to_string(value)?))
    }
}

/// What a value of JSON is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are JSON's")]
pub enum JsonKind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

/// Where a value lies in what holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonStep<'a> {
    /// In the field of this name.
    Field(Cow<'a, str>),
    /// At this place of an array, counted from 0.
    Element(usize),
}

/// A value of a JSON text, where it stands in the text: see [`Event::edit_json`].
#[derive(Debug)]
pub struct JsonValue<'w, 'a> {
    text: &'a str,
    within: &'w [Open],
    start: usize,
    /// Of an object or array it is only known once somebody asks for all of it.
    end: Option<Result<usize, Invalid>>,
}

impl<'a> JsonValue<'_, 'a> {
    /// What it is.
    pub fn kind(&self) -> JsonKind {
        match self.text.as_bytes().get(self.start) {
            Some(b'{') => JsonKind::Object,
            Some(b'[') => JsonKind::Array,
            Some(b'"') => JsonKind::String,
            Some(b't' | b'f') => JsonKind::Bool,
            Some(b'n') => JsonKind::Null,
            _ => JsonKind::Number,
        }
    }

    /// In how many objects and arrays it lies: 0 is the whole text, 1 is a field of the record itself.
    pub fn depth(&self) -> usize {
        self.within.len()
    }

    /// The name of the field that it is the value of; none: it is an element of an array, or the whole text.
    pub fn name(&self) -> Option<Cow<'a, str>> {
        let name = self.within.last()?.name.clone()?;
        Some(json_string::decoded(self.text.get(name)?))
    }

    /// The way to it, from the outermost object or array inwards.
    pub fn path(&self) -> impl Iterator<Item = JsonStep<'a>> {
        self.within.iter().map(|open| match &open.name {
            Some(name) => JsonStep::Field(json_string::decoded(self.text.get(name.clone()).unwrap_or_default())),
            None => JsonStep::Element(open.element),
        })
    }

    /// The value as it is written. Of an object or array this reads all of it, and [`Edit::Descend`] reads it once more.
    /// Where it is no JSON this is empty, and the edit fails.
    pub fn written(&mut self) -> &'a str {
        let mut scanner = Scanner::new(self.text, self.start);
        let end = *self.end.get_or_insert_with(|| scanner.value().map(|()| scanner.at));
        end.ok().and_then(|end| self.text.get(self.start..end)).unwrap_or_default()
    }

    /// What a string says; none: it is none. Half of a surrogate pair, `"\ud83d"`, reads as U+FFFD.
    pub fn text(&mut self) -> Option<Cow<'a, str>> {
        self.inner().map(json_string::decoded)
    }

    /// Replaces parts of a string, and leaves the rest of it as it is written, escapes included. A part is a range of bytes
    /// of [`text`](Self::text), with what stands there instead.
    ///
    /// Parts have to come in ascending order, apart from each other: one that begins too early begins where the last one
    /// ended. Of a character, all goes or nothing. What is no string is kept.
    pub fn splice<S: AsRef<str>>(&mut self, parts: impl IntoIterator<Item = (Range<usize>, S)>) -> Edit {
        match self.inner() {
            Some(inner) => Edit::Replace(json_string::spliced(inner, parts)),
            None => Edit::Keep,
        }
    }

    /// What stands between the quotes of a string.
    fn inner(&mut self) -> Option<&'a str> {
        if self.kind() != JsonKind::String {
            return None;
        }
        let written = self.written();
        written.get(1..written.len().checked_sub(1)?)
    }
}

impl Event {
    /// Changes values of a JSON payload, and nothing else: all that stays is copied byte for byte. Numbers keep their
    /// digits, strings their escapes, fields their order and their repetitions, and so does the space between them.
    ///
    /// The function is shown each value in turn, the whole record first, and says what becomes of it; it sees what is in an
    /// object or array where it answers [`Edit::Descend`]. Where nothing was changed, the outcome is [`Outcome::Keep`].
    /// A transform that only wants to read can ignore it.
    ///
    /// ```
    /// use kinesieve_sdk::{Edit, Error, Event, Outcome, transform};
    ///
    /// /// Takes e-mail addresses out, and shortens names, at any depth.
    /// #[transform]
    /// fn process(event: Event) -> Result<Outcome, Error> {
    ///     event.edit_json(|value| {
    ///         Ok(match value.name().as_deref() {
    ///             Some("email") => Edit::Remove,
    ///             Some("name") => Edit::text(value.text().unwrap_or_default().chars().take(1).collect::<String>()),
    ///             _ => Edit::Descend,
    ///         })
    ///     })
    /// }
    ///
    /// let event = Event::new(r#"{"id": 12345678901234567890123, "name": "Ada", "email": "ada@example.com", "by": 0.10}"#);
    /// let edited = r#"{"id": 12345678901234567890123, "name": "A", "by": 0.10}"#;
    /// assert_eq!(process(event), Ok(Outcome::replace(edited.to_owned())));
    /// ```
    ///
    /// A byte order mark before the JSON is passed over, and stays.
    ///
    /// # Errors
    /// [`Error::Reject`] when the payload is no JSON in UTF-8, when more than 127 objects and arrays are looked into one in
    /// another, when the record itself is removed, and when what replaces a value is no JSON. The text says where, and
    /// nothing of the contents. What the function fails with is passed on.
    pub fn edit_json<'a>(
        &'a self,
        edit: impl FnMut(&mut JsonValue<'_, 'a>) -> Result<Edit, Error>,
    ) -> Result<Outcome, Error> {
        let text = self.json_text()?;
        let edited = edited(text, edit)?;
        Ok(match edited {
            None => Outcome::Keep,
            Some(edited) => {
                // The mark of the payload, if it has one.
                let mark = self.data.get(..self.data.len().saturating_sub(text.len())).unwrap_or_default();
                Outcome::replace(if mark.is_empty() { edited } else { [mark, &edited].concat() })
            }
        })
    }

    /// The payload as a text of JSON: without the byte order mark that may stand before it. Whether it is JSON is not looked
    /// at.
    ///
    /// # Errors
    /// When the payload isn't UTF-8. The error says where, and nothing of the contents.
    pub fn json_text(&self) -> Result<&str, std::str::Utf8Error> {
        str::from_utf8(without_mark(&self.data))
    }
}

/// The text with its edits; none: there are none.
pub(crate) fn edited<'a>(
    text: &'a str,
    edit: impl FnMut(&mut JsonValue<'_, 'a>) -> Result<Edit, Error>,
) -> Result<Option<Vec<u8>>, Error> {
    let mut walk = Walk {
        scanner: Scanner::new(text, 0),
        text,
        within: Vec::new(),
        edits: Edits { text, edited: None, copied: 0 },
    };
    walk.all(edit).map_err(|stop| match stop {
        Stop::Invalid => Error::Reject(why(text)),
        Stop::TooDeep => Error::Reject(too_deep(text, walk.scanner.at)),
        Stop::Failed(error) => error,
    })?;
    Ok(walk.edits.finish())
}

/// As serde_json says it.
fn too_deep(text: &str, at: usize) -> String {
    let before = text.get(..=at).unwrap_or(text);
    let (line, column) = match before.rfind('\n') {
        None => (1, before.len()),
        Some(newline) => (1 + before.matches('\n').count(), before.len() - newline - 1),
    };
    format!("not JSON: recursion limit exceeded at line {line} column {column}")
}

/// Why a walk ended early.
enum Stop {
    Invalid,
    TooDeep,
    Failed(Error),
}

impl From<Invalid> for Stop {
    fn from(Invalid: Invalid) -> Self {
        Self::Invalid
    }
}

/// An object or array that is being looked into.
#[derive(Debug)]
struct Open {
    /// Where it begins.
    start: usize,
    /// What closes it.
    close: u8,
    /// Of the member in hand: where it begins, with its name if it has one.
    member: usize,
    /// Of the member in hand: its name as it is written, between the quotes.
    name: Option<Range<usize>>,
    /// The place of the member in hand, counted from 0.
    element: usize,
    /// The comma before the member in hand.
    comma: usize,
    /// Whether a member before stays, so that one that goes takes the comma before it along. Else it takes the one behind.
    has_kept: bool,
    /// Where the first member began, if it went and none has stayed yet.
    hole: Option<usize>,
}

/// One pass over a text.
struct Walk<'a> {
    scanner: Scanner<'a>,
    text: &'a str,
    within: Vec<Open>,
    edits: Edits<'a>,
}

impl<'a> Walk<'a> {
    fn all(&mut self, mut edit: impl FnMut(&mut JsonValue<'_, 'a>) -> Result<Edit, Error>) -> Result<(), Stop> {
        self.scanner.space();
        while self.value(&mut edit)? || self.next_member()? {}
        self.scanner.space();
        if self.scanner.is_at_end() { Ok(()) } else { Err(Stop::Invalid) }
    }

    /// Shows the value that comes next; answers whether its first member comes next now.
    #[inline]
    fn value(&mut self, edit: &mut impl FnMut(&mut JsonValue<'_, 'a>) -> Result<Edit, Error>) -> Result<bool, Stop> {
        let start = self.scanner.at;
        let first = self.scanner.peek();
        let end = match first {
            b'{' | b'[' => None,
            _ => {
                self.scanner.scalar()?;
                Some(Ok(self.scanner.at))
            }
        };
        let mut value = JsonValue { text: self.text, within: &self.within, start, end };
        let decision = edit(&mut value);
        // Before what the function says: it may have failed because this was no JSON.
        let end = value.end.transpose()?;
        let decision = decision.map_err(Stop::Failed)?;
        if matches!((&decision, first), (Edit::Descend, b'{' | b'[')) {
            self.keep();
            return self.open(first == b'{');
        }
        match end {
            Some(end) => self.scanner.at = end,
            None => self.scanner.value()?,
        }
        match decision {
            Edit::Descend | Edit::Keep => self.keep(),
            Edit::Remove => self.remove()?,
            Edit::Replace(json) => {
                check(&json)?;
                self.keep();
                self.edits.replace(start..self.scanner.at, &json);
            }
        }
        Ok(false)
    }

    /// The member in hand stays: what went before the first that stays ends here.
    #[inline]
    fn keep(&mut self) {
        if let Some(open) = self.within.last_mut() {
            open.has_kept = true;
            if let Some(hole) = open.hole.take() {
                self.edits.replace(hole..open.member, "");
            }
        }
    }

    /// The member in hand, which ends here, goes.
    fn remove(&mut self) -> Result<(), Stop> {
        let Some(open) = self.within.last_mut() else {
            return Err(Stop::Failed(Error::reject("the whole record can't be removed from itself: drop it instead")));
        };
        if open.has_kept {
            self.edits.replace(open.comma..self.scanner.at, "");
        } else {
            open.hole.get_or_insert(open.member);
        }
        Ok(())
    }

    /// Begins to look into the object or array that comes next; answers whether it has a member, which comes next then.
    fn open(&mut self, is_object: bool) -> Result<bool, Stop> {
        if self.within.len() == DEEPEST {
            return Err(Stop::TooDeep);
        }
        let start = self.scanner.at;
        self.scanner.at += 1;
        self.scanner.space();
        let close = if is_object { b'}' } else { b']' };
        self.within.push(Open {
            start,
            close,
            member: 0,
            name: None,
            element: 0,
            comma: 0,
            has_kept: false,
            hole: None,
        });
        let has_member = self.scanner.peek() != close;
        if has_member {
            self.member()?;
        }
        Ok(has_member)
    }

    /// Closes what ends here; answers whether a further member comes next then.
    #[inline]
    fn next_member(&mut self) -> Result<bool, Invalid> {
        while let Some(open) = self.within.last_mut() {
            self.scanner.space();
            match self.scanner.peek() {
                b',' => {
                    open.comma = self.scanner.at;
                    open.element += 1;
                    self.scanner.at += 1;
                    self.scanner.space();
                    self.member()?;
                    return Ok(true);
                }
                byte if byte == open.close => {
                    if open.hole.is_some() {
                        self.edits.replace(open.start + 1..self.scanner.at, "");
                    }
                    self.scanner.at += 1;
                    self.within.pop();
                }
                _ => return Err(Invalid),
            }
        }
        Ok(false)
    }

    /// Begins a member: behind it lies its value.
    #[inline]
    fn member(&mut self) -> Result<(), Invalid> {
        if let Some(open) = self.within.last_mut() {
            open.member = self.scanner.at;
            if open.close == b'}' {
                let end = self.scanner.name()?;
                open.name = Some(open.member + 1..end - 1);
            }
        }
        Ok(())
    }
}

/// Whether this can stand in a text of JSON.
fn check(json: &str) -> Result<(), Stop> {
    let mut scanner = Scanner::new(json, 0);
    scanner.space();
    let is_value = scanner.value().is_ok();
    scanner.space();
    if is_value && scanner.is_at_end() {
        return Ok(());
    }
    Err(Stop::Failed(Error::reject("what is to replace a value is not JSON")))
}

/// The text as far as it was edited. Edits come in the order of the text, and apart from each other.
struct Edits<'a> {
    text: &'a str,
    /// None: there was no edit.
    edited: Option<Vec<u8>>,
    /// All before was copied, or went.
    copied: usize,
}

impl Edits<'_> {
    fn replace(&mut self, range: Range<usize>, with: &str) {
        let bytes = self.text.as_bytes();
        if bytes.get(range.clone()) == Some(with.as_bytes()) {
            return;
        }
        let edited = self.edited.get_or_insert_with(|| Vec::with_capacity(bytes.len()));
        edited.extend_from_slice(bytes.get(self.copied..range.start).unwrap_or_default());
        edited.extend_from_slice(with.as_bytes());
        self.copied = range.end;
    }

    fn finish(self) -> Option<Vec<u8>> {
        let mut edited = self.edited?;
        edited.extend_from_slice(self.text.as_bytes().get(self.copied..).unwrap_or_default());
        Some(edited)
    }
}

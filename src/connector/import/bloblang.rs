//! Queries of Bloblang, the language of Redpanda Connect, as expressions of CEL: those that mean the same in both.
//!
//! That is little, and told by rule: comparisons of a field of the payload with a number, a text or a truth value, joined by `&&`
//! or by `||`. What is left out differs:
//!
//! - `!=` is true there of a field that is missing, and can't be judged here.
//! - `&&` and `||` bind alike there, from left to right; here `&&` binds more tightly.
//! - Where `<` and the like can't compare, all is over there; here `||` goes on. `==` is false of other types in both.
//! - Escapes in texts are those of other languages.

/// Fields whose names are words of CEL.
const WORDS: [&str; 21] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "package",
    "namespace",
    "null",
    "return",
    "true",
    "var",
    "void",
    "while",
];

/// The comparisons of both languages that are the same; longer ones first.
const COMPARISONS: [&str; 5] = ["==", "<=", ">=", "<", ">"];

/// Returns the same expression in CEL; none: it may mean something else there.
pub(super) fn as_cel(query: &str) -> Option<String> {
    let mut rest = Rest(query.trim());
    let mut cel = String::new();
    let mut joint: Option<&str> = None;
    loop {
        let path = rest.path()?;
        let comparison = COMPARISONS.iter().find(|comparison| rest.takes(comparison))?;
        let (literal, has_order) = rest.literal()?;
        cel.push_str(&format!("{path} {comparison} {literal}"));
        let is_order = *comparison != "==";
        if is_order && !has_order {
            return None;
        }
        if rest.is_at_its_end() {
            return (joint != Some("||") || !is_order).then_some(cel);
        }
        let next = ["&&", "||"].into_iter().find(|joint| rest.takes(joint))?;
        if joint.is_some_and(|joint| joint != next) || (next == "||" && is_order) {
            return None;
        }
        joint = Some(next);
        cel.push_str(&format!(" {next} "));
    }
}

/// What is not read yet.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn skip_spaces(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    /// Whether this is next, which is taken then.
    fn takes(&mut self, sign: &str) -> bool {
        self.skip_spaces();
        let rest = self.0.strip_prefix(sign);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn is_at_its_end(&mut self) -> bool {
        self.skip_spaces();
        self.0.is_empty()
    }

    /// Takes what is made of such characters.
    fn word(&mut self, is_of_it: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|character| !is_of_it(character)).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word
    }

    /// A field of the payload: `this.NAME.NAME`. Behind it is neither a call nor an index.
    fn path(&mut self) -> Option<String> {
        if !self.takes("this") {
            return None;
        }
        let mut path = "json".to_owned();
        while let Some(rest) = self.0.strip_prefix('.') {
            self.0 = rest;
            let name = self.word(|character| character.is_ascii_alphanumeric() || character == '_');
            // A number is an index into a list there.
            if !name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
                return None;
            }
            path += &if WORDS.contains(&name) { format!("[\"{name}\"]") } else { format!(".{name}") };
        }
        let is_field = path.len() > "json".len() && !self.0.starts_with(['(', '[']);
        is_field.then_some(path)
    }

    /// A number, a text or a truth value, and whether there is an order of them.
    fn literal(&mut self) -> Option<(&'a str, bool)> {
        self.skip_spaces();
        if let Some(text) = self.0.strip_prefix('"') {
            let end = text.find(|character: char| character == '"' || character == '\\' || character.is_control())?;
            let literal = &self.0[..end + 2];
            self.0 = &self.0[end + 2..];
            // Three quotes begin a text of several lines.
            return (literal.ends_with('"') && !self.0.starts_with('"')).then_some((literal, true));
        }
        let word = self.word(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-'));
        match word {
            "true" | "false" => Some((word, false)),
            number => is_number(number).then_some((number, true)),
        }
    }
}

/// Whether both languages take a text for the same number: digits, and digits behind a dot.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = is_digits(whole) && (whole == "0" || !whole.starts_with('0'));
    is_plain && fraction.map_or_else(|| text.parse::<i64>().is_ok(), is_digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::{Batch, Record};
    use crate::filter::{Filter, Judgement};

    #[test]
    fn what_means_the_same_is_written_in_cel() {
        for (query, cel) in [
            ("this.type == 1", "json.type == 1"),
            (" this.a.b_1==\"end\" ", "json.a.b_1 == \"end\""),
            ("this.last == true && this.n >= -2.5", "json.last == true && json.n >= -2.5"),
            ("this.n < 7 && this.n > 1 && this.t <= \"m\"", "json.n < 7 && json.n > 1 && json.t <= \"m\""),
            ("this.t == \"a && b\" || this.t == 0", "json.t == \"a && b\" || json.t == 0"),
            ("this.in.end == 9223372036854775807", "json[\"in\"].end == 9223372036854775807"),
        ] {
            assert_eq!(as_cel(query).as_deref(), Some(cel), "{query}");
            cel.parse::<Filter>().expect(cel);
        }
    }

    #[test]
    fn what_may_mean_something_else_is_left() {
        for query in [
            "",
            "this",
            "this.a",
            "true",
            "1 == this.a",
            "this.a != 1",
            "!(this.a == 1)",
            "(this.a == 1)",
            "this.a == null",
            "this.a == this.b",
            "this.a == 1 && this.b == 1 || this.c == 1",
            "this.a == 1 || this.b > 1",
            "this.a > 1 || this.b == 1",
            "this.a > true",
            "this.a == \"x\\ty\"",
            "this.a == \"\"\"x\"\"\"",
            "this.a == 'x'",
            "this.a == 01",
            "this.a == 1e3",
            "this.a == 1.",
            "this.a == 9223372036854775808",
            "this.a.length() == 1",
            "this.0 == 1",
            "this.a.0 == 1",
            "this.\"a b\" == 1",
            "this.a == 1 + 1",
            "this.a == 1 &&",
            "this.a == 1 == true",
            "thisisit.a == 1",
            "this.a | 0 == 1",
            "this.a == 1 # the end",
            "content() == \"end\"",
            "batch_index() == 9",
            "meta(\"kinesis_stream\") == \"a\"",
            "root = this.a == 1",
            "this.a == \u{e9}",
        ] {
            assert_eq!(as_cel(query), None, "{query}");
        }
    }

    /// What a payload says: none is missing, of another type, or what is compared with.
    #[test]
    fn it_is_false_of_what_is_missing_or_another_type() {
        let judged = |query: &str, payload: &str| {
            let filter: Filter = as_cel(query).expect(query).parse().expect(query);
            let mut batch = Batch::builder("arn", "shard");
            let record = Record { partition_key: "k", sequence_number: "1", sub_sequence_number: 0, arrived_at: 1 };
            batch.push_bytes(record, payload.as_bytes()).expect("a number");
            let batch = batch.build();
            filter.judge(&batch, batch.event(0), None) == Judgement::Keep
        };
        for (query, payload, is_true) in [
            ("this.a == 1", "{\"a\":1}", true),
            ("this.a == 1", "{\"a\":1.0}", true),
            ("this.a == 1", "{\"a\":\"1\"}", false),
            ("this.a == 1", "{\"a\":null}", false),
            ("this.a == 1", "{}", false),
            ("this.a.b == 1", "{\"a\":7}", false),
            ("this.a == true", "{\"a\":1}", false),
            ("this.a == \"x\" || this.b == 1", "{\"b\":1}", true),
            ("this.a < 3", "{\"a\":\"2\"}", false),
            ("this.a < 3 && this.b == 1", "{\"b\":1}", false),
            ("this.a >= \"b\"", "{\"a\":\"c\"}", true),
        ] {
            assert_eq!(judged(query, payload), is_true, "{query} of {payload}");
        }
    }

    proptest! {
        /// Whatever stands there, what comes of it is an expression.
        #[test]
        fn what_is_taken_over_compiles(query in "((this|json)?(\\.(a|in|b1|0)){0,2} ?(==|<=|>|!=|&&)? ?(\"[a\\\\ ]?\"|-?[0-9]{1,3}(\\.5)?|true)? ?(&&|\\|\\|)? ?){1,3}") {
            if let Some(cel) = as_cel(&query) {
                prop_assert!(cel.parse::<Filter>().is_ok(), "{query}: {cel}");
            }
        }
    }
}

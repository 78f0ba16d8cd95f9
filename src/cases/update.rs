//! What came, written into the file of the cases as what is expected. All else in the file stays as it is.

use super::data::json_string;
use super::run::CaseCheck;
use super::suite::{ExpectationSpan, Suite};

impl Suite {
    /// The text of the file with what came in the place of each expectation that it did not meet, where that is accepted;
    /// none: there is nothing to change.
    pub fn updated(&self, came: &[CaseCheck], is_accepted: impl Fn(usize) -> bool) -> Option<String> {
        let mut text = self.text.clone();
        let mut is_changed = false;
        // From the end on, so that places before stay where they are.
        for (index, (case, came)) in self.cases.iter().zip(came).enumerate().rev() {
            let Some(outcome) = came.outcome.as_ref().ok().filter(|_| !came.is_expected && is_accepted(index)) else {
                continue;
            };
            let written = outcome.written();
            is_changed = true;
            match &case.place {
                ExpectationSpan::Of(range) => {
                    text.replace_range(range.clone(), &indented(&written, indentation(&self.text, range.start)));
                }
                ExpectationSpan::Before(end) => insert(&mut text, *end, &written),
            }
        }
        is_changed.then_some(text)
    }

    /// The text of the file with this text of a refusal in the place of the one that was expected; none: it expects no
    /// refusal.
    pub fn with_refusal(&self, came: &str) -> Option<String> {
        let place = self.refused.as_ref()?.place.clone();
        let mut text = self.text.clone();
        text.replace_range(place, &json_string(came));
        Some(text)
    }

    /// Whether a text is what was read of the file.
    pub fn was_read_as(&self, text: &str) -> bool {
        self.text == text
    }
}

/// Adds the field behind the last one of the object that is closed at `end`.
fn insert(text: &mut String, end: usize, outcome: &str) {
    let last = text[..end].trim_end().len();
    let indent = indentation(text, last.saturating_sub(1)).to_owned();
    let is_on_one_line = last == end || !text[last..end].contains('\n');
    let field = if is_on_one_line {
        format!(", \"expect\": {}", indented(outcome, &indent))
    } else {
        format!(",\n{indent}\"expect\": {}", indented(outcome, &indent))
    };
    text.insert_str(last, &field);
}

/// What the line begins with that holds this byte.
fn indentation(text: &str, at: usize) -> &str {
    let start = text[..text.floor_char_boundary(at)].rfind('\n').map_or(0, |newline| newline + 1);
    let line = &text[start..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// The first line goes where the text stands already.
fn indented(text: &str, indentation: &str) -> String {
    text.replace('\n', &format!("\n{indentation}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cases::{CaseData, CaseOutcome, CaseOutput};

    fn updated(text: &str, outcomes: Vec<CaseOutcome>) -> Option<String> {
        let suite = Suite::parse(Path::new("t.json"), text.to_owned()).expect("a suite");
        let came: Vec<CaseCheck> =
            outcomes.into_iter().map(|outcome| CaseCheck { outcome: Ok(outcome), is_expected: false }).collect();
        let updated = suite.updated(&came, |_| true);
        if let Some(text) = &updated {
            let again = Suite::parse(Path::new("t.json"), text.clone()).expect("still a suite");
            for (case, came) in again.cases.iter().zip(&came) {
                assert_eq!(case.expected.as_ref(), came.outcome.as_ref().ok(), "{text}");
            }
        }
        updated
    }

    fn emitted(json: &str) -> CaseOutcome {
        let data = CaseData::Json(json.to_owned());
        CaseOutcome::Emit(vec![CaseOutput { data, key: None, route: Some("side".to_owned()) }])
    }

    #[test]
    fn only_expectations_change() {
        let text = "{ \"cases\": [\n    {\"name\": \"ä\",  \"input\": {\"text\": \"x\"},\n      \"expect\":  \"keep\" },\n    \
                    {\"name\":\"b\",\"input\":{\"text\":\"}\"}}\n] }\n";
        insta::assert_snapshot!(updated(text, vec![emitted(r#"{"a":1}"#), CaseOutcome::Drop]).expect("changed"), @r#"
        { "cases": [
            {"name": "ä",  "input": {"text": "x"},
              "expect":  {
                "emit": [
                  {
                    "json": {
                      "a": 1
                    },
                    "route": "side"
                  }
                ]
              } },
            {"name":"b","input":{"text":"}"}, "expect": "drop"}
        ] }
        "#);
    }

    #[test]
    fn an_expectation_gets_a_line_where_fields_have_lines() {
        let text = "{\"cases\": [{\n  \"name\": \"a\",\n  \"input\": {\"text\": \"\"}\n}]}";
        insta::assert_snapshot!(updated(text, vec![CaseOutcome::Retry(Some("a \"b\"".to_owned()))]).expect("changed"), @r#"
        {"cases": [{
          "name": "a",
          "input": {"text": ""},
          "expect": {"retry": "a \"b\""}
        }]}
        "#);
    }

    #[test]
    fn what_is_met_stays() {
        let text = r#"{"cases":[{"name":"a","input":{"text":""},"expect":"keep"}]}"#;
        let suite = Suite::parse(Path::new("t.json"), text.to_owned()).expect("a suite");
        assert_eq!(suite.updated(&[CaseCheck { outcome: Ok(CaseOutcome::Keep), is_expected: true }], |_| true), None);
    }
    #[test]
    fn only_what_is_accepted_is_written() {
        let text = r#"{"cases":[{"name":"a","input":{"text":""},"expect":"keep"},{"name":"b","input":{"text":""}}]}"#;
        let suite = Suite::parse(Path::new("t.json"), text.to_owned()).expect("a suite");
        let check = || CaseCheck { outcome: Ok(CaseOutcome::Drop), is_expected: false };
        let updated = suite.updated(&[check(), check()], |index| index == 1);
        assert_eq!(updated, Some(text.replace(r#""text":""}}]"#, r#""text":""}, "expect": "drop"}]"#)));
        assert_eq!(suite.updated(&[check(), check()], |_| false), None);
    }

    #[test]
    fn a_state_is_written_and_read_back() {
        let text =
            r#"{"cases":[{"name":"a","window":"save"},{"name":"b","window":"save"},{"name":"c","window":"close"}]}"#;
        let state = CaseOutcome::State(Some(CaseData::Json(r#"{"a":1}"#.to_owned())));
        let updated = updated(text, vec![state, CaseOutcome::State(None), emitted("[]")]).expect("changed");
        assert!(updated.contains(r#""window":"save", "expect": {"state": null}}"#), "{updated}");
    }

    #[test]
    fn the_text_of_a_refusal_changes_and_nothing_else() {
        let text = "{ \"settings\": {\"a\": \"b\"},\n  \"refused\" :  \"no \\\"a\\\"\" }\n";
        let suite = Suite::parse(Path::new("t.json"), text.to_owned()).expect("a suite");
        let updated = suite.with_refusal("no such \"thing\"").expect("a refusal");
        assert_eq!(updated, text.replace("no \\\"a\\\"", "no such \\\"thing\\\""));
    }
}

//! Texts of the code as Markdown.

use std::fmt::Display;

/// The head of every page that is made from the code.
pub(super) const NOTICE: &str = "<!-- Made from the code by `make reference`. Change the code, not this page. -->\n";

/// Returns a text for Markdown: what would be taken for HTML, a placeholder such as `<NAME>`, is escaped.
pub(super) fn prose(text: &str) -> String {
    let mut in_code = false;
    let mut prose = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '`' => in_code = !in_code,
            '<' if !in_code => {
                prose.push_str("&lt;");
                continue;
            }
            '*' | '_' if !in_code => prose.push('\\'),
            _ => {}
        }
        prose.push(character);
    }
    prose
}

/// Returns a text for a cell of a table.
pub(super) fn cell(text: &str) -> String {
    prose(text).replace('|', "\\|").replace('\n', " ")
}

/// Returns a value as code.
pub(super) fn code(value: impl Display) -> String {
    format!("`{value}`")
}

/// Returns a help text as sentences: clap leaves out the full stop at the end.
pub(super) fn sentences(help: &str) -> String {
    let help = prose(help.trim());
    if help.ends_with('.') {
        return help;
    }
    format!("{help}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_code_is_escaped() {
        assert_eq!(prose("`<NAME>` and <NAME>, a_b * `c_d`"), "`<NAME>` and &lt;NAME>, a\\_b \\* `c_d`");
        assert_eq!(cell("a|b\nc"), "a\\|b c");
    }

    #[test]
    fn a_help_text_ends_in_one_full_stop() {
        for (help, expected) in [("Take it", "Take it."), ("Take it. ", "Take it."), ("As in `a`", "As in `a`.")] {
            assert_eq!(sentences(help), expected);
        }
    }
}

//! The colours of what is shown, where colours are wanted.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

/// A style for each kind of text; all plain where there are to be no colours.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::cli) struct Palette {
    pub(in crate::cli) title: Style,
    pub(in crate::cli) dim: Style,
    pub(in crate::cli) before: Style,
    pub(in crate::cli) after: Style,
    name: Style,
    text: Style,
    literal: Style,
}

impl Palette {
    pub(in crate::cli) fn coloured() -> Self {
        let colour = |colour: AnsiColor| colour.on_default();
        Self {
            title: Style::new().bold(),
            dim: colour(AnsiColor::BrightBlack),
            before: colour(AnsiColor::Red),
            after: colour(AnsiColor::Green),
            name: colour(AnsiColor::Blue),
            text: colour(AnsiColor::Cyan),
            literal: colour(AnsiColor::Yellow),
        }
    }

    /// A line of JSON as it is laid out, or a piece of one: what looks like neither a name nor a value stays as it is.
    pub(in crate::cli) fn json(&self, line: &str) -> String {
        let inner = line.trim_start();
        let mut painted = line[..line.len() - inner.len()].to_owned();
        let (name, value) = match inner.strip_prefix('"').and_then(|rest| rest.find("\": ")) {
            Some(end) => inner.split_at(end + 2),
            None => ("", inner),
        };
        // A String takes everything; here and below.
        if !name.is_empty() {
            let _ = write!(painted, "{0}{name}{0:#}", self.name);
        }
        let value = match value.strip_prefix(": ") {
            Some(value) if !name.is_empty() => {
                painted.push_str(": ");
                value
            }
            _ => value,
        };
        let (value, comma) = match value.strip_suffix(',') {
            Some(value) => (value, ","),
            None => (value, ""),
        };
        let is_number = value.parse::<f64>().is_ok() && value.ends_with(|last: char| last.is_ascii_digit());
        let _ = match value {
            "true" | "false" | "null" => write!(painted, "{0}{value}{0:#}{comma}", self.literal),
            _ if is_number => write!(painted, "{0}{value}{0:#}{comma}", self.literal),
            _ if value.len() >= 2 && value.starts_with('"') && value.ends_with('"') => {
                write!(painted, "{0}{value}{0:#}{comma}", self.text)
            }
            _ => write!(painted, "{value}{comma}"),
        };
        painted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_have_colours_of_their_own() {
        let painted = |line| {
            let painted = Palette::coloured().json(line);
            painted
                .replace('\u{1b}', "")
                .replace("[34m", "<n>")
                .replace("[36m", "<t>")
                .replace("[33m", "<l>")
                .replace("[0m", "<>")
        };
        assert_eq!(painted(r#"  "a": 1.5,"#), r#"  <n>"a"<>: <l>1.5<>,"#);
        assert_eq!(painted(r#""a: b": "x: y""#), r#"<n>"a: b"<>: <t>"x: y"<>"#);
        assert_eq!(painted("    null,"), "    <l>null<>,");
        assert_eq!(painted(r#""only text""#), r#"<t>"only text"<>"#);
        assert_eq!(painted("{"), "{");
        assert_eq!(painted("plain, text"), "plain, text");
        assert_eq!(painted(r#"""#), r#"""#);
    }

    #[test]
    fn without_colours_nothing_changes() {
        for line in [r#"  "a": {"#, "x", "", r#""": """#, "\"\": "] {
            assert_eq!(Palette::default().json(line), line);
        }
    }
}

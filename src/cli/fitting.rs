//! Text that has to fit into the columns of a terminal.

/// What stands at the end of a text that is cut.
const CUT: char = '…';

/// A space at which no line is broken.
const NO_BREAK: char = '\u{a0}';

/// Returns how many columns of a terminal a text takes: two for a character of East Asian scripts and for pictographs, and
/// one for all else. A terminal may see it differently where characters combine, so nothing may hang on it alone.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

fn columns_of(character: char) -> usize {
    let is_wide = matches!(
        u32::from(character),
        0x1100..=0x115f
            | 0x2e80..=0xa4cf
            | 0xac00..=0xd7a3
            | 0xf900..=0xfaff
            | 0xfe30..=0xfe6f
            | 0xff00..=0xff60
            | 0xffe0..=0xffe6
            | 0x1f300..=0x1faff
            | 0x20000..=0x3fffd
    );
    if is_wide { 2 } else { 1 }
}

/// Returns a text in no more than so many columns, with a sign at its end where it is cut.
pub(super) fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    if most == 0 {
        return String::new();
    }
    let mut piece = front(text, most - 1).to_owned();
    piece.push(CUT);
    piece
}

/// As much of a text's beginning as fits.
fn front(text: &str, most: usize) -> &str {
    let mut taken = 0;
    for (index, character) in text.char_indices() {
        taken += columns_of(character);
        if taken > most {
            return &text[..index];
        }
    }
    text
}

/// Returns a text in lines of so many columns: broken between words, or inside of one that fits on no line. Each line
/// begins with the indentation. There are at most so many of them, and the last one says whether it is cut.
pub(super) fn wrapped(text: &str, indentation: usize, most: usize, lines: usize) -> Vec<String> {
    let indentation = indentation.min(most / 2);
    let room = most.saturating_sub(indentation).max(1);
    let mut broken: Vec<String> = vec![String::new()];
    let mut is_cut = false;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut word = word;
        let line = broken.last().map_or(0, |line| width(line));
        if line > 0 && line + 1 + width(word) > room {
            broken.push(String::new());
        }
        while width(word) > room {
            // At least one character, so that it comes to an end in the narrowest terminal as well.
            let first = word.chars().next().map_or(0, char::len_utf8);
            let (piece, rest) = word.split_at(front(word, room).len().max(first));
            if let Some(line) = broken.last_mut() {
                line.push_str(piece);
            }
            broken.push(String::new());
            word = rest;
        }
        if broken.len() > lines {
            is_cut = true;
            break;
        }
        if let Some(line) = broken.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    broken.truncate(lines);
    broken.retain(|line| !line.is_empty());
    if let (true, Some(last)) = (is_cut, broken.last_mut()) {
        *last = cut(&format!("{last} {CUT}"), room);
    }
    broken.iter().map(|line| format!("{:indentation$}{}", "", line.replace(NO_BREAK, " "))).collect()
}

/// Returns a text in which numbers stay on one line with what they count.
pub(super) fn with_figures_whole(text: &str) -> String {
    let mut before = ' ';
    let glue = |character: char| {
        let glued = if character == ' ' && before.is_ascii_digit() { NO_BREAK } else { character };
        before = character;
        glued
    };
    text.chars().map(glue).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        let text = "blocked at 49590338271490256608559692538361571095921575989136588898 after 3 attempts: no";
        let expected = [
            "    blocked at",
            "    49590338271490256608559692538361571095921575989136588898",
            "    after 3 attempts: no",
        ];
        assert_eq!(wrapped(text, 4, 60, 9), expected);
        assert_eq!(wrapped(text, 4, 60, 2)[1..], ["    4959033827149025660855969253836157109592157598913658889…"]);
        assert_eq!(wrapped("a b", 2, 80, 9), ["  a b"]);
        assert_eq!(wrapped("", 2, 80, 9), Vec::<String>::new());
        assert_eq!(wrapped("aaa bbb ccc", 0, 7, 1), ["aaa bb…"]);
        let figures = with_figures_whole("3 of 100 shards blocked, 15.2 kB/s");
        assert_eq!(wrapped(&figures, 0, 28, 9), ["3 of 100 shards blocked,", "15.2 kB/s"]);
    }

    #[test]
    fn a_wide_character_takes_two_columns() {
        assert_eq!((width("日本"), cut("日本語", 5), cut("日本語", 6)), (4, "日本…".to_owned(), "日本語".to_owned()));
        assert_eq!((cut("abc", 2), cut("abc", 1), cut("abc", 0)), ("a…".to_owned(), "…".to_owned(), String::new()));
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_it_may_be(text in "[a-z日 ]{0,80}", indentation in 0_usize..6, most in 2_usize..40, lines in 1_usize..9) {
            let all = wrapped(&text, indentation, most, lines);
            prop_assert!(all.len() <= lines);
            // A character of two columns has no half.
            prop_assert!(all.iter().all(|line| width(line) <= most.max(3)), "{:?}", all);
            if lines == 8 && all.len() < 8 {
                let words = |text: &str| text.split_whitespace().collect::<String>();
                prop_assert_eq!(words(&all.join(" ")), words(&text));
            }
            prop_assert!(width(&cut(&text, most)) <= most);
        }
    }
}

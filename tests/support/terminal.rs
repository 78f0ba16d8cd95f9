//! What a terminal gets to see.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// A text with most of what a terminal obeys: it sets the title, clears the screen, goes back to the start of the line,
/// and turns the direction of writing. Without a line feed, so that it fits wherever a text does.
pub const HOSTILE: &str =
    "bad\u{1b}]0;pwned\u{7}\u{1b}[2J\r INFO forged\u{9b}31m\u{85}\u{202e}txt\u{2066}\u{200f}\u{61c}\u{2028}\u{7f}end";

/// The same as it is shown.
pub const SHOWN: &str = "bad\\u{1b}]0;pwned\\u{7}\\u{1b}[2J\\r INFO forged\\u{9b}31m\\u{85}\\u{202e}txt\\u{2066}\\u{200f}\\u{61c}\\u{2028}\\u{7f}end";

/// The same for what must not hold a blank.
pub const HOSTILE_WORD: &str = "k\u{1b}[31m\u{9b}\u{202e}y";

/// What of a text a terminal would obey, line feeds aside.
pub fn obeyed(text: &str) -> Vec<char> {
    let is_obeyed = |character: &char| {
        let is_bidirectional = matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        *character != '\n' && (character.is_control() || is_bidirectional)
    };
    text.chars().filter(is_obeyed).collect()
}

/// Runs a command with standard output on a terminal, and standard error nowhere: what the terminal gets.
pub fn on_a_terminal(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line: Vec<String> = words.map(quoted).collect();
    let mut script = Command::new("script");
    // Without its echo: it would write the end of standard input as two characters.
    script.args(["-q", "-e", "-E", "never", "-c", &format!("exec {} 2>/dev/null", line.join(" ")), "/dev/null"]);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        script.current_dir(folder);
    }
    let output = script.stdin(Stdio::null()).output().expect("`script` of util-linux is here");
    // A terminal's driver writes both.
    String::from_utf8(output.stdout).expect("UTF-8").replace("\r\n", "\n")
}

/// A word as a shell takes it.
pub(super) fn quoted(word: &OsStr) -> String {
    format!("'{}'", word.to_str().expect("UTF-8").replace('\'', r"'\''"))
}

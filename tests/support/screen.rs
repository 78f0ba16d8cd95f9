//! A terminal's screen, as far as our programs use one: what a person sees after so many bytes.

/// A screen with what has scrolled off its top.
#[derive(Debug, Clone)]
pub struct Screen {
    columns: usize,
    rows: usize,
    /// All rows, the oldest first; each with whether it goes on in the next one.
    lines: Vec<(Vec<char>, bool)>,
    row: usize,
    column: usize,
    wraps: bool,
    shows_cursor: bool,
}

impl Screen {
    pub fn new(columns: usize, rows: usize) -> Self {
        Self { columns, rows, lines: vec![(vec![], false)], row: 0, column: 0, wraps: true, shows_cursor: true }
    }

    /// Takes in what a program writes.
    pub fn write(&mut self, text: &str) {
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '\r' => self.column = 0,
                '\n' => self.next_row(false),
                '\u{1b}' => {
                    let start = characters.next();
                    assert_eq!(start, Some('['), "only control sequences are known");
                    let mut parameter = String::new();
                    let last = characters.by_ref().find(|character| {
                        let is_last = ('@'..='~').contains(character);
                        if !is_last {
                            parameter.push(*character);
                        }
                        is_last
                    });
                    // The rest of it is still to come.
                    let Some(last) = last else { return };
                    self.obey(&parameter, last);
                }
                '\u{7}' => {}
                _ => self.put(character),
            }
        }
    }

    /// As most terminals do it: a line that does not fit any more goes on in the next row, and comes together again.
    pub fn resize(&mut self, columns: usize) {
        let cursor_line = self.lines[..self.row].iter().filter(|(_, goes_on)| !goes_on).count();
        let mut logical: Vec<Vec<char>> = vec![vec![]];
        for (characters, goes_on) in &self.lines {
            logical.last_mut().expect("a line").extend(characters);
            if !goes_on {
                logical.push(vec![]);
            }
        }
        logical.pop();
        self.lines.clear();
        for (index, line) in logical.iter().enumerate() {
            if index == cursor_line {
                self.row = self.lines.len();
            }
            let pieces: Vec<&[char]> = if line.is_empty() { vec![&[]] } else { line.chunks(columns).collect() };
            let count = pieces.len();
            self.lines.extend(pieces.iter().enumerate().map(|(place, piece)| (piece.to_vec(), place + 1 < count)));
        }
        self.columns = columns;
        self.column = self.column.min(columns - 1);
    }

    /// All that was written and not taken away, with what has scrolled off.
    pub fn text(&self) -> String {
        let line = |(characters, _): &(Vec<char>, bool)| characters.iter().collect::<String>().trim_end().to_owned();
        self.lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// What is seen.
    pub fn visible(&self) -> Vec<String> {
        let text = self.text();
        text.lines().skip(self.top()).map(str::to_owned).collect()
    }

    /// Whether a shell's prompt would stand where it belongs: at the start of an empty line, with a cursor, and with lines
    /// that wrap.
    pub fn is_ready_for_a_shell(&self) -> bool {
        self.column == 0 && self.lines[self.row].0.is_empty() && self.wraps && self.shows_cursor
    }

    fn top(&self) -> usize {
        self.lines.len().saturating_sub(self.rows)
    }

    fn put(&mut self, character: char) {
        if self.column == self.columns {
            match self.wraps {
                true => self.next_row(true),
                false => self.column -= 1,
            }
        }
        let (line, _) = &mut self.lines[self.row];
        if line.len() <= self.column {
            line.resize(self.column + 1, ' ');
        }
        line[self.column] = character;
        self.column += 1;
    }

    fn next_row(&mut self, goes_on: bool) {
        self.lines[self.row].1 = goes_on;
        self.row += 1;
        if goes_on {
            self.column = 0;
        }
        if self.row == self.lines.len() {
            self.lines.push((vec![], false));
        }
    }

    fn obey(&mut self, parameter: &str, last: char) {
        let number: usize = parameter.parse().unwrap_or(1);
        match (parameter, last) {
            (_, 'A') => self.row = self.row.saturating_sub(number).max(self.top()),
            ("" | "0", 'J') => {
                self.lines.truncate(self.row + 1);
                self.lines[self.row].0.truncate(self.column);
                self.lines[self.row].1 = false;
            }
            ("" | "0", 'K') => self.lines[self.row].0.truncate(self.column),
            ("2", 'K') => self.lines[self.row].0.clear(),
            ("?7", 'l' | 'h') => self.wraps = last == 'h',
            ("?25", 'l' | 'h') => self.shows_cursor = last == 'h',
            (_, 'm') => {}
            _ => panic!("CSI {parameter} {last} is not known"),
        }
    }
}

//! A program on a terminal of its own, that has a size, changes it, and takes keys.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::process::wait_until;
use super::screen::Screen;
use super::terminal::quoted;

/// A program on a terminal; killed with the value.
pub struct Pty {
    child: Child,
    keys: ChildStdin,
    screen: Arc<Mutex<Shown>>,
    folder: tempfile::TempDir,
}

struct Shown {
    screen: Screen,
    /// The beginning of a character or a control sequence, whose rest is still to come.
    rest: Vec<u8>,
}

impl Pty {
    /// Starts a command with standard output and error on a terminal of this size.
    pub fn start(command: &Command, columns: usize, rows: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let line: Vec<String> = words.map(quoted).collect();
        let tty = folder.path().join("tty");
        // A job in the background of a script ignores both signals, and so would all that it starts: a person's shell does not.
        let line = format!(
            "stty cols {columns} rows {rows}; tty >{}; exec env --default-signal=INT,QUIT {}",
            quoted(tty.as_os_str()),
            line.join(" ")
        );
        let mut script = Command::new("script");
        script.args(["-q", "-e", "-f", "-E", "never", "-c", &line, "/dev/null"]);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => script.env(name, value),
                None => script.env_remove(name),
            };
        }
        let mut child =
            script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("`script` of util-linux is here");
        let screen = Arc::new(Mutex::new(Shown { screen: Screen::new(columns, rows), rest: Vec::new() }));
        let (shown, mut output) = (Arc::clone(&screen), child.stdout.take().expect("an output"));
        std::thread::spawn(move || {
            let mut bytes = [0; 1 << 16];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                shown.lock().expect("a screen").take(&bytes[..count]);
            }
        });
        let keys = child.stdin.take().expect("an input");
        Self { child, keys, screen, folder }
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("it takes keys");
    }

    /// Makes the terminal wider or narrower, as dragging its window does.
    pub fn resize(&self, columns: usize) {
        let tty = std::fs::read_to_string(self.folder.path().join("tty")).expect("its name");
        let mut shown = self.screen.lock().expect("a screen");
        let status =
            Command::new("stty").args(["-F", tty.trim(), "cols", &columns.to_string()]).status().expect("stty");
        assert!(status.success());
        shown.screen.resize(columns);
    }

    /// What is seen now.
    pub fn screen(&self) -> Screen {
        self.screen.lock().expect("a screen").screen.clone()
    }

    /// Waits until something is seen.
    pub fn wait_for(&self, what: &str) {
        let is_seen = || self.screen().visible().iter().any(|line| line.contains(what));
        wait_until(&format!("{what:?} is seen"), is_seen);
    }

    /// Presses keys until the program ends, as a person does: a terminal that is being set up drops what is typed.
    pub fn end_by(mut self, keys: &str) -> (Option<i32>, Screen) {
        let mut pressed: Option<Instant> = None;
        wait_until("the program ends by a key", || {
            if pressed.is_none_or(|pressed| pressed.elapsed() > Duration::from_secs(2)) {
                // Where nobody takes them any more, it has ended.
                let _ = self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush());
                pressed = Some(Instant::now());
            }
            self.child.try_wait().expect("its state").is_some()
        });
        self.end()
    }

    /// Waits until the program ends: its exit code, and what is left on the screen.
    pub fn end(mut self) -> (Option<i32>, Screen) {
        wait_until("the program ends", || self.child.try_wait().expect("its state").is_some());
        let code = self.child.wait().expect("its end").code();
        // What it wrote last may still be on its way.
        wait_until("all of it is seen", || Arc::strong_count(&self.screen) == 1);
        (code, self.screen())
    }
}

impl Shown {
    fn take(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        // Up to where a control sequence or a character may be cut: frames end with a line or a sequence.
        let whole = match std::str::from_utf8(&self.rest) {
            Ok(text) => text.rfind('\u{1b}').filter(|start| is_cut(&text[*start..])).unwrap_or(text.len()),
            Err(error) => error.valid_up_to(),
        };
        let rest = self.rest.split_off(whole);
        let text = String::from_utf8(std::mem::replace(&mut self.rest, rest)).expect("UTF-8");
        self.screen.write(&text);
    }
}

/// Whether the end of a control sequence is missing.
fn is_cut(sequence: &str) -> bool {
    !sequence.chars().skip(2).any(|character| ('@'..='~').contains(&character))
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! What a run says when a part of what is around it throttles, hangs, denies, is gone or full: by a table that a person
//! reads as well, `troubles/what_is_said.md`.

mod function;
mod world;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::events::STREAM_ARN;
use crate::support::process::free_port;
use crate::support::{guest_file, kinesieve};
use world::{QUEUE_ARN, World};

/// How long trouble may go unsaid. A read that hangs is late after 15 s; the rest is for a machine that is busy.
const UNSAID: Duration = Duration::from_secs(120);

/// Characters of two full screens: what was seen last, where something was not.
const SCREEN: usize = 20_000;

/// How long a run may take to end: 15 s for what is under way, and 10 s for the table.
const ENDING: Duration = Duration::from_secs(40);

/// A row of the table.
#[derive(Debug, Clone)]
struct Case {
    place: String,
    trouble: String,
    shards: usize,
    columns: usize,
    said: Vec<String>,
    waiting: String,
    series: String,
    ends_by_itself: bool,
    exit: i32,
    last_words: Vec<String>,
}

impl Case {
    fn of(row: &str) -> Self {
        let cells: Vec<&str> = row.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [place, trouble, shards, columns, said, waiting, series, ends, exit, last_words] = cells[..] else {
            panic!("{} cells: {row}", cells.len())
        };
        Self {
            place: place.to_owned(),
            trouble: trouble.to_owned(),
            shards: shards.parse().expect("a number"),
            columns: columns.parse().expect("a number"),
            said: quoted(said),
            waiting: waiting.to_owned(),
            series: series.to_owned(),
            ends_by_itself: ends == "by itself",
            exit: exit.parse().expect("a number"),
            last_words: quoted(last_words),
        }
    }

    fn world(&self) -> World {
        World::in_trouble(&self.place, &self.trouble, self.shards)
    }

    fn name(&self) -> String {
        format!("{} {} ({} shards)", self.place, self.trouble, self.shards)
    }

    fn command(&self, world: &World, more: &[&str]) -> Command {
        let output = if self.trouble == "full" { "file:/dev/full" } else { QUEUE_ARN };
        let mut command = kinesieve(&["run", "--input", STREAM_ARN, "--from", "trim-horizon", "--transform"]);
        command
            .arg(guest_file("scripted"))
            .args(["--output", output])
            .args(more)
            .env("AWS_ENDPOINT_URL", world.endpoint())
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "id")
            .env("AWS_SECRET_ACCESS_KEY", "key");
        if self.place == "table" {
            command.args(["--to-checkpoint", "--checkpoint-table", "positions"]);
        }
        command
    }

    /// What programs are told: progress in JSON, the log, and metrics.
    fn tell_programs(&self) {
        let (world, folder) = (self.world(), tempfile::tempdir().expect("a folder"));
        let path = |name: &str| folder.path().join(name);
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = self.command(&world, &["--json", "--metrics", &address]);
        let file = |name: &str| std::fs::File::create(path(name)).expect("a file");
        let child = command.stdout(file("out")).stderr(file("log")).spawn().expect("it starts");
        let mut running = Running(child);
        let read = |name: &str| std::fs::read_to_string(path(name)).expect("text");
        if !self.ends_by_itself {
            self.wait_for("the log says it", &mut running, || missing(&self.said_by_the_log(), &read("log")));
            self.wait_for("JSON says it", &mut running, || self.missing_in_json(&read("out")));
            self.wait_for("a series says it", &mut running, || {
                let scraped = ureq::get(format!("http://{address}/metrics")).call().ok();
                let text = scraped.and_then(|mut answer| answer.body_mut().read_to_string().ok()).unwrap_or_default();
                let mut samples = text.lines().filter(|line| line.starts_with(&self.series));
                let is_above_zero = |line: &str| line.rsplit(' ').next().is_some_and(|value| value != "0");
                (!samples.any(is_above_zero)).then(|| format!("{} in {text}", self.series))
            });
        }
        assert_eq!(self.ending(&mut running), Some(self.exit), "{}: {}", self.name(), read("log"));
        let text = read("out");
        let end: Value = serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_default();
        if self.exit != 1 {
            assert_eq!(end["type"], "end", "{}: {text}", self.name());
        }
    }

    /// What a person is told, on a terminal.
    fn tell_a_person(&self) {
        let (world, folder) = (self.world(), tempfile::tempdir().expect("a folder"));
        let command = self.command(&world, &[]);
        let mut on_terminal = OnTerminal::start(&command, self.columns, folder.path());
        if !self.ends_by_itself {
            let screen = || std::fs::read(folder.path().join("screen")).expect("a screen");
            let is_missing = || {
                let shown = shown(&screen());
                missing(&self.said, &shown).map(|wanted| format!("{wanted} at the end of: {}", last_of(&shown, SCREEN)))
            };
            self.wait_for("the view says it", &mut on_terminal.running, is_missing);
            on_terminal.interrupt();
        }
        let code = self.end_of(&mut on_terminal.running);
        let screen =
            String::from_utf8_lossy(&std::fs::read(folder.path().join("screen")).expect("a screen")).into_owned();
        assert_eq!(code, Some(self.exit), "{}: {screen}", self.name());
        assert_eq!(missing(&self.last_words, &shown(screen.as_bytes())), None, "{}: {screen}", self.name());
    }

    /// The log has no view of commits: it has what the table said.
    fn said_by_the_log(&self) -> Vec<String> {
        match &self.place[..] {
            "table" => vec!["checkpoint table".to_owned()],
            _ => self.said.clone(),
        }
    }

    fn missing_in_json(&self, lines: &str) -> Option<String> {
        let says_it = |line: &str| {
            let Ok(progress) = serde_json::from_str::<Value>(line) else { return false };
            let waits = progress["waiting"].as_array().into_iter().flatten();
            let failures = progress["shards"].as_array().into_iter().flatten().map(|shard| &shard["commitFailure"]);
            waits.map(|wait| &wait["for"]).chain(failures).any(|said| *said == self.waiting[..])
        };
        (!lines.lines().any(says_it))
            .then(|| format!("{} in {}", self.waiting, lines.lines().last().unwrap_or_default()))
    }

    /// Waits until nothing is missing.
    fn wait_for(&self, what: &str, running: &mut Running, missing: impl Fn() -> Option<String>) {
        let started = Instant::now();
        while let Some(missing) = missing() {
            assert!(running.is_alive(), "{}: it ended before {what}: {missing}", self.name());
            assert!(started.elapsed() < UNSAID, "{}: in vain until {what}: {missing}", self.name());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn ending(&self, running: &mut Running) -> Option<i32> {
        if !self.ends_by_itself {
            interrupt(running.0.id());
        }
        self.end_of(running)
    }

    fn end_of(&self, running: &mut Running) -> Option<i32> {
        let limit = if self.ends_by_itself { UNSAID } else { ENDING };
        let started = Instant::now();
        while running.is_alive() {
            assert!(started.elapsed() < limit, "{}: it does not end", self.name());
            std::thread::sleep(Duration::from_millis(100));
        }
        running.0.wait().expect("its end").code()
    }
}

/// A program that is killed with the value.
struct Running(Child);

impl Running {
    fn is_alive(&mut self) -> bool {
        self.0.try_wait().expect("its state").is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn interrupt(pid: u32) {
    assert!(Command::new("kill").args(["-INT", &pid.to_string()]).status().expect("kill").success());
}

/// A program with everything it says on a terminal of so many columns, which goes into the file `screen`.
struct OnTerminal {
    running: Running,
    pid_file: std::path::PathBuf,
}

impl OnTerminal {
    fn start(command: &Command, columns: usize, folder: &Path) -> Self {
        let pid_file = folder.join("pid");
        let words: Vec<String> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| format!("'{}'", word.to_str().expect("UTF-8")))
            .collect();
        let line = format!("stty cols {columns} rows 50; echo $$ > '{}'; exec {}", pid_file.display(), words.join(" "));
        let mut script = Command::new("script");
        script.args(["-q", "-e", "-E", "never", "-c", &line, "/dev/null"]);
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                script.env(name, value);
            }
        }
        let screen = std::fs::File::create(folder.join("screen")).expect("a file");
        let child = script.stdin(Stdio::null()).stdout(screen).stderr(Stdio::null()).spawn().expect("it starts");
        Self { running: Running(child), pid_file }
    }

    fn interrupt(&self) {
        let pid = std::fs::read_to_string(&self.pid_file).expect("a pid");
        interrupt(pid.trim().parse().expect("a number"));
    }
}

/// What a terminal shows, without what it obeys.
fn shown(screen: &[u8]) -> String {
    let text = String::from_utf8_lossy(screen);
    let mut shown = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            // A control sequence ends with a letter.
            characters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The texts of a cell.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// So many of the last characters of a text.
fn last_of(text: &str, characters: usize) -> &str {
    let start = text.char_indices().rev().nth(characters).map_or(0, |(at, _)| at);
    &text[start..]
}

/// The first text that is not there, whatever the lines are broken at.
fn missing(wanted: &[String], text: &str) -> Option<String> {
    let text = without_blanks(text);
    wanted.iter().find(|wanted| !text.contains(&without_blanks(wanted))).cloned()
}

fn without_blanks(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).collect()
}

fn cases(place: &str) -> Vec<Case> {
    let rows = include_str!("troubles/what_is_said.md").lines().filter(|line| line.starts_with("| "));
    let cases: Vec<Case> = rows.skip(2).map(Case::of).filter(|case| case.place == place).collect();
    assert!(cases.len() >= 5, "{place}: {} rows", cases.len());
    cases
}

/// All of them at once: they wait most of the time.
fn play(cases: &[Case], tell: impl Fn(&Case) + Sync) {
    std::thread::scope(|scope| {
        let tell = &tell;
        let threads: Vec<_> = cases.iter().map(|case| scope.spawn(move || tell(case))).collect();
        let failed = threads.into_iter().filter_map(|thread| thread.join().err()).count();
        assert_eq!(failed, 0, "rows of the table that do not hold");
    });
}

#[test]
fn programs_are_told_of_trouble_with_a_destination() {
    play(&cases("destination"), Case::tell_programs);
}

#[test]
fn programs_are_told_of_trouble_with_the_stream() {
    play(&cases("stream"), Case::tell_programs);
}

#[test]
fn programs_are_told_of_trouble_with_the_table() {
    play(&cases("table"), Case::tell_programs);
}

#[test]
fn a_person_is_told_of_trouble_with_a_destination() {
    play(&cases("destination"), Case::tell_a_person);
}

#[test]
fn a_person_is_told_of_trouble_with_the_stream() {
    play(&cases("stream"), Case::tell_a_person);
}

#[test]
fn a_person_is_told_of_trouble_with_the_table() {
    play(&cases("table"), Case::tell_a_person);
}

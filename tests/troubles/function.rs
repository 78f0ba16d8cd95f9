//! The function in the same troubles: what it answers, and what log and metrics say. `what_the_function_says.md` is the
//! table.

use std::process::Stdio;
use std::time::Duration;

use super::world::{QUEUE_ARN, World};
use super::{missing, quoted};
use crate::support::events::{event, sequence_number};
use crate::support::runtime_api::RuntimeApi;
use crate::support::{guest_file, in_lambda, stderr};

/// How long an invocation has.
const TIME: Duration = Duration::from_secs(8);

/// A row of the table.
struct Row<'a> {
    place: &'a str,
    trouble: &'a str,
    replays_from_first: bool,
    said: Vec<String>,
    metric: &'a str,
}

impl<'a> Row<'a> {
    fn of(row: &'a str) -> Self {
        let cells: Vec<&str> = row.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [place, trouble, answer, said, metric] = cells[..] else { panic!("{} cells: {row}", cells.len()) };
        Self { place, trouble, replays_from_first: answer == "first", said: quoted(said), metric }
    }

    fn play(&self) {
        let name = format!("{} {}", self.place, self.trouble);
        let world = World::in_trouble(self.place, self.trouble, 1);
        let api = RuntimeApi::with_invocation(event(&["keep"; 5]), TIME);
        let mut function = in_lambda(&api);
        function
            .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
            .env("KINESIEVE_OUTPUT", if self.trouble == "full" { "file:/dev/full" } else { QUEUE_ARN })
            .env("AWS_ENDPOINT_URL", world.endpoint())
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "id")
            .env("AWS_SECRET_ACCESS_KEY", "key");
        if self.place == "table" {
            function.env("KINESIEVE_CHECKPOINT_TABLE", "positions").env("KINESIEVE_CHECKPOINT_TIMEOUT", "2s");
        }
        let mut function = function.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let posted = api.next_post(TIME * 4);
        // The line of metrics follows the answer.
        std::thread::sleep(Duration::from_millis(500));
        function.kill().expect("it runs");
        let log = stderr(&function.wait_with_output().expect("it ends"));
        assert!(posted.path.ends_with("/response"), "{name}: {} {}", posted.path, posted.body);
        assert_eq!(posted.body.contains(&sequence_number(0)), self.replays_from_first, "{name}: {}", posted.body);
        assert!(posted.time_left.is_some_and(|left| !left.is_zero()), "{name}: the answer came too late");
        assert_eq!(missing(&self.said, &log), None, "{name}: {log}");
        assert!(log.contains(self.metric), "{name}: no {} in {log}", self.metric);
    }
}

#[test]
fn the_function_says_what_is_the_matter() {
    let rows: Vec<Row<'_>> = include_str!("what_the_function_says.md")
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(2)
        .map(Row::of)
        .collect();
    assert!(rows.len() >= 11, "{} rows", rows.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = rows.iter().map(|row| scope.spawn(|| row.play())).collect();
        let failed = threads.into_iter().filter_map(|thread| thread.join().err()).count();
        assert_eq!(failed, 0, "rows of the table that do not hold");
    });
}

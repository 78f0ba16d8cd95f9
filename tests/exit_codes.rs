//! The exit codes of all commands: each line of the reference is provoked.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::events::STREAM_ARN;
use crate::support::moto::Moto;
use crate::support::positions::{Positions, note, stuck_at, up_to};
use crate::support::process::{catches_interrupts, wait_until};
use crate::support::services::{Faults, Service, Stub};
use crate::support::{guest_file, kinesieve, stderr};

/// The lines of the reference: command and code.
fn lines_of_the_reference() -> BTreeSet<(String, i32)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/exit-codes.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let line = |line: &str| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let command = cells.next()?.strip_prefix("`kinesieve ")?.strip_suffix('`')?.to_owned();
        Some((command, cells.next()?.parse().expect("a code")))
    };
    page.lines().filter_map(line).collect()
}

/// Runs commands, and notes how they end.
#[derive(Default)]
struct Provoked {
    seen: BTreeSet<(String, i32)>,
}

impl Provoked {
    /// The command ends with this code.
    fn ends(&mut self, code: i32, command: &mut Command, input: &str) {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        // One that stops early does not read to the end.
        let _ = child.stdin.take().expect("an input").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(code), "{command:?}: {}", stderr(&output));
        self.note(code, command);
    }

    fn note(&mut self, code: i32, command: &Command) {
        let mut words = command.get_args().map(|word| word.to_string_lossy().into_owned());
        let name = match words.next().expect("a command") {
            // One that has commands below it.
            above if ["connector", "positions"].contains(&above.as_str()) => {
                format!("{above} {}", words.next().expect("a command below"))
            }
            name => name,
        };
        self.seen.insert((name, code));
    }
}

/// The command line with services at an endpoint.
fn at(endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = kinesieve(arguments);
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key");
    command
}

fn interrupt(pid: u32) {
    assert!(Command::new("kill").args(["-INT", &pid.to_string()]).status().expect("kill").success());
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

#[test]
fn each_line_of_the_reference_holds() {
    let mut provoked = Provoked::default();
    let folder = tempfile::tempdir().expect("a folder");
    for command in lines_of_the_reference().into_iter().filter_map(|(command, code)| (code == 2).then_some(command)) {
        let words: Vec<&str> = command.split(' ').chain(["--no-such-flag"]).collect();
        provoked.ends(2, &mut kinesieve(&words), "");
    }
    of_run(&mut provoked, folder.path());
    of_records_that_come_again(&mut provoked, folder.path());
    of_put(&mut provoked, folder.path());
    of_positions_and_deployments(&mut provoked);
    of_connectors(&mut provoked, folder.path());
    of_authors(&mut provoked, folder.path());
    of_measuring(&mut provoked, folder.path());
    assert_eq!(provoked.seen, lines_of_the_reference());
}

fn of_run(provoked: &mut Provoked, folder: &Path) {
    let guest = guest_file("scripted");
    let run = || kinesieve(&["run", "--transform", text(&guest), "--output", "none", "--input"]);
    provoked.ends(0, run().arg("-"), "keep\n");
    provoked.ends(1, run().arg("nobodys.ndjson"), "");
    provoked.ends(3, run().arg("-"), "keep\nreject it\n");
    // A batch is in flight for a while.
    let stub = Stub::start(Service::Kinesis, Faults::default(), 1);
    let lines = "keep\n".repeat(500);
    provoked.ends(0, &mut at(&stub.endpoint(), &["put", "--stream", "readings", "--order", "none"]), &lines);
    let log = tempfile::NamedTempFile::new().expect("a log");
    let out = folder.join("out.ndjson");
    let output = format!("file:{}", text(&out));
    let mut live = at(&stub.endpoint(), &["run", "--transform", text(&guest), "--output", &output]);
    live.args(["--input", STREAM_ARN, "--from", "trim-horizon", "--batch-size", "500"]);
    live.args(["--max-records-per-shard-per-second", "5"]);
    let mut child = live.stdout(Stdio::null()).stderr(log.reopen().expect("a log")).spawn().expect("it starts");
    wait_until("some is delivered", || std::fs::metadata(&out).is_ok_and(|file| file.len() > 0));
    interrupt(child.id());
    let said = || std::fs::read_to_string(log.path()).expect("a log");
    wait_until("it says so", || said().contains("again ends at once"));
    interrupt(child.id());
    let ended = child.wait().expect("it ends").code();
    assert_eq!(ended, Some(130), "{}", said());
    provoked.note(130, &live);
}

/// `redrive` and `rescue`.
fn of_records_that_come_again(provoked: &mut Provoked, folder: &Path) {
    let dead = folder.join("dead.ndjson");
    let letters = format!("file:{}", text(&dead));
    let guest = guest_file("scripted");
    let mut run = kinesieve(&["run", "--transform", text(&guest), "--output", "none", "--dead-letter", &letters]);
    provoked.ends(0, run.args(["--input", "-"]), "reject it\n");
    let given_up = folder.join("given-up.json");
    let description = crate::rescue::description_with(0, &["reject it"]);
    std::fs::write(&given_up, description.to_string()).expect("written");
    for (command, from) in [("redrive", &dead), ("rescue", &given_up)] {
        let with = |from: &Path, guest: &str| {
            let guest = guest_file(guest);
            kinesieve(&[command, "--from", text(from), "--output", "none", "--transform", text(&guest)])
        };
        provoked.ends(0, &mut with(from, "keep"), "");
        provoked.ends(1, &mut with(&folder.join("nobodys.ndjson"), "keep"), "");
        provoked.ends(3, &mut with(from, "scripted"), "");
    }
}

fn of_put(provoked: &mut Provoked, folder: &Path) {
    let stub = Stub::start(Service::Kinesis, Faults::default(), 0);
    let endpoint = stub.endpoint();
    let put = || at(&endpoint, &["put", "--stream", "readings"]);
    provoked.ends(0, &mut put(), "one\n");
    provoked.ends(1, put().arg(folder.join("nobodys.ndjson")), "");
    stub.set_faults(Faults { always: Some("ResourceNotFoundException"), ..Faults::default() });
    provoked.ends(1, &mut put(), "one\n");
    let list = |answer: &'static str, status: u16| {
        let service = crate::support::stub::Stub::start(move |_, _| (status, answer.to_owned()));
        at(&service.endpoint(), &["streams"])
    };
    provoked.ends(0, &mut list(r#"{"StreamNames": [], "HasMoreStreams": false}"#, 200), "");
    provoked.ends(1, &mut list(r#"{"__type": "AccessDeniedException"}"#, 400), "");
    stub.set_faults(Faults::default());
    stub.set_record_limit(100);
    let large = "x".repeat(200);
    provoked.ends(3, &mut put(), &format!("{large}\n"));
    provoked.ends(3, &mut put(), &format!("one\n{large}\n"));
    let mut waiting = put();
    let mut child = waiting.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    let puts = stub.puts().len();
    child.stdin.as_mut().expect("an input").write_all(b"one\n").expect("it reads");
    wait_until("a line is put", || stub.puts().len() > puts);
    interrupt(child.id());
    // Its standard input stays open meanwhile.
    let input = child.stdin.take();
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    drop(input);
    provoked.note(130, &waiting);
}

/// `status` and `doctor`.
fn of_positions_and_deployments(provoked: &mut Provoked) {
    let positions = Positions::new();
    let moto = &positions.moto;
    let status = |table: &str| at(&moto.endpoint(), &["status", "--checkpoint-table", table]);
    provoked.ends(0, &mut status(&positions.name), "");
    provoked.ends(1, &mut status(&Positions::missing().name), "");
    note(&positions.checkpoint_writer(), stuck_at("4967", 3));
    provoked.ends(3, &mut status(&positions.name), "");

    of_moved_positions(provoked);

    let stream = moto.create_stream("exit-codes", 1);
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let guest = guest_file("keep");
    let doctor = |moto: &Moto, stream: &str| {
        let mut command = at(&moto.endpoint(), &["doctor", "--stream", stream, "--transform", text(&guest)]);
        command.args(["--architecture", architecture, "--output", "none"]);
        command
    };
    provoked.ends(0, &mut doctor(moto, &stream), "");
    provoked.ends(1, &mut doctor(moto, "arn:aws:sqs:eu-west-1:123456789012:queue"), "");
    provoked.ends(3, &mut doctor(moto, "arn:aws:kinesis:eu-west-1:123456789012:stream/nobodys"), "");
}

/// `positions`.
fn of_moved_positions(provoked: &mut Provoked) {
    let (positions, missing) = (Positions::new(), Positions::missing());
    let endpoint = positions.moto.endpoint();
    let of = |positions: &Positions, arguments: &[&str]| {
        let mut command = at(&endpoint, &["positions"]);
        command.args(arguments).args(["--table", &positions.name]);
        command
    };
    let set = ["set", "--stream", "readings", "--shard", "shardId-000000000000", "--trim-horizon"];
    for command in [&["list"][..], &["export"], &[&set[..], &["--dry-run"]].concat()] {
        provoked.ends(0, &mut of(&positions, command), "");
        provoked.ends(1, &mut of(&missing, command), "");
    }
    note(&positions.mirror_with(|options| options.parallelization_factor = 2), up_to("4966"));
    provoked.ends(3, &mut of(&positions, &["export"]), "");
    let changing = crate::support::stub::Stub::start(|operation, _| match operation {
        "UpdateItem" => (400, r#"{"__type": "ConditionalCheckFailedException"}"#.to_owned()),
        "DescribeTable" => (400, r#"{"__type": "AccessDeniedException"}"#.to_owned()),
        _ => (200, "{}".to_owned()),
    });
    let mut late = at(&changing.endpoint(), &["positions"]);
    provoked.ends(3, late.args(set).args(["--table", "positions", "--yes"]), "");
    let leases = |update: (u16, &'static str)| {
        crate::support::stub::Stub::start(move |operation, _| {
            let lease = r#"{"leaseKey": {"S": "shardId-000000000000"}, "leaseCounter": {"N": "7"}, "checkpoint": {"S": "SHARD_END"}}"#;
            match operation {
                "Scan" => (200, format!(r#"{{"Items": [{lease}]}}"#)),
                "ListShards" => (200, r#"{"Shards": []}"#.to_owned()),
                "UpdateItem" => (update.0, update.1.to_owned()),
                "DescribeTable" => (400, r#"{"__type": "AccessDeniedException"}"#.to_owned()),
                _ => (200, "{}".to_owned()),
            }
        })
    };
    let import = |endpoint: &str| {
        let mut command = at(endpoint, &["positions", "import", "--from-kcl", "leases", "--to", "positions", "--yes"]);
        command.args(["--wait", "1s", "--stream", STREAM_ARN]);
        command
    };
    provoked.ends(0, &mut import(&leases((200, "{}")).endpoint()), "");
    provoked.ends(1, &mut import(&endpoint), "");
    let changed = leases((400, r#"{"__type": "ConditionalCheckFailedException"}"#));
    provoked.ends(3, &mut import(&changed.endpoint()), "");
}

/// `connector`.
fn of_connectors(provoked: &mut Provoked, folder: &Path) {
    let (right, wrong) = (folder.join("right.yaml"), folder.join("wrong.yaml"));
    std::fs::write(&right, "output: none\n").expect("written");
    std::fs::write(&wrong, "outputs: none\n").expect("written");
    for command in ["check", "parameters"] {
        provoked.ends(0, &mut kinesieve(&["connector", command, text(&right)]), "");
        provoked.ends(1, &mut kinesieve(&["connector", command, text(&wrong)]), "");
    }
    let input = folder.join("input.yaml");
    std::fs::write(&input, "input: {aws_kinesis: {streams: [readings]}}\n").expect("written");
    provoked.ends(0, &mut kinesieve(&["connector", "import", text(&input)]), "");
    provoked.ends(1, &mut kinesieve(&["connector", "import", text(&wrong)]), "");
    provoked.ends(0, &mut kinesieve(&["connector", "schema"]), "");
}

/// `new`, `test`, `build`, `inspect` and `explain`.
fn of_authors(provoked: &mut Provoked, folder: &Path) {
    let project = folder.join("masker");
    let new = || kinesieve(&["new", text(&project), "--lang", "python"]);
    provoked.ends(0, &mut new(), "");
    provoked.ends(1, &mut new(), "");

    provoked.ends(0, &mut kinesieve(&["upgrade", text(&project)]), "");
    provoked.ends(1, &mut kinesieve(&["upgrade", text(folder)]), "");

    let guest = guest_file("keep");
    let cases = folder.join("cases.json");
    let test = |cases: &Path| kinesieve(&["test", text(cases), "--transform", text(&guest)]);
    for (code, expected) in [(0, "keep"), (3, "drop")] {
        let suite = format!(r#"{{"cases": [{{"name": "a", "input": {{"text": "x"}}, "expect": "{expected}"}}]}}"#);
        std::fs::write(&cases, suite).expect("written");
        provoked.ends(code, &mut test(&cases), "");
    }
    provoked.ends(1, &mut test(&folder.join("nobodys.json")), "");

    let output = folder.join("out.cwasm");
    let build = |guest: &Path| kinesieve(&["build", text(guest), "--target", "host", "--output", text(&output)]);
    provoked.ends(0, &mut build(&guest), "");
    provoked.ends(1, &mut build(&folder.join("nobodys.wasm")), "");
    provoked.ends(0, &mut kinesieve(&["inspect", text(&guest)]), "");
    let component = folder.join("keep.wasm");
    std::fs::copy(&guest, &component).expect("copied");
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    for command in ["package", "deploy"] {
        let of = |place: &Path| kinesieve(&[command, text(place), "--target", machine]);
        provoked.ends(0, &mut of(&component), "");
        provoked.ends(1, &mut of(&cases), "");
    }
    provoked.ends(1, &mut kinesieve(&["inspect", text(&cases)]), "");
    provoked.ends(0, &mut kinesieve(&["explain", "K101"]), "");
    provoked.ends(1, &mut kinesieve(&["explain", "K000"]), "");
}

/// `bench` and `compare`.
fn of_measuring(provoked: &mut Provoked, folder: &Path) {
    let (keep, scripted) = (guest_file("keep"), guest_file("scripted"));
    let input = folder.join("measured.txt");
    std::fs::write(&input, "drop\n").expect("written");
    let bench =
        |input: &Path, seconds: &str| kinesieve(&["bench", text(&keep), "--seconds", seconds, "--input", text(input)]);
    provoked.ends(0, &mut bench(&input, "0.01"), "");
    provoked.ends(1, &mut bench(&folder.join("nobodys.txt"), "1"), "");
    let compare = |new: &Path| kinesieve(&["compare", text(&keep), text(new), "--input"]);
    provoked.ends(0, compare(&keep).arg("-"), "keep\n");
    provoked.ends(1, compare(&keep).arg("nobodys.txt"), "");
    provoked.ends(3, compare(&scripted).arg("-"), "keep\ndrop\n");
    // Its standard input stays open meanwhile.
    let mut waits = compare(&keep);
    waits.arg("-");
    for mut command in [bench(&input, "3600"), waits] {
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it runs");
        let mut lines = child.stdin.take().expect("an input");
        let _ = lines.write_all(b"keep\n");
        wait_until("it listens", || catches_interrupts(child.id()));
        interrupt(child.id());
        assert_eq!(child.wait().expect("it ends").code(), Some(130), "{command:?}");
        drop(lines);
        provoked.note(130, &command);
    }
}

/// Each command says in its help what the reference says.
#[test]
fn every_command_has_its_exit_codes_in_its_help() {
    let listed: BTreeSet<String> = lines_of_the_reference()
        .into_iter()
        .filter_map(|(command, _)| command.split(' ').next().map(str::to_owned))
        .collect();
    let output = kinesieve(&["--help"]).output().expect("it runs");
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // What is indented further goes on with what a command does.
    let names = commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let named: BTreeSet<String> = names.filter(|name| !matches!(*name, "" | "help")).map(str::to_owned).collect();
    assert_eq!(named, listed);
}

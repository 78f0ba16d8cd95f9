//! The command lines in `containers/`: what an orchestrator would start is started.

use std::process::{Command, Stdio};

use kinesieve::checkpoint::create_if_missing;
use kinesieve::settings::TableCapacity;
use serde_json::Value;

use super::{Running, put};
use crate::support::moto::Moto;
use crate::support::positions::{TIME_LIMIT, table};
use crate::support::process::{free_port, wait_until};
use crate::support::{block_on, guest_file, kinesieve};

fn of_kubernetes() -> Vec<String> {
    let file = include_str!("../../containers/kubernetes.yaml");
    let lines = file.lines().skip_while(|line| line.trim() != "args:").skip(1);
    lines.map_while(|line| line.trim().strip_prefix("- ")).map(str::to_owned).collect()
}

fn of_ecs() -> Vec<String> {
    let file: Value =
        serde_json::from_str(include_str!("../../containers/ecs-task-definition.json")).expect("a definition");
    let words = file["containerDefinitions"][0]["command"].as_array().expect("a command");
    words.iter().map(|word| word.as_str().expect("a word").to_owned()).collect()
}

#[test]
fn what_an_orchestrator_starts_reads_is_ready_and_ends_in_order() {
    for words in [of_kubernetes(), of_ecs()] {
        let moto = Moto::start();
        moto.create_stream("readings", 2);
        moto.create_bucket("masked");
        moto.create_firehose("masked", "masked");
        moto.create_queue("readings-dead");
        let positions = table(&moto.config(), "positions", TIME_LIMIT);
        block_on(create_if_missing(&positions, TableCapacity::OnDemand, TIME_LIMIT)).expect("a table");
        put(&moto.config(), "readings", "a", "keep this");

        let address = format!("127.0.0.1:{}", free_port());
        let guest = guest_file("scripted");
        let words: Vec<String> = words
            .into_iter()
            .map(|word| word.replace("/transform.wasm", guest.to_str().expect("UTF-8")))
            .map(|word| word.replace("0.0.0.0:9464", &address).replace("$(POD_NAME)", "kinesieve-0"))
            .collect();
        assert!(words.contains(&format!("--metrics={address}")), "{words:?}");
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let log = tempfile::NamedTempFile::new().expect("a file");
        let mut command = kinesieve(&words);
        command
            .envs([("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "key")])
            .env("AWS_ENDPOINT_URL", moto.endpoint())
            .stdout(Stdio::null())
            .stderr(log.reopen().expect("the file"));
        let mut running = Running(command.spawn().expect("it starts"));
        let said = || std::fs::read_to_string(log.path()).expect("a log");
        let answers = |path: &str| ureq::get(format!("http://{address}{path}")).call().is_ok();

        wait_until("it is ready", || answers("/ready"));
        assert!(answers("/health"));
        wait_until("it has delivered", || !moto.objects("masked").is_empty());
        let status = Command::new("kill").args(["-TERM", &running.0.id().to_string()]).status().expect("kill");
        assert!(status.success());
        assert_eq!(running.end(), Some(0), "{}", said());
        let rows = block_on(positions.rows(Some("readings"))).expect("rows");
        assert_eq!(rows.iter().filter(|row| row.position.is_some()).count(), 1, "{rows:?}");
        assert!(rows.iter().all(|row| row.held_by.is_none()), "{rows:?}");
    }
}

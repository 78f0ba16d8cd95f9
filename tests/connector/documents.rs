//! A file of each form that other tools have, as their users have it: imported, and run at an emulator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::moto::Moto;
use crate::support::{kinesieve, stderr, stdout};

/// A stream of two records at a server of its own.
struct Service {
    moto: Moto,
    folder: tempfile::TempDir,
}

impl Service {
    fn start() -> Self {
        let service = Self { moto: Moto::start(), folder: tempfile::tempdir().expect("a folder") };
        service.moto.create_stream("readings", 1);
        service.put("one\ntwo\n");
        service
    }

    fn put(&self, records: &str) {
        fs::write(self.path("records"), records).expect("written");
        let endpoint = self.moto.endpoint();
        let flags = ["put", "--stream", "readings", "--region", "eu-west-1", "--endpoint-url", &endpoint, "records"];
        let put = with_key(kinesieve(&flags).current_dir(self.folder.path())).output().expect("it runs");
        assert_eq!(put.status.code(), Some(0), "{}", stderr(&put));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Imports a file, which says no word about what it leaves out but these, and returns where the new one is.
    fn import(&self, name: &str, text: &str, left_out: &[&str]) -> PathBuf {
        fs::write(self.path(name), text.replace("ENDPOINT", &self.moto.endpoint())).expect("written");
        let done = kinesieve(&["connector", "import"]).arg(self.path(name)).output().expect("it runs");
        assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
        let said = stderr(&done);
        let names: Vec<&str> = said
            .lines()
            .filter_map(|line| line.strip_prefix("left out: "))
            .filter_map(|line| line.split(": ").next())
            .collect();
        assert_eq!(names, left_out, "{said}");
        assert!(!(stdout(&done) + &said).contains("hunter2"), "a secret came along");
        let connector = self.path("connector.yaml");
        fs::write(&connector, done.stdout).expect("written");
        connector
    }

    /// Runs an imported file to what is there now, and returns the data of the outputs.
    fn run(&self, connector: &Path, arguments: &[&str]) -> Vec<String> {
        let mut command = kinesieve(&["run", "--until", "now", "--connector"]);
        command.arg(connector).args(arguments).env("AWS_ENDPOINT_URL", self.moto.endpoint());
        let done = with_key(&mut command).output().expect("it runs");
        assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
        let data = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).expect(line);
            line["data"].as_str().expect("text").to_owned()
        };
        stdout(&done).lines().map(data).collect()
    }
}

/// The test's credentials, as the import says that they are to be given.
fn with_key(command: &mut Command) -> &mut Command {
    command.env("KINESIEVE_CREDENTIALS_ID", "AKIDEXAMPLE").env("KINESIEVE_CREDENTIALS_SECRET", "hunter2")
}

#[test]
fn a_data_connector_object_is_imported_and_run() {
    let service = Service::start();
    let object = r#"{
        "type": "aws-kinesis", "id": "dc.kinesis.readings",
        "credentials": {"user": "AKIDEXAMPLE", "password": "hunter2"},
        "region": "eu-west-1", "stream": "readings", "shards": 1,
        "maxRecordsPerShardPerSecond": 1000, "maxBytesPerShardPerSecond": 1000000, "disabled": false
    }"#;
    let connector = service.import("object.json", object, &["id", "credentials", "shards"]);
    assert_eq!(service.run(&connector, &["--from", "trim-horizon"]), ["one", "two"]);
    // What an update of it says, takes the place of that in the file.
    let update = r#"{"shards": 2, "maxRecordsPerShardPerSecond": 500, "maxBytesPerShardPerSecond": 1000000}"#;
    service.import("update.json", update, &["shards", "type"]);
}

#[test]
fn a_source_connection_is_imported_and_run_from_where_it_started() {
    let service = Service::start();
    let connection = |reset: &str| {
        format!(
            r#"{{"name": "Readings", "description": "of all sensors", "baseConnectionId": "4cb0c374",
                "connectionSpec": {{"id": "86043421", "version": "1.0"}}, "data": {{"format": "json"}},
                "params": {{"stream": "readings", "dataType": "raw", "reset": "{reset}"}}}}"#
        )
    };
    let left_out = ["name", "description", "baseConnectionId", "connectionSpec"];
    let connector = service.import("connection.json", &connection("earliest"), &left_out);
    assert_eq!(service.run(&connector, &["--region", "eu-west-1"]), ["one", "two"]);
    let connector = service.import("connection.json", &connection("latest"), &left_out);
    let checked = kinesieve(&["connector", "check"]).arg(connector).output().expect("it runs");
    assert!(stdout(&checked).contains("  --from latest\n"), "{}", stdout(&checked));
}

/// With all that the tool prints as its defaults, and a table, whose rows the second run goes on from.
#[test]
fn an_input_is_imported_and_run_with_its_table() {
    let service = Service::start();
    let input = r#"
input:
  label: "readings"
  aws_kinesis:
    streams: [readings]
    dynamodb:
      table: "positions"
      create: true
      billing_mode: PAY_PER_REQUEST
      read_capacity_units: 0
      write_capacity_units: 0
      region: eu-west-1
      endpoint: "ENDPOINT"
      tcp: {connect_timeout: 0s, keep_alive: {idle: 15s, interval: 15s, count: 9}, tcp_user_timeout: 0s}
      credentials: {profile: "", id: "", secret: "", token: "", from_ec2_role: "", role: "", role_external_id: ""}
    checkpoint_limit: 1024
    auto_replay_nacks: true
    commit_period: 5s
    steal_grace_period: 2s
    rebalance_period: 30s
    lease_period: 30s
    start_from_oldest: true
    region: eu-west-1
    endpoint: "ENDPOINT"
    tcp: {connect_timeout: 0s, keep_alive: {idle: 15s, interval: 15s, count: 9}, tcp_user_timeout: 0s}
    credentials: {profile: "", id: "AKIDEXAMPLE", secret: "hunter2", token: ""}
    batching: {count: 0, byte_size: 0, period: "", check: "", processors: []}
"#;
    let left_out = ["label", "credentials"];
    let connector = service.import("input.yaml", input, &left_out);
    assert_eq!(service.run(&connector, &[]), ["one", "two"]);
    service.put("three\n");
    assert_eq!(service.run(&connector, &[]), ["three"]);
}

#[test]
fn a_binding_is_imported_and_run_once_its_token_is_quoted() {
    let service = Service::start();
    let binding = |token: &str| {
        format!(
            "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: readings\n  namespace: default\nspec:\n  type: \
             bindings.aws.kinesis\n  version: v1\n  metadata:\n  - name: streamName\n    value: readings\n  - name: \
             consumerName\n    value: readings-consumer\n  - name: mode\n    value: shared\n  - name: region\n    value: \
             eu-west-1\n  - name: accessKey\n    value: AKIDEXAMPLE\n  - name: secretKey\n    value: hunter2\n  - name: \
             sessionToken\n    value: {token}\n"
        )
    };
    fs::write(service.path("masked.yaml"), binding("*****************")).expect("written");
    let refused = kinesieve(&["connector", "import"]).arg(service.path("masked.yaml")).output().expect("it runs");
    assert_eq!(refused.status.code(), Some(1));
    let line = binding("x").lines().position(|line| line.contains("value: x")).expect("a line") + 1;
    let said = stderr(&refused);
    assert!(said.contains(&format!("masked.yaml:{line}:")) && said.contains("quotes"), "{said}");
    let left_out = ["metadata.name", "consumerName", "accessKey, secretKey, sessionToken"];
    let connector = service.import("binding.yaml", &binding("\"*****************\""), &left_out);
    assert_eq!(service.run(&connector, &["--from", "trim-horizon"]), ["one", "two"]);
}

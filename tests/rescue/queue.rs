//! From a queue, where only positions come: the records are fetched from the stream.

use std::process::Stdio;

use serde_json::{Value, json};

use super::stream::Shard;
use super::{at, delivered, description, description_with, outcomes, rescue, summary};
use crate::support::moto::Moto;
use crate::support::stub::Stub;
use crate::support::{block_on, guest_file, stderr};

fn send(moto: &Moto, queue: &str, body: &Value) {
    let client = aws_sdk_sqs::Client::new(&moto.config());
    let url = format!("{}/123456789012/{queue}", moto.endpoint());
    block_on(client.send_message().queue_url(url).message_body(body.to_string()).send()).expect("sent");
}

/// As a topic hands it on to a queue.
fn notification(description: &Value) -> Value {
    json!({
        "Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:given-up", "Message": description.to_string(),
        "Timestamp": "2018-12-17T22:15:00.000Z", "SignatureVersion": "1", "Signature": "EXAMPLE",
    })
}

#[test]
fn records_of_each_message_are_fetched_and_the_message_is_deleted() {
    let moto = Moto::shared();
    let arn = moto.create_queue("rescue-queue");
    send(&moto, "rescue-queue", &description(2..=4, &[]));
    send(&moto, "rescue-queue", &notification(&description(7..=7, &[])));
    let stream = Shard { page: 2, ..Shard::of(10) }.start();
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let output = rescue(&moto.endpoint(), &stream.endpoint(), &arn, "keep", &out).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(delivered(&out), [2, 3, 4, 7]);
    insta::assert_snapshot!(summary(&output), @r"
    2 descriptions in TIME
      rescued           2
      not acknowledged  0
      lost              0
      partly lost       0
      not read          0
      not processed     0
      skipped           0
      malformed         0
    4 records: 4 kept
    4 outputs delivered, 24 B
    2 messages deleted from the queue, 0 left in it
    ");
    assert_eq!(moto.take_messages("rescue-queue"), []);
}

#[test]
fn a_message_stays_until_all_of_its_records_are_acknowledged() {
    let moto = Moto::shared();
    let arn = moto.create_queue("rescue-failing");
    for body in [description_with(0, &["keep", "retry later"]), description_with(2, &["keep"]), json!({ "n": 1 })] {
        send(&moto, "rescue-failing", &body);
    }
    let stream = Shard::of(0).start();
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    // A dry run changes nothing.
    let mut command = rescue(&moto.endpoint(), &stream.endpoint(), &arn, "scripted", &out);
    let output = command.arg("--dry-run").output().expect("it runs");
    assert_eq!((output.status.code(), out.exists()), (Some(3), false), "{}", stderr(&output));
    // Nor does an output that can't be delivered.
    let mut command = at(&moto.endpoint(), &stream.endpoint(), &["rescue", "--from", &arn, "--json", "--transform"]);
    let nowhere = "arn:aws:sqs:eu-west-1:123456789012:rescue-no-such-queue";
    let output = command.arg(guest_file("keep")).args(["--output", nowhere]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let mut names: Vec<String> =
        outcomes(&output).iter().filter_map(|outcome| outcome["outcome"].as_str()).map(str::to_owned).collect();
    names.sort();
    assert_eq!(names, ["malformed", "notAcknowledged", "notAcknowledged"], "{}", stderr(&output));
    // What was received before can be received at once.
    let output = rescue(&moto.endpoint(), &stream.endpoint(), &arn, "scripted", &out).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("1 message deleted from the queue, 2 left in it"), "{}", stderr(&output));
    assert!(stderr(&output).contains("  malformed  it is no description of given-up records"), "{}", stderr(&output));
    // With dead letters everything is acknowledged, but for the message that is none.
    let dead = folder.path().join("dead");
    let mut command = rescue(&moto.endpoint(), &stream.endpoint(), &arn, "keep", &out);
    let output = command.args(["--dead-letter", &format!("file:{}", dead.display())]).output().expect("it runs");
    assert!(stderr(&output).contains("1 message deleted from the queue, 1 left in it"), "{}", stderr(&output));
    assert_eq!(moto.take_messages("rescue-failing").len(), 1);
}

#[test]
fn two_runs_at_once_share_a_queue() {
    let moto = Moto::shared();
    let arn = moto.create_queue("rescue-shared");
    for index in 0..12 {
        send(&moto, "rescue-shared", &description(index..=index, &[]));
    }
    let stream = Shard::of(12).start();
    let folder = tempfile::tempdir().expect("a folder");
    let outs = ["one", "two"].map(|name| folder.path().join(name));
    let children = outs.each_ref().map(|out| {
        let mut command = rescue(&moto.endpoint(), &stream.endpoint(), &arn, "keep", out);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs")
    });
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    let mut all: Vec<usize> = outs.iter().flat_map(|out| delivered(out)).collect();
    all.sort_unstable();
    assert_eq!(all, (0..12).collect::<Vec<_>>());
    assert_eq!(moto.take_messages("rescue-shared"), []);
}

/// All that follows would be run again as well.
#[test]
fn a_queue_that_deletes_nothing_ends_the_run_at_once_and_one_that_refuses_is_named() {
    let queue = |refused: &'static str| {
        Stub::start(move |operation, _| match operation {
            _ if operation == refused => (403, r#"{"__type":"AccessDenied","message":"no"}"#.to_owned()),
            "ReceiveMessage" => {
                let body = description_with(0, &["keep"]).to_string();
                let message = json!({ "MessageId": "m-0", "ReceiptHandle": "handle", "Body": body });
                (200, json!({ "Messages": [message] }).to_string())
            }
            _ => (200, "{}".to_owned()),
        })
    };
    let arn = "arn:aws:sqs:eu-west-1:123456789012:given-up";
    let folder = tempfile::tempdir().expect("a folder");
    for (refused, outputs) in [("ReceiveMessage", &[][..]), ("DeleteMessage", &[0])] {
        let stub = queue(refused);
        let out = folder.path().join(refused);
        let output = rescue(&stub.endpoint(), &stub.endpoint(), arn, "keep", &out).output().expect("it runs");
        assert_eq!((output.status.code(), delivered(&out)), (Some(1), outputs.to_vec()), "{}", stderr(&output));
        let expected = format!("the descriptions of {arn}: sqs:{refused}: AccessDenied: no: allow sqs:{refused}");
        assert!(stderr(&output).contains(&expected), "{}", stderr(&output));
        assert!(stderr(&output).contains("kinesieve explain K542"), "{}", stderr(&output));
    }
}

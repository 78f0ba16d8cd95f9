//! From every service that dead letters go to, and back.

use std::collections::BTreeSet;

use aws_sdk_sqs::types::MessageAttributeValue;

use super::{
    dead_letter, everything_but_the_undecodable_comes_back, failing, letter, outputs, payload, redrive, summary,
};
use crate::support::events::{record, sequence_number};
use crate::support::kinesis_local::KinesisLocal;
use crate::support::moto::Moto;
use crate::support::{block_on, stderr};

#[test]
fn objects_below_a_prefix_are_redriven() {
    let moto = Moto::shared();
    moto.create_bucket("redrive-objects");
    for (prefix, compression) in [("plain", "none"), ("compressed", "gzip")] {
        let place = format!("arn:aws:s3:::redrive-objects/{prefix}");
        dead_letter(&moto.endpoint(), failing(), &place, &[("KINESIEVE_S3_COMPRESSION", compression)]);
        let put = |key: String| {
            let client = aws_sdk_s3::Client::new(&moto.config());
            let request = client.put_object().bucket("redrive-objects").key(key).body(b"not a letter".to_vec().into());
            block_on(request.send()).expect("put");
        };
        put(format!("{prefix}-other/a.ndjson"));
        put(format!("{prefix}/notes.txt"));
        put(format!("{prefix}/folder/"));
        let before = moto.objects("redrive-objects");
        let output = everything_but_the_undecodable_comes_back(&moto.endpoint(), &place);
        assert!(stderr(&output).contains("1 object was left out"), "{}", stderr(&output));
        assert_eq!(moto.objects("redrive-objects"), before);
    }
}

#[test]
fn a_queue_keeps_only_what_is_not_acknowledged() {
    let moto = Moto::shared();
    for queue in ["redrive-queue", "redrive-queue.fifo"] {
        let arn = moto.create_queue(queue);
        dead_letter(&moto.endpoint(), failing(), &arn, &[]);
        let output = everything_but_the_undecodable_comes_back(&moto.endpoint(), &arn);
        assert!(stderr(&output).contains("5 messages deleted from the queue, 1 left in it"), "{}", stderr(&output));
        // It can be received at once, and by another run.
        let left = moto.take_messages(queue);
        assert_eq!(left.len(), 1, "{queue}");
        assert!(left[0].body().is_some_and(|body| body.contains(r#""kind":"decode""#)), "{left:?}");
    }
}

#[test]
fn a_stream_is_redriven_from_all_of_its_shards() {
    let server = KinesisLocal::start(&[("dead", 3)]);
    let arn = server.arn("dead");
    dead_letter(&server.endpoint(), failing(), &arn, &[]);
    let shards: BTreeSet<String> = server.records("dead").into_iter().map(|record| record.shard).collect();
    assert!(shards.len() > 1, "{shards:?}");
    everything_but_the_undecodable_comes_back(&server.endpoint(), &arn);
    assert_eq!(server.records("dead").len(), 6);
}

#[test]
fn a_dry_run_leaves_everything_as_it_is() {
    let moto = Moto::shared();
    let arn = moto.create_queue("redrive-dry");
    dead_letter(&moto.endpoint(), failing(), &arn, &[]);
    let folder = tempfile::tempdir().expect("a folder");
    let (out, dead) = (folder.path().join("out"), folder.path().join("dead"));
    let output = redrive(&moto.endpoint(), &arn, "keep", &out)
        .args(["--dry-run", "--dead-letter", &format!("file:{}", dead.display())])
        .output()
        .expect("it runs");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("would be delivered  1 output (was: trap: "), "{said}");
    assert!(said.contains("would be dead-lettered again  decode: "), "{said}");
    assert!(said.contains("a dry run: nothing was delivered"), "{said}");
    assert!(!out.exists() && !dead.exists());
    assert_eq!(moto.take_messages("redrive-dry").len(), 6);
}

#[test]
fn what_fails_again_goes_to_the_dead_letters_and_off_the_queue() {
    let moto = Moto::shared();
    let (arn, again) = (moto.create_queue("redrive-failing"), moto.create_queue("redrive-again"));
    dead_letter(&moto.endpoint(), failing(), &arn, &[]);
    let folder = tempfile::tempdir().expect("a folder");
    let output = redrive(&moto.endpoint(), &arn, "scripted", &folder.path().join("out"))
        .args(["--dead-letter", &again])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!(summary(&output), @r"
    6 dead letters in TIME
      delivered            0
      dropped              0
      dead-lettered again  6 (3 rejected, 1 trap, 1 decode, 1 undeliverable)
      failed again         0
      asked for again      0
      not delivered        0
      skipped              0
      malformed            0
    0 outputs delivered, 0 B
    6 messages deleted from the queue, 0 left in it
    ");
    assert_eq!(moto.take_messages("redrive-failing"), []);
    everything_but_the_undecodable_comes_back(&moto.endpoint(), &again);
}

/// More than a receive gives, all of which fail, and others that are no letters.
#[test]
fn a_message_is_processed_once_however_many_stay() {
    let moto = Moto::shared();
    moto.create_queue("redrive-many");
    let client = aws_sdk_sqs::Client::new(&moto.config());
    let url = format!("{}/123456789012/redrive-many", moto.endpoint());
    let send = |body: String, encoding: Option<&str>| {
        let value = |encoding| MessageAttributeValue::builder().data_type("String").string_value(encoding).build();
        let mut request = client.send_message().queue_url(&url).message_body(body);
        if let Some(encoding) = encoding {
            request = request.message_attributes("encoding", value(encoding).expect("a value"));
        }
        block_on(request.send()).expect("sent");
    };
    for index in 0..23 {
        send(letter(index, &[payload("reject still")]), None);
    }
    send(base64_simd::STANDARD.encode_to_string(letter(30, &[])), Some("base64"));
    send(letter(31, &[]), Some("base64"));
    send(letter(32, &[]), Some("rot13"));
    send("{}".to_owned(), None);
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let arn = "arn:aws:sqs:eu-west-1:123456789012:redrive-many";
    let output = redrive(&moto.endpoint(), arn, "scripted", &out).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3));
    insta::assert_snapshot!(summary(&output), @r"
    27 dead letters in TIME
      delivered            1
      dropped              0
      dead-lettered again  0
      failed again         23 (23 rejected)
      asked for again      0
      not delivered        0
      skipped              0
      malformed            3
    1 output delivered, 4 B
    1 message deleted from the queue, 26 left in it
    ");
    assert!(stderr(&output).contains("  malformed  it is no dead letter: at line 1 column "), "{}", stderr(&output));
    assert_eq!(outputs(&out), [(sequence_number(30), "keep".to_owned())]);
    assert_eq!(moto.take_messages("redrive-many").len(), 26);
}

#[test]
fn a_fifo_queue_says_that_what_stays_holds_back_its_group() {
    let moto = Moto::shared();
    let arn = moto.create_queue("redrive-group.fifo");
    let records = (0..15).map(|index| record(index, "one key", &"reject it".into())).collect();
    dead_letter(&moto.endpoint(), records, &arn, &[]);
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let output = redrive(&moto.endpoint(), &arn, "scripted", &out).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("holds back what is behind it in its message group"), "{}", stderr(&output));
    // Nothing stays behind what is acknowledged.
    let output = redrive(&moto.endpoint(), &arn, "keep", &out).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let positions: BTreeSet<String> = outputs(&out).into_iter().map(|(position, _)| position).collect();
    assert_eq!(positions, (0..15).map(sequence_number).collect());
    assert_eq!(moto.take_messages("redrive-group.fifo"), []);
}

/// Firehose puts letters behind each other, into objects whose names have no ending.
#[test]
fn what_firehose_delivered_to_a_bucket_is_redriven() {
    let moto = Moto::shared();
    moto.create_bucket("redrive-delivered");
    let arn = moto.create_firehose("redrive-firehose", "redrive-delivered");
    dead_letter(&moto.endpoint(), failing(), &arn, &[]);
    everything_but_the_undecodable_comes_back(&moto.endpoint(), "arn:aws:s3:::redrive-delivered");
}

//! Which streams `kinesieve doctor` looks at, and how they are read.

use super::{ACCOUNT, doctor, findings, of_verdict};
use crate::support::block_on;
use crate::support::moto::Moto;

#[test]
fn streams_and_how_they_are_read_come_from_a_connector_file() {
    let moto = Moto::start();
    let streams = ["first", "second"].map(|name| moto.create_stream(name, 1));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("c.yaml");
    std::fs::write(&file, "streams: [first, second]\nregion: eu-west-1\nmode: extended\nconsumer: readings\n")
        .expect("written");
    let connector = file.display().to_string();
    // The flag is for another test, and the file is beneath it.
    let mut command = crate::support::kinesieve(&["doctor", "--json", "--output", "none", "--transform", "none"]);
    command.args(["--connector", &connector]).env("AWS_ENDPOINT_URL", moto.endpoint());
    command.env("AWS_ACCESS_KEY_ID", "id").env("AWS_SECRET_ACCESS_KEY", "key");
    let (found, code) = findings(&mut command);
    let fine = of_verdict(&found, "ok");
    for stream in &streams {
        for action in ["kinesis:DescribeStream", "kinesis:ListShards", "kinesis:GetRecords"] {
            assert!(fine.contains(&format!("{action} on {stream}").as_str()), "{action}: {found:?}");
        }
        let consumer = format!("consumer readings of {stream}: not there yet, it is registered at the start");
        assert!(fine.contains(&consumer.as_str()), "{found:?}");
    }
    assert!(fine.contains(&"kinesis:ListStreams on *"));
    assert_eq!(code, Some(0), "{found:?}");
}

#[test]
fn a_consumer_is_looked_at_and_nobody_s_subscription_ends() {
    let moto = Moto::start();
    let stream = moto.create_stream("fanned-out", 1);
    let client = aws_sdk_kinesis::Client::new(&moto.config());
    let request = client.register_stream_consumer().stream_arn(&stream).consumer_name("readings");
    let consumer = block_on(request.send()).expect("a consumer").consumer.expect("a consumer").consumer_arn;
    let arguments = ["--output", "none", "--mode", "enhanced", "--consumer", "readings"];
    let (found, _) = findings(&mut doctor(&moto, &stream, &arguments));
    let described = format!("kinesis:DescribeStreamConsumer on {consumer}");
    assert!(of_verdict(&found, "ok").contains(&described.as_str()), "{found:?}");
    let subscribes = format!("kinesis:SubscribeToShard on {consumer}");
    assert!(found.iter().any(|finding| finding["what"] == subscribes.as_str()), "{found:?}");
    let of_another = format!("arn:aws:kinesis:eu-west-1:{ACCOUNT}:stream/other/consumer/readings:1545084650");
    let arguments = ["--output", "none", "--mode", "enhanced", "--consumer", &of_another];
    let (found, code) = findings(&mut doctor(&moto, &stream, &arguments));
    assert_eq!((of_verdict(&found, "missing").len(), code), (1, Some(3)), "{found:?}");
}

#[test]
fn a_stream_by_its_name_is_in_the_region_and_the_account_at_hand() {
    let moto = Moto::start();
    let stream = moto.create_stream("by-name", 1);
    for name in ["by-name", "arn:aws:kinesis:*:*:stream/by-name"] {
        let (found, code) = findings(&mut doctor(&moto, name, &["--output", "none"]));
        assert!(of_verdict(&found, "ok").contains(&format!("kinesis:GetRecords on {stream}").as_str()), "{found:?}");
        assert_eq!(code, Some(0));
    }
}

//! Where a run starts and where it ends, at a server whose sequence numbers are those of the service.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Run, a_moment, put};
use crate::support::kinesis_local::KinesisLocal;

#[test]
fn each_start_and_each_end_reads_what_it_says() {
    let server = KinesisLocal::start(&[("in", 1)]);
    let arn = server.arn("in");
    let run = Run::of(server.endpoint());
    let put_all = |names: &[&str]| -> Vec<String> {
        names.iter().map(|name| put(&server.config(), "in", "key", &format!("keep {name}")).1).collect()
    };
    let first = put_all(&["a", "b", "c"]);
    a_moment();
    let between = OffsetDateTime::now_utc().format(&Rfc3339).expect("a time");
    a_moment();
    put_all(&["d", "e"]);
    let read = |input: &str, arguments: &[&str]| {
        run.forget_delivered();
        let (code, log) = run.end(input, arguments);
        assert_eq!(code, Some(0), "{log}");
        let names = run.delivered().iter().map(|data| data.trim_start_matches("keep ").to_owned()).collect::<Vec<_>>();
        names.concat()
    };
    let from = |start: &str| read("in", &["--from", start, "--until", "now"]);
    assert_eq!(from("trim-horizon"), "abcde");
    assert_eq!(from(&format!("at-timestamp={between}")), "de");
    assert_eq!(from(&format!("at-sequence-number={}", first[1])), "bcde");
    assert_eq!(from(&format!("after-sequence-number={}", first[1])), "cde");
    assert_eq!(from(&format!("AT_TIMESTAMP={between}")), "de", "by the names of the service");
    assert_eq!(from(&format!("AT_SEQUENCE_NUMBER={}", first[1])), "bcde");
    assert_eq!(from(&format!("AFTER_SEQUENCE_NUMBER={}", first[1])), "cde");
    assert_eq!(from("TRIM_HORIZON"), "abcde");
    let anywhere = arn.replace("eu-west-1", "*");
    let anyones = "arn:aws:kinesis:*:*:stream/in".to_owned();
    assert_ne!(anywhere, arn);
    for input in [
        "stream:in",
        &arn,
        "in:shardId-000000000000",
        &format!("{arn}:shardId-000000000000"),
        "in:0",
        &format!("{arn}:0"),
        &anywhere,
        &format!("{anywhere}:0"),
        &anyones,
    ] {
        assert_eq!(read(input, &["--from", "trim-horizon", "--until", "now"]), "abcde", "{input}");
    }
    assert_eq!(read("in", &["--from", "trim-horizon", "--until", "count=3", "--batch-size", "2"]), "abc");
    assert_eq!(read("in", &["--from", "trim-horizon", "--until", &format!("at-timestamp={between}")]), "abc");

    // From the latest, what was there before is left out.
    run.forget_delivered();
    let mut latest = run.start("in", &["--from", "latest", "--until", "count=1"]);
    while !latest.has_ended() {
        put_all(&["later"]);
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert_eq!((latest.end(), run.delivered()), (Some(0), vec!["keep later".to_owned()]));
}

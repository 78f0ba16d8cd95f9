//! Which targets are one place: exactly those whose outputs land in one place.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use kinesieve::event::{SequenceNumber, Shard};
use kinesieve::settings::{Compression, FunctionSettings, Order, Target};
use kinesieve::sink::{self, Delivery, LineContent, Output, Sink, SinkOptions};
use proptest::prelude::*;

use crate::support::events::{SHARD_ID, STREAM_ARN, event, sequence_number};
use crate::support::runtime_api::RuntimeApi;
use crate::support::services::{Details, Faults, Service, Stub};
use crate::support::targets::{Kind, lines};
use crate::support::{block_on, guest_file, in_lambda, kinesieve, stderr};

const TIME_LIMIT: Duration = Duration::from_secs(60);

fn deliver(sink: &dyn Sink, data: &[u8]) {
    let shard = Shard { stream_arn: STREAM_ARN.to_owned(), id: SHARD_ID.to_owned() };
    let number = sequence_number(0);
    let output = Output {
        data,
        partition_key: "key",
        explicit_hash_key: None,
        has_chosen_key: false,
        route: None,
        shard: &shard,
        sequence_number: SequenceNumber::parse(&number).expect("a sequence number"),
        sub_sequence_number: 0,
        ordinal: 0,
    };
    assert_eq!(block_on(sink.deliver(&[output], None)).deliveries, [Delivery::Delivered]);
}

fn target(text: &str) -> Target {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Whether outputs and dead letters may go to these targets.
fn is_refused(output: &str, dead_letter: &str) -> bool {
    let variables = [("TRANSFORM", "t.wasm"), ("OUTPUT", output), ("DEAD_LETTER", dead_letter)];
    let variables = variables.map(|(name, value)| (OsString::from(format!("KINESIEVE_{name}")), OsString::from(value)));
    let (settings, routes) = block_on(FunctionSettings::from_variables(variables)).expect("settings");
    let routes = settings.common.routes(&routes).expect("routes");
    match settings.common.check(&routes) {
        Ok(()) => false,
        Err(error) => {
            assert!(error.to_string().contains("outputs and dead letters both go to"), "{error}");
            true
        }
    }
}

/// A bucket and a prefix, with slashes as nobody would write them on purpose.
fn bucket_and_prefix() -> impl Strategy<Value = String> {
    let parts = prop::collection::vec(prop::sample::select(vec!["p", "P", "q", ""]), 0..3);
    ("(bkt|bkt-2)", "/{0,3}", parts, "/{0,2}").prop_map(|(bucket, slashes, parts, end)| {
        let slashes = if slashes.is_empty() && !parts.is_empty() { "/" } else { &slashes };
        format!("{bucket}{slashes}{}{end}", parts.join("/"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn two_prefixes_are_one_place_exactly_where_their_objects_have_the_same_keys(
        left in bucket_and_prefix(),
        right in bucket_and_prefix(),
    ) {
        let stub = Stub::start(Service::S3, Faults::default(), 1);
        let config = stub.config();
        let mut places = Vec::new();
        for resource in [&left, &right] {
            let written = format!("arn:aws:s3:::{resource}");
            let bucket = resource.split('/').next().unwrap_or_default();
            // As it was written, and as the settings have it.
            for arn in [written.clone(), target(&written).to_string()] {
                deliver(&*Kind::Bucket.sink(&config, &arn, Order::Key), b"data");
                let puts = stub.puts();
                let Some(Details::Object { key, .. }) = puts.last().map(|put| put.details.clone()) else {
                    return Err(TestCaseError::fail("no object"));
                };
                places.push((bucket, key));
            }
        }
        prop_assert_eq!(&places[0], &places[1], "the settings lead elsewhere");
        prop_assert_eq!(&places[2], &places[3], "the settings lead elsewhere");
        let is_same = places[0] == places[2];
        let (left, right) = (format!("arn:aws:s3:::{left}"), format!("arn:aws:s3:::{right}"));
        prop_assert_eq!(target(&left).is_same_place(&target(&right)), is_same);
        prop_assert_eq!(is_refused(&left, &right), is_same);
    }
}

/// Every pair of ways to a few files, some of which are there, and some are made.
#[test]
fn two_paths_are_one_place_exactly_where_they_lead_to_one_file() {
    const PATHS: [&str; 14] = [
        "there",
        "./there",
        "link",
        "sub/back/there",
        "hard-link",
        "to-come",
        "sub/../to-come",
        "dangling",
        "sub/dangling-twice",
        "sub/there",
        "sub/to-come",
        "THERE",
        "to-come.",
        "sub/back/sub/to-come",
    ];
    let options = SinkOptions {
        lines: LineContent::Bare,
        order: Order::Key,
        compression: Compression::None,
        events: sink::EventLabels::default(),
    };
    for left in PATHS {
        for right in PATHS {
            let folder = tempfile::tempdir().expect("a folder");
            lay_out(folder.path()).expect("laid out");
            let at = |path: &str| folder.path().join(path);
            let (left_file, right_file) =
                (format!("file:{}", at(left).display()), format!("file:{}", at(right).display()));
            let (first, second) = (target(&left_file), target(&right_file));
            let is_same = [first.is_same_place(&second), second.is_same_place(&first)];
            let refused = is_refused(&left_file, &right_file);
            for (target, data) in [(&first, b"first"), (&second, b"other")] {
                deliver(&*block_on(sink::open(target, options.clone())).expect("a file"), data);
            }
            let written = std::fs::read_to_string(at(left)).expect("readable");
            let is_written_by_both = written.contains("first") && written.contains("other");
            assert_eq!((is_same, refused), ([is_written_by_both; 2], is_written_by_both), "{left} {right}");
        }
    }
}

fn lay_out(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::symlink;

    std::fs::create_dir(folder.join("sub"))?;
    std::fs::write(folder.join("there"), "")?;
    std::fs::hard_link(folder.join("there"), folder.join("hard-link"))?;
    symlink("there", folder.join("link"))?;
    symlink("..", folder.join("sub/back"))?;
    symlink("to-come", folder.join("dangling"))?;
    symlink("../dangling", folder.join("sub/dangling-twice"))
}

/// Through two sinks, the object of one would replace the other's, and what was in it.
#[test]
fn outputs_of_one_prefix_share_an_object_however_it_is_spelt() {
    let stub = Stub::start(Service::S3, Faults::default(), 1);
    let api = RuntimeApi::with_invocation(event(&["emit 2 route=side", "keep", "emit 1 route=other"]), TIME_LIMIT);
    let mut function = in_lambda(&api)
        .env("AWS_ENDPOINT_URL_S3", stub.endpoint())
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key")
        .env("KINESIEVE_TRANSFORM", guest_file("scripted"))
        .env("KINESIEVE_OUTPUT", "arn:aws:s3:::bucket/some/prefix")
        .env("KINESIEVE_ROUTE_SIDE", "arn:aws:s3:::bucket//some/prefix")
        .env("KINESIEVE_ROUTE_OTHER", "arn:aws:s3:::bucket/some/prefix//")
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let posted = api.next_post(TIME_LIMIT);
    function.kill().expect("it runs");
    function.wait().expect("it ends");
    assert_eq!(posted.body, r#"{"batchItemFailures":[]}"#);
    let objects = stub.objects();
    let all: usize = objects.iter().map(|(key, object)| lines(key, object).len()).sum();
    assert_eq!((objects.len(), all), (1, 4), "{:?}", objects.keys());
}

/// A shell leads standard output into a file that a flag may name as well.
#[test]
fn a_run_tells_when_standard_output_is_a_file_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (input, out) = (file("input"), file("out"));
    std::fs::write(&input, "keep\n").expect("written");
    let complaint = |arguments: &[&str], stdin: &str, stdout: &str| {
        let open = |path| OpenOptions::new().read(true).append(true).create(true).open(path).expect("a file");
        let mut run = kinesieve(&["run", "--transform"]);
        let run = run.arg(guest_file("scripted")).args(arguments).stdin(open(stdin)).stdout(open(stdout));
        let done = run.output().expect("it runs");
        assert_eq!(done.status.code(), Some(1));
        stderr(&done)
    };
    let said = complaint(&["--input", &input], "/dev/null", &input);
    assert!(said.contains("stdout is the input itself"), "{said}");
    let said = complaint(&["--input", "-", "--output", &format!("file:{input}")], &input, &out);
    assert!(said.contains("input is the input itself"), "{said}");
    let said = complaint(&["--input", &input, "--dead-letter", &format!("file:{out}")], "/dev/null", &out);
    assert!(said.contains("outputs and dead letters both go to file:") && said.contains("a file of its own"), "{said}");
    assert_eq!(std::fs::read_to_string(&input).expect("readable"), "keep\n", "nothing was written");
}

/// What is given up is described apart from what is delivered.
#[test]
fn descriptions_of_what_is_given_up_have_a_place_of_their_own() {
    let complaint = |output: &str, on_failure: &str| {
        let mut run = kinesieve(&["run", "--input", "stream:readings", "--output", output, "--on-failure", on_failure]);
        let done = run.arg("--transform").arg(guest_file("scripted")).output().expect("it runs");
        assert_eq!(done.status.code(), Some(1));
        stderr(&done)
    };
    for (output, on_failure) in
        [("file:nowhere.ndjson", "file:./nowhere.ndjson"), ("arn:aws:s3:::bucket/p", "arn:aws:s3:::bucket//p/")]
    {
        let said = complaint(output, on_failure);
        assert!(said.contains("the descriptions of --on-failure both go to"), "{said}");
    }
}

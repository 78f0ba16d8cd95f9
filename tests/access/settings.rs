//! Region, endpoint, credentials and roles by settings, where the environment says nothing.

use std::path::Path;
use std::process::{Command, Output};

use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};

use crate::support::moto::Moto;
use crate::support::{block_on, kinesieve, stderr, stdout};

const SECRET: &str = "hunter2-and-a-half";
const ROLE: &str = "arn:aws:iam::111122223333:role/reader";

/// A command whose environment says nothing of AWS.
fn bare(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = kinesieve(arguments);
    command.env_clear().env("HOME", folder).env("AWS_EC2_METADATA_DISABLED", "true").current_dir(folder);
    command
}

fn done(command: &mut Command) -> Output {
    let output = command.output().expect("it runs");
    let all = stdout(&output) + &stderr(&output);
    assert!(!all.contains(SECRET), "{all}");
    output
}

fn streams(output: &Output) -> Vec<String> {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    let lines = stdout(output);
    let names = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line));
    names.map(|line| line["stream"].as_str().or(line["name"].as_str()).unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_stream_is_reached_by_settings_alone() {
    let moto = Moto::start();
    moto.create_stream("by-settings", 1);
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = moto.endpoint();
    let flags = ["--region", "eu-west-1", "--endpoint-url", &endpoint, "--credentials-id", "AKIDEXAMPLE"];
    std::fs::write(folder.path().join("lines"), "one\ntwo\n").expect("written");

    // A secret as a flag is taken, and said to be seen.
    let put = ["put", "--stream", "by-settings", "lines"];
    let put = done(bare(folder.path(), &put).args(flags).args(["--credentials-secret", SECRET]));
    assert_eq!(put.status.code(), Some(0), "{}", stderr(&put));
    assert!(stderr(&put).contains("other users"), "{}", stderr(&put));

    // As a variable it is taken without a word.
    let run =
        ["run", "--input", "stream:by-settings", "--from", "trim-horizon", "--until", "now", "--transform", "none"];
    let run = done(bare(folder.path(), &run).args(flags).env("KINESIEVE_CREDENTIALS_SECRET", SECRET));
    assert_eq!((run.status.code(), stdout(&run).lines().count()), (Some(0), 2), "{}", stderr(&run));
    assert!(!stderr(&run).contains("other users"), "{}", stderr(&run));

    // In a file it may be a reference.
    let file = format!(
        "region: eu-west-1\nendpoint_url: '{endpoint}'\ncredentials:\n  id: AKIDEXAMPLE\n  secret: ${{env:OUR_SECRET}}\n\
         streams: [by-settings]\nfrom: trim-horizon\nuntil: now\ntransform: none\n"
    );
    std::fs::write(folder.path().join("c.yaml"), &file).expect("written");
    let run = done(bare(folder.path(), &["run", "--connector", "c.yaml"]).env("OUR_SECRET", SECRET));
    assert_eq!((run.status.code(), stdout(&run).lines().count()), (Some(0), 2), "{}", stderr(&run));
    let unset = done(&mut bare(folder.path(), &["run", "--connector", "c.yaml"]));
    assert_ne!(unset.status.code(), Some(0));
    assert!(stderr(&unset).contains("the variable OUR_SECRET is not set"), "{}", stderr(&unset));
    std::fs::write(folder.path().join("c.yaml"), file.replace("${env:OUR_SECRET}", SECRET)).expect("written");
    let checked = done(&mut bare(folder.path(), &["connector", "check", "c.yaml"]));
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    assert!(stderr(&checked).contains("c.yaml:5:"), "{}", stderr(&checked));
}

/// A role of another account sees that account's streams, and a destination's role that account's queue.
#[test]
fn a_role_is_assumed() {
    let moto = Moto::start();
    moto.create_stream("ours", 1);
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = moto.endpoint();
    let flags = ["--region", "eu-west-1", "--endpoint-url", &endpoint, "--credentials-id", "AKIDEXAMPLE"];
    let listed = |more: &[&str]| {
        let mut command = bare(folder.path(), &["streams", "--json"]);
        streams(&done(command.args(flags).args(more).env("KINESIEVE_CREDENTIALS_SECRET", SECRET)))
    };
    assert_eq!(listed(&[]), ["ours"]);
    assert_eq!(listed(&["--credentials-role", ROLE, "--credentials-role-external-id", "e"]), Vec::<String>::new());

    std::fs::write(folder.path().join("lines"), "one\n").expect("written");
    let queue = queue_of_the_role(&moto, "theirs");
    let delivered = |more: &[&str]| {
        let run = ["run", "--input", "lines", "--transform", "none", "--output", &queue];
        done(bare(folder.path(), &run).args(flags).args(more).env("KINESIEVE_CREDENTIALS_SECRET", SECRET))
    };
    let role = format!("arn:aws:sqs:eu-west-1:111122223333:={ROLE}");
    let by_role = delivered(&["--assume-role", &role]);
    assert_eq!(by_role.status.code(), Some(0), "{}", stderr(&by_role));
    let without = delivered(&[]);
    assert_ne!(without.status.code(), Some(0), "{}", stderr(&without));
}

/// Creates a queue in the account of the role, and answers its ARN.
fn queue_of_the_role(moto: &Moto, queue: &str) -> String {
    let config = moto.config();
    let sts = aws_sdk_sts::Client::new(&config);
    block_on(async {
        let assumed = sts.assume_role().role_arn(ROLE).role_session_name("test").send().await.expect("a session");
        let key = assumed.credentials.expect("a key");
        let token = Some(key.session_token);
        let key = Credentials::new(key.access_key_id, key.secret_access_key, token, None, "test");
        let theirs = config.into_builder().credentials_provider(SharedCredentialsProvider::new(key)).build();
        aws_sdk_sqs::Client::new(&theirs).create_queue().queue_name(queue).send().await.expect("a queue");
    });
    format!("arn:aws:sqs:eu-west-1:111122223333:{queue}")
}

#[test]
fn two_forms_of_credentials_are_named_and_nothing_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("lines"), "one\n").expect("written");
    for (flags, named) in [
        (&["--profile", "p", "--credentials-id", "AKID"][..], &["KINESIEVE_PROFILE", "KINESIEVE_CREDENTIALS_ID"][..]),
        (&["--credentials-id", "AKID"], &["KINESIEVE_CREDENTIALS_SECRET"]),
        (&["--credentials-secret", SECRET], &["KINESIEVE_CREDENTIALS_ID"]),
        (&["--credentials-role-external-id", "e"], &["KINESIEVE_CREDENTIALS_ROLE"]),
        (&["--credentials-from-ec2-role", "true", "--profile", "p"], &["KINESIEVE_CREDENTIALS_FROM_EC2_ROLE"]),
        (&["--credentials-role", "reader"], &["--credentials-role"]),
    ] {
        let output = done(bare(folder.path(), &["run", "--input", "lines"]).args(flags));
        assert_ne!(output.status.code(), Some(0), "{flags:?}");
        assert_eq!(stdout(&output), "", "{flags:?}");
        for name in named {
            assert!(stderr(&output).contains(name), "{flags:?}: {}", stderr(&output));
        }
    }
}

/// A region can be newer than the program: what it does not know is doubted, and used.
#[test]
fn an_unknown_region_is_doubted_and_used() {
    let moto = Moto::start();
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = moto.endpoint();
    let listed = |region: &str| {
        let mut command = bare(folder.path(), &["streams", "--json", "--region", region, "--endpoint-url", &endpoint]);
        command.args(["--credentials-id", "AKIDEXAMPLE"]).env("KINESIEVE_CREDENTIALS_SECRET", SECRET);
        done(&mut command)
    };
    let known = listed("eu-west-1");
    assert_eq!((known.status.code(), stderr(&known).contains("region")), (Some(0), false), "{}", stderr(&known));
    let unknown = listed("eu-wst-1");
    assert!(stderr(&unknown).contains("did you mean eu-west-1?"), "{}", stderr(&unknown));
}

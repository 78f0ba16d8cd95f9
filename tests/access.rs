//! What a command says where it can't ask AWS for anything: no credentials, no region, a region that is none, a token that
//! has expired.

mod elsewhere;
mod settings;
mod sign_in;
mod tcp;

use std::net::{TcpListener, ToSocketAddrs};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::process::wait_until;
use crate::support::stub::Stub;
use crate::support::{error_line, guest_file, kinesieve, stderr, stdout};

const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:dead";
const STREAM: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/readings";
const BUCKET: &str = "arn:aws:s3:::bucket/prefix";

/// About a second, on a machine that has other things to do.
const AT_ONCE: Duration = Duration::from_secs(5);

/// The commands that ask AWS, each with where it does: of a region that is said, or not.
fn commands(has_region: bool) -> Vec<Vec<String>> {
    let transform = guest_file("keep").display().to_string();
    let (stream, table, place) = match has_region {
        true => (STREAM, "arn:aws:dynamodb:eu-west-1:123456789012:table/positions", QUEUE),
        false => ("readings", "positions", BUCKET),
    };
    let mut commands = vec![
        vec!["run", "--input", stream, "--output", "none", "--transform", &transform],
        vec!["run", "--input", "lines", "--output", place, "--transform", &transform],
        vec!["run", "--input", "lines", "--output", "none", "--dead-letter", place, "--transform", &transform],
        vec!["put", "--stream", stream, "lines"],
        vec!["status", "--checkpoint-table", table],
        vec!["redrive", "--from", place, "--output", "none", "--transform", &transform],
        vec!["redrive", "--from", "lines", "--output", place, "--transform", &transform],
        vec!["rescue", "--from", place, "--output", "none", "--transform", &transform],
        vec!["rescue", "--from", "lines", "--output", place, "--transform", &transform],
    ];
    if has_region {
        commands.push(vec!["doctor", "--stream", stream, "--output", "none", "--transform", &transform]);
    }
    commands.into_iter().map(|command| command.into_iter().map(str::to_owned).collect()).collect()
}

/// A command in a folder that is its home, without anything of the environment that is not named.
fn command(folder: &Path, arguments: &[String], variables: &[(&str, &str)]) -> Command {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut command = kinesieve(&arguments);
    command.env_clear().env("HOME", folder).current_dir(folder).envs(variables.iter().copied());
    command
}

/// A home with a file to read.
fn home() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("lines"), "{}\n").expect("written");
    folder
}

/// The one line that says why nothing comes of a command, which takes no time.
fn refusal(folder: &Path, arguments: &[String], variables: &[(&str, &str)]) -> String {
    let started = Instant::now();
    let output = command(folder, arguments, variables).output().expect("it runs");
    let took = started.elapsed();
    assert!(took < AT_ONCE, "{arguments:?} took {took:?}");
    let line = line_of(arguments, &output);
    let all = stderr(&output) + &stdout(&output);
    for debug in ["DispatchFailure", "ConnectorError", "CredentialsNotLoaded", "dispatch failure", " WARN "] {
        assert!(!all.contains(debug), "{arguments:?}: {all}");
    }
    line
}

/// The line, and nothing else but its code; `doctor` has it among its findings.
fn line_of(arguments: &[String], output: &Output) -> String {
    let said = stderr(output);
    if arguments[0] == "doctor" {
        assert_eq!((output.status.code(), said.as_str()), (Some(3), ""));
        let findings = stdout(output);
        let missing: Vec<&str> = findings.lines().filter(|line| line.starts_with("missing  ")).collect();
        let [line] = missing[..] else { panic!("{findings}") };
        return line.to_owned();
    }
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    assert_eq!(said.lines().count(), 2, "{arguments:?}: {said}");
    error_line(&said).to_owned()
}

#[test]
fn without_credentials_a_command_names_the_places_that_were_asked() {
    let folder = home();
    // Where nobody answers, and the connection stays open.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let metadata = format!("http://{}", silent.local_addr().expect("an address"));
    let config = folder.path().join(".aws/config").display().to_string();
    for arguments in commands(true) {
        let off = refusal(folder.path(), &arguments, &[("AWS_EC2_METADATA_DISABLED", "true")]);
        assert!(off.contains("instance metadata is switched off by AWS_EC2_METADATA_DISABLED"), "{off}");
        let hangs = refusal(folder.path(), &arguments, &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata)]);
        assert!(hangs.contains(&format!("instance metadata at {metadata}, which gives none")), "{hangs}");
        for line in [off, hangs] {
            assert!(line.contains("there are no AWS credentials: set AWS_PROFILE to a profile"), "{line}");
            for place in [
                "the environment, where AWS_ACCESS_KEY_ID is not set",
                &format!("profile default in {config} and "),
                "which are not there",
                "AWS_WEB_IDENTITY_TOKEN_FILE is not set",
                "AWS_CONTAINER_CREDENTIALS_FULL_URI is not set",
            ] {
                assert!(line.contains(place), "{place}: {line}");
            }
        }
    }
}

/// Nobody switched the metadata service off, and nobody is there: whatever the network makes of its address.
#[test]
fn outside_of_an_instance_nobody_waits_for_its_metadata() {
    let folder = home();
    for arguments in commands(true) {
        let line = refusal(folder.path(), &arguments, &[]);
        assert!(line.contains("instance metadata at 169.254.169.254, which gives none"), "{line}");
    }
}

#[test]
fn a_profile_that_is_not_there_or_gives_nothing_is_named() {
    let folder = home();
    let aws = folder.path().join(".aws");
    std::fs::create_dir(&aws).expect("made");
    let config = "[default]\nregion = eu-west-1\n[profile empty]\nregion = eu-west-1\n[profile login]\n\
                  sso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n[sso-session s]\n\
                  sso_start_url = https://example.com/start\nsso_region = eu-west-1\n";
    std::fs::write(aws.join("config"), config).expect("written");
    let files = format!("in {0}/config and {0}/credentials", aws.display());
    for arguments in commands(true) {
        let said = |profile: &str| {
            let variables = [("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_PROFILE", profile)];
            refusal(folder.path(), &arguments, &variables)
        };
        let line = said("nosuch");
        assert!(line.contains(&format!("profile nosuch {files}, which is not there")), "{line}");
        assert!(line.contains("name a profile that is there with AWS_PROFILE"), "{line}");
        let line = said("empty");
        assert!(line.contains(&format!("profile empty {files}, which has none")), "{line}");
        let line = said("login");
        assert!(line.contains(&format!("profile login {files}, for which somebody has to log in")), "{line}");
        assert!(line.contains("sign in, with aws sso login --profile login"), "{line}");
    }
}

#[test]
fn without_a_region_a_command_names_the_places_that_were_asked() {
    let folder = home();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let metadata = format!("http://{}", silent.local_addr().expect("an address"));
    let keys = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "key")];
    for arguments in commands(false) {
        for (variable, value) in
            [("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.as_str())]
        {
            let line = refusal(folder.path(), &arguments, &[keys[0], keys[1], (variable, value), ("AWS_REGION", "")]);
            assert!(line.contains("nobody says in which region ") && line.contains("set AWS_REGION"), "{line}");
            assert!(line.contains("asked: AWS_REGION and AWS_DEFAULT_REGION, which are not set; profile "), "{line}");
        }
    }
}

/// `doctor` says the region of a bucket, which its ARN does not, among its findings.
#[test]
fn doctor_misses_the_region_of_a_bucket() {
    let folder = home();
    let transform = guest_file("keep").display().to_string();
    let identity = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/a</Arn>\
                    <UserId>a</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    let stub = Stub::start(|_, _| (200, identity.to_owned()));
    let arguments = ["doctor", "--stream", STREAM, "--output", BUCKET, "--transform", &transform].map(str::to_owned);
    let output = command(
        folder.path(),
        &arguments,
        &[
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "key"),
            ("AWS_ENDPOINT_URL", &stub.endpoint()),
        ],
    );
    let mut output = output;
    let found = stdout(&output.output().expect("it runs"));
    assert!(
        found.contains(&format!("missing  output: {BUCKET}: nobody names an AWS region: set AWS_REGION")),
        "{found}"
    );
}

/// A region that does not exist has no hosts.
#[test]
fn a_host_that_nobody_knows_is_named_at_once() {
    let host = "kinesis.eu-west-99.invalid";
    match (host, 443).to_socket_addrs() {
        Err(error) if !error.to_string().contains("Temporary failure") => {}
        // Here, names are resolved by nobody, or by somebody who knows all of them.
        _ => return,
    }
    let folder = home();
    let endpoint = format!("https://{host}");
    let variables = [
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "key"),
        ("AWS_REGION", "eu-west-99"),
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
    ];
    for arguments in commands(true) {
        let started = Instant::now();
        let output = command(folder.path(), &arguments, &variables).output().expect("it runs");
        assert!(started.elapsed() < AT_ONCE, "{arguments:?} took {:?}", started.elapsed());
        let said = stderr(&output) + &stdout(&output);
        // What is read from a file here needs no dead-letter destination, and is no dead letter.
        if arguments.contains(&"--dead-letter".to_owned()) || arguments[2] == "lines" && arguments[0].starts_with("re")
        {
            continue;
        }
        assert_ne!(output.status.code(), Some(0), "{arguments:?}: {said}");
        assert!(said.contains(&format!("no host {host} is known: check the region (AWS_REGION")), "{said}");
        assert!(!said.contains("dns error") && !said.contains("dispatch failure"), "{said}");
    }
}

/// Answers as a service does to whoever comes with old credentials.
fn expired() -> (u16, String) {
    let message = "The security token included in the request is expired";
    (400, serde_json::json!({ "__type": "ExpiredTokenException", "message": message }).to_string())
}

/// It is read well at first, and then the token expires.
#[test]
fn a_token_that_expires_under_way_is_named_with_how_to_renew_it() {
    let folder = home();
    let transform = guest_file("keep").display().to_string();
    let reads = std::sync::atomic::AtomicUsize::new(0);
    let stub = Stub::start(move |operation, _| {
        let answer = match operation {
            "ListShards" => serde_json::json!({ "Shards": [{
                "ShardId": "shardId-000000000000",
                "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": "1" },
                "SequenceNumberRange": { "StartingSequenceNumber": "49590338271490256608" },
            }] }),
            "GetShardIterator" => serde_json::json!({ "ShardIterator": "iterator" }),
            // The first is a look, and the second is read.
            _ if reads.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 2 => {
                serde_json::json!({ "Records": [], "NextShardIterator": "next", "MillisBehindLatest": 5 })
            }
            _ => return expired(),
        };
        (200, answer.to_string())
    });
    let log = folder.path().join("log");
    let arguments = ["run", "--input", STREAM, "--from", "trim-horizon", "--output", "none", "--transform", &transform];
    let variables = [
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "key"),
        ("AWS_SESSION_TOKEN", "old"),
        ("AWS_ENDPOINT_URL", &stub.endpoint()),
    ];
    let mut run = command(folder.path(), &arguments.map(str::to_owned), &variables)
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).expect("a log"))
        .spawn()
        .expect("it starts");
    let read = || std::fs::read_to_string(&log).expect("a log");
    wait_until("the token has expired", || read().contains("expired"));
    let _ = run.kill();
    let _ = run.wait();
    let said = read();
    let line = said.lines().find(|line| line.contains("expired")).expect("a line");
    assert!(
        line.contains("ExpiredTokenException") && line.contains("the token of these credentials has expired"),
        "{line}"
    );
    assert!(line.contains("aws sso login") && line.contains("AWS_SESSION_TOKEN"), "{line}");
}

#[test]
fn a_token_that_has_expired_is_no_lack_of_a_permission() {
    let folder = home();
    let transform = guest_file("keep").display().to_string();
    let stub = Stub::start(|_, _| expired());
    let variables = [
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "key"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL", &stub.endpoint()),
    ];
    for arguments in [
        &["status", "--checkpoint-table", "positions"][..],
        &["redrive", "--from", QUEUE, "--output", "none", "--transform", &transform],
        &["rescue", "--from", QUEUE, "--output", "none", "--transform", &transform],
    ] {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let output = command(folder.path(), &arguments, &variables).output().expect("it runs");
        let line = line_of(&arguments, &output);
        assert!(line.contains("the token of these credentials has expired: renew them"), "{line}");
        assert!(!line.contains("grant"), "{line}");
    }
}

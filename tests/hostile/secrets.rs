//! Secrets that errors and logs don't tell.

use crate::support::events::STREAM_ARN;
use crate::support::{guest_file, kinesieve, kinesieve_lambda, stderr, stdout};

/// All that a command says with these variables.
fn said(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = kinesieve(arguments);
    command
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key")
        .env("AWS_MAX_ATTEMPTS", "1")
        .envs(variables.iter().copied());
    let output = command.output().expect("it runs");
    stdout(&output) + &stderr(&output)
}

/// Addresses that lead nowhere: some can be parsed, and some can't.
const ADDRESSES: [&str; 6] = [
    "http://user:hunter2@127.0.0.1:9",
    "http://user:hunter2@[bad",
    "http://user:hun ter2@127.0.0.1:9",
    "http://user:hunter2@127.0.0.1:port",
    "user:hunter2@127.0.0.1:9",
    "http://user:h/unter2@127.0.0.1:9",
];

fn tells_nothing(said: &str, of: &str) {
    assert!(!said.is_empty(), "{of}");
    for secret in ["hunter2", "hun ter2", "h/unter2", "unter2"] {
        assert!(!said.contains(secret), "{of}: {said}");
    }
}

#[test]
fn the_password_of_an_endpoint() {
    let transform = guest_file("keep").display().to_string();
    for address in ADDRESSES {
        for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"] {
            let doctor = ["doctor", "--stream", STREAM_ARN, "--transform", &transform];
            tells_nothing(&said(&doctor, &[(variable, address)]), &format!("{variable}={address}"));
        }
        for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"] {
            let status = ["status", "--checkpoint-table", "positions"];
            tells_nothing(&said(&status, &[(variable, address)]), &format!("{variable}={address}"));
        }
    }
}

#[test]
fn the_password_of_a_proxy() {
    let transform = guest_file("keep").display().to_string();
    for address in ADDRESSES {
        for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
            let doctor = ["doctor", "--stream", STREAM_ARN, "--transform", &transform];
            // Where nothing listens, so that no request ever leaves this machine.
            let variables = [("AWS_ENDPOINT_URL", "http://127.0.0.1:9"), (variable, address)];
            tells_nothing(&said(&doctor, &variables), &format!("{variable}={address}"));
        }
    }
}

/// What the variable is to hold may be a key, and a mistake in its form is no reason to print it.
#[test]
fn settings_of_the_transform() {
    let transform = guest_file("keep").display().to_string();
    for settings in
        ["hunter2", "token=a,hunter2", "{\"token\":\"hunter2\"", "{\"token\":hunter2}", "{\"token\":\"hunter2\"}x"]
    {
        let run = ["run", "--transform", &transform, "--input", "/dev/null"];
        let variable = ("KINESIEVE_TRANSFORM_SETTINGS", settings);
        tells_nothing(&said(&run, &[variable]), settings);
        tells_nothing(&said(&[&run[..], &["--transform-settings", settings]].concat(), &[]), settings);
        let flag = format!("--transform-settings={settings}");
        tells_nothing(&said(&[&run[..], &[&flag, &flag]].concat(), &[]), settings);
        let mut function = kinesieve_lambda();
        function.env("KINESIEVE_TRANSFORM", &transform).env("KINESIEVE_OUTPUT", "none").env(variable.0, variable.1);
        function.env("AWS_LAMBDA_FUNCTION_NAME", "f").env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512");
        tells_nothing(&stderr(&function.output().expect("it runs")), settings);
    }
}

//! Credentials of a person who has signed in: by a program, by IAM Identity Center, by `aws login`.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::support::moto::Moto;
use crate::support::stub::Stub;
use crate::support::{error_line, kinesieve, stderr, stdout};

const SECRET: &str = "hunter2-and-a-half";

/// `kinesieve streams` with a profile: what it says, and on which stream of output.
fn streams(home: &Path, endpoint: &str, profile: &str) -> (Option<i32>, String, String) {
    std::fs::create_dir_all(home.join(".aws")).expect("a folder");
    std::fs::write(home.join(".aws/config"), profile).expect("written");
    let mut command = kinesieve(&["streams", "--json", "--profile", "person", "--region", "eu-west-1"]);
    command.env("HOME", home).env("AWS_ENDPOINT_URL", endpoint).env("AWS_EC2_METADATA_DISABLED", "true");
    let output = command.output().expect("it runs");
    let (said, told) = (stdout(&output), stderr(&output));
    assert!(!said.contains(SECRET) && !told.contains(SECRET), "{said}{told}");
    (output.status.code(), said, told)
}

fn in_hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_program_may_give_them() {
    let moto = Moto::start();
    moto.create_stream("by-a-program", 1);
    let home = tempfile::tempdir().expect("a folder");
    let key = format!(r#"{{"Version":1,"AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"{SECRET}"}}"#);
    std::fs::write(home.path().join("key.json"), key).expect("written");
    let program = |line: &str| format!("[profile person]\ncredential_process = {line}\n");
    let key = format!("cat {}", home.path().join("key.json").display());
    let (code, said, told) = streams(home.path(), &moto.endpoint(), &program(&key));
    assert_eq!(code, Some(0), "{told}");
    assert!(said.contains("by-a-program"), "{said}");
    // One that fails, and one that says what is none.
    for line in ["false", "echo hunter2-and-a-half"] {
        let (code, _, told) = streams(home.path(), &moto.endpoint(), &program(line));
        assert_eq!(code, Some(1), "{told}");
        assert!(error_line(&told).contains("there are no AWS credentials"), "{told}");
    }
}

#[test]
fn identity_center_may_give_them() {
    let stub = Stub::start(|operation, _| match operation {
        "ListStreams" => (200, r#"{"StreamNames":[],"HasMoreStreams":false,"StreamSummaries":[]}"#.to_owned()),
        // The portal's answer to GET /federation/credentials.
        _ => (
            200,
            format!(
                r#"{{"roleCredentials":{{"accessKeyId":"AKIDEXAMPLE","secretAccessKey":"{SECRET}","sessionToken":"t","expiration":4102444800000}}}}"#
            ),
        ),
    });
    let home = tempfile::tempdir().expect("a folder");
    let profile = "[profile person]\nsso_session = ours\nsso_account_id = 123456789012\nsso_role_name = reader\n\
                   [sso-session ours]\nsso_region = eu-west-1\nsso_start_url = https://example.com/start\n";
    let (code, _, told) = streams(home.path(), &stub.endpoint(), profile);
    assert_eq!(code, Some(1), "{told}");
    assert!(error_line(&told).contains("sign in, with aws sso login --profile person"), "{told}");

    let cache = home.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).expect("a folder");
    let token = format!(r#"{{"accessToken":"{SECRET}","expiresAt":"2099-01-01T00:00:00Z"}}"#);
    // The name that `aws sso login` gives it: the SHA-1 of `ours`.
    std::fs::write(cache.join("48537f613ab85111413f2369616ae97481429bd1.json"), token).expect("written");
    let (code, _, told) = streams(home.path(), &stub.endpoint(), profile);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(stub.operations(), ["", "ListStreams"]);
}

#[test]
fn a_login_may_give_them() {
    let moto = Moto::start();
    moto.create_stream("by-login", 1);
    let home = tempfile::tempdir().expect("a folder");
    let session = "arn:aws:iam::123456789012:user/person";
    let profile = format!("[profile person]\nlogin_session = {session}\n");
    let (code, _, told) = streams(home.path(), &moto.endpoint(), &profile);
    assert_eq!(code, Some(1), "{told}");
    assert!(error_line(&told).contains("sign in, with aws login --profile person"), "{told}");

    let cache = home.path().join(".aws/login/cache");
    std::fs::create_dir_all(&cache).expect("a folder");
    let token = serde_json::json!({
        "accessToken": {
            "accessKeyId": "AKIDEXAMPLE",
            "secretAccessKey": SECRET,
            "sessionToken": "t",
            "accountId": "123456789012",
            "expiresAt": "2099-01-01T00:00:00Z",
        },
        "tokenType": "urn:aws:params:oauth:token-type:access_token_sigv4",
        "refreshToken": "r",
        "clientId": "arn:aws:signin:::devtools/same-device",
        "dpopKey": "not asked for while the token lasts",
    });
    let name = in_hexadecimal(&Sha256::digest(session));
    std::fs::write(cache.join(name).with_added_extension("json"), token.to_string()).expect("written");
    let (code, said, told) = streams(home.path(), &moto.endpoint(), &profile);
    assert_eq!(code, Some(0), "{told}");
    assert!(said.contains("by-login"), "{said}");
}

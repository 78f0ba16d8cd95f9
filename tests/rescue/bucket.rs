//! From a bucket, where the records come along.

use super::{NOWHERE, delivered, description, description_with, outcomes, rescue, summary};
use crate::support::moto::Moto;
use crate::support::{block_on, stderr};

/// As Lambda names it.
fn key(prefix: &str, number: usize) -> String {
    format!(
        "{prefix}/aws/lambda/2f1c9b8f-5a7f/2018/12/17/2018-12-17T22.15.0{number}-c9b8fa9f-5a7f-4b1c-af9c-0c604cde93a5"
    )
}

fn put(moto: &Moto, bucket: &str, key: &str, content: &str) {
    let client = aws_sdk_s3::Client::new(&moto.config());
    let request = client.put_object().bucket(bucket).key(key).body(content.as_bytes().to_vec().into());
    block_on(request.send()).expect("put");
}

#[test]
fn objects_are_rescued_and_deleted_only_where_that_is_said() {
    let moto = Moto::shared();
    let bucket = "rescue-objects";
    moto.create_bucket(bucket);
    put(&moto, bucket, &key("p", 1), &description_with(0, &["a", "b"]).to_string());
    put(&moto, bucket, &key("p", 2), &description_with(2, &["c"]).to_string());
    put(&moto, bucket, &key("p-other", 3), &description_with(3, &["d"]).to_string());
    put(&moto, bucket, "p/notes.txt", "no description");
    let before = moto.objects(bucket);
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let from = format!("s3://{bucket}/p");
    let run = |arguments: &[&str]| {
        let _ = std::fs::remove_file(&out);
        let mut command = rescue(&moto.endpoint(), NOWHERE, &from, "keep", &out);
        let output = command.args(arguments).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        output
    };
    let output = run(&["--dry-run", "--delete"]);
    assert!(stderr(&output).contains("would be rescued"), "{}", stderr(&output));
    assert_eq!((delivered(&out), moto.objects(bucket)), (vec![], before.clone()));
    let output = run(&[]);
    assert!(
        stderr(&output).contains("all descriptions are still in arn:aws:s3:::rescue-objects/p"),
        "{}",
        stderr(&output)
    );
    assert!(stderr(&output).contains("1 object was left out"), "{}", stderr(&output));
    assert_eq!((delivered(&out), moto.objects(bucket)), (vec![0, 1, 2], before));
    let output = run(&["--delete"]);
    assert!(stderr(&output).contains("2 objects deleted"), "{}", stderr(&output));
    assert_eq!(delivered(&out), [0, 1, 2]);
    let left: Vec<String> = moto.objects(bucket).into_keys().collect();
    assert_eq!(left, [key("p-other", 3), "p/notes.txt".to_owned()]);
    assert!(summary(&run(&["--delete"])).starts_with("0 descriptions in TIME"));
}

#[test]
fn an_object_stays_while_something_of_it_is_not_acknowledged() {
    let moto = Moto::shared();
    let bucket = "rescue-stays";
    moto.create_bucket(bucket);
    let two = format!("{}\n{}", description_with(0, &["keep"]), description_with(1, &["retry later"]));
    put(&moto, bucket, "two.ndjson", &two);
    put(&moto, bucket, &key("p", 1), &description_with(2, &["keep"]).to_string());
    put(&moto, bucket, &key("p", 2), "{\"KinesisBatchInfo\": cut off");
    // No stream is there to read it from.
    put(&moto, bucket, &key("p", 3), &description(3..=4, &[]).to_string());
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let from = format!("arn:aws:s3:::{bucket}");
    let refusing = crate::support::stub::Stub::start(|_, _| {
        (400, r#"{"__type":"AccessDeniedException","message":"not authorized"}"#.to_owned())
    });
    let mut command = rescue(&moto.endpoint(), &refusing.endpoint(), &from, "scripted", &out);
    let output = command.args(["--delete", "--json"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let outcomes: Vec<String> =
        outcomes(&output).iter().filter_map(|outcome| outcome["outcome"].as_str()).map(str::to_owned).collect();
    assert_eq!(outcomes, ["rescued", "malformed", "notRead", "rescued", "notAcknowledged"]);
    assert_eq!(delivered(&out), [2, 0]);
    let left: Vec<String> = moto.objects(bucket).into_keys().collect();
    assert_eq!(left, [key("p", 2), key("p", 3), "two.ndjson".to_owned()]);
}

/// What is done is deleted, though nothing is looked for behind it.
#[test]
fn objects_are_rescued_in_portions() {
    let moto = Moto::shared();
    let bucket = "rescue-portions";
    moto.create_bucket(bucket);
    put(&moto, bucket, &key("p", 1), &description_with(0, &["a", "b"]).to_string());
    let two = format!("{}\n{}", description_with(2, &["c"]), description_with(3, &["d"]));
    put(&moto, bucket, &key("p", 2), &two);
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let from = format!("s3://{bucket}/p");
    let run = |arguments: &[&str]| {
        let output = rescue(&moto.endpoint(), NOWHERE, &from, "keep", &out).args(arguments).output().expect("it runs");
        (output.status.code(), stderr(&output))
    };
    let (code, said) = run(&["--delete", "--limit", "1", "--rate", "1000"]);
    assert_eq!(code, Some(0), "{said}");
    let rest = "\n1 object deleted\nended by --limit 1: what is behind it is left for the next run\n";
    assert!(said.ends_with(rest), "{said}");
    // An object of which something is left stays.
    let (code, said) = run(&["--delete", "--limit", "1"]);
    assert!(code == Some(0) && said.contains("\n0 objects deleted\n"), "{said}");
    let (code, said) = run(&["--delete", "--skip", "1"]);
    assert!(code == Some(1) && said.contains("--skip is not for --from arn:aws:s3:::rescue-portions/p: "), "{said}");
    let (code, said) = run(&["--skip", "1", "--limit", "1"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 passed over by --skip") && said.contains("go on with --skip 2"), "{said}");
    assert_eq!(delivered(&out), [0, 1, 2, 3]);
    assert_eq!(moto.objects(bucket).len(), 1);
}

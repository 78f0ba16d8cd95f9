//! The loop of an author of a transform of windows.

use super::{has, said};

#[test]
#[ignore = "it installs tools: `make test-kit` runs it"]
fn the_loop_of_an_author_of_windows_in_rust() {
    if !has("cargo") {
        return eprintln!("skipped: cargo is not here");
    }
    let folder = tempfile::tempdir().expect("a folder");
    said(folder.path(), &["new", "my-sums", "--lang", "rust", "--kind", "window"]);
    let tested = said(folder.path(), &["test", "my-sums"]);
    assert!(tested.ends_with("9 passed, 0 failed\n"), "{tested}");
    let project = folder.path().join("my-sums");
    let built = said(&project, &["build", "--target", "host"]);
    assert!(built.contains("my_sums.wasm: ") && built.contains("its manifest"), "{built}");
    let component = "target/wasm32-wasip2/release/my_sums.host.cwasm";
    let run = ["run", "--transform", component, "--input", "input.ndjson", "--transform-settings", "below=10"];
    let windows = said(&project, &[&run[..], &["--tumbling-window", "60s", "--arrived-at", "/time"]].concat());
    // Two devices in the first minute, one of them in the second.
    assert_eq!(windows.lines().count(), 3, "{windows}");
    assert!(windows.contains(r#"\"device\":\"a\",\"count\":2,\"highest\":30.5"#), "{windows}");
}

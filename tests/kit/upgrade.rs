//! `kinesieve upgrade`, as a person sees it; what it does is told beside its code.

use std::fs;

use super::said;
use crate::support::{kinesieve, stderr};

#[test]
fn the_sdk_in_a_project_is_renewed_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    said(folder.path(), &["new", "masker", "--lang", "c"]);
    let project = folder.path().join("masker");
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(said(&project, &["upgrade"]), format!(".: the SDK is that of kinesieve {own}\n"));

    let header = project.join("vendor/kinesieve.h");
    let whole = fs::read_to_string(&header).expect("there");
    fs::write(&header, "mine").expect("written");
    let refused = kinesieve(&["upgrade", "masker"]).current_dir(folder.path()).output().expect("it runs");
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("vendor/kinesieve.h. --force"), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("K804"), "{}", stderr(&refused));

    let planned = said(&project.join("src"), &["upgrade", "--force", "--dry-run"]);
    let would = format!(
        "..: the SDK of {own}, would be renewed to that of kinesieve {own}\n  vendor/kinesieve.h: would be written\n"
    );
    assert_eq!(planned, would);
    assert_eq!(fs::read_to_string(&header).expect("there"), "mine");
    said(&project, &["upgrade", "--force"]);
    assert_eq!(fs::read_to_string(&header).expect("there"), whole);

    let none = kinesieve(&["upgrade"]).current_dir(folder.path()).output().expect("it runs");
    assert!(stderr(&none).contains("K811"), "{}", stderr(&none));
}

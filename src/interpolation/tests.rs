//! What is read, and what is found at hand.

use std::path::Path;

use proptest::prelude::*;

use super::*;

fn text(written: &str) -> Text {
    written.parse().expect(written)
}

fn invalid(written: &str) -> String {
    written.parse::<Text>().expect_err(written).to_string()
}

/// A text with a place says what stands there, and what is no place stays as it is.
#[test]
fn a_text_says_what_it_said_but_for_places() {
    let path = std::env::var("PATH").expect("a path");
    for (written, says) in [
        ("", "".to_owned()),
        ("${env:PATH}", path.clone()),
        ("a ${env:PATH} b ${env:PATH}", format!("a {path} b {path}")),
        ("$${env:PATH}", "${env:PATH}".to_owned()),
        ("${HOME} $HOME ${1:-x} ${Env:PATH} ${} ${", "${HOME} $HOME ${1:-x} ${Env:PATH} ${} ${".to_owned()),
        ("${json:a} 5$", "${json:a} 5$".to_owned()),
        ("$$ $${HOME}", "$$ $${HOME}".to_owned()),
    ] {
        assert_eq!(text(written).local(), Ok(says), "{written}");
    }
    assert!(text("${HOME}").is_literal() && !text("${env:PATH}").is_literal());
    assert!(text("a${ssm:/a}").is_remote() && !text("${env:PATH}${file:a}").is_remote());
}

#[test]
fn what_is_no_place_but_looks_like_one_is_refused_with_the_remedy() {
    for (written, message) in [
        (
            "${env:PATH",
            "${env: has no } behind it: close it, or write $${env: where the text is to have these characters",
        ),
        ("${env:}", "${env:} names nothing: use it as ${env:NAME}"),
        ("${secretsmanager:#a}", "${secretsmanager:} names nothing: use it as ${secretsmanager:readings#password}"),
        ("${secretsmanager:a#}", "${secretsmanager:} names nothing: use it as ${secretsmanager:readings#password}"),
        (
            "${secret-manager:a}",
            "${secret-manager:...} is no place: did you mean ${secretsmanager:...}? Write $${ where the text is to have \
             these characters",
        ),
        (
            "${secretmanager:a}",
            "${secretmanager:...} is no place: did you mean ${secretsmanager:...}? Write $${ where the text is to have these characters",
        ),
    ] {
        assert_eq!(invalid(written), message);
    }
}

#[test]
fn what_is_not_there_is_named_and_nothing_of_what_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content).expect("written");
    file("one", b"hunter2\r\n");
    file("two", b"hunter2\n\n");
    file("empty", b"\n");
    file("bytes", b"hunter2\xff");
    file("long", &vec![b'x'; (64 << 10) + 1]);
    let of_file = |name: &str| text(&format!("${{file:{name}}}")).in_folder(folder.path()).local();
    assert_eq!(of_file("one").as_deref(), Ok("hunter2"));
    assert_eq!(of_file("two").as_deref(), Ok("hunter2\n"));
    for (name, reason) in [
        ("empty", "the file is empty"),
        ("bytes", "it is not UTF-8"),
        ("long", "no more than 64.0 KiB"),
        ("none", "No such file"),
    ] {
        let message = of_file(name).expect_err(name).to_string();
        assert!(
            message.contains(reason) && message.contains(&format!("{name}}}: ")) && !message.contains("hunter2"),
            "{message}"
        );
    }
    let unset = text("${env:KINESIEVE_NOT_SET_ANYWHERE}").local().expect_err("not set").to_string();
    assert_eq!(unset, "${env:KINESIEVE_NOT_SET_ANYWHERE}: the variable KINESIEVE_NOT_SET_ANYWHERE is not set: set it");
    let remote = text("${ssm:/a}").local().expect_err("a service's").to_string();
    assert_eq!(remote, "${ssm:/a}: a service holds it, and none is asked here");
}

#[test]
fn a_file_counts_from_a_folder_and_an_absolute_one_from_the_root() {
    let in_folder = text("a${file:b}${file:/c}${env:D}").in_folder(Path::new("/folder"));
    assert_eq!(in_folder.to_string(), "a${file:/folder/b}${file:/c}${env:D}");
}

#[test]
fn a_secret_is_shown_nowhere_and_may_stand_elsewhere() {
    let secret: Secret = "hunter2".parse().expect("a secret");
    assert_eq!(
        (format!("{secret:?}").as_str(), secret.text().expect("a text").local()),
        ("***", Ok("hunter2".to_owned()))
    );
    assert!(!format!("{:?}", secret.text()).contains("hunter2"));
    assert!(Secret::is_written_out("hunter2") && !Secret::is_written_out("${env:A}") && !Secret::is_written_out(""));
}

#[test]
fn settings_without_places_stay_as_they_are() {
    let settings = vec![("a".to_owned(), "${HOME}".to_owned()), ("b".to_owned(), "${env:PATH}".to_owned())];
    let known = looked_up_now(settings).expect("known");
    assert_eq!(known[0].1, "${HOME}");
    assert_eq!(Ok(&known[1].1), std::env::var("PATH").as_ref());
    let missing = looked_up_now(vec![("key".to_owned(), "x${env:KINESIEVE_NOT_SET_ANYWHERE}".to_owned())]);
    let message = missing.expect_err("not set").to_string();
    assert_eq!(
        message,
        "key: ${env:KINESIEVE_NOT_SET_ANYWHERE}: the variable KINESIEVE_NOT_SET_ANYWHERE is not set: set it"
    );
}

proptest! {
    /// A text that can be read is written as what it was read from says.
    #[test]
    fn a_text_is_written_as_it_is_read(written in "([$]|[{]|[}]|:|env|ssm|file|secretsmanager|#|a|/){0,24}") {
        if let Ok(read) = written.parse::<Text>() {
            prop_assert_eq!(read.to_string().parse::<Text>(), Ok(read));
        }
    }

    /// Nothing that anybody writes ends the process, and what has no opening is literal.
    #[test]
    fn any_text_is_read_or_refused(written in "\\PC{0,40}") {
        match written.parse::<Text>() {
            Ok(read) if !written.contains("${") => prop_assert_eq!(read.local(), Ok(written)),
            _ => {}
        }
    }
}

//! Credentials taken out of what is logged or shown: the user and password of an address, as
//! `http://user:password@proxy:3128`. Clients quote the address that they can't use.

use std::borrow::Cow;
use std::sync::OnceLock;

/// What stands in the place of credentials.
const REDACTED: &str = "***";

/// Returns a text without the credentials of the addresses in it: those that the environment names, wherever and however
/// they stand, and those of whatever else is written like an address.
pub(crate) fn redacted(text: &str) -> Cow<'_, str> {
    static OF_THE_ENVIRONMENT: OnceLock<Vec<String>> = OnceLock::new();
    without(
        text,
        OF_THE_ENVIRONMENT.get_or_init(|| {
            secrets(
                std::env::vars_os()
                    .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
            )
        }),
    )
}

/// The credentials in the addresses that variables hold: endpoints of the AWS SDK, and proxies.
fn secrets(variables: impl Iterator<Item = (String, String)>) -> Vec<String> {
    let is_address = |name: &str| name.starts_with("AWS_ENDPOINT_URL") || name.to_ascii_uppercase().ends_with("_PROXY");
    let mut secrets = Vec::new();
    for (_, address) in variables.filter(|(name, _)| is_address(name)) {
        // An address that can't be parsed is the one that is quoted, so its parts are told by their marks alone.
        let behind_scheme = address.split_once("://").map_or(address.as_str(), |(_, rest)| rest);
        let Some((secret, _)) = behind_scheme.rsplit_once('@').filter(|(secret, _)| !secret.is_empty()) else {
            continue;
        };
        // As JSON and Rust's debug form write it.
        let quoted = serde_json::Value::from(secret).to_string();
        let debug = format!("{secret:?}");
        for form in [secret, &quoted[1..quoted.len() - 1], &debug[1..debug.len() - 1]] {
            if !secrets.iter().any(|known| known == form) {
                secrets.push(form.to_owned());
            }
        }
    }
    secrets
}

fn without<'a>(text: &'a str, secrets: &[String]) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(text);
    if !text.contains('@') {
        return text;
    }
    for secret in secrets {
        let in_an_address = format!("{secret}@");
        if text.contains(&in_an_address) {
            text = Cow::Owned(text.replace(&in_an_address, &format!("{REDACTED}@")));
        }
    }
    match redacted_addresses(&text) {
        Some(redacted) => Cow::Owned(redacted),
        None => text,
    }
}

/// The text with the credentials of what is written like an address taken out; none: there are none.
fn redacted_addresses(text: &str) -> Option<String> {
    let mut redacted = String::new();
    let mut rest = text;
    while let Some(scheme) = rest.find("://") {
        let (before, address) = rest.split_at(scheme + "://".len());
        redacted.push_str(before);
        rest = address;
        if let Some(length) = credentials(address) {
            redacted.push_str(REDACTED);
            rest = &address[length..];
        }
    }
    redacted.push_str(rest);
    (redacted != text).then_some(redacted)
}

/// How long the credentials are that an address begins with behind its scheme; none: it has none.
fn credentials(address: &str) -> Option<usize> {
    let ends_a_word = |letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'' | '`' | '<' | '>' | '\\');
    let word = address.split(ends_a_word).next()?;
    let authority = word.split(['/', '?', '#']).next()?;
    if let Some(at) = authority.rfind('@') {
        return Some(at);
    }
    // A slash in a password ends the authority too early: then what looks like a port is none.
    let (_, port) = authority.split_once(':')?;
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    word.rfind('@').filter(|_| !is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_variables(text: &str) -> String {
        without(text, &[]).into_owned()
    }

    #[test]
    fn credentials_go_from_whatever_is_written_like_an_address() {
        for (text, redacted) in [
            ("http://user:secret@host:80/a", "http://***@host:80/a"),
            ("endpoint `http://user:secret@[bad`: not a URI", "endpoint `http://***@[bad`: not a URI"),
            ("\"https://token@host\" and 'socks5://u:p@h'", "\"https://***@host\" and 'socks5://***@h'"),
            ("http://user:se/cr@et@host", "http://***@host"),
            ("http://user:se@cret@host?x=1@2", "http://***@host?x=1@2"),
            ("{\"a\":\"http://u:p@h\\n\"}", "{\"a\":\"http://***@h\\n\"}"),
        ] {
            assert_eq!(without_variables(text), redacted);
        }
    }

    #[test]
    fn what_has_no_credentials_stays_as_it_is() {
        for text in [
            "",
            "a@b.example",
            "https://example.com/@user/a@1.2",
            "http://127.0.0.1:4566/path@v1",
            "imports wasi:cli/environment@0.2.6",
            "https://[::1]:80",
            "a://",
        ] {
            assert!(matches!(without(text, &[]), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    /// What can't be parsed is what gets quoted.
    #[test]
    fn what_the_environment_holds_goes_however_it_is_written() {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KINESIS", "HTTPS_PROXY", "http_proxy", "ALL_PROXY"] {
            for address in ["http://user:secret@ho st:1", "user:secret@host", "http://user:secret@", "://user:secret@x"]
            {
                let secrets = secrets([variable(name, address)].into_iter());
                for text in [format!("can't use {address}"), format!("{address:?}"), format!("a{address}b")] {
                    let redacted = without(&text, &secrets);
                    assert!(!redacted.contains("secret") && redacted.contains("***@"), "{name}={address}: {redacted}");
                }
            }
        }
        let spaced = secrets([variable("HTTP_PROXY", "http://user:two \"words\"\\@host")].into_iter());
        let quoted = serde_json::json!({ "message": "bad: http://user:two \"words\"\\@host" }).to_string();
        assert!(!without(&quoted, &spaced).contains("words"), "{}", without(&quoted, &spaced));
        assert_eq!(
            secrets([variable("HOME", "http://user:secret@h"), variable("NO_PROXY", "a,b")].into_iter()),
            [""; 0]
        );
    }
}

//! What to do about the codes by which all services refuse credentials.

/// Codes of credentials that were right once ...
const EXPIRED: [&str; 4] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"];

/// ... and of those that are not, or not there.
const WRONG: [&str; 8] = [
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// The codes by which services refuse the credentials themselves.
pub(super) fn codes() -> impl Iterator<Item = &'static str> {
    EXPIRED.into_iter().chain(WRONG)
}

/// Returns what to do where a service refuses the credentials themselves by this code; none: the code is about something
/// else.
pub(crate) fn of_credentials(code: &str) -> Option<&'static str> {
    if EXPIRED.contains(&code) {
        return Some(
            "the token of these credentials has expired: renew them where they come from, for example with aws sso login \
             or aws sts assume-role, set AWS_SESSION_TOKEN and the keys that belong to it anew, and start again",
        );
    }
    WRONG.contains(&code).then_some("these credentials don't count there; look at AWS_PROFILE and AWS_ACCESS_KEY_ID")
}

/// Returns what a service said, with what to do where it refuses the credentials themselves.
pub(crate) fn with_remedy(said: String, code: &str) -> String {
    match of_credentials(code) {
        Some(remedy) => format!("{said}: {remedy}"),
        None => said,
    }
}

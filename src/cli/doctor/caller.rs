//! Whose credentials are at hand.

use aws_config::SdkConfig;
use aws_sdk_sts::Client as Sts;
use aws_sdk_sts::error::ProvideErrorMetadata;

use crate::aws::{causes, with_remedy};
use crate::settings::Arn;

/// Who asks.
#[derive(Debug)]
pub(super) struct Caller {
    /// The ARN of a user or of a role's session.
    pub(super) name: String,
    pub(super) account: String,
    pub(super) partition: String,
}

/// Returns whose credentials a configuration has.
///
/// # Errors
/// Why nobody knows them.
pub(super) async fn caller(config: &SdkConfig) -> Result<Caller, String> {
    match Sts::new(config).get_caller_identity().send().await {
        Ok(who) => {
            let name = who.arn.unwrap_or_default();
            let partition = name.parse::<Arn>().map_or_else(|_| "aws".to_owned(), |arn| arn.partition);
            Ok(Caller { name, account: who.account.unwrap_or_default(), partition })
        }
        Err(error) => {
            let code = error.code().unwrap_or_default();
            let reason = match (code, error.message()) {
                ("", _) => causes(&error),
                (code, None) => code.to_owned(),
                (code, Some(message)) => format!("{code}: {message}"),
            };
            Err(with_remedy(reason, code))
        }
    }
}
